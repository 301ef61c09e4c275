"""From the fields of a request to the options of colouring, whatever fields `ColorizeOptions` has.

Numbers, switches and choices come by themselves. Options that hold text or take a file on the
command line could lead to a path, so each of them is named here, with how it comes over HTTP
instead; one that is not named is not offered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tinct.errors import ModelError, TinctError, UsageError
from tinct.naming import WRITTEN_SUFFIXES
from tinct.options import ColorizeOptions, descriptions
from tinct.serve.hinting import SCHEMA as HINTS
from tinct.serve.hinting import checked_hints
from tinct.serve.tasks import Sent

Words = Iterable[tuple[str, str]]
"""Names and values, as a query or a form has them."""

_SWITCH = {"type": "boolean"}
_TEXT = {"anyOf": [{"type": "string", "maxLength": 1000}, {"type": "null"}]}
#: options that are more than a number or a choice: their schemas, and what they are over HTTP
_NAMED: dict[str, tuple[dict[str, Any], str]] = {
    "model": (_TEXT, "Name of a model that `GET /v1/models` lists."),
    "hints": (
        HINTS,
        "Known colours: JSON of points and strokes; in a form also a file, JSON or a PNG layer.",
    ),
    "palette": (_TEXT, ""),
    "style": (_TEXT, ""),
    "reference": (
        _TEXT,
        "A picture in colour whose palette the result should have: in a form a file; in a session "
        "the `id` of another session.",
    ),
    "confidence": (
        _SWITCH,
        "Also make a small grey PNG of how sure the model is of its colours: white where it is. "
        "The job's link `confidence` leads to it.",
    ),
}
_PLAIN = (int, float, bool, type(None))
#: an answer is one file, and the limits are the server's own
ABSENT = ("max_megapixels", "tile_format", "tile_address")


@dataclass(frozen=True)
class Choice:
    """One option as HTTP sees it."""

    name: str
    description: str
    default: Any
    schema: dict[str, Any]
    """JSON Schema of its value."""
    adapter: TypeAdapter[Any]
    """Reads its value."""

    def read(self, text: str) -> Any:
        """The value that a word of a query or a form stands for.

        Raises:
            UsageError: it stands for none.
        """
        if self.name == "hints":
            try:
                return self.check(json.loads(text))
            except (ValueError, RecursionError):
                raise UsageError("is no JSON", where=self.name) from None
        try:
            return self.adapter.validate_strings(text)
        except ValidationError as error:
            raise _wrong(self.name, text, error) from None

    def check(self, value: Any) -> Any:
        """The value that a member of a JSON object stands for.

        Raises:
            UsageError: it stands for none.
        """
        if self.name == "hints":
            return checked_hints(value)
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            raise _wrong(self.name, value, error) from None


@cache
def choices() -> Mapping[str, Choice]:
    """The options of `tinct colorize` that can be given over HTTP."""
    hints, texts = get_type_hints(ColorizeOptions, localns=_later()), descriptions()
    found = {}
    for field in fields(ColorizeOptions):
        if field.name in ABSENT:
            continue
        if field.name == "format":
            hints[field.name] = Literal["same", *WRITTEN_SUFFIXES]
        if field.name in _NAMED:
            schema, text = _NAMED[field.name]
            adapter: TypeAdapter[Any] = TypeAdapter(bool if schema is _SWITCH else str | None)
        elif _is_plain(hints[field.name]):
            adapter = TypeAdapter(hints[field.name])
            schema, text = adapter.json_schema(), ""
        else:
            continue
        default = field.default if field.default is not MISSING else None
        default = False if schema is _SWITCH else default
        found[field.name] = Choice(
            field.name,
            text or texts.get(field.name, ""),
            default,
            {**schema, "default": default},
            adapter,
        )
    return found


def _later() -> dict[str, Any]:
    """Names that only type checkers know."""
    return {"Hints": Any, "Palette": Any}


def _is_plain(kind: Any) -> bool:
    """Whether a type holds nothing but numbers, switches and choices."""
    if get_origin(kind) is Literal:
        return True
    if get_args(kind) and (get_origin(kind) is Union or type(kind).__name__ == "UnionType"):
        return all(map(_is_plain, get_args(kind)))
    return kind in _PLAIN


def from_words(
    words: Words, *, others: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """The options among words, and the words that are something else that is known.

    Args:
        words: of a query or a form.
        others: names that are known beside the options.

    Raises:
        UsageError: a name is unknown or given twice, or a value makes no sense.
    """
    known, chosen, rest = choices(), dict[str, Any](), dict[str, str]()
    others = tuple(others)
    for name, text in words:
        if name in chosen or name in rest:
            raise UsageError("given twice", where=name, remedy="give it once")
        if name in others:
            rest[name] = text
        elif name == "reference":
            raise UsageError("is no file", where=name, remedy="send it as a file of the form")
        elif name in known:
            chosen[name] = known[name].read(text)
        else:
            raise _unknown(name, (*known, *others))
    return chosen, rest


def from_members(
    members: Mapping[str, Any], *, others: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same for the members of a JSON object."""
    known, chosen, rest = choices(), dict[str, Any](), dict[str, Any]()
    others = tuple(others)
    for name, value in members.items():
        if name in others:
            rest[name] = value
        elif name in known:
            chosen[name] = known[name].check(value)
        else:
            raise _unknown(name, (*known, *others))
    return chosen, rest


@dataclass(frozen=True)
class Chosen:
    """How a picture is to be coloured."""

    options: ColorizeOptions
    """Checked; without what only a worker may open."""
    sent: Sent
    """The rest."""


def settled(chosen: Mapping[str, Any], offered: Mapping[str, str], default: str) -> Chosen:
    """Checked options, with a model that the server offers.

    Args:
        chosen: as the functions above give it; files as `File`.
        offered: name of each model, and what stands for it on this machine.
        default: name of the one that is used where none is chosen.

    Raises:
        UsageError: a value is out of range.
        ModelError: the model is not offered.
    """
    name = chosen.get("model") or default
    if name not in offered:
        near = get_close_matches(name, offered, n=1)
        raise ModelError(
            f"there is no model of the name {name[:80]!r}",
            where="model",
            remedy=f"did you mean '{near[0]}'?" if near else "see GET /v1/models",
        )
    if chosen.get("variants") and not chosen.get("variant"):
        raise UsageError(
            "an answer holds one picture",
            where="variant",
            remedy=f"say which: 1, the likeliest, to {chosen['variants']}",
        )
    late = {key: value for key, value in chosen.items() if key in Sent.__dataclass_fields__}
    plain = {key: value for key, value in chosen.items() if key not in late}
    return Chosen(ColorizeOptions(**{**plain, "model": offered[name]}), Sent(**late))


def _wrong(name: str, value: Any, error: ValidationError) -> TinctError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    shown = repr(value)
    return UsageError(
        f"{shown if len(shown) < 80 else 'its value'} is not possible",
        where=name,
        remedy=first["msg"][:1].lower() + first["msg"][1:],
    )


def _unknown(name: str, known: Iterable[str]) -> UsageError:
    near = get_close_matches(name, list(known), n=1)
    return UsageError(
        f"there is no option {name[:80]!r}",
        remedy=f"did you mean '{near[0]}'?" if near else "see /docs for those there are",
    )
