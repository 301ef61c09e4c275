"""Proof that only colour was added: the light of two pictures, compared pixel by pixel.

Two JPEGs are compared by their quantised luma coefficients, which leaves no room for rounding.
All others are compared by CIE lightness, each picture through its own profile; what may remain is
the rounding of the coloured file's 8 or 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinct import jpeg
from tinct.background import ahead
from tinct.color import ROUNDING_BOUND, ColorSpace, FloatArray, lightness
from tinct.color.icc import space_of
from tinct.image import Page, Picture, upright, upright_size
from tinct.image.tilesets import open_result


@dataclass(frozen=True)
class Verdict:
    """What comparing an original with its coloured copy showed."""

    ok: bool
    """Whether the promise holds."""
    claim: str
    """What was found, in one line."""
    pages: int
    """Pages compared."""
    max_delta_lightness: float | None = None
    """Largest difference in L* over all pixels; None where coefficients were compared."""
    mean_delta_lightness: float | None = None
    """Mean of the absolute difference in L*."""
    bound: float | None = None
    """What rounding to the coloured file's depth may cause."""
    luma_identical: bool | None = None
    """Whether two JPEGs have the same luma coefficients; None for other formats."""
    reason: str | None = None
    """Why the promise does not hold."""

    def as_dict(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "ok": self.ok,
            "claim": self.claim,
            "pages": self.pages,
            "max_delta_L": self.max_delta_lightness,
            "mean_delta_L": self.mean_delta_lightness,
            "bound": self.bound,
            "luma_identical": self.luma_identical,
            "reason": self.reason,
        }


def verify(
    original: Path | bytes, coloured: Path | bytes, *, max_megapixels: float = 2000
) -> Verdict:
    """Compare the light of two pictures.

    Args:
        original: the picture before, a file or its content.
        coloured: the picture after; of tiles, the `.dzi` file or the folder of IIIF.
        max_megapixels: files that say they are larger are refused before they are decoded.

    Raises:
        InputError: one of them cannot be read.
    """
    before, after = (
        open_result(given, max_megapixels=max_megapixels) for given in (original, coloured)
    )
    return compare(before, after)


def compare(before: Picture, after: Picture) -> Verdict:
    """As `verify`, of pictures that are open."""
    pages = len(before.pages)
    if reason := _mismatch(before, after):
        return Verdict(ok=False, claim="not the same picture", pages=pages, reason=reason)
    identical = _same_luma(before, after)
    if identical and _same_meaning(before.pages[0], after.pages[0]):
        return Verdict(
            ok=True, claim="luma coefficients identical", pages=pages, luma_identical=True
        )
    return _measured(before, after, identical)


def _mismatch(before: Picture, after: Picture) -> str | None:
    if len(before.pages) != len(after.pages):
        return f"{len(before.pages)} pages became {len(after.pages)}"
    for number, (old, new) in enumerate(zip(before.pages, after.pages, strict=True), 1):
        shapes = _shape(old), _shape(new)
        if shapes[0] != shapes[1]:
            width, height, new_width, new_height = *shapes[0], *shapes[1]
            where = f"page {number}: " if len(before.pages) > 1 else ""
            return f"{where}{width} x {height} pixels became {new_width} x {new_height}"
    return None


def _shape(page: Page) -> tuple[int, int]:
    return upright_size(page.width, page.height, page.orientation)


def _same_luma(before: Picture, after: Picture) -> bool | None:
    if not before.format == after.format == "jpeg":
        return None
    contents = before.content(), after.content()
    if not all(map(jpeg.shortcut, contents)):
        return None
    return jpeg.same_luma(*contents)


def _same_meaning(before: Page, after: Page) -> bool:
    """Whether equal luma is equal light: same orientation, same tone curve."""
    if before.orientation != after.orientation:
        return False
    greys = [_space(page).grey[8] for page in (before, after)]
    return bool(np.abs(greys[0] - greys[1]).max() <= ROUNDING_BOUND[16])


def _space(page: Page) -> ColorSpace:
    return space_of(page.metadata.icc, bands=page.bands)


def _measured(before: Picture, after: Picture, identical: bool | None) -> Verdict:
    largest, total, count = 0.0, 0.0, 0
    bound = 0.0
    for old, new in zip(before.pages, after.pages, strict=True):
        bound = max(bound, ROUNDING_BOUND[new.depth])
        for delta in _differences(old, new):
            largest = max(largest, float(delta.max()))
            total += float(delta.sum(dtype=np.float64))
            count += delta.size
    ok = largest <= bound
    shown = math.ceil(largest * 1e4) / 1e4  # never smaller than it is
    claim = f"max dL* {shown:g}, mean {total / count:.3g}"
    reason = None
    if ok:
        claim += f", within the rounding of {max(page.depth for page in after.pages)} bits"
    else:
        lossy = f"; {after.format.upper()} here is lossy" if not after.lossless else ""
        reason = f"the light differs by up to {shown:g} L*, more than {bound:g}{lossy}"
    return Verdict(
        ok=ok,
        claim=claim,
        pages=len(before.pages),
        max_delta_lightness=largest,
        mean_delta_lightness=total / count,
        bound=bound,
        luma_identical=identical,
        reason=reason,
    )


def _differences(before: Page, after: Page) -> Iterator[FloatArray]:
    """|dL*| of all pixels of a page, some rows at a time."""
    if before.orientation != after.orientation:  # somebody turned the pixels: needs them all
        turned = [
            upright(np.concatenate(list(_lightness(page))), page.orientation)
            for page in (before, after)
        ]
        yield np.abs(turned[0] - turned[1])
        return
    old, new = _lightness(before), _lightness(after)
    left = right = np.empty((0, before.width), np.float32)
    while True:
        if not left.size:
            left = next(old, left)
        if not right.size:
            right = next(new, right)
        rows = min(len(left), len(right))
        if not rows:
            return
        yield np.abs(left[:rows] - right[:rows])
        left, right = left[rows:], right[rows:]


def _lightness(page: Page) -> Iterator[FloatArray]:
    space = _space(page)
    # of two pictures one is decoded while the other is
    return ahead(lambda strip: lightness(strip.pixels, space), page.rows(), most=2)
