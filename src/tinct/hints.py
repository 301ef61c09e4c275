"""What the user knows of a picture's colours: points, strokes, painted layers, and what stays.

    {"points":  [{"x": 0.31, "y": 0.52, "color": "#7a3b2e"}, {"x": 0.8, "y": 0.1, "ab": [-4, -21]}],
     "strokes": [{"path": [[0.1, 0.9], [0.3, 0.92]], "width": 0.02, "color": "#5f6f3a"}],
     "keep":    [{"path": [[0.7, 0.2], [0.7, 0.4]], "width": 0.1}]}

x and y run from 0 to 1 over the upright picture. Of a colour only a* and b* count: the light of
the picture stays what it is. What is kept has the colours that the picture came with: none, of a
grey one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from tinct.color import FloatArray, rgb_to_lab
from tinct.errors import InputError, UsageError

_LAYER_SIDE = 256  # painted layers are read at this shorter side: finer than any map of colours
_POINTS = 4096  # more say nothing more
_FORM = 'give {"points": [{"x": 0.5, "y": 0.5, "color": "#aabbcc"}]}, or a PNG with alpha'
_KINDS = ("points", "strokes", "keep")
_ABOUT = "tinct"  # what the page notes beside them: of which picture, and with which options
_STROKED = 1024  # but of strokes there are so many
_LONGEST = 2000  # places of a stroke
_WIDEST = 0.25  # width of one
_WIDTH = 0.01  # of a stroke, in shorter sides, where it says nothing
_SOFT = 0.012  # of the edge of what stays, in shorter sides, beyond the brush


@dataclass(frozen=True, eq=False)
class Hints:
    """Known colours of one picture."""

    points: FloatArray
    """(n, 4): x and y from 0 to 1, a* and b* in CIE units."""
    aspect: float | None = None
    """Width by height of the layer they were painted on; None where nothing says."""
    strokes: FloatArray = field(default_factory=lambda: np.zeros((0, 7), np.float32))
    """(n, 7): x and y of both ends of a piece of a brush's path, from 0 to 1, the brush's width in
    shorter sides, and a* and b*."""
    keep: FloatArray = field(default_factory=lambda: np.zeros((0, 5), np.float32))
    """(n, 5): likewise, without a colour: there the picture stays as it is."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What a project of the page was coloured with besides: nobody but that page takes it up."""

    def __str__(self) -> str:
        """As history and records have it."""
        drawn = f", {len(self.strokes)} pieces of strokes" if len(self.strokes) else ""
        kept = f", {len(self.keep)} pieces of a brush kept" if len(self.keep) else ""
        return f"{len(self.points)} points{drawn}{kept}"

    def __bytes__(self) -> bytes:
        """All that shapes a result, to tell hints apart by."""
        return b"".join(part.tobytes() for part in (self.points, self.strokes, self.keep))


