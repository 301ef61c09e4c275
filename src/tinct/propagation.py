"""Known colours spread to what they belong to: as far as the picture is alike, and no further."""

from __future__ import annotations

import numpy as np

from tinct.color import FloatArray
from tinct.resample import resize

_EDGE = 8.0  # L* of a step in light that colours hardly cross, where it is light
_DARK = 50.0  # L* below which smaller steps do, in proportion, down to a fifth
_TURN = 4.0  # CIE units of a step in the colours that the network gives without hints, likewise
_APART = 0.007  # of two places' odds by 1 - Bhattacharyya coefficient, likewise
_GRID = 32  # cells to a side, to tell how many places hints are in
_MANY = 9  # places from which on hints tell of the whole picture
_REACH = 0.3  # how far a hint goes where nothing stops it, in shorter sides
_FULL = 0.147  # nearness at half of that: K0(1/2) / 2 pi, of a point on an endless even plane
_EVEN = 0.4  # how far a point evens out its region, rather than shifting what it finds there
_TIE = 100.0  # how much a hint counts beside its neighbours
_ROUNDS = 80  # of conjugate gradients; the map is small


def obey(
    chroma: FloatArray,
    light: FloatArray,
    points: FloatArray,
    *,
    without: FloatArray | None = None,
    odds: FloatArray | None = None,
) -> FloatArray:
    """Colours that are as hinted where they were hinted, and change smoothly around.

    A network that is told of one blue skirt sees blue all over the picture. So far from the hints,
    or beyond an edge, what it says without them holds, unless they lie in so many places that they
    tell of the picture as a whole.

    What is missing at the points then diffuses as far as the light, and what the network sees, are
    alike, as the colours of Levin, Lischinski and Weiss, "Colorization using Optimization"
    (SIGGRAPH 2004) do: first as a mean weighted by nearness, full within half the reach and fading
    beyond it, then what this leaves missing where points disagree. How large a step in light is an
    edge is a matter of how light it is there, as Weber found of all that is seen. Skin and cloth of
    one light and one colour are told apart by what else the network holds possible there.

    Args:
        chroma: a*b* (h, w, 2) of the network.
        light: L* (H, W) of the picture, of any size.
        points: (n, 4) as in `Hints`.
        without: a*b* (h, w, 2) of the network where it is told of no points; None takes `chroma`.
        odds: probabilities (h, w, K) that it then gives each colour; None does without.

    Returns:
        a*b* (h, w, 2).
    """
    plain = chroma if without is None else without
    height, width = chroma.shape[:2]
    rows = np.minimum((points[:, 1] * height).astype(np.intp), height - 1)
    columns = np.minimum((points[:, 0] * width).astype(np.intp), width - 1)
    cells = rows * width + columns
    count = np.bincount(cells, minlength=height * width).reshape(height, width, 1)
    known = (count > 0).astype(np.float32)
    wanted = np.stack(
        [
            np.bincount(cells, points[:, axis], height * width).reshape(height, width)
            for axis in (2, 3)
        ],
        -1,
    ) / np.maximum(count, 1)
    small = resize(light, height, width)
    roots = None if odds is None else np.sqrt(np.maximum(odds, 0))
    ease = _ease(small, plain, roots, axis=0), _ease(small, plain, roots, axis=1)
    fade = np.float32((_REACH * min(height, width)) ** -2)
    even = np.full_like(known, fade)
    weight = np.maximum(_diffused(known, even, *ease), 0)
    near = np.minimum(weight / _FULL, 1)
    chroma = plain + np.maximum(near, _whole(points)) * (chroma - plain)
    missing, given = known * (wanted - chroma), known * wanted
    spread = _diffused(np.concatenate([missing, given], 2).astype(np.float32), even, *ease)
    shift, colour = np.split(spread / np.maximum(weight, 1e-6), 2, axis=2)
    coloured = chroma + ((1 - _EVEN) * shift + _EVEN * (colour - chroma)) * near
    left = known * np.float32(_TIE) * (wanted - coloured).astype(np.float32)
    tied = coloured + _diffused(left, known * np.float32(_TIE) + fade * 4, *ease)
    return tied.astype(np.float32)


def _whole(points: FloatArray) -> float:
    """How far points tell of a whole picture: 0 where they are in one place, 1 in many.

    Places that touch each other are one: what a brush painted in a stroke.
    """
    left = {(int(y), int(x)) for x, y in (points[:, :2] * _GRID).tolist()}
    places = 0
    while left:
        places += 1
        front = [left.pop()]
        while front:
            y, x = front.pop()
            around = {(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= around
            front += around
    return min((places - 1) / (_MANY - 1), 1.0)


def _diffused(
    source: FloatArray, tie: FloatArray, down: FloatArray, right: FloatArray
) -> FloatArray:
    """Solve (tie + weighted Laplacian) x = source, by conjugate gradients."""
    diagonal = tie.copy()
    diagonal[:-1] += down
    diagonal[1:] += down
    diagonal[:, :-1] += right
    diagonal[:, 1:] += right

    def apply(x: FloatArray) -> FloatArray:
        result: FloatArray = diagonal * x
        result[:-1] -= down * x[1:]
        result[1:] -= down * x[:-1]
        result[:, :-1] -= right * x[:, 1:]
        result[:, 1:] -= right * x[:, :-1]
        return result

    found = np.zeros_like(source)
    residual = source.copy()
    direction = residual / diagonal
    energy = float((residual * direction).sum())
    for _ in range(_ROUNDS):
        if energy < 1e-6:
            break
        pushed = apply(direction)
        step = np.float32(energy / float((direction * pushed).sum()))
        found += step * direction
        residual -= step * pushed
        settled = residual / diagonal
        before, energy = energy, float((residual * settled).sum())
        direction = settled + np.float32(energy / before) * direction
    return found


def _ease(
    light: FloatArray, chroma: FloatArray, roots: FloatArray | None, *, axis: int
) -> FloatArray:
    """How easily colour crosses from one cell to the next, by the steps between them."""
    ahead, behind = np.moveaxis(light, axis, 0)[1:], np.moveaxis(light, axis, 0)[:-1]
    darker = np.moveaxis(np.minimum(ahead, behind), 0, axis)
    edge = _EDGE * np.clip(darker / _DARK, 0.2, 1)
    turn = np.square(np.diff(chroma, axis=axis)).sum(2) / _TURN**2
    if roots is not None:
        here, there = np.moveaxis(roots, axis, 0)[1:], np.moveaxis(roots, axis, 0)[:-1]
        alike = np.einsum("ijk,ijk->ij", here, there)
        turn += np.moveaxis(np.maximum(1 - alike, 0), 0, axis) / _APART
    ease: FloatArray = np.exp(-np.square(np.diff(light, axis=axis) / edge) - turn)[..., None]
    return ease + np.float32(1e-4)
