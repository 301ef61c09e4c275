"""Each format coloured into itself, against libvips decoding and encoding the coloured picture.

    python benchmarks/formats.py            # all
    python benchmarks/formats.py png-8 webp # some
    python benchmarks/formats.py --megapixels 3

Both sides in turn in one run, wall and processor time. libvips is handed the very file that Tinct
wrote, and the same settings: compression and predictor, level, quality. What Tinct does besides is
colour each pixel, prove its lightness (for lossy formats by decoding the result) and label it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image
from run import RESULTS, Measurement, in_turn, made_by, scan

import tinct

BAR = 1.5
#: megapixels of a scan, and of a picture so small that the network weighs as much as the codec
USUAL, SMALL = 12.0, 3.0


@dataclass(frozen=True)
class Case:
    """One format."""

    suffix: str
    """Of the file."""
    depth: int = 8
    """Bits of a value."""
    options: dict[str, Any] = field(default_factory=dict)
    """What libvips is told, as Tinct tells it."""
    colour: bool = False
    """A grey picture stored in three channels."""
    target: str = ""
    """Suffix of the result, where the format itself is not written."""


def _tiff(compression: str) -> dict[str, Any]:
    predictor = {} if compression == "none" else {"predictor": "horizontal"}
    return {"compression": compression, "tile_height": 64, **predictor}


PNG = {"compression": 6, "filter": "sub"}
#: nothing is compressed in them: a program that changes nothing has next to nothing to do
PLAIN = {"tiff-none-8", "tiff-none-16"}
CASES = {
    **{
        f"tiff-{name}-{depth}": Case("tif", depth, options=_tiff(name))
        for name in ("none", "lzw", "deflate")
        for depth in (8, 16)
    },
    "png-8": Case("png", options=PNG),
    "png-16": Case("png", 16, options=PNG),
    "jpeg in three channels": Case("jpg", colour=True, options={"Q": 90, "optimize_coding": True}),
    "webp": Case("webp", options={"Q": 90, "smart_subsample": True, "exact": True}),
    "avif": Case(
        "avif",
        options={"Q": 90, "compression": "av1", "effort": 2, "subsample_mode": "off"},
    ),
    "heic to png": Case("heic", options=PNG, target="png"),
    "jpeg 2000 to png": Case("jp2", options=PNG, target="png"),
}


def pixels(case: Case, megapixels: float) -> NDArray[Any]:
    """The picture, 4 to 3."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    grey: NDArray[Any] = scan(height, height * 4 // 3)
    if case.depth == 8:
        return grey
    noise = np.random.default_rng(1).integers(0, 129, grey.shape, dtype=np.uint16)
    fine: NDArray[Any] = np.minimum(grey.astype(np.uint32) * 257 + noise, 65535).astype(np.uint16)
    return fine


def store(case: Case, picture: NDArray[Any], place: Path) -> None:
    """Write the grey original."""
    if case.suffix in ("heic", "jp2"):
        if case.suffix == "heic":
            import pillow_heif

            pillow_heif.register_heif_opener()
        Image.fromarray(picture).save(place)
        return
    if case.colour:
        picture = np.repeat(picture[..., None], 3, 2)
    image = pyvips.Image.new_from_array(picture)
    if picture.ndim == 2 and case.depth == 16:
        image = image.copy(interpretation="grey16")  # or PNG would take the values for 8 bits
    image.write_to_file(str(place), **case.options)


def decoder(case: Case, source: Path, result: Path) -> Callable[[], pyvips.Image]:
    """How the other side comes to its pixels: by Pillow where libvips has no decoder."""
    if case.target:

        def decode() -> pyvips.Image:
            with Image.open(source) as image:
                return pyvips.Image.new_from_array(np.asarray(image.convert("RGB")))

        return decode
    return partial(pyvips.Image.new_from_file, str(result), access="sequential")


def measure(name: str, megapixels: float, rounds: int, folder: Path) -> dict[str, float]:
    """Seconds of both sides, and their ratios."""
    case = CASES[name]
    picture = pixels(case, megapixels)
    source = folder / f"source.{case.suffix}"
    target, copy = (folder / f"{part}.{case.target or case.suffix}" for part in ("ours", "theirs"))
    store(case, picture, source)
    colorizer = tinct.Colorizer()
    colorizer(np.zeros((64, 64), np.uint8))  # the network is loaded
    colorizer.file(source, target)
    load = decoder(case, source, target)

    def theirs() -> None:
        load().write_to_file(str(copy), keep="none", **case.options)

    wall, processor = in_turn(
        lambda: colorizer.file(source, target, overwrite=True), theirs, rounds=rounds
    )
    return {
        "megapixels": picture.size / 1e6,
        "wall": float(np.median(wall[:, 0] / wall[:, 1])),
        "processor": float(processor[:, 0].min() / processor[:, 1].min()),
        "tinct_s": float(wall[:, 0].min()),
        "libvips_s": float(wall[:, 1].min()),
        "tinct_processor_s": float(processor[:, 0].min()),
        "libvips_processor_s": float(processor[:, 1].min()),
    }


def main() -> int:
    """Measure the formats asked for, print and store them; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--megapixels", type=float, help=f"{USUAL:g}, and {SMALL:g} after that")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    unknown = set(asked.names) - set(CASES)
    if unknown:
        parser.error(f"no format {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    load = os.getloadavg()[0]
    measured = []
    for size in (USUAL, SMALL) if asked.megapixels is None else (asked.megapixels,):
        rows = {}
        for name in asked.names or CASES:
            with tempfile.TemporaryDirectory() as folder:
                rows[name] = found = measure(name, size, asked.rounds, Path(folder))
            print(
                f"{name:24} {found['megapixels']:5.1f} MP  wall {found['wall']:6.2f} x"
                f"  processor {found['processor']:6.2f} x"
                f"  ({found['tinct_s']:.2f} s / {found['libvips_s']:.2f} s)",
                flush=True,
            )
        for what, some in (
            ("formats into themselves / libvips, the worst", rows.keys() - PLAIN),
            ("uncompressed TIFF, which libvips copies / libvips", rows.keys() & PLAIN),
        ):
            if some:
                worst = max(rows[name]["wall"] for name in some)
                chosen = {
                    f"{name}, {key}": value
                    for name, row in rows.items()
                    if name in some
                    for key, value in row.items()
                }
                measured.append(Measurement(f"{what}, {size:g} MP", worst, BAR, "x", chosen))
    if not asked.names:
        record = {
            "load_before": round(load, 1),
            "measurements": [{**asdict(one), "holds": one.holds} for one in measured],
            **made_by(),
        }
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "formats.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for one in measured:
        print(f"{one.name}: {one.value:.2f} (bar {BAR:g}) {'holds' if one.holds else 'MISSED'}")
    return int(not all(one.holds for one in measured))


if __name__ == "__main__":
    sys.exit(main())
