"""What is told of a run, to whom, and lines of JSON for programs.

Data goes to stdout, talk to stderr; people read `tinct.batch.terminal`. Each JSON line is one event
of schema version 1:

    plan      input, output, action, reason      one for each input, before work starts
    progress  input, done, total, megapixels, seconds      a file is begun
    done      input, output, width, height, pages, model, seconds, stages, max_delta_L,
              luma_identical, label, sha256_in, sha256_out, warnings
    skip      input, output, reason
    error     input, output, code, exit_code, message, remedy, docs
    summary   done, skipped, before (of the skipped, coloured by an earlier run), failed,
              interrupted, megapixels, seconds, exit_code
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from tinct.batch.places import Place
from tinct.errors import TinctError

if TYPE_CHECKING:
    from tinct.batch.plan import Task
    from tinct.result import Result

SCHEMA = 1
DOCS = "docs/errors.md"


@dataclass
class Summary:
    """The tally of a run."""

    total: int = 0
    done: int = 0
    skipped: int = 0
    before: int = 0
    """Of the skipped, those that an earlier run coloured."""
    megapixels: float = 0.0
    interrupted: bool = False
    aborted: TinctError | None = None
    """Why the run could not go on for any file."""
    failures: list[tuple[Place, TinctError]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self.started

    @property
    def exit_code(self) -> int:
        """0, the one input's own code, 1 for some of many, or 130."""
        if self.aborted is not None:
            return self.aborted.exit_code
        if self.interrupted:
            return 130
        if not self.failures:
            return 0
        return self.failures[0][1].exit_code if self.total == 1 else 1


class Reporter(Protocol):
    """Hears of everything that happens in a run."""

    def planned(self, tasks: Sequence[Task]) -> None:
        """Every input has its target; nothing has been done yet."""

    def begun(self, task: Task, summary: Summary) -> None:
        """A file is being coloured."""

    def done(self, task: Task, result: Result) -> None:
        """A file is coloured."""

    def skipped(self, task: Task, reason: str) -> None:
        """Nothing was to be done."""

    def failed(self, task: Task, error: TinctError) -> None:
        """Nothing could be done."""

    def notice(self, text: str) -> None:
        """Something the user should know now."""

    def aborted(self, error: TinctError) -> None:
        """The run cannot go on for any file."""

    def finished(self, summary: Summary) -> None:
        """The run is over."""


class Several:
    """Passes everything on to others, in their order."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def planned(self, tasks: Sequence[Task]) -> None:
        """Pass on."""
        for one in self._reporters:
            one.planned(tasks)

    def begun(self, task: Task, summary: Summary) -> None:
        """Pass on."""
        for one in self._reporters:
            one.begun(task, summary)

    def done(self, task: Task, result: Result) -> None:
        """Pass on."""
        for one in self._reporters:
            one.done(task, result)

    def skipped(self, task: Task, reason: str) -> None:
        """Pass on."""
        for one in self._reporters:
            one.skipped(task, reason)

    def failed(self, task: Task, error: TinctError) -> None:
        """Pass on."""
        for one in self._reporters:
            one.failed(task, error)

    def notice(self, text: str) -> None:
        """Pass on."""
        for one in self._reporters:
            one.notice(text)

    def aborted(self, error: TinctError) -> None:
        """Pass on."""
        for one in self._reporters:
            one.aborted(error)

    def finished(self, summary: Summary) -> None:
        """Pass on."""
        for one in self._reporters:
            one.finished(summary)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def planned(self, tasks: Sequence[Task]) -> None:
        """One line for each input."""
        for task in tasks:
            reason = task.skip or (str(task.problem.message) if task.problem else None)
            self._write("plan", **_paths(task), action=task.action, reason=reason)

    def begun(self, task: Task, summary: Summary) -> None:
        """The tally so far, and the file that is next."""
        self._write(
            "progress",
            input=str(task.source),
            done=summary.done + summary.skipped + len(summary.failures),
            total=summary.total,
            megapixels=round(summary.megapixels, 3),
            seconds=round(summary.seconds, 3),
        )

    def done(self, task: Task, result: Result) -> None:
        """The full record of a result."""
        self._write("done", **_paths(task), **done_fields(result))

    def skipped(self, task: Task, reason: str) -> None:
        """Input and reason."""
        self._write("skip", **_paths(task), reason=reason)

    def failed(self, task: Task, error: TinctError) -> None:
        """Input and error."""
        self._write("error", **_paths(task), **error_fields(error))

    def notice(self, text: str) -> None:
        """Talk is for people, and they read stderr."""
        print(text, file=sys.stderr)

    def aborted(self, error: TinctError) -> None:
        """The error of the whole run."""
        print(error_json(error), file=self._stream, flush=True)
        self.notice(f"error: {printable(str(error))}")

    def finished(self, summary: Summary) -> None:
        """The tally."""
        self._write(
            "summary",
            done=summary.done,
            skipped=summary.skipped,
            before=summary.before,
            failed=len(summary.failures),
            interrupted=summary.interrupted,
            megapixels=round(summary.megapixels, 3),
            seconds=round(summary.seconds, 3),
            exit_code=summary.exit_code,
        )

    def _write(self, event: str, **values: Any) -> None:
        # file names need not be Unicode; escaped, they are always text
        line = json.dumps({"v": SCHEMA, "event": event, **values}, ensure_ascii=True)
        print(line, file=self._stream, flush=True)


def error_fields(error: TinctError) -> dict[str, object]:
    """An error as JSON."""
    return {
        "code": error.code,
        "exit_code": error.exit_code,
        "message": error.message,
        "where": error.where,
        "remedy": error.remedy,
        "docs": f"{DOCS}#{error.code}",
    }


def error_json(error: TinctError) -> str:
    """The line for an error that concerns no single input."""
    fields = {"input": error.where, "output": None, **error_fields(error)}
    return json.dumps({"v": SCHEMA, "event": "error", **fields}, ensure_ascii=True)


def done_fields(result: Result) -> dict[str, object]:
    """A result as JSON."""
    return {
        "width": result.width,
        "height": result.height,
        "pages": result.pages,
        "model": result.model,
        "seconds": round(result.seconds, 4),
        "stages": {stage: round(seconds, 4) for stage, seconds in result.stages.items()},
        "max_delta_L": result.max_delta_lightness,
        "luma_identical": result.luma_identical,
        "label": result.label,
        "sha256_in": result.sha256_in,
        "sha256_out": result.sha256_out,
        "warnings": list(result.warnings),
    }


def _paths(task: Task) -> dict[str, str | None]:
    return {"input": str(task.source), "output": str(task.target) if task.target else None}


def printable(text: str) -> str:
    """Text on one line, without control characters: a file's name could command the terminal."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
