"""Hints as clients send them: checked in form and extent before anything is done with them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tinct.errors import UsageError

_MOST_POINTS = 4096
_MOST_STROKES = 512
_MOST_WORK = 20_000_000  # cells that strokes are drawn into, counted each time
_CELLS = 256  # of a stroke's grid, across the picture

_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Chroma = Annotated[float, Field(ge=-128, le=128, allow_inf_nan=False)]
_Hex = Annotated[str, Field(pattern=r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")]
_STRICT = ConfigDict(extra="forbid")


@dataclass(config=_STRICT)
class _Point:
    x: _Share
    y: _Share
    color: _Hex | None = None
    ab: tuple[_Chroma, _Chroma] | None = None


@dataclass(config=_STRICT)
class _Stroke:
    path: Annotated[list[tuple[_Share, _Share]], Field(min_length=1, max_length=_MOST_POINTS)]
    width: _Share = 0.01
    color: _Hex | None = None
    ab: tuple[_Chroma, _Chroma] | None = None


@dataclass(config=_STRICT)
class _Kept:
    path: Annotated[list[tuple[_Share, _Share]], Field(min_length=1, max_length=_MOST_POINTS)]
    width: _Share = 0.01


@dataclass(config=_STRICT)
class _Hints:
    points: Annotated[list[_Point], Field(max_length=_MOST_POINTS)] = Field(default_factory=list)
    strokes: Annotated[list[_Stroke], Field(max_length=_MOST_STROKES)] = Field(default_factory=list)
    keep: Annotated[list[_Kept], Field(max_length=_MOST_STROKES)] = Field(default_factory=list)


_FORM: TypeAdapter[_Hints] = TypeAdapter(_Hints)
_SIDES = {"type": "number", "minimum": 0, "maximum": 1}
_BRUSH = {
    "path": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "array", "items": _SIDES, "minItems": 2, "maxItems": 2},
    },
    "width": _SIDES,
}
_COLOURS = {
    "color": {"type": "string", "pattern": "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"},
    "ab": {
        "type": "array",
        "items": {"type": "number", "minimum": -128, "maximum": 128},
        "minItems": 2,
        "maxItems": 2,
    },
}
#: JSON Schema of hints
SCHEMA: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "points": {
            "type": "array",
            "maxItems": _MOST_POINTS,
            "items": {
                "type": "object",
                "properties": {"x": _SIDES, "y": _SIDES, **_COLOURS},
                "required": ["x", "y"],
                "oneOf": [{"required": ["color"]}, {"required": ["ab"]}],
                "additionalProperties": False,
            },
        },
        "strokes": {
            "type": "array",
            "maxItems": _MOST_STROKES,
            "items": {
                "type": "object",
                "properties": {
                    **_BRUSH,
                    **_COLOURS,
                },
                "required": ["path"],
                "oneOf": [{"required": ["color"]}, {"required": ["ab"]}],
                "additionalProperties": False,
            },
        },
        "keep": {
            "type": "array",
            "maxItems": _MOST_STROKES,
            "description": "Where the picture stays as it is.",
            "items": {
                "type": "object",
                "properties": _BRUSH,
                "required": ["path"],
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
    "examples": [{"points": [{"x": 0.31, "y": 0.52, "color": "#7a3b2e"}]}],
}


def checked_hints(given: Any) -> dict[str, Any] | None:
    """Hints that hold together, in the form of a file of hints.

    Raises:
        UsageError: they do not, or there are too many.
    """
    if given is None:
        return None
    if not isinstance(given, dict):  # text would be the path of a file
        raise UsageError("no object of points and strokes", where="hints", remedy="see /docs")
    try:
        hints = _FORM.validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:80]
        raise UsageError(f"{place}: {first['msg']}", where="hints", remedy="see /docs") from None
    for color, ab in [(one.color, one.ab) for one in hints.points] + [
        (one.color, one.ab) for one in hints.strokes
    ]:
        if (color is None) == (ab is None):
            raise UsageError("each needs a color, or its ab", where="hints", remedy="see /docs")
    brushed: list[_Stroke | _Kept] = [*hints.strokes, *hints.keep]
    if sum(map(_work, brushed)) > _MOST_WORK:
        raise UsageError(
            "the strokes cover too much", where="hints", remedy="draw fewer, or thinner ones"
        )
    return {name: given[name] for name in ("points", "strokes", "keep") if given.get(name)}


def _work(stroke: _Stroke | _Kept) -> float:
    path = stroke.path
    brush = stroke.width * _CELLS + 2
    return sum(
        (abs(u - x) * _CELLS + brush) * (abs(v - y) * _CELLS + brush)
        for (x, y), (u, v) in zip(path, path[1:] or path, strict=False)
    )
