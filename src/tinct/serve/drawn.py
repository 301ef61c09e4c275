"""Pictures for a screen: a whole one quickly, as a JPEG, and a part of a large one as it is.

What a change of colours leaves as it was is not worked out again. The light of a preview is a plane
of grey values that is kept; colours have half its size, as those of most JPEGs have, and the eye
(ITU-R BT.601) does not see the difference. Where the light is kept rather than luma, luma follows
the colours a little: a saturated yellow of the same L* has less of it than grey.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, FloatArray, merge
from tinct.luma import luma_chroma
from tinct.resample import deepen, strips, widen

_GREYS = np.arange(15, 255, 15, dtype=np.uint8)  # at which the change of luma is fitted
_STEP = 4.0  # of the table of a*b*, in CIE units
_LARGEST = 128.0  # a* and b* in it; beyond that hardly a colour of any space is
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as JFIF has it
_QUALITY = 90


def grey_jpeg(greys: NDArray[np.uint8]) -> bytes:
    """A grey picture (H, W) as a JPEG."""
    import simplejpeg

    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(greys[..., None]),
        quality=_QUALITY,
        colorspace="GRAY",
        colorsubsampling="Gray",
    )
    return jpeg


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 3) sRGB as a JPEG whose colours have full size."""
    import simplejpeg

    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=_QUALITY, colorspace="RGB", colorsubsampling="444"
    )
    return encoded


def coloured_jpeg(greys: NDArray[np.uint8], chroma: FloatArray, *, keeps_luma: bool) -> bytes:
    """Grey values (H, W) in sRGB and a small a*b* map (h, w, 2) as a JPEG (4:2:0).

    Args:
        greys: the picture's light.
        chroma: a* and b* in CIE units, of the same area.
        keeps_luma: whether the result will have the luma of a JPEG bit for bit; if not, it is the
            lightness L* that stays.
    """
    import simplejpeg

    height, width = greys.shape
    even = np.pad(greys, ((0, height % 2), (0, width % 2)), mode="edge")
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    total = blocks[:, 0, :, 0].astype(np.uint16) + 2
    for row, column in ((0, 1), (1, 0), (1, 1)):
        total += blocks[:, row, :, column]
    half = (total >> 2).astype(np.uint8)
    if not keeps_luma:
        change = luma_change(chroma, half)
        moved = np.empty_like(blocks)
        for top, bottom in strips(0, len(blocks), even.shape[1] * 2):  # stays in the cache
            some = blocks[top:bottom] + change[top:bottom, None, :, None]
            np.clip(some, 0, 255, out=some)
            moved[top:bottom] = some
        half = (half + change).clip(0, 255).astype(np.uint8)
        greys = moved.reshape(even.shape)[:height, :width]
    blue, red = luma_chroma(chroma, half)
    encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(
        Y=np.ascontiguousarray(greys), U=blue, V=red, quality=_QUALITY
    )
    return encoded


def luma_change(chroma: FloatArray, greys: NDArray[np.uint8]) -> NDArray[np.int16]:
    """By how much luma differs from a grey value (H, W) once it has a colour and the same L*.

    Args:
        chroma: (h, w, 2), a* and b* in CIE units, of the same area.
        greys: in sRGB, of any size.
    """
    height, width = greys.shape
    wide = widen(_terms(chroma), width)
    change = np.empty(greys.shape, np.int16)
    for top, bottom in strips(0, height, width):
        mean, slope = deepen(wide, height, top, bottom)
        grey = greys[top:bottom].astype(np.float32)
        slope *= grey
        slope += mean
        total = np.subtract(np.float32(255), grey)
        total *= grey
        total *= slope
        np.rint(total, out=total)
        change[top:bottom] = total
    return change


def _terms(chroma: FloatArray) -> FloatArray:
    """For each cell t0 and t1 of the change at grey y, (t0 + t1 y) y (255 - y): (2, h, w)."""
    table = _table()
    place = (np.clip(chroma, -_LARGEST, _LARGEST) + np.float32(_LARGEST)) / np.float32(_STEP)
    cell = np.minimum(place.astype(np.intp), len(table) - 2)
    part = (place - cell)[..., None]
    i, j = cell[..., 0], cell[..., 1]
    u, v = part[..., 0, :], part[..., 1, :]
    left = table[i, j] * (1 - v) + table[i, j + 1] * v
    right = table[i + 1, j] * (1 - v) + table[i + 1, j + 1] * v
    return np.moveaxis(left * (1 - u) + right * u, 2, 0)


@cache
def _table() -> FloatArray:
    """The terms over a grid of a*b*, (n, n, 2); black and white stay as they are."""
    axis = np.arange(-_LARGEST, _LARGEST + 1, _STEP, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(1, -1, 2)
    light = np.repeat(SRGB.grey[8][_GREYS][:, None], grid.shape[1], axis=1).astype(np.float32)
    shown = merge(light, np.repeat(grid, len(_GREYS), axis=0), depth=16).astype(np.float32) / 257
    greys = _GREYS.astype(np.float64)
    change = shown @ _LUMA - greys[:, None]
    arch = greys * (255 - greys)
    terms = np.linalg.lstsq(np.stack([arch, arch * greys], 1), change, rcond=None)[0]
    return np.ascontiguousarray(terms.T.reshape(len(axis), len(axis), 2), np.float32)
