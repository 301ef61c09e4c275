"""The journal of a batch: what is done, so that the same command goes on where it stopped.

It lies in the folder of the results, one JSON object a line, schema version 1:

    journal  tinct                                        the first line
    run      settings, options, when                      what a run is asked to do
    claim    output, input, variant, settings, size_in, mtime_in, there, when
    done     the same, and size_out, mtime_out, sha256_in, sha256_out, width, height, pages, model,
             seconds, warnings
    skip     the same as claim, and reason
    fail     the same as claim, and code, reason

A claim is on the disk before the work that it announces is begun: a result without `done` whose
label says that it was made of the claimed input is the rest of a run that was killed. Lines that
are cut or damaged are passed over. Parts of a batch (`--shard`) have a journal each and read all.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.batch.entries import VERSION, Entry, Settings, as_line, read_lines
from tinct.batch.logbook import Logbook
from tinct.batch.places import (
    UNKNOWN,
    Place,
    absolute,
    exists,
    is_of,
    is_url,
    place,
    sha256,
    state_of,
)
from tinct.batch.shard import Shard
from tinct.errors import OutputUnwritable, TinctError
from tinct.version import __version__

if TYPE_CHECKING:
    from tinct.batch.events import Summary
    from tinct.batch.plan import Task
    from tinct.result import Result

NAME = ".tinct-journal.jsonl"
#: pictures that are claimed at once: one wait for the disk for all of them
AT_ONCE = 64


@dataclass(frozen=True)
class Recalled:
    """What the journal knows of a result that is planned."""

    entry: Entry | None = None
    """The picture needs no work: it was coloured, or passed over, and nothing has changed since."""
    target: Place | None = None
    """Where its result lies, which may have been given another name then."""
    again: bool = False
    """What lies at the target is the rest of a run that was killed, and may be replaced."""
    other: str = ""
    """Why what lies at the target is not what is asked for, where that is known."""


class Journal:
    """Remembers results, and notes them as a `tinct.batch.events.Reporter`."""

    def __init__(self, path: Path, settings: Settings, *, shard: Shard | None = None) -> None:
        """Read what is there; nothing is written before there is something to do.

        Args:
            path: the journal, in the folder of the results as a rule.
            settings: what results of this run are told apart by.
            shard: the part of the batch that this run takes.

        Raises:
            OutputError: the file is no journal, is of a newer Tinct, or cannot be read.
        """
        self.base = path.parent
        self.path = path.with_name(_name(path, shard)) if shard else path
        self.damaged = 0
        """Lines that could not be understood."""
        self._settings = settings
        self._by_output: dict[str, Entry] = {}
        self._by_input: dict[tuple[str, int, str], Entry] = {}
        self._claims: dict[str, Entry] = {}
        self._waiting: list[Task] = []
        self._book: Logbook | None = None
        self._size = 0
        for file in _all(path):
            entries, damaged, size = read_lines(file)
            self.damaged += damaged
            if file == self.path:
                self._size = size
            for entry in entries:
                self._remember(entry)

    # ---- what is known ------------------------------------------------------------------

    def recall(self, source: Place, target: Place, *, variant: int, renamed: bool) -> Recalled:
        """What is known of a result.

        Args:
            source: the input.
            target: where its result is to go.
            variant: which of several results of the input it is.
            renamed: whether the result may have been given another name, since there was
                something at `target`.
        """
        asked = self._settings.digest
        entry = self._by_output.get(self._key(target))
        if renamed and not (entry and self._is_asked(entry, source, variant)):
            entry = self._by_input.get((absolute(source), variant, asked), entry)
        if entry is None:
            return Recalled()
        there = self._place(entry, target)
        if not self._is_asked(entry, source, variant):
            return Recalled(other="" if entry.event != "done" else self._difference(entry))
        if entry.event == "skip":
            same = entry.if_color == self._settings.if_color
            return Recalled(entry=entry, target=target) if same else Recalled()
        if entry.event == "done":
            if not exists(there):
                return Recalled()
            if entry.is_intact(there):
                return Recalled(entry=entry, target=there)
            return Recalled(other="it was changed after it was coloured")
        again = not entry.there and there == target and self._is_rest(source, target)
        return Recalled(again=again)

    def _is_asked(self, entry: Entry, source: Place, variant: int) -> bool:
        return (
            entry.settings == self._settings.digest
            and entry.variant == variant
            and entry.is_of(source)
        )

    def _difference(self, entry: Entry) -> str:
        if entry.settings != self._settings.digest:
            return "it was coloured with other options or another model"
        return "it was coloured from another state of the input"

    def _is_rest(self, source: Place, target: Place) -> bool:
        """Whether the label of a picture says that it was made of this input by this model."""
        if not exists(target):
            return False
        try:
            return is_of(target, sha256(source), self._settings.sha256)
        except (TinctError, OSError):
            return False

    # ---- what is noted -------------------------------------------------------------------

    def open(self) -> None:
        """Open the journal for writing, and its folder where there is none.

        Raises:
            OutputError: another process is at work there, or it cannot be written.
        """
        self._book = Logbook(self.path, size=self._size)
        lines: list[dict[str, Any]] = []
        if not self._size:
            lines.append({"event": "journal", "tinct": __version__})
        lines.append(
            {
                "event": "run",
                "settings": self._settings.digest,
                "options": self._settings.as_dict(),
                "when": time.time(),
            }
        )
        self._write(lines, flush=True)
        self._sweep()

    def planned(self, tasks: Sequence[Task]) -> None:
        """Open the journal, if there is work.

        Raises:
            OutputError: another process is at work there, or it cannot be written.
        """
        self._waiting = [task for task in tasks if task.action == "colour"]
        self._waiting.reverse()
        if self._waiting and self._book is None:
            self.open()

    def begun(self, task: Task, summary: Summary) -> None:  # noqa: ARG002 - a Reporter
        """Claim the result of this picture, and those of the next ones."""
        if self._book is not None:
            self._book.check()
        if task.target is None or self._key(task.target) in self._claims:
            return
        claims = [self._claim(task)]
        while self._waiting and len(claims) < AT_ONCE:
            following = self._waiting.pop()
            if following.target is not None and following is not task:
                claims.append(self._claim(following))
        for claim in claims:
            self._claims[claim.output] = claim
        self._write([as_line(claim) for claim in claims], flush=True)

    def done(self, task: Task, result: Result) -> None:
        """Note a result."""
        claim = self._taken(task)
        size, changed = result.state_out or state_of(place(result.output)) or UNKNOWN
        self._note(
            replace(
                claim,
                event="done",
                size_out=size,
                mtime_out=changed,
                sha256_in=result.sha256_in,
                sha256_out=result.sha256_out,
                width=result.width,
                height=result.height,
                pages=result.pages,
                model=result.model,
                seconds=round(result.seconds, 3),
                warnings=tuple(result.warnings),
                when=time.time(),
            )
        )

    def skipped(self, task: Task, reason: str) -> None:
        """Note that a picture was looked at and passed over."""
        if task.target is not None and self._key(task.target) in self._claims:
            self._note(
                replace(
                    self._taken(task),
                    event="skip",
                    if_color=self._settings.if_color,
                    reason=reason,
                    when=time.time(),
                )
            )

    def failed(self, task: Task, error: TinctError) -> None:
        """Note a failure; the picture is tried again by the next run."""
        if task.target is not None and self._key(task.target) in self._claims:
            claim = self._taken(task)
            taken = claim.there or error.code == "output-exists"  # by somebody else, meanwhile
            self._note(
                replace(
                    claim,
                    event="fail",
                    there=taken,
                    code=error.code,
                    reason=error.message,
                    when=time.time(),
                )
            )

    def notice(self, text: str) -> None:
        """Nothing to note."""

    def aborted(self, error: TinctError) -> None:
        """Nothing to note."""

    def finished(self, summary: Summary) -> None:  # noqa: ARG002 - a Reporter
        """Close the journal; what was written is on the disk then."""
        if self._book is not None:
            self._book.close()
            self._book = None

    def _claim(self, task: Task) -> Entry:
        assert task.target is not None
        size, changed = state_of(task.source) or UNKNOWN
        return Entry(
            event="claim",
            output=self._key(task.target),
            input=absolute(task.source),
            variant=task.variant,
            settings=self._settings.digest,
            size_in=size,
            mtime_in=changed,
            there=exists(task.target) and not task.again,
            when=time.time(),
        )

    def _taken(self, task: Task) -> Entry:
        assert task.target is not None
        return self._claims.pop(self._key(task.target))

    def _note(self, entry: Entry) -> None:
        self._remember(entry)
        self._write([as_line(entry)])

    def _remember(self, entry: Entry) -> None:
        self._by_output[entry.output] = entry
        if entry.event == "done":
            self._by_input[entry.input, entry.variant, entry.settings] = entry

    def _key(self, target: Place) -> str:
        """A result's place, below the journal's folder where it is: the folder may be moved."""
        name, base = absolute(target), absolute(self.base)
        inside = name.startswith(base + os.sep)
        return name[len(base) + 1 :] if inside else name

    def _place(self, entry: Entry, target: Place) -> Place:
        """Where a result lies; `target` knows the folder, and what lies in it."""
        if not is_url(entry.output):
            return self.base / entry.output
        if entry.output == str(target):
            return target
        return place(entry.output)

    def _write(self, lines: Sequence[dict[str, Any]], *, flush: bool = False) -> None:
        if self._book is not None:
            self._book.write([{"v": VERSION, **line} for line in lines], flush=flush)

    def _sweep(self) -> None:
        """Remove what a killed run was writing: the journal's lock says that it is over."""
        from tinct.image.atomic import sweep

        claimed = (e.output for e in self._by_output.values() if e.event == "claim")
        rest = {self.base / output for output in claimed if not is_url(output)}
        for folder in {one.parent for one in rest}:
            sweep(folder, older_than=0)


def _name(path: Path, shard: Shard) -> str:
    return f"{path.stem}.{shard[0]}-of-{shard[1]}{path.suffix}"


def _all(path: Path) -> list[Path]:
    """A journal and those of parts of the same batch."""
    pattern = re.compile(
        rf"{re.escape(path.stem)}(\.\d+-of-\d+)?{re.escape(path.suffix)}", re.ASCII
    )
    try:
        return sorted(path.parent / n for n in os.listdir(path.parent) if pattern.fullmatch(n))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise OutputUnwritable(
            f"cannot be read: {error.strerror}",
            where=str(path.parent),
            remedy="check its permissions, or choose another folder",
        ) from error
