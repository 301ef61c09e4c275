"""What goes to a server and what comes back, as records and errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx

from tinct import errors
from tinct.errors import TinctError, UsageError
from tinct.options import ColorizeOptions
from tinct.serve.records import JobRecord, LikelyColour, Outcome, PaletteRecord, Problem

Record = TypeVar("Record")


class ServerError(TinctError):
    """A server that refuses for reasons of its own, or cannot be reached."""

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        problem: Problem | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Describe the error.

        Args:
            message: what is wrong.
            where: the address, option or picture concerned.
            remedy: what can be done about it.
            problem: what the server said; None where it said nothing of the kind.
            retry_after: seconds after which to try again, where the server says so.
        """
        super().__init__(message, where=where, remedy=remedy)
        self.problem = problem
        self.retry_after = retry_after


@dataclass(frozen=True)
class Coloured:
    """A picture that came back."""

    content: bytes
    """The file."""
    name: str
    """What the server calls it."""
    media_type: str
    """Such as `image/jpeg`."""
    status: str
    """`done`, or `skipped` for a picture that keeps its own colours."""
    model: str | None
    """The model that was used."""
    max_delta_lightness: float | None
    """Largest difference in L* over all pixels, measured."""
    luma_identical: bool | None
    """Whether the luma of a JPEG was copied bit for bit."""
    warnings: tuple[str, ...]
    """What the user should know."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a job."""

    number: int
    """From 1."""
    name: str
    """`queued`, `started`, `examined`, `done`, `failed` or `cancelled`."""
    data: Mapping[str, Any]
    """What is said about it."""


def chosen_options(options: ColorizeOptions | None) -> dict[str, Any]:
    """The options that differ from the defaults."""
    options, default = options or ColorizeOptions(), ColorizeOptions()
    found = {}
    for field in fields(ColorizeOptions):
        value = getattr(options, field.name)
        if value is default.__dict__[field.name] or value == default.__dict__[field.name]:
            continue
        if field.name in ("hints", "reference", "confidence"):
            raise UsageError(
                "it is a file of this machine, and a server takes it as it came",
                where=field.name,
                remedy="give hints and a reference apart: colorize(..., hints=..., reference=...)",
            )
        found[field.name] = str(value) if field.name == "palette" else value
    return found


def as_words(
    options: ColorizeOptions | None, hints: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """The same, and hints, as words of a form."""
    words = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in chosen_options(options).items()
    }
    return words if hints is None else {**words, "hints": json.dumps(hints)}


def as_form(
    picture: Path | str | bytes,
    name: str | None = None,
    reference: Path | str | bytes | None = None,
) -> dict[str, tuple[str, bytes]]:
    """A picture, and one whose palette it should have, as files of a form.

    Raises:
        Unreadable: one cannot be read.
        Unsupported: one is neither a path nor bytes.
    """
    form = {"picture": _file(picture, name)}
    return form if reference is None else {**form, "reference": _file(reference, None)}


def _file(picture: Path | str | bytes, name: str | None) -> tuple[str, bytes]:
    if isinstance(picture, bytes):
        return name or "picture", picture
    if not isinstance(picture, str | Path):
        raise errors.Unsupported(
            f"a {type(picture).__name__}", remedy="give a path, or the bytes of a file"
        )
    try:
        return name or Path(picture).name, Path(picture).read_bytes()
    except OSError as error:
        raise errors.Unreadable(
            f"cannot be read: {error.strerror}", where=str(picture), remedy="check the name"
        ) from error


def coloured(answer: httpx.Response) -> Coloured:
    """A picture that was answered with."""
    headers = answer.headers
    delta, luma = headers.get("x-max-delta-l"), headers.get("x-luma-identical")
    _, _, name = headers.get("content-disposition", "").partition("filename*=UTF-8''")
    return Coloured(
        content=answer.content,
        name=unquote(name),
        media_type=headers["content-type"],
        status=headers["x-status"],
        model=headers.get("x-model"),
        max_delta_lightness=None if delta is None else float(delta),
        luma_identical=None if luma is None else luma == "true",
        warnings=tuple(json.loads(headers.get("x-warnings", "[]"))),
    )


def raise_problem(answer: httpx.Response) -> None:
    """Raise what a server answered with."""
    try:
        problem = read_record(Problem, answer.json())
    except (ValueError, TypeError):
        raise ServerError(
            f"answered {answer.status_code} {answer.reason_phrase}", where=str(answer.url)
        ) from None
    for kind in _kinds(TinctError):
        if kind.code == problem.code and kind.__module__ == errors.__name__:
            raise kind(problem.detail, where=problem.where, remedy=problem.remedy)
    wait = answer.headers.get("retry-after", "")
    raise ServerError(
        problem.detail,
        where=problem.where,
        remedy=problem.remedy,
        problem=problem,
        retry_after=float(wait) if wait.isdigit() else None,
    )


def _kinds(kind: type[TinctError]) -> Iterator[type[TinctError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)


def read_record(kind: type[Record], members: Mapping[str, Any]) -> Record:
    """A record of what a server said; members that are not known here are left out."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type] # a dataclass
    plain = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in members.items()
        if name in known
    }
    return kind(**plain)


def read_job(members: Mapping[str, Any]) -> JobRecord:
    """A job as the server tells it."""
    outcome, error = members["outcome"], members["error"]
    parts = {
        "outcome": None if outcome is None else read_record(Outcome, outcome),
        "error": None if error is None else read_record(Problem, error),
    }
    return read_record(JobRecord, {**members, **parts})


def read_palette(members: Mapping[str, Any]) -> PaletteRecord:
    """The colours of a point as the server tells them."""
    colours = [read_record(LikelyColour, one) for one in members["colours"]]
    return read_record(PaletteRecord, {**members, "colours": colours})
