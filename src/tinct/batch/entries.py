"""The lines of a journal, and what tells one run's results from another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.batch.places import Place, State, sha256, state_of
from tinct.errors import OutputError, OutputUnwritable, TinctError

if TYPE_CHECKING:
    from tinct.models.spec import ModelSpec
    from tinct.options import ColorizeOptions

VERSION = 1
_EVENTS = ("claim", "done", "skip", "fail")
_HEAD = b'{"v": '


@dataclass(frozen=True)
class Settings:
    """All that shapes a result, but its input.

    Not the version of Tinct: what an older one made of the same model stays.
    """

    model: str
    """Its name."""
    sha256: str
    """Of the model's file."""
    options: Mapping[str, str]
    """Those that differ from the defaults, as in the label; colours that are given, by hash."""
    if_color: str
    """Only decides what becomes of pictures in colour, so it is no part of `digest`."""

    @cached_property
    def digest(self) -> str:
        """The same for runs that make the same of a picture."""
        text = json.dumps([self.sha256, sorted(self.options.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, object]:
        """For people who read a journal."""
        return {"model": self.model, "model_sha256": self.sha256, **self.options}


def settings_of(options: ColorizeOptions, spec: ModelSpec) -> Settings:
    """What results of these options and this model are told apart by."""
    record = options.record()
    hints, palette = options.known_colours(), options.known_palette()
    if hints is not None:
        record["hints"] = hashlib.sha256(bytes(hints)).hexdigest()[:16]
    if palette is not None:
        found = hashlib.sha256(palette.chroma.tobytes() + palette.share.tobytes())
        record["palette"] = found.hexdigest()[:16]
    if options.sidecar:
        record["sidecar"] = "yes"
    if options.confidence is not None:
        record["confidence"] = str(options.confidence)
    return Settings(spec.name, spec.sha256, record, options.if_color)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is known of one result."""

    event: str
    """claim, done, skip or fail."""
    output: str
    """Below the journal's folder, or absolute, or a URL."""
    input: str
    """Absolute, or a URL."""
    settings: str
    """The digest of `Settings`."""
    variant: int = 0
    size_in: int = -1
    """Bytes of the input when it was claimed; -1 where it could not be read."""
    mtime_in: int = -1
    """When the input was changed, in nanoseconds; of an object, what says that it was."""
    there: bool = False
    """Whether there was something at the output then."""
    size_out: int = -1
    mtime_out: int = -1
    sha256_in: str = ""
    sha256_out: str = ""
    width: int = 0
    height: int = 0
    pages: int = 0
    model: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    if_color: str = ""
    """Of a picture that was passed over."""
    code: str = ""
    reason: str = ""
    when: float = 0.0
    """Seconds since 1970."""

    def is_of(self, source: Place) -> bool:
        """Whether an input is what it was: by size and time of change, or by content."""
        return _same(source, (self.size_in, self.mtime_in), self.sha256_in)

    def is_intact(self, place: Place) -> bool:
        """Whether the result is what it was, by the same signs."""
        return _same(place, (self.size_out, self.mtime_out), self.sha256_out)


def _same(place: Place, state: State, known: str) -> bool:
    try:
        found = state_of(place)
        if found is None or found[0] != state[0]:
            return False
        if found == state and -1 not in found:
            return True
        return bool(known) and sha256(place) == known
    except (OSError, TinctError):
        return False


_DEFAULTS = {field.name: field.default for field in fields(Entry)}
_KINDS = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def as_line(entry: Entry) -> dict[str, Any]:
    """An entry for JSON, without what it does not say."""
    return {name: value for name, value in asdict(entry).items() if value != _DEFAULTS[name]}


def entry_of(line: bytes) -> Entry | None:
    """The entry of a line; None where it is none, or is damaged."""
    known = _parsed(line)
    if known is None or known.get("event") not in _EVENTS:
        return None
    values = {name: value for name, value in known.items() if name in _DEFAULTS}
    try:
        values["warnings"] = tuple(map(str, values.get("warnings", ())))
        entry = Entry(**values)
    except TypeError:
        return None
    right = all(
        isinstance(getattr(entry, field.name), _KINDS.get(str(field.type), object))  # type: ignore[arg-type]
        for field in fields(Entry)
    )
    return entry if right else None


def read_lines(file: Path) -> tuple[list[Entry], int, int]:
    """The entries of a journal, how many lines are damaged, and its size in bytes.

    What a power cut leaves at the end of a file, cut lines and zeros, does no harm.

    Raises:
        OutputError: it is no journal, or that of a newer Tinct.
        OutputUnwritable: it cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OutputUnwritable(
            f"the journal cannot be read: {error.strerror}",
            where=str(file),
            remedy="check its permissions, or add --no-journal",
        ) from error
    entries: list[Entry] = []
    damaged = others = 0
    for line, whole in _lines(content):
        entry = entry_of(line)
        if entry is not None:
            entries.append(entry)
        elif (known := _parsed(line)) is not None:
            others += 1
            if isinstance(known["v"], int) and known["v"] > VERSION:
                raise OutputError(
                    "the journal is of a newer Tinct",
                    where=str(file),
                    remedy="use that one, or give another file with --journal",
                )
        else:
            damaged += whole
    if not (entries or others or _could_be_ours(content)):
        raise OutputError(
            "is no journal of Tinct",
            where=str(file),
            remedy="move it away, or give another file with --journal",
        )
    return entries, damaged, len(content)


def _lines(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """Lines, and whether each is finished: another process may be writing the last."""
    begin = 0
    while begin < len(content):
        end = content.find(b"\n", begin)
        if end < 0:
            yield content[begin:], False
            return
        if end > begin:
            yield content[begin:end], True
        begin = end + 1


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        known = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) and "v" in known and "event" in known else None


def _could_be_ours(content: bytes) -> bool:
    """Whether a file without a single good line is the rest of a journal."""
    rest = content.strip(b"\0\r\n ")
    return not rest or rest.startswith(_HEAD[: len(rest)])
