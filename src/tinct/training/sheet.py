"""Comparison sheets: what the network saw, what it made of it, and the truth, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tinct.color import FloatArray, merge
from tinct.errors import UsageError
from tinct.image.atomic import write_atomic

Image8: TypeAlias = NDArray[np.uint8]
_Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont

TITLES = ("grey", "coloured", "truth")
#: a picture's longer side on a sheet, in pixels
SMALLEST, LARGEST = 160, 320
# dark and without a hue of its own: the eye judges a colour by what surrounds it
_PAPER, _INK, _SOFT = (36, 36, 36), (232, 232, 232), (160, 160, 160)
_MARGIN, _GAP, _LEADING, _HEAD = 24, 6, 20, 36


@dataclass(frozen=True)
class SheetRow:
    """One picture of a sheet. All three views have the same height and width."""

    light: FloatArray
    """What the network saw: (H, W), L* in 0..100."""
    coloured: Image8
    """What it made of it: (H, W, 3) sRGB."""
    truth: Image8
    """The picture as it was: (H, W, 3) sRGB."""
    caption: str = ""
    """What stands below, for instance `top_classes` of the classifier's vector."""


def write_sheet(file: Path, rows: Sequence[SheetRow], *, columns: int = 2) -> None:
    """Write a PNG of grey, coloured and true pictures in threes.

    Small pictures are enlarged by whole factors without smoothing, so that every pixel of a
    32-pixel network can be seen; large ones are reduced.

    Args:
        file: PNG to write; replaced if it is there, its folder is made.
        rows: the pictures, at least one.
        columns: how many threes stand side by side.

    Raises:
        UsageError: there are no rows.
        OutputUnwritable: the file cannot be written.
    """
    if not rows:
        raise UsageError("a sheet needs at least one picture", where=file.name)
    sheet = _draw(rows, min(columns, len(rows)))
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(file, overwrite=True) as temporary:
        sheet.save(temporary, format="PNG")


def top_classes(vector: NDArray[np.floating], *, count: int = 5) -> str:
    """The most likely ImageNet classes in words, such as "red fox 41 %, kit fox 12 %".

    Args:
        vector: (1000,) or (1001,), the first of 1001 being the background; logits, or
            probabilities, which are told by their adding up to 1.
        count: how many classes are named.

    Raises:
        UsageError: the vector has another length.
    """
    names = ("background", *_class_names())
    if vector.shape not in ((len(names),), (len(names) - 1,)):
        raise UsageError(f"a vector of shape {vector.shape} is none of ImageNet's classes")
    values = vector.astype(np.float64)
    # 1 % of slack: probabilities may have been stored in float16
    if values.min() < 0 or abs(values.sum() - 1) > 0.01:
        values = np.exp(values - values.max())
        values /= values.sum()
    first = len(names) - len(values)
    likely = np.argsort(-values, kind="stable")[:count]
    return ", ".join(f"{names[first + place]} {_percent(values[place])}" for place in likely)


@cache
def _class_names() -> tuple[str, ...]:
    text = files("tinct.systems").joinpath("imagenet.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "<1 %"


def _draw(rows: Sequence[SheetRow], columns: int) -> Image.Image:
    font, small = ImageFont.load_default(15), ImageFont.load_default(13)
    side = _side(max(max(row.light.shape) for row in rows))
    threes = [[_fit(view, side) for view in _views(row)] for row in rows]
    width = max(tile.width for three in threes for tile in three)
    block = len(TITLES) * width + (len(TITLES) - 1) * _GAP
    captions = [_wrap(row.caption, font, block) for row in rows]
    lines = [
        range(first, min(first + columns, len(rows))) for first in range(0, len(rows), columns)
    ]
    heights = [
        max(threes[i][0].height + (_GAP + _LEADING * len(captions[i])) for i in line)
        for line in lines
    ]
    left = [_MARGIN + column * (block + _MARGIN) for column in range(columns)]
    sheet = Image.new(
        "RGB",
        (left[-1] + block + _MARGIN, _HEAD + sum(heights) + _MARGIN * len(lines)),
        _PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    for start in left:
        for number, title in enumerate(TITLES):
            place = (start + number * (width + _GAP), _HEAD - 9)
            pen.text(place, title, fill=_SOFT, font=small, anchor="ls")
    top = _HEAD
    for line, height in zip(lines, heights, strict=True):
        for start, i in zip(left, line, strict=False):
            for number, tile in enumerate(threes[i]):
                sheet.paste(tile, (start + number * (width + _GAP), top))
            base = top + threes[i][0].height + _GAP
            for number, text in enumerate(captions[i]):
                pen.text((start, base + number * _LEADING), text, fill=_INK, font=font)
        top += height + _MARGIN
    return sheet


def _views(row: SheetRow) -> tuple[Image8, ...]:
    grey = merge(row.light, np.zeros((*row.light.shape, 2), np.float32), depth=8)
    return grey.astype(np.uint8, copy=False), row.coloured, row.truth


def _side(longest: int) -> int:
    """Longer side on the sheet of pictures whose longest side is this."""
    return longest * -(-SMALLEST // longest) if longest < SMALLEST else min(longest, LARGEST)


def _fit(pixels: Image8, side: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(picture.size)
    if longest <= side:
        factor = side // longest
        size = (picture.width * factor, picture.height * factor)
        return picture.resize(size, Image.Resampling.NEAREST)
    scale = side / longest
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _wrap(text: str, font: _Font, width: int) -> list[str]:
    """Lines no wider than `width`, broken between words, after a comma where there is one."""
    parts = [f"{part}," for part in text.split(", ")] if ", " in text else text.split()
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} {part}" if lines else part
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    if lines and ", " in text:
        lines[-1] = lines[-1].removesuffix(",")
    return lines
