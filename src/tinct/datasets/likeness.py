"""How far two small pictures agree: one is laid over the other, moved and stretched until they fit.

Pictures are (64, 64) light, squashed to squares. A window is what is cut off at the four sides of
the first, as shares: top, bottom, left, right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 64
#: correlation of light, and of fine detail alone, from which two pictures show the same
LIGHT, DETAIL = 0.90, 0.92
#: shares by which a window is moved, and the light from which that is worth while
_STAGES = ((((0.04, 0.65), (0.02, 0.78)), 2), (((0.01, 0.84), (0.005, 0.88)), 1))
_ROUNDS = 3
_FARTHEST = 0.45

Array = NDArray[np.floating[Any]]
Windows = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How N pairs agree."""

    likeness: NDArray[np.float64]
    """(N,) correlation of light, 0 where they do not show the same."""
    window: Windows
    """(N, 4) what is cut off the first: top, bottom, left, right."""


def agree(
    first: NDArray[np.uint8], second: NDArray[np.uint8], rows: Windows, columns: Windows
) -> Agreement:
    """Whether windows of the first pictures show what the second ones do.

    Args:
        first: (N, 64, 64).
        second: (N, 64, 64), mirrored already where they are to be.
        rows: (N, 2) what is cut off the first at top and bottom, roughly.
        columns: (N, 2) likewise left and right.
    """
    window = np.concatenate([rows, columns], 1)
    whole = np.zeros((len(second), 4))
    large, other = first.astype(np.float32), second.astype(np.float32)
    likely = np.arange(len(first))
    for steps, shrink in _STAGES:  # the first at half the size, an eighth of the work
        small = _shrunk(large[likely], shrink)
        wanted = _unit(_seen(_shrunk(other[likely], shrink), whole[likely]))
        window[likely], light = _moved(small, wanted, window[likely], steps)
        likely = likely[light >= steps[-1][1]]
    likeness = np.zeros(len(first))
    if len(likely):
        seen, wanted = _seen(large[likely], window[likely]), _seen(other[likely], whole[likely])
        light = _correlation(_unit(seen), _unit(wanted))
        detail = _correlation(_unit(_detail(seen)), _unit(_detail(wanted)))
        same = (light >= LIGHT) & (detail >= DETAIL)
        likeness[likely[same]] = light[same]
    return Agreement(likeness, window)


def _moved(
    large: Array, wanted: Array, window: Windows, steps: Sequence[tuple[float, float]]
) -> tuple[Windows, NDArray[np.float64]]:
    """Windows moved, and stretched, to where the light agrees best, and that light."""
    window = window.copy()
    light = _correlation(_unit(_seen(large, window)), wanted)
    directions = np.concatenate([np.eye(4), -np.eye(4), _SHIFTS, -_SHIFTS])
    for step, least in steps:
        moving = np.flatnonzero(light >= least)
        for _ in range(_ROUNDS):
            before = light[moving]
            for direction in directions:
                tried = np.clip(window[moving] + step * direction, 0, _FARTHEST)
                found = _correlation(_unit(_seen(large[moving], tried)), wanted[moving])
                better = found > light[moving] + 1e-5
                window[moving[better]] = tried[better]
                light[moving[better]] = found[better]
            moving = moving[light[moving] > before]
    return window, light


#: both ends of an axis at once: a shift, or a narrower window
_SHIFTS = np.array([[1, -1, 0, 0], [0, 0, 1, -1], [1, 1, 0, 0], [0, 0, 1, 1]], np.float64)


def window_matrix(cuts: Windows, count: int, side: int = SIDE) -> NDArray[np.float32]:
    """(N, count, side) that resamples an axis, less the cuts (N, 2) at its ends."""
    kept = 1 - cuts.sum(1)[:, None]
    centre = cuts[:, :1] + (np.arange(count) + 0.5) / count * kept
    reach = np.maximum(kept / count, 1 / side)
    pixel = (np.arange(side) + 0.5) / side
    weight = np.maximum(0, 1 - np.abs(centre[..., None] - pixel) / reach[..., None])
    matrix: NDArray[np.float32] = (weight / weight.sum(2, keepdims=True)).astype(np.float32)
    return matrix


def _seen(large: Array, window: Windows) -> Array:
    """(N, S / 2, S / 2): the windows of (N, S, S)."""
    side = large.shape[1]
    rows = window_matrix(window[:, :2], side // 2, side)
    columns = window_matrix(window[:, 2:], side // 2, side)
    seen: Array = rows @ large @ columns.transpose(0, 2, 1)
    return seen


def _shrunk(light: Array, factor: int) -> Array:
    if factor == 1:
        return light
    count, side, _ = light.shape
    parts = light.reshape(count, side // factor, factor, side // factor, factor)
    shrunk: Array = parts.mean((2, 4))
    return shrunk


def _detail(seen: Array) -> Array:
    """Without what changes slowly: many landscapes are bright above and dark below."""
    distance = np.abs(np.subtract.outer(*[np.arange(seen.shape[1])] * 2))
    blur = np.exp(-0.5 * (distance / 2.0) ** 2).astype(np.float32)
    blur /= blur.sum(1, keepdims=True)
    detail: Array = seen - blur @ seen @ blur.T
    return detail


def _unit(seen: Array) -> Array:
    """With mean 0 and length 1."""
    seen = seen - seen.mean((1, 2), keepdims=True)
    length = np.sqrt(np.square(seen).sum((1, 2), keepdims=True))
    unit: Array = seen / np.maximum(length, np.float32(1e-3))
    return unit


def _correlation(one: Array, other: Array) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.einsum("nij,nij->n", one, other).astype(np.float64)
    return found
