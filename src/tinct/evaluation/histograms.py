"""How far the colours of two pictures are from each other, wherever in the picture they are.

Each pixel is a grain at its hue and chroma. The distance is the least work that turns the grains of
one picture into those of the other when they move along spokes, one every 15 degrees of hue, that
meet in neutral grey: an earth mover's distance on a tree, which has a closed form (S. N. Evans and
F. A. Matsen, "The phylogenetic Kantorovich-Rubinstein metric for environmental sequence samples",
Journal of the Royal Statistical Society B 74, 2012, equation 5). A hue between two spokes is shared
out between them, so the hues of grey pixels, which are noise, weigh nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

#: spokes
HUES = 24
#: whole units of chroma along a spoke; sRGB's largest is 134
REACH = 184
_SIDE = 256  # whole a* and b* from -128


def hue_histogram(chroma: FloatArray) -> NDArray[np.float64]:
    """For each spoke the share of pixels at, or further out than, each unit of chroma.

    Args:
        chroma: planes a*, b* (2, H, W), used in whole units.

    Returns:
        (24, 184); the first column is chroma 1 and more.
    """
    cells = np.rint(chroma).reshape(2, -1)
    np.clip(cells, -_SIDE / 2, _SIDE / 2 - 1, out=cells)
    index = (cells[0] * _SIDE + cells[1]).astype(np.int32)
    index += _SIDE * _SIDE // 2 + _SIDE // 2
    counts = np.bincount(index, minlength=_SIDE * _SIDE)
    filled = np.flatnonzero(counts != 0)
    pixels = counts[filled]
    place, share = _spokes()
    size = HUES * (REACH + 1)
    here, next_place = place[0, filled], place[1, filled]
    mass = np.bincount(here, weights=pixels * (1 - share[filled]), minlength=size)
    mass += np.bincount(next_place, weights=pixels * share[filled], minlength=size)
    beyond = mass.reshape(HUES, REACH + 1)[:, ::-1].cumsum(1)[:, ::-1]
    result: NDArray[np.float64] = beyond[:, 1:] / len(index)
    return result


def hue_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Mean way in units of chroma between two of `hue_histogram`; from grey it is mean chroma."""
    return float(np.abs(first - second).sum())


@lru_cache(maxsize=1)
def _spokes() -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """For each whole (a*, b*): places on the spokes at both sides, and the second's share."""
    axis = np.arange(_SIDE) - _SIDE // 2
    a, b = np.meshgrid(axis, axis, indexing="ij")
    chroma = np.rint(np.hypot(a, b)).astype(np.int32).ravel()
    turn = (np.arctan2(b, a) % (2 * math.pi)).ravel() * HUES / (2 * math.pi)
    spoke = np.floor(turn).astype(np.int32)
    places = np.stack([spoke % HUES, (spoke + 1) % HUES]) * (REACH + 1) + chroma
    return places.astype(np.int32), turn - spoke
