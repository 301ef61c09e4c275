"""Planes of floats at another size, as Pillow's BICUBIC and LANCZOS give them.

The kernels are Keys' (a = -1/2) and Lanczos' of three lobes, widened when a plane shrinks, so that
they average; their weights are renormalised at the edges. Both passes are products of small
matrices, each too small for the linear algebra library to share out among threads: at this size
waking them costs more than they do, and awake they would take the cores from the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Kernel = Literal["bicubic", "lanczos"]

_SMALL = 1 << 18  # multiplications of a product for which OpenBLAS wakes no thread
_COLUMNS = 128  # most output columns of a band of the horizontal pass
_SOURCES = 32  # about as many input columns it has beside those its kernel needs
_PIXELS = 1 << 15  # a strip of float planes of this size stays in the processor's cache


def resize(plane: FloatArray, height: int, width: int, *, kernel: Kernel = "bicubic") -> FloatArray:
    """A plane (H, W) at another size; lanczos keeps it a little sharper."""
    if plane.shape == (height, width):
        return plane
    wide = widen(plane[np.newaxis], width, kernel=kernel)
    resized = np.empty((height, width), np.float32)
    sources = max(1.0, plane.shape[0] / height)  # rows that a row needs, some more apart
    rows = max(1, math.isqrt(int(_SMALL / (2 * sources * width))))
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        resized[top:bottom] = deepen(wide, height, top, bottom, kernel=kernel)[0]
    return resized


def resize_all(planes: FloatArray, height: int, width: int) -> FloatArray:
    """Planes (C, h, w) at another size; shrinking averages."""
    if planes.shape[1:] == (height, width):
        return planes
    return deepen(widen(planes, width), height, 0, height)


def widen(planes: FloatArray, width: int, *, kernel: Kernel = "bicubic") -> FloatArray:
    """Planes (C, h, w) at their final width, (C, h, width)."""
    wide = np.empty((*planes.shape[:2], width), np.float32)
    planes = np.ascontiguousarray(planes, np.float32)
    columns = min(_COLUMNS, max(4, _SOURCES * width // planes.shape[2]))
    for left in range(0, width, columns):
        right = min(width, left + columns)
        weights, first, last = _weights(planes.shape[2], width, left, right, kernel)
        rows = max(1, _SMALL // weights.size)
        for top in range(0, planes.shape[1], rows):
            part = planes[:, top : top + rows, first:last]
            np.matmul(part, weights.T, out=wide[:, top : top + rows, left:right])
    return wide


def deepen(
    wide: FloatArray, height: int, top: int, bottom: int, *, kernel: Kernel = "bicubic"
) -> FloatArray:
    """Rows top..bottom of planes (C, h, W) at their final height: (C, bottom - top, W)."""
    weights, first, last = _weights(wide.shape[1], height, top, bottom, kernel)
    rows: FloatArray = np.matmul(weights, wide[:, first:last])
    return rows


def strips(top: int, bottom: int, width: int) -> Iterator[tuple[int, int]]:
    """The rows top..bottom of a plane in parts that stay in the processor's cache."""
    rows = max(1, _PIXELS // width)
    for start in range(top, bottom, rows):
        yield start, min(bottom, start + rows)


def _weights(
    source: int, target: int, start: int, stop: int, kernel: Kernel
) -> tuple[FloatArray, int, int]:
    """Of a resize from source to target samples: the rows start..stop of its matrix.

    Returns:
        Weights (stop - start, last - first) over the source samples first..last.
    """
    places, weights = _taps(source, target, kernel)
    first = int(places[start])
    last = int(places[stop - 1]) + weights.shape[1]
    matrix = np.zeros((stop - start, last - first), np.float32)
    columns = places[start:stop, None] - first + np.arange(weights.shape[1])
    matrix[np.arange(stop - start)[:, None], columns] = weights[start:stop]
    return matrix, first, last


@lru_cache(maxsize=8)
def _taps(source: int, target: int, kernel: Kernel) -> tuple[NDArray[np.intp], FloatArray]:
    """For each target sample, the first source sample that it needs, and the weights from there.

    Returns:
        (target,), never falling, and (target, taps).
    """
    scale = source / target
    reach = (2 if kernel == "bicubic" else 3) * max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    taps = min(source, int(2 * reach) + 2)
    places = np.clip(np.floor(centres - reach).astype(np.intp), 0, source - taps)
    distance = np.abs(places[:, None] + np.arange(taps) + 0.5 - centres[:, None]) / max(scale, 1.0)
    if kernel == "bicubic":
        near = (1.5 * distance - 2.5) * distance**2 + 1
        far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    else:
        weights = np.where(distance < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return places, (weights / weights.sum(1, keepdims=True)).astype(np.float32)
