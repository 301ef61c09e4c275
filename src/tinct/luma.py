"""Cb and Cr for luma that stays as it is.

`luma_chroma` gives the planes that `jpeg.colour` takes, `chroma_planes` those of any other Y'CbCr.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinct.background import Background
from tinct.color import SRGB, ColorSpace, FloatArray
from tinct.color.gamut import linear_in_gamut
from tinct.cores import cores
from tinct.refine import check
from tinct.resample import deepen, widen

Plane = NDArray[np.uint8]

_LARGEST = 127.0  # |a*| and |b*| are brought down to this: hardly a colour of any space has more
_STEP = 4.0  # of the table of a*b*, in CIE units
_TILE = 64.0  # a multiple of it; colours beyond that are rare
_TERMS = 3  # of the polynomials
_LIGHTS = np.linspace(3, 97, 16, dtype=np.float32)  # L* at which they are fitted
_DOUBTED = 0.15  # weight of colours that are outside the gamut,
_FARTHEST = 0.2  # which are taken for as strong as wanted, but not stronger than five times
_PIXELS = 1 << 16  # of a strip: what is worked on then stays in the processor's cache
_SMALL = 1 << 18  # pixels that are not worth a thread
_THREADS = 4


class Code(NamedTuple):
    """What luma is made of, and how Cb and Cr are written (ITU-T H.273, 8.3); as JFIF does it."""

    red: float = 0.299
    blue: float = 0.114
    """Green is the rest."""
    neutral: int = 128
    scale: float = 1.0
    """Codes for what is one of 255 steps of a full 8-bit range."""

    @property
    def of_red(self) -> float:
        """R - Y for a Cr of 1."""
        return 2 * (1 - self.red)

    @property
    def of_blue(self) -> float:
        """B - Y for a Cb of 1."""
        return 2 * (1 - self.blue)

    @property
    def green(self) -> float:
        """The rest."""
        return 1 - self.red - self.blue


JFIF = Code()


def luma_chroma(chroma: FloatArray, luma: Plane, space: ColorSpace = SRGB) -> tuple[Plane, Plane]:
    """Cb and Cr that give luma the hue and chroma of a small map.

    Luma stays what it is, so for each pixel this is the colour of the wanted a*b* *at that
    luma* (its L* then follows). Colours that the space lacks lose chroma until they fit, so
    that a decoder never has to clip, which would move the light.

    For one a*b*, Cb and Cr bend little with luma, and parabolas are within 0.2 levels of them on
    average. Their terms are what is interpolated between the cells of the map.

    Args:
        chroma: (h, w, 2), a* and b* in CIE units, of the whole picture, stored as luma is.
        luma: (H, W), usually the luma plane at half size.
        space: what the luma values mean as R = G = B.

    Returns:
        Cb and Cr, (H, W) each; 128 is neutral.

    Raises:
        ModelError: the map holds something that is not a finite number.
    """
    planes: Plane = chroma_planes(chroma, luma, space, JFIF)
    return planes[0], planes[1]


def chroma_planes(
    chroma: FloatArray, luma: Plane | FloatArray, space: ColorSpace, code: Code
) -> NDArray[Any]:
    """Cb and Cr as `luma_chroma` gives them, written in another way.

    Args:
        chroma: as there.
        luma: (H, W) in 0..255.
        space: as there.
        code: how they are written.

    Returns:
        (2, H, W), uint8, or uint16 where a neutral colour is more than 128.

    Raises:
        ModelError: the map holds something that is not a finite number.
    """
    check(chroma)
    excess = np.abs(chroma).max(2, keepdims=True) / np.float32(_LARGEST)
    terms = widen(_terms(chroma / np.maximum(excess, 1), space, code), luma.shape[1])
    planes = np.empty((2, *luma.shape), np.uint8 if code.neutral <= 128 else np.uint16)
    parts = min(cores(), _THREADS) if luma.size > _SMALL else 1
    bounds = [luma.shape[0] * part // parts for part in range(parts + 1)]
    with ExitStack() as others:
        waiting = [
            others.enter_context(Background(partial(_fill, terms, luma, planes, top, bottom, code)))
            for top, bottom in pairwise(bounds[1:])
        ]
        _fill(terms, luma, planes, 0, bounds[1], code)
        for part in waiting:
            part.result()
    return planes


def prepare(space: ColorSpace = SRGB) -> None:
    """Make the table that `luma_chroma` needs for most pictures, while there is time for it."""
    _terms(np.array([[[-1, -1], [1, 1]]], np.float32), space, JFIF)


# ---- pixels -------------------------------------------------------------------------------


def _fill(
    terms: FloatArray,
    luma: Plane | FloatArray,
    planes: NDArray[Any],
    top: int,
    bottom: int,
    code: Code,
) -> None:
    """Rows top..bottom of both planes, without a new array for each of the steps."""
    height, width = luma.shape
    rows = max(1, _PIXELS // width)
    scratch = np.empty((5, rows, width), np.float32)
    for start in range(top, bottom, rows):
        stop = min(bottom, start + rows)
        constant, slope, values = deepen(terms, height, start, stop).reshape(
            _TERMS, 2, stop - start, width
        )
        y, *spare = scratch[:, : stop - start]
        y[...] = luma[start:stop]
        values *= y
        values += slope
        values *= y
        values += constant
        values /= _beyond(values[0], values[1], y, spare, code)
        if code.scale != 1:
            values *= np.float32(code.scale)
        values += np.float32(code.neutral + 0.49)  # a half would make 256 of the bluest blue
        planes[:, start:stop] = values


def _beyond(
    blue: FloatArray, red: FloatArray, y: FloatArray, spare: list[FloatArray], code: Code
) -> FloatArray:
    """By what Cb and Cr must be divided so that the RGB they decode to lies in 0..255; 1 or more.

    Args:
        blue: Cb, 0 is neutral.
        red: Cr, likewise.
        y: luma.
        spare: four arrays of that size to work in; the result is one of them.
        code: what luma is made of.
    """
    r, g, b, high = spare
    np.multiply(red, np.float32(code.of_red), out=r)
    np.multiply(blue, np.float32(-code.of_blue * code.blue / code.green), out=g)
    np.multiply(red, np.float32(code.of_red * code.red / code.green), out=b)
    g -= b
    np.multiply(blue, np.float32(code.of_blue), out=b)
    np.maximum(r, g, out=high)
    np.maximum(high, b, out=high)
    low = np.minimum(r, g, out=r)
    np.minimum(low, b, out=low)
    # room above and below, and a little, since there may be none
    high /= np.subtract(np.float32(255.0001), y, out=b)
    low /= np.subtract(np.float32(-1e-4), y, out=b)
    np.maximum(high, low, out=high)
    return np.maximum(high, np.float32(1), out=high)


# ---- colour at a given luma ---------------------------------------------------------------


def _terms(chroma: FloatArray, space: ColorSpace, code: Code) -> FloatArray:
    """For each cell of the map t0, t1, t2 of Cb and of Cr at luma y, t0 + t1 y + t2 y**2.

    Returns:
        (6, h, w): t0 of Cb, t0 of Cr, t1 of Cb and so on.
    """
    # The table's corners lie on multiples of _TILE, so that most pictures share one.
    low, high = chroma.min((0, 1)), chroma.max((0, 1))
    corner = np.floor(low / _TILE) * _TILE
    cells = ((np.floor(high / _TILE) + 1) * _TILE - corner) / _STEP
    made_of = code.red, code.blue
    table = _table(space, made_of, *(float(c) for c in corner), *(int(c) for c in cells))
    place = (chroma - corner) / np.float32(_STEP)
    cell = np.minimum(place.astype(np.intp), cells.astype(np.intp) - 1)
    part = (place - cell)[..., None]
    i, j = cell[..., 0], cell[..., 1]
    u, v = part[..., 0, :], part[..., 1, :]
    left = table[i, j] * (1 - v) + table[i, j + 1] * v
    right = table[i + 1, j] * (1 - v) + table[i + 1, j + 1] * v
    return np.moveaxis(left * (1 - u) + right * u, 2, 0)


@lru_cache(maxsize=16)
def _table(
    space: ColorSpace, made_of: tuple[float, float], a: float, b: float, rows: int, columns: int
) -> FloatArray:
    """What `_terms` gives, over a grid of a*b* from (a, b): (rows + 1, columns + 1, 6).

    Parabolas by least squares. Where the space lacks a colour, the most that it has of its hue
    is stretched to the chroma wanted, as if the gamut had no end: `_beyond` sees to that.
    """
    axes = a + _STEP * np.arange(rows + 1), b + _STEP * np.arange(columns + 1)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32).reshape(-1, 2)
    light = np.repeat(_LIGHTS, len(grid))
    _, _, planes, factor = linear_in_gamut(light, np.tile(grid, (len(_LIGHTS), 1)), space)
    rgb = np.stack([space.encode(plane, i) for i, plane in enumerate(planes)], -1)
    rgb *= np.float32(255)
    rgb = rgb.reshape(len(_LIGHTS), len(grid), 3).astype(np.float64)
    share = np.ones(light.shape) if factor is None else factor.astype(np.float64)
    share = share.reshape(rgb.shape[:2])
    code = Code(*made_of)
    y = rgb @ np.array([code.red, code.green, code.blue], np.float32)
    wanted = np.stack([(rgb[..., 2] - y) / code.of_blue, (rgb[..., 0] - y) / code.of_red], -1)
    wanted /= np.maximum(share, _FARTHEST)[..., None]
    weight = np.where(share > 0.999, 1, _DOUBTED * share**2)
    powers = np.stack([(y / 255) ** power for power in range(_TERMS)], -1)
    weighted = powers * weight[..., None]
    normal = np.einsum("lnp,lnq->npq", weighted, powers) + 1e-6 * np.eye(_TERMS)
    terms = np.linalg.solve(normal, np.einsum("lnp,lnc->npc", weighted, wanted))
    terms /= 255.0 ** np.arange(_TERMS)[:, None]
    return terms.reshape(rows + 1, columns + 1, 2 * _TERMS).astype(np.float32)
