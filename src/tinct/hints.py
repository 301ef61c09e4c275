"""What the user knows of a picture's colours: points, strokes, and painted layers.

    {"points":  [{"x": 0.31, "y": 0.52, "color": "#7a3b2e"}, {"x": 0.8, "y": 0.1, "ab": [-4, -21]}],
     "strokes": [{"path": [[0.1, 0.9], [0.3, 0.92]], "width": 0.02, "color": "#5f6f3a"}]}

x and y run from 0 to 1 over the upright picture. Of a colour only a* and b* count: the light of
the picture stays what it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinct.color import FloatArray, rgb_to_lab
from tinct.errors import InputError, UsageError
from tinct.resample import resize

_LAYER_SIDE = 256  # painted layers are read at this shorter side: finer than any map of colours
_POINTS = 4096  # more say nothing more
_FORM = 'give {"points": [{"x": 0.5, "y": 0.5, "color": "#aabbcc"}]}, or a PNG with alpha'
_LONGEST = 2000  # places of a stroke
_WIDEST = 0.25  # width of one
_WIDTH = 0.01  # of a stroke, in shorter sides, where it says nothing
_EDGE = 8.0  # L* of a step in light that colours hardly cross
_REACH = 0.3  # how far a hint goes where nothing stops it, in shorter sides
_FULL = 0.147  # nearness at half of that: K0(1/2) / 2 pi, of a point on an endless even plane
_EVEN = 0.4  # how far a point evens out its region, rather than shifting what it finds there
_TIE = 100.0  # how much a hint counts beside its neighbours
_ROUNDS = 80  # of conjugate gradients; the map is small


@dataclass(frozen=True, eq=False)
class Hints:
    """Known colours of one picture."""

    points: FloatArray
    """(n, 4): x and y from 0 to 1, a* and b* in CIE units."""
    aspect: float | None = None
    """Width by height of the layer they were painted on; None where nothing says."""

    def __str__(self) -> str:
        """As history and records have it."""
        return f"{len(self.points)} points"


def as_hints(given: Hints | str | Path | Mapping[str, Any] | Sequence[Sequence[float]]) -> Hints:
    """Hints in any form that users have.

    Args:
        given: `Hints`; the path of a JSON or PNG file; what such a JSON file holds; or rows of
            x, y, a*, b*.

    Raises:
        InputError: the file cannot be read, or is none of them.
        UsageError: a value is out of range.
    """
    if isinstance(given, Hints):
        return given
    if isinstance(given, Mapping):
        return _of_table(given, "hints")
    if isinstance(given, str | Path):
        return _of_file(Path(given))
    rows = np.asarray(given, np.float32)
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise UsageError("no rows of x, y, a*, b*", where="hints", remedy=_FORM)
    return _checked(rows, None, "hints")


def _of_file(file: Path) -> Hints:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file)) from error
    if content.startswith(b"\x89PNG"):
        return _of_layer(content, str(file))
    try:
        table = json.loads(content)
    except ValueError as error:
        raise InputError("holds neither JSON nor PNG", where=str(file), remedy=_FORM) from error
    if not isinstance(table, dict):
        raise InputError("holds no hints", where=str(file), remedy=_FORM)
    return _of_table(table, str(file))


def _of_table(table: Mapping[str, Any], where: str) -> Hints:
    try:
        rows = [
            (float(point["x"]), float(point["y"]), *_chroma(point))
            for point in table.get("points", ())
        ]
        for stroke in table.get("strokes", ()):
            color = _chroma(stroke)
            width = float(stroke.get("width", _WIDTH))
            rows += [(x, y, *color) for x, y in _along(stroke["path"], width)]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"is no list of hints: {error}", where=where, remedy=_FORM) from error
    return _checked(np.array(rows, np.float32).reshape(-1, 4), None, where)


def _chroma(one: Mapping[str, Any]) -> tuple[float, float]:
    if "ab" in one:
        a, b = one["ab"]
        return float(a), float(b)
    return chroma_of(str(one["color"]))


def chroma_of(color: str) -> tuple[float, float]:
    """a* and b* of a colour as `#rrggbb` or `#rgb`.

    Raises:
        ValueError: it is none.
    """
    digits = color.strip().removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    if not re.fullmatch("[0-9a-fA-F]{6}", digits):
        raise ValueError(f"'{color}' is no colour such as #7a3b2e")
    codes = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)], np.float32)
    _, a, b = rgb_to_lab(codes / np.float32(255))
    return float(a), float(b)


def _along(path: Sequence[Sequence[float]], width: float) -> list[tuple[float, float]]:
    """The places of a fine grid that a round brush of that width touches, and the path's ends."""
    ends = np.array([(float(x), float(y)) for x, y in path], np.float32)
    if not 0 < len(ends) <= _LONGEST or not 0 <= width <= _WIDEST:
        raise ValueError(
            f"a stroke needs a path of 1 to {_LONGEST} places, and a width from 0 to {_WIDEST}"
        )
    if not ((ends >= 0) & (ends <= 1)).all():
        raise ValueError("a stroke leaves the picture")
    axis = (np.arange(_LAYER_SIDE, dtype=np.float32) + 0.5) / _LAYER_SIDE
    grid = np.stack(np.meshgrid(axis, axis), -1)  # (y, x, 2)
    near = np.full(grid.shape[:2], np.inf, np.float32)
    for start, end in zip(ends, [*ends[1:], ends[-1]], strict=True):
        line = end - start
        length = float(line @ line)
        share = np.clip((grid - start) @ line / length, 0, 1) if length else np.zeros_like(near)
        away = grid - (start + share[..., None] * line)
        np.minimum(near, (away**2).sum(2), out=near)
    rows, columns = np.nonzero(near <= max(width / 2, 0.5 / _LAYER_SIDE) ** 2)
    touched = zip(axis[columns].tolist(), axis[rows].tolist(), strict=True)
    return [*(tuple(end) for end in ends.tolist()), *touched]


