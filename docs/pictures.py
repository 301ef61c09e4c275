"""Make the pictures of the documentation from the examples and the default model.

    python docs/pictures.py      # docs/images/: before-after.jpg, <model>.jpg, styles.jpg

Originals of the paintings in colour come from `examples/` of TINCT_DATA; without it their column
is left out.
"""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image, ImageDraw

import tinct
from tinct.models import DEFAULT

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
TRUTH = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "examples"
HERO = ("mauve-morning-ride", "saratoga-broadway", "portrait-04", "adams-colorado")
GAP = 8
STYLED = "mauve-morning-ride"
STYLES = (
    *("rembrandt", "rubens", "titian", "turner", "monet", "van-gogh"),
    *("gauguin", "klimt", "munch", "matisse", "baroque", "renaissance"),
)


def main() -> None:
    """Write both pictures."""
    colorizer = tinct.Colorizer()
    grey, coloured = {}, {}
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        with Image.open(path) as picture:
            grey[path.stem] = picture.convert("L").convert("RGB")
        coloured[path.stem] = colorizer(grey[path.stem])
    IMAGES.mkdir(exist_ok=True)
    halves = [half(grey[name], coloured[name], height=360) for name in HERO]
    row(halves).save(IMAGES / "before-after.jpg", quality=85, optimize=True)
    rows = []
    for name in grey:
        pictures = [grey[name], coloured[name]]
        truth = TRUTH / f"{name}.jpg"
        if truth.exists():
            with Image.open(truth) as picture:
                if picture.mode == "RGB" and not name.startswith("portrait"):
                    pictures.append(picture.copy())
        rows.append(row([scaled(picture, height=200) for picture in pictures]))
    columns = [column(rows[start::2]) for start in (0, 1)]
    row(columns, gap=4 * GAP).save(IMAGES / f"{DEFAULT}.jpg", quality=82, optimize=True)
    styles(grey[STYLED], IMAGES / "styles.jpg")


def styles(picture: Image.Image, target: Path) -> None:
    """One picture in some of the palettes, each named, after the picture and what it is without."""
    small = scaled(picture, height=190)
    shown = {"grey": small, "no palette": tinct.colorize(small)}
    shown |= {name: tinct.colorize(small, style=name) for name in STYLES}
    cells = [named(image, name) for name, image in shown.items()]
    rows = [row(cells[start : start + 7]) for start in range(0, len(cells), 7)]
    column(rows).save(target, quality=82, optimize=True)


def named(picture: Image.Image, name: str) -> Image.Image:
    """A picture with its name below."""
    cell = Image.new("RGB", (picture.width, picture.height + 18), "white")
    cell.paste(picture)
    ImageDraw.Draw(cell).text((2, picture.height + 3), name, fill="black")
    return cell


def scaled(picture: Image.Image, *, height: int) -> Image.Image:
    """A picture at another height."""
    size = (round(picture.width * height / picture.height), height)
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def half(before: Image.Image, after: Image.Image, *, height: int) -> Image.Image:
    """The left half before, the right half after, a white line between."""
    left, right = scaled(before, height=height), scaled(after, height=height)
    middle = left.width // 2
    joined = right.copy()
    joined.paste(left.crop((0, 0, middle, height)))
    joined.paste((255, 255, 255), (middle - 1, 0, middle + 1, height))
    return joined


def row(pictures: list[Image.Image], *, gap: int = GAP) -> Image.Image:
    """Pictures side by side on white."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    joined = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + gap
    return joined


def column(pictures: list[Image.Image]) -> Image.Image:
    """Pictures below one another on white."""
    height = sum(picture.height for picture in pictures) + GAP * (len(pictures) - 1)
    joined = Image.new("RGB", (max(picture.width for picture in pictures), height), "white")
    top = 0
    for picture in pictures:
        joined.paste(picture, (0, top))
        top += picture.height + GAP
    return joined


if __name__ == "__main__":
    main()
