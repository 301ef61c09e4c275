"""Borders and picture frames, and the crop that would take them away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
#: left, top, right, bottom as shares
Box = tuple[float, float, float, float]

_EVEN = 5.0  # codes that nine in ten pixels of a line stay within
_SAME = 10.0  # codes between the lines of one border
_STEP = 9.0  # steps of lightness from a border to what it surrounds
_DEEPEST = 0.4
_THINNEST = 0.012
_FRAME_DEEPEST, _FRAME_THINNEST = 0.30, 0.02
_UNEVEN = 0.12  # depth of one side beyond another's


def uniform_border(light: Array, pixels: NDArray[np.uint8]) -> Box | None:
    """What lies inside a border of one colour, with a clear edge; None where there is none.

    Args:
        light: (H, W) L*.
        pixels: (H, W, 3).
    """
    height, width = light.shape
    values = pixels.astype(np.float32)
    left = top = 0
    right, bottom = width, height
    # a narrow picture on a wide ground shows where it ends above once the sides are cut off
    for _ in range(2):
        inner, inner_light = values[top:bottom, left:right], light[top:bottom, left:right]
        above, below = _depth(inner, inner_light), _depth(inner[::-1], inner_light[::-1])
        top, bottom = top + above, bottom - below
        inner, inner_light = values[top:bottom, left:right], light[top:bottom, left:right]
        if min(inner.shape[:2]) < 8:
            return None
        left, right = (
            left + _depth(inner.transpose(1, 0, 2), inner_light.T),
            right - _depth(inner[:, ::-1].transpose(1, 0, 2), inner_light[:, ::-1].T),
        )
    cut = (left, top, width - right, height - bottom)
    if right - left < 8 or bottom - top < 8 or not any(cut):
        return None
    # one pixel more: the edge itself is a mixture
    left, top, right, bottom = (depth + bool(depth) for depth in cut)
    return left / width, top / height, 1 - right / width, 1 - bottom / height


def _depth(values: Array, light: Array) -> int:
    """How many lines from the first on belong to a border."""
    most = int(len(values) * _DEEPEST)
    if not _even(values[:2], values[0]).all():
        return 0
    even = _even(values[: most + 3], values[0])
    depth = int(np.argmin(even)) if not even.all() else 0
    if depth < max(2, _THINNEST * len(values)) or depth > most:
        return 0
    beyond = light[min(depth + 2, len(light) - 1)]
    step = np.abs(beyond - np.median(light[:depth]))
    return depth if np.quantile(step, 0.4) >= _STEP else 0


def _even(values: Array, first: Array) -> NDArray[np.bool_]:
    """Which lines (N, W, 3) have one colour, that of the first line (W, 3)."""
    middle = np.median(values, axis=1)
    stray = np.abs(values - middle[:, None])
    # over an axis of three, numpy's own maximum is ten times slower
    widest = np.maximum(np.maximum(stray[..., 0], stray[..., 1]), stray[..., 2])
    same = np.abs(middle - np.median(first, axis=0)).max(1) <= _SAME
    even: NDArray[np.bool_] = same & ((widest > _EVEN).mean(1) <= 0.1)
    return even


def frame(light: Array) -> tuple[float, Box]:
    """How strong the straight edges along all four sides are, and what lies within them.

    An edge is straight where lightness changes in one direction along nearly the whole side. The
    strength is that of the second weakest side, in steps of lightness: shadow may hide one.

    Args:
        light: (H, W) L*.
    """
    height, width = light.shape
    down = _edges(light)
    across = _edges(light.T)
    sides = [
        (_strongest(across, width)),
        (_strongest(down, height)),
        (_strongest(across[::-1], width)),
        (_strongest(down[::-1], height)),
    ]
    strength = sorted(found for found, _ in sides)[1]
    left, top, right, bottom = (depth for _, depth in sides)
    shares = (left / width, top / height, right / width, bottom / height)
    if max(shares) - min(shares) > _UNEVEN:  # a window, a horizon, the lines of a Mondrian
        strength /= 2
    return strength, (left / width, top / height, 1 - right / width, 1 - bottom / height)


def _edges(light: Array) -> Array:
    """(H,) how much lightness changes at each row, all along its middle part."""
    width = light.shape[1]
    step = light[2:] - light[:-2]
    middle = step[:, width // 6 : width - width // 6]
    parts = np.array_split(middle, 4, axis=1)
    means = np.array([part.mean(1) for part in parts])
    # the weakest quarter counts, and only if all quarters agree in direction
    agree = np.abs(np.sign(means).sum(0)) == len(parts)
    edges = np.zeros(len(light))
    edges[1:-1] = np.where(agree, np.abs(means).min(0), 0)
    return edges


def _strongest(edges: Array, size: int) -> tuple[float, int]:
    """The innermost of the strong edges near a side, and where it is."""
    first, last = max(2, int(size * _FRAME_THINNEST)), max(4, int(size * _FRAME_DEEPEST))
    near = edges[first:last]
    strength = float(near.max())
    innermost = int(np.flatnonzero(near >= 0.6 * strength)[-1]) if strength else 0
    return strength, first + innermost + 2