def _of_layer(content: bytes, where: str) -> Hints:
    """The painted pixels of a PNG with alpha."""
    from io import BytesIO

    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as opened:
            layer = opened.convert("RGBA")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"is no PNG that can be read: {error}", where=where) from error
    aspect = layer.width / layer.height
    scale = min(1.0, _LAYER_SIDE / min(layer.size))
    small = layer.resize(
        (max(1, round(layer.width * scale)), max(1, round(layer.height * scale))),
        Image.Resampling.NEAREST,  # between two strokes there is no third colour
    )
    pixels = np.asarray(small)
    rows, columns = np.nonzero(pixels[..., 3] >= 128)
    if not len(rows) or len(rows) == pixels[..., 3].size:
        what = "nothing is painted" if not len(rows) else "everything is opaque"
        raise InputError(what, where=where, remedy="paint hints on a transparent layer")
    lab = rgb_to_lab(pixels[rows, columns, :3] * np.float32(1 / 255))
    height, width = pixels.shape[:2]
    x, y = (columns + 0.5) / width, (rows + 0.5) / height
    return _checked(np.stack([x, y, lab[:, 1], lab[:, 2]], 1).astype(np.float32), aspect, where)


def _checked(points: FloatArray, aspect: float | None, where: str) -> Hints:
    if not np.isfinite(points).all() or (np.abs(points[:, 2:]) > 128).any():
        raise UsageError("a hint has no possible colour", where=where, remedy=_FORM)
    if ((points[:, :2] < 0) | (points[:, :2] > 1)).any():
        raise UsageError(
            "a hint lies outside the picture", where=where, remedy="give x and y from 0 to 1"
        )
    if len(points) > _POINTS:
        points = points[np.linspace(0, len(points) - 1, _POINTS).astype(np.intp)]
    return Hints(points, aspect)


def fitting(hints: Hints, *, height: int, width: int) -> FloatArray:
    """The points for an upright picture of that size.

    Raises:
        UsageError: they were painted on a layer of another shape.
    """
    if hints.aspect is not None and not 0.97 < hints.aspect * height / width < 1.03:
        raise UsageError(
            f"the layer of hints has another shape than the picture of {width} x {height}",
            where="hints",
            remedy="paint on a layer of the picture's own size",
        )
    return hints.points


def obey(chroma: FloatArray, light: FloatArray, points: FloatArray) -> FloatArray:
    """Colours that are as hinted where they were hinted, and change smoothly around.

    What is missing at the points diffuses as far as the light is alike, as the colours of Levin,
    Lischinski and Weiss, "Colorization using Optimization" (SIGGRAPH 2004) do: first as a mean
    weighted by nearness, full within half the reach and fading beyond it, then what this leaves
    missing where points disagree.

    Args:
        chroma: a*b* (h, w, 2) of the network.
        light: L* (H, W) of the picture, of any size.
        points: (n, 4) as in `Hints`.

    Returns:
        a*b* (h, w, 2).
    """
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
    fade = np.float32((_REACH * min(height, width)) ** -2)
    missing = (known * (wanted - chroma)).astype(np.float32)
    given = (known * wanted).astype(np.float32)
    spread = _diffused(np.concatenate([missing, given, known], 2), np.full_like(known, fade), small)
    weight = np.maximum(spread[..., 4:], 0)
    shift, colour = np.split(spread[..., :4] / np.maximum(weight, 1e-6), 2, axis=2)
    change = (1 - _EVEN) * shift + _EVEN * (colour - chroma)
    coloured = chroma + change * np.minimum(weight / _FULL, 1)
    left = known * np.float32(_TIE) * (wanted - coloured).astype(np.float32)
    tied = coloured + _diffused(left, known * np.float32(_TIE) + fade * 4, small)
    return tied.astype(np.float32)


def _diffused(source: FloatArray, tie: FloatArray, light: FloatArray) -> FloatArray:
    """Solve (tie + Laplacian weighted by likeness of light) x = source, by conjugate gradients."""
    down = _ease(np.diff(light, axis=0))
    right = _ease(np.diff(light, axis=1))
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


def _ease(steps: FloatArray) -> FloatArray:
    """How easily colour crosses from one cell to the next, by the step in light between them."""
    ease: FloatArray = np.exp(-((steps / _EDGE) ** 2)).astype(np.float32)[..., None]
    return ease + np.float32(1e-4)