def as_hints(given: Hints | str | Path | Mapping[str, Any] | Sequence[Sequence[float]]) -> Hints:
    """Hints in any form that users have.

    Args:
        given: `Hints`; the path of a JSON or PNG file; what such a JSON file holds; or rows of
            x, y, a*, b*.

    Raises:
        InputError: the file cannot be read, or is none of them, or a value is out of range.
        UsageError: rows that are not four numbers each.
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
    if not table:
        raise InputError("holds no hints", where=where, remedy=_FORM)
    for key in table:
        if key not in (*_KINDS, _ABOUT):
            near = get_close_matches(str(key), _KINDS, 1)
            raise InputError(
                f"holds '{key}', which is no kind of hint",
                where=where,
                remedy=f"did you mean {near[0]}?" if near else f"it may hold {', '.join(_KINDS)}",
            )
    try:
        rows = [
            (float(point["x"]), float(point["y"]), *_chroma(point))
            for point in table.get("points", ())
        ]
        drawn = [
            (*piece, *_chroma(stroke))
            for stroke in table.get("strokes", ())
            for piece in _pieces(stroke)
        ]
        kept = [piece for stroke in table.get("keep", ()) for piece in _pieces(stroke)]
    except KeyError as error:
        raise InputError(f"a hint lacks {error}", where=where, remedy=_FORM) from error
    except (AttributeError, TypeError) as error:
        raise InputError("is no list of hints", where=where, remedy=_FORM) from error
    except (OverflowError, ValueError) as error:
        raise InputError(f"is no list of hints: {error}", where=where, remedy=_FORM) from error
    known = _checked(np.array(rows, np.float32).reshape(-1, 4), None, where)
    strokes = np.array(drawn, np.float32).reshape(-1, 7)
    _checked(strokes[:, [0, 1, 5, 6]], None, where)
    about = table.get(_ABOUT)
    asked = about.get("options") if isinstance(about, Mapping) else None
    return replace(
        known,
        strokes=strokes,
        keep=np.array(kept, np.float32).reshape(-1, 5),
        options=asked if isinstance(asked, Mapping) else {},
    )


def _chroma(one: Mapping[str, Any]) -> tuple[float, float]:
    if "ab" in one:
        if "color" in one:
            raise ValueError("one has both 'color' and 'ab'")
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


def _pieces(stroke: Mapping[str, Any]) -> list[tuple[float, ...]]:
    """Rows of `Hints.keep` for one stroke."""
    width = float(stroke.get("width", _WIDTH))
    ends = _ends(stroke["path"], width).tolist()
    return [(*one, *other, width) for one, other in zip(ends, ends[1:] or ends, strict=False)]


def _ends(path: Sequence[Sequence[float]], width: float) -> FloatArray:
    """The path of a stroke, checked, (n, 2)."""
    ends = np.array([(float(x), float(y)) for x, y in path], np.float32)
    if not 0 < len(ends) <= _LONGEST or not 0 <= width <= _WIDEST:
        raise ValueError(
            f"a stroke needs a path of 1 to {_LONGEST} places, and a width from 0 to {_WIDEST}"
        )
    if not ((ends >= 0) & (ends <= 1)).all():
        raise ValueError("a stroke leaves the picture")
    return ends


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
        raise InputError("a hint has no possible colour", where=where, remedy=_FORM)
    if ((points[:, :2] < 0) | (points[:, :2] > 1)).any():
        raise InputError(
            "a hint lies outside the picture", where=where, remedy="give x and y from 0 to 1"
        )
    if len(points) > _POINTS:
        points = points[np.linspace(0, len(points) - 1, _POINTS).astype(np.intp)]
    return Hints(points, aspect)


def fitting(hints: Hints | None, *, height: int, width: int) -> FloatArray | None:
    """The points for an upright picture of that size, those that strokes touch among them.

    None where nothing is known but what stays.

    Raises:
        UsageError: they were painted on a layer of another shape.
    """
    if hints is None or (len(hints.keep) and not len(hints.points) + len(hints.strokes)):
        return None
    if hints.aspect is not None and not 0.97 < hints.aspect * height / width < 1.03:
        raise UsageError(
            f"the layer of hints has another shape than the picture of {width} x {height}",
            where="hints",
            remedy="paint on a layer of the picture's own size",
        )
    if not len(hints.strokes):
        return hints.points
    painted = _painted(hints.strokes, height, width)
    if len(painted) > (room := max(_STROKED, _POINTS - len(hints.points))):
        painted = painted[np.linspace(0, len(painted) - 1, room).astype(np.intp)]
    return np.concatenate([hints.points, painted])


def untouched(keep: FloatArray, height: int, width: int) -> FloatArray:
    """How far each place of a map (height, width, 1) stays as it is: 1 under the brush.

    Around it this falls to 0 smoothly, over a little more than a hundredth of the shorter side.

    Args:
        keep: (n, 5) as in `Hints`.
        height: of the map.
        width: of the map.
    """
    soft = max(_SOFT * min(height, width), 1.0)
    share = np.zeros((height, width), np.float32)
    for part, within in _brushed(keep, height, width, soft):
        np.maximum(share[part], (within / soft).clip(0, 1), out=share[part])
    return (share * share * (3 - 2 * share))[..., None]


def _painted(strokes: FloatArray, height: int, width: int) -> FloatArray:
    """Points for all that strokes touch in a picture of that size; later ones cover earlier."""
    scale = _LAYER_SIDE / min(height, width)
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    colour = np.full((height, width, 2), np.nan, np.float32)
    for (part, within), ab in zip(
        _brushed(strokes[:, :5], height, width, 0), strokes[:, 5:], strict=True
    ):
        colour[part][within >= 0] = ab
    rows, columns = np.nonzero(np.isfinite(colour[..., 0]))
    places = np.stack([(columns + 0.5) / width, (rows + 0.5) / height], 1)
    return np.concatenate([places, colour[rows, columns]], 1).astype(np.float32)


def _brushed(
    pieces: FloatArray, height: int, width: int, beyond: float
) -> Iterator[tuple[tuple[slice, slice], FloatArray]]:
    """Around each piece of a brush's path: a part of a map, and how far inside its places lie.

    Args:
        pieces: (n, 5) as in `Hints.keep`.
        height: of the map.
        width: of the map.
        beyond: cells that count as inside beyond the brush.
    """
    scale = min(height, width)
    spans = pieces[:, :4] * np.array([width, height, width, height], np.float32)
    for (x0, y0, x1, y1), brush in zip(spans.tolist(), pieces[:, 4].tolist(), strict=True):
        reach = max(brush / 2 * scale, 0.71) + beyond  # no place lies further from a cell's middle
        top, left = max(0, int(min(y0, y1) - reach)), max(0, int(min(x0, x1) - reach))
        bottom, right = int(max(y0, y1) + reach) + 1, int(max(x0, x1) + reach) + 1
        part = slice(top, min(bottom, height)), slice(left, min(right, width))
        across = np.arange(*part[1].indices(width), dtype=np.float32) + np.float32(0.5 - x0)
        down = np.arange(*part[0].indices(height), dtype=np.float32)[:, None] + np.float32(0.5 - y0)
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = ((across * (x1 - x0) + down * (y1 - y0)) / (length or 1)).clip(0, 1)
        yield part, reach - np.hypot(across - along * (x1 - x0), down - along * (y1 - y0))
