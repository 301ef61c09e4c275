"""A part of a large picture as it is, for who looks at it one to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct import flow
from tinct.color import FloatArray, Pixels, decode, lightness, merge
from tinct.image import Page, upright, upright_size
from tinct.luma import luma_chroma
from tinct.resample import deepen
from tinct.serve.kept import Kept, luma_of

_COARSE = 8  # pixels of the picture for each of the map that colours are worked out from


@dataclass(frozen=True)
class Box:
    """A part of an upright picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    def stored(self, page: Page) -> Box:
        """The same part in the order of the file."""
        width, height = upright_size(page.width, page.height, page.orientation)
        x = width - self.x - self.width if page.orientation in (2, 3, 6, 7) else self.x
        y = height - self.y - self.height if page.orientation in (3, 4, 7, 8) else self.y
        if page.orientation in (5, 6, 7, 8):
            return Box(y, x, self.height, self.width)
        return Box(x, y, self.width, self.height)


def plain_part(kept: Kept, box: Box, *, roomy: int) -> NDArray[np.uint8]:
    """A part of the first page as it came, (h, w, 3) sRGB.

    Args:
        kept: the picture.
        box: which part.
        roomy: most bytes of a whole page that are kept, so that the next part costs little.
    """
    space = flow.page_space(kept.picture.pages[0])
    pixels = _cut(kept, box, roomy)
    if pixels.ndim == 2:
        light = lightness(pixels, space)
        return _merge(light, np.zeros((*light.shape, 2), np.float32))
    lab = decode(pixels, space)
    return _merge(np.ascontiguousarray(lab[..., 0]), lab[..., 1:])


def coloured_part(
    kept: Kept, box: Box, chroma: FloatArray, *, roomy: int, keeps_luma: bool
) -> NDArray[np.uint8]:
    """A part of the first page in colour, (h, w, 3) sRGB: the pixels that a result has there.

    Args:
        kept: the picture.
        box: which part.
        chroma: a* and b* of the whole upright page (h, w, 2), in CIE units.
        roomy: as for `plain_part`.
        keeps_luma: as `Kept.keeps_luma` says; colours then have full size, and in a JPEG half.
    """
    page = kept.picture.pages[0]
    width, height = upright_size(page.width, page.height, page.orientation)
    pixels = _cut(kept, box, roomy)
    if keeps_luma:
        return _at_luma(luma_of(pixels), box, chroma, height, width)
    rows, columns = range(box.y, box.y + box.height), range(box.x, box.x + box.width)
    light = lightness(pixels, flow.page_space(page))
    return _merge(light, window(chroma, height, width, rows=rows, columns=columns))


def window(
    chroma: FloatArray, height: int, width: int, *, rows: range, columns: range
) -> FloatArray:
    """What an `Upsampler` gives for some rows and columns alone, (rows, columns, 2).

    Args:
        chroma: (h, w, 2), a* and b* in CIE units.
        height: of the picture.
        width: of the picture.
        rows: that are wanted.
        columns: that are wanted.
    """
    planes = np.ascontiguousarray(chroma.transpose(2, 1, 0))
    wide = deepen(planes, width, columns.start, columns.stop)
    turned = np.ascontiguousarray(wide.transpose(0, 2, 1))
    return np.ascontiguousarray(deepen(turned, height, rows.start, rows.stop).transpose(1, 2, 0))


def _at_luma(
    luma: NDArray[np.uint8], box: Box, chroma: FloatArray, height: int, width: int
) -> NDArray[np.uint8]:
    """RGB of luma with the colours that `luma_chroma` gives it."""
    rows = range(box.y // _COARSE, -(-(box.y + box.height) // _COARSE))
    columns = range(box.x // _COARSE, -(-(box.x + box.width) // _COARSE))
    coarse = window(chroma, -(-height // _COARSE), -(-width // _COARSE), rows=rows, columns=columns)
    top, left = box.y - rows.start * _COARSE, box.x - columns.start * _COARSE
    whole = np.pad(
        luma,
        (
            (top, len(rows) * _COARSE - top - box.height),
            (left, len(columns) * _COARSE - left - box.width),
        ),
        mode="edge",
    )
    blue, red = (
        plane[top : top + box.height, left : left + box.width].astype(np.float32) - 128
        for plane in luma_chroma(coarse, whole)
    )
    y = luma.astype(np.float32)
    planes = (y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue)
    return np.stack([np.rint(plane).clip(0, 255).astype(np.uint8) for plane in planes], -1)


def _cut(kept: Kept, box: Box, roomy: int) -> Pixels:
    """The pixels of a part, upright."""
    page = kept.picture.pages[0]
    place = box.stored(page)
    if kept.pixels is None and page.width * page.height * page.bands * page.depth // 8 <= roomy:
        shape = (page.height, page.width) if page.bands == 1 else (page.height, page.width, 3)
        whole = np.empty(shape, np.uint8 if page.depth == 8 else np.uint16)
        for strip in page.rows():
            whole[strip.top : strip.top + len(strip.pixels)] = strip.pixels
        kept.pixels = whole
    columns = slice(place.x, place.x + place.width)
    if kept.pixels is not None:
        found: Pixels = kept.pixels[place.y : place.y + place.height, columns]
    else:
        parts = []
        bottom = place.y + place.height
        for strip in page.rows():
            first, last = max(place.y - strip.top, 0), bottom - strip.top
            if first < len(strip.pixels):
                parts.append(strip.pixels[first:last, columns].copy())
            if strip.top + len(strip.pixels) >= bottom:
                break
        found = np.concatenate(parts)
    return np.ascontiguousarray(upright(found, page.orientation))


def _merge(light: FloatArray, chroma: FloatArray) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = merge(light, chroma, depth=8).astype(np.uint8, copy=False)
    return pixels
