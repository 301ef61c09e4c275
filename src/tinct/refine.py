"""Chroma from a small map to the picture's size.

`Upsampler` gives full-size a*b* planes, rows at a time, for pictures that are merged pixel by
pixel; `luma_chroma` gives the half-size Cb and Cr planes that `jpeg.colour` takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, ColorSpace, FloatArray, encode
from tinct.errors import ModelError
from tinct.resample import deepen, strips, widen

#: rows of the strips that `upsample` yields
STRIP_ROWS = 256
#: luma values at which Cb and Cr are exact; in between they run straight. They lie closer where
#: tone curves and the gamut bend most: mean error 0.05 levels against 0.25 of the rounding.
KNOTS = np.array([0, 12, 32, 64, 112, 176, 224, 255], np.float32)

_LARGEST = 127.0  # |a*| and |b*| are brought down to this: hardly a colour of any space has more
_STEP = 4.0  # of the table of a*b*, in CIE units
_TILE = 64.0  # a multiple of it; colours beyond that are rare
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601, as JFIF has it


class Upsampler:
    """A small map at the picture's size, by bicubic interpolation, any rows of it at a time."""

    def __init__(self, chroma: FloatArray, height: int, width: int) -> None:
        """Interpolate along the rows; the columns follow with `rows`.

        Args:
            chroma: (h, w, 2), a* and b* in CIE units.
            height: of the picture.
            width: of the picture.

        Raises:
            ModelError: the map holds something that is not a finite number.
        """
        _check(chroma)
        self.height, self.width = height, width
        self._wide = widen(np.moveaxis(chroma, 2, 0), width)

    def rows(self, top: int, bottom: int) -> FloatArray:
        """Rows top..bottom, (bottom - top, width, 2); the same however the picture is cut."""
        strip = np.empty((bottom - top, self.width, 2), np.float32)
        for start, stop in strips(top, bottom, self.width):
            part = deepen(self._wide, self.height, start, stop)
            strip[start - top : stop - top] = part.transpose(1, 2, 0)
        return strip


def upsample(
    chroma: FloatArray, height: int, width: int, *, rows: int = STRIP_ROWS
) -> Iterator[FloatArray]:
    """The strips of an `Upsampler` from top to bottom, (rows, width, 2); the last may be lower."""
    enlarged = Upsampler(chroma, height, width)
    for top in range(0, height, rows):
        yield enlarged.rows(top, min(height, top + rows))


def enlarge(chroma: FloatArray, height: int, width: int) -> FloatArray:
    """The whole of an `Upsampler`, (height, width, 2)."""
    return Upsampler(chroma, height, width).rows(0, height)


