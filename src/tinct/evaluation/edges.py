"""Colour and the edges of things: colour that runs over them, and colour that ignores them.

Both measures set the chroma gradient of a result against that of the truth, at pixels chosen by the
lightness the colouring was given. Chroma gradient is the length of the four derivatives of a* and
b* (Sobel's, in units a pixel; S. Di Zenzo, "A note on the gradient of a multi-image", 1986, without
the choice of a direction).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

#: L* a pixel: below, lightness has no edge; what is left there is grain
FLAT = 1.0
#: L* a pixel: from here on it has one
EDGE = 4.0


def gradient(planes: FloatArray) -> FloatArray:
    """Length of all derivatives of planes (C, H, W) together, in units a pixel, (H, W)."""
    count, height, width = planes.shape
    padded = np.empty((count, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = planes
    padded[:, 0, 1:-1], padded[:, -1, 1:-1] = planes[:, 0], planes[:, -1]
    padded[:, :, 0], padded[:, :, -1] = padded[:, :, 1], padded[:, :, -2]
    total = np.zeros((height, width), np.float32)
    for plane in padded:
        down = plane[:-2] + plane[2:]
        down += plane[1:-1]
        down += plane[1:-1]
        right = down[:, 2:] - down[:, :-2]
        right *= right
        total += right
        along = plane[:, :-2] + plane[:, 2:]
        along += plane[:, 1:-1]
        along += plane[:, 1:-1]
        below = along[2:] - along[:-2]
        below *= below
        total += below
    np.sqrt(total, out=total)
    total *= np.float32(1 / 8)
    return total


def bleeding(chroma: FloatArray, truth: FloatArray, flat: FloatArray) -> float:
    """Mean chroma gradient that the truth does not have, where lightness has no edge.

    Args:
        chroma: `gradient` of the result's a* and b*.
        truth: the same of the truth.
        flat: (H, W), 1 where the gradient of lightness is below `FLAT` and 0 elsewhere.

    Returns:
        Units of a*b* a pixel; 0 for the truth and for whatever has no colour edges at all.
    """
    excess = chroma - truth
    np.maximum(excess, 0, out=excess)
    pixels = float(flat.sum())
    return float(np.vdot(excess, flat)) / pixels if pixels else 0.0


def missing_edges(chroma: FloatArray, truth: FloatArray, edge: FloatArray) -> float:
    """Share of the truth's chroma gradient at edges of lightness that the result lacks.

    Args:
        chroma: `gradient` of the result's a* and b*.
        truth: the same of the truth.
        edge: (H, W), 1 where the gradient of lightness is `EDGE` or more and 0 elsewhere.

    Returns:
        0 for the truth to 1 for grey; 0 where the truth has nothing to miss.
    """
    lacking = truth - chroma
    np.maximum(lacking, 0, out=lacking)
    there = float(np.vdot(truth, edge))
    return float(np.vdot(lacking, edge)) / there if there else 0.0
