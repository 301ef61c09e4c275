"""One sheet for many models: the same pictures in every row, grey first and the truth last."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tinct.color import SRGB, lightness, merge
from tinct.errors import UsageError
from tinct.evaluation.evaluate import Colourer, colour
from tinct.evaluation.protocol import grey
from tinct.image.atomic import write_atomic

#: in `examples` of TINCT_DATA, all in the public domain and none of them trained on: paintings in
#: colour, and photographs that never had any
EXAMPLES = (
    "mauve-morning-ride",
    "schwartze-three-girls",
    "cezanne-card-players",
    "cassatt-girl-arranging-her-hair",
    "hals-couple",
    "friedrich-abbey",
    "migrant-mother",
    "adams-colorado",
    "detroit",
    "saratoga-broadway",
    "portrait-02",
    "portrait-04",
)
#: shorter side in pixels at which pictures are coloured, as the evaluation sets are
SHORTER = 256
# dark and without a hue of its own: the eye judges a colour by what surrounds it
_PAPER, _INK = (36, 36, 36), (232, 232, 232)
_HEIGHT, _GAP, _MARGIN, _LABEL = 104, 4, 10, 132
_LARGEST = 400_000

Image8 = NDArray[np.uint8]


def write_sheet(file: Path, pictures: Sequence[Path], ways: Mapping[str, Colourer]) -> None:
    """Write a JPEG of pictures: grey, coloured in every way, and as they are.

    Args:
        file: JPEG to write, of 400 kB at most; replaced if it is there.
        pictures: files; the colours of those that have any are shown in the last row.
        ways: label of a row to way of colouring.

    Raises:
        UsageError: a picture is absent, or there is none.
        OutputUnwritable: the file cannot be written.
    """
    missing = [str(picture) for picture in pictures if not picture.is_file()]
    if missing or not pictures:
        raise UsageError(
            "no such picture", where=", ".join(missing) or "the sheet", remedy="set TINCT_DATA"
        )
    truths = [_reduced(picture) for picture in pictures]
    rows: dict[str, list[Image8 | None]] = {"grey": [_grey(truth) for truth in truths]}
    for label, paint in ways.items():
        rows[label] = [colour(truth, paint) for truth in truths]
    rows["truth"] = [truth if _has_colour(truth) else None for truth in truths]
    sheet = _draw(rows, truths)
    with write_atomic(file, overwrite=True) as temporary:
        temporary.write_bytes(_encoded(sheet))


def _reduced(file: Path) -> Image8:
    with Image.open(file) as picture:
        scale = SHORTER / min(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def _grey(truth: Image8) -> Image8:
    light = lightness(grey(truth), SRGB)
    plain = merge(light, np.zeros((*light.shape, 2), np.float32), SRGB, depth=8)
    return plain.astype(np.uint8, copy=False)


def _has_colour(picture: Image8) -> bool:
    return bool(np.ptp(picture.astype(np.int16), axis=-1).max() > 16)


def _draw(rows: Mapping[str, Sequence[Image8 | None]], truths: Sequence[Image8]) -> Image.Image:
    font = ImageFont.load_default(15)
    widths = [round(truth.shape[1] * _HEIGHT / truth.shape[0]) for truth in truths]
    width = _LABEL + sum(widths) + _GAP * len(widths) + _MARGIN
    height = 2 * _MARGIN + len(rows) * (_HEIGHT + _GAP) - _GAP
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = _MARGIN
    for label, pictures in rows.items():
        middle = (_MARGIN, top + _HEIGHT // 2)
        pen.multiline_text(middle, label.replace(", ", "\n"), _INK, font, anchor="lm", spacing=3)
        left = _LABEL
        for picture, across in zip(pictures, widths, strict=True):
            if picture is not None:
                small = Image.fromarray(picture).resize((across, _HEIGHT), Image.Resampling.LANCZOS)
                sheet.paste(small, (left, top))
            left += across + _GAP
        top += _HEIGHT + _GAP
    return sheet


def _encoded(sheet: Image.Image) -> bytes:
    """A JPEG with all its colour, of the highest quality that is small enough."""
    for quality in range(90, 30, -4):
        stream = io.BytesIO()
        sheet.save(stream, "JPEG", quality=quality, subsampling=0, optimize=True)
        if stream.tell() <= _LARGEST:
            break
    return stream.getvalue()