def luma_chroma(
    chroma: FloatArray, luma: NDArray[np.uint8], space: ColorSpace = SRGB
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cb and Cr that give luma the hue and chroma of a small map.

    Luma stays what it is, so for each pixel this is the colour of the wanted a*b* *at that
    luma* (its L* then follows). Colours that the space lacks lose chroma until they fit, so
    that a decoder never has to clip, which would move the light.

    Args:
        chroma: (h, w, 2), a* and b* in CIE units, of the whole picture, stored as luma is.
        luma: (H, W), usually the luma plane at half size.
        space: what the luma values mean as R = G = B.

    Returns:
        Cb and Cr, (H, W) each; 128 is neutral.

    Raises:
        ModelError: the map holds something that is not a finite number.
    """
    _check(chroma)
    excess = np.abs(chroma).max(2, keepdims=True) / np.float32(_LARGEST)
    chroma = chroma / np.maximum(excess, 1)
    height, width = luma.shape
    wide = widen(_ramps(chroma, space), width)
    cb, cr = np.empty_like(luma), np.empty_like(luma)
    for top, bottom in strips(0, height, width):
        terms = deepen(wide, height, top, bottom)
        y = luma[top:bottom].astype(np.float32)
        blue, red = _evaluate(terms, y)
        _fit_into_gamut(blue, red, y)
        for plane, values in ((cb, blue), (cr, red)):
            values += np.float32(128.5)
            np.clip(values, 0, 255, out=values)
            plane[top:bottom] = values
    return cb, cr


def prepare(space: ColorSpace = SRGB) -> None:
    """Make the table that `luma_chroma` needs for most pictures, while there is time for it."""
    _ramps(np.array([[[-1, -1], [1, 1]]], np.float32), space)


def _check(chroma: FloatArray) -> None:
    if not np.isfinite(chroma).all():
        raise ModelError("chroma is not a finite number", remedy="use another model")


# ---- colour at a given luma ---------------------------------------------------------------


def _evaluate(terms: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sum of ramps: t0 + t1 y + t2 max(y - k1, 0) + ...; terms are (2 K, rows, W)."""
    count = len(KNOTS)
    blue = terms[0] + terms[1] * y
    red = terms[count] + terms[count + 1] * y
    ramp, product = np.empty_like(y), np.empty_like(y)
    for index in range(1, count - 1):
        np.subtract(y, KNOTS[index], out=ramp)
        np.maximum(ramp, 0, out=ramp)
        blue += np.multiply(terms[index + 1], ramp, out=product)
        red += np.multiply(terms[count + index + 1], ramp, out=product)
    return blue, red


def _fit_into_gamut(blue: FloatArray, red: FloatArray, y: FloatArray) -> None:
    """Scale Cb and Cr, in place, so that the RGB they decode to lies in 0..255."""
    r, b = red * np.float32(1.402), blue * np.float32(1.772)
    g = blue * np.float32(-0.344136)
    g -= red * np.float32(0.714136)
    most, least = np.maximum(r, g), np.minimum(r, g)
    np.maximum(most, b, out=most)
    np.minimum(least, b, out=least)
    # Both bounds at once: (255 - y) / most and y / -least, at most 1.
    np.divide(np.float32(255) - y, np.maximum(most, np.float32(1e-6), out=most), out=most)
    np.divide(y, np.maximum(-least, np.float32(1e-6), out=least), out=least)
    np.minimum(most, least, out=most)
    np.minimum(most, np.float32(1), out=most)
    blue *= most
    red *= most


def _ramps(chroma: FloatArray, space: ColorSpace) -> FloatArray:
    """For each cell of the map the coefficients of `_evaluate`, (2 K, h, w)."""
    # The table's corners lie on multiples of _TILE, so that most pictures share one.
    low, high = chroma.min((0, 1)), chroma.max((0, 1))
    corner = np.floor(low / _TILE) * _TILE
    cells = ((np.floor(high / _TILE) + 1) * _TILE - corner) / _STEP
    table = _table(space, *(float(c) for c in corner), *(int(c) for c in cells))
    place = (chroma - corner) / np.float32(_STEP)
    cell = np.minimum(place.astype(np.intp), cells.astype(np.intp) - 1)
    part = (place - cell)[..., None]
    i, j = cell[..., 0], cell[..., 1]
    u, v = part[..., 0, :], part[..., 1, :]
    left = table[i, j] * (1 - v) + table[i, j + 1] * v
    right = table[i + 1, j] * (1 - v) + table[i + 1, j + 1] * v
    return np.moveaxis(left * (1 - u) + right * u, 2, 0)


@lru_cache(maxsize=16)
def _table(space: ColorSpace, a: float, b: float, rows: int, columns: int) -> FloatArray:
    """Coefficients of `_evaluate` over a grid of a*b* from (a, b), (rows + 1, columns + 1, 2 K)."""
    axes = a + _STEP * np.arange(rows + 1), b + _STEP * np.arange(columns + 1)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
    flat = np.repeat(grid.reshape(1, -1, 2), len(KNOTS) - 2, axis=0)
    luma = np.repeat(KNOTS[1:-1, None], flat.shape[1], axis=1)
    values = np.zeros((flat.shape[1], 2, len(KNOTS)), np.float32)  # black and white stay neutral
    values[..., 1:-1] = np.moveaxis(at_luma(luma, flat, space), 0, 2)
    slopes = np.diff(values, axis=2) / np.diff(KNOTS)
    terms = np.concatenate([values[..., :1], slopes[..., :1], np.diff(slopes, axis=2)], 2)
    return terms.reshape(rows + 1, columns + 1, -1).astype(np.float32)


def at_luma(luma: FloatArray, chroma: FloatArray, space: ColorSpace = SRGB) -> FloatArray:
    """Cb and Cr (..., 2), 0 is neutral, of the colours with this luma (...) and a*b* (..., 2).

    Exact and slow: a search for the L* at which the colour has the luma.
    """
    greys = np.arange(256, dtype=np.float32)
    guess = luma
    for _ in range(5):
        light = np.interp(guess, greys, space.grey[8]).astype(np.float32)
        rgb = encode(np.concatenate([light[..., None], chroma], -1), space) * np.float32(255)
        reached = rgb @ _LUMA
        guess = np.clip(guess + (luma - reached), 0, 255)
    blue, red = (rgb[..., 2] - reached) / 1.772, (rgb[..., 0] - reached) / 1.402
    return np.stack([blue, red], -1).astype(np.float32)
