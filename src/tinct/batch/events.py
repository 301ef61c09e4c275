"""What a run tells its user: lines of JSON for programs, a progress bar and one-liners for people.

Data goes to stdout, talk to stderr. Each JSON line is one event of schema version 1:

    plan      input, output, action, reason      one for each input, before work starts
    progress  input, done, total, megapixels, seconds      a file is begun
    done      input, output, width, height, pages, model, seconds, stages, max_delta_L,
              luma_identical, label, sha256_in, sha256_out, warnings
    skip      input, output, reason
    error     input, output, code, exit_code, message, remedy, docs
    summary   done, skipped, failed, interrupted, megapixels, seconds, exit_code
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from tinct.errors import TinctError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

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
    megapixels: float = 0.0
    interrupted: bool = False
    aborted: TinctError | None = None
    """Why the run could not go on for any file."""
    failures: list[tuple[Path, TinctError]] = field(default_factory=list)
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


class Terminal:
    """For people: a progress bar where stderr is a terminal, errors always."""

    def __init__(self, *, verbosity: int = 0, debug: bool = False) -> None:
        """Say how much is told.

        Args:
            verbosity: -1 errors alone, 0 the outcome, 1 a line for each file.
            debug: whether defects show their tracebacks.
        """
        self._verbosity = verbosity
        self._debug = debug
        self._total = 0
        self._megapixels = 0.0
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def planned(self, tasks: Sequence[Task]) -> None:
        """Put up the bar where it makes sense."""
        self._total = len(tasks)
        if self._verbosity < 0 or len(tasks) < 2 or not sys.stderr.isatty():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeLeft(),
            TextColumn("{task.description}", markup=False),
            console=_console(),
            transient=True,
        )
        self._bar = self._progress.add_task("", total=len(tasks), rate="")
        self._progress.start()

    def begun(self, task: Task, summary: Summary) -> None:
        """Show the file's name."""
        if self._progress is not None and self._bar is not None:
            rate = f"{summary.megapixels / max(summary.seconds, 1e-3):.1f} MP/s"
            self._progress.update(self._bar, description=printable(task.source.name), rate=rate)

    def done(self, task: Task, result: Result) -> None:
        """Say where the result is, for a single file or when asked."""
        self._advance()
        if self._verbosity > 0 or (self._total == 1 and self._verbosity == 0):
            size = f"{result.width * result.height * result.pages / 1e6:.1f} MP"
            light = _light(result)
            text = f"{task.source} -> {task.target}  {size}, {result.seconds:.2f} s{light}"
            self.notice(text)
        for warning in result.warnings if self._verbosity >= 0 else ():
            self.notice(f"warning: {task.source}: {warning}")

    def skipped(self, task: Task, reason: str) -> None:
        """Say why, for a single file or when asked."""
        self._advance()
        if self._verbosity > 0 or (self._total == 1 and self._verbosity == 0):
            self.notice(f"skipped: {task.source}: {reason}")

    def failed(self, task: Task, error: TinctError) -> None:
        """One line; a batch says it again in the table at its end."""
        self._advance()
        if self._total == 1 or self._verbosity > 0:
            self.notice(f"error: {error.at(str(task.source))}")
        if self._debug:
            for note in getattr(error, "__notes__", ()):
                self._print_lines(note)

    def notice(self, text: str) -> None:
        """One line above the bar."""
        if self._progress is not None:
            self._progress.console.print(printable(text), markup=False, highlight=False)
        else:
            print(printable(text), file=sys.stderr)

    def _print_lines(self, text: str) -> None:
        for line in text.splitlines():
            self.notice(line)

    def aborted(self, error: TinctError) -> None:
        """One line."""
        self.notice(f"error: {error}")
        if self._debug:
            import traceback

            self._print_lines("".join(traceback.format_exception(error)))

    def finished(self, summary: Summary) -> None:
        """Take the bar down; the table of failures and the tally, for a batch."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self._total > 1 and summary.failures:
            _print_failures(summary)
        if (self._total > 1 or summary.interrupted) and self._verbosity >= 0:
            self.notice(_tally(summary))

    def _advance(self) -> None:
        if self._progress is not None and self._bar is not None:
            self._progress.advance(self._bar)


def _light(result: Result) -> str:
    if result.luma_identical:
        return ", luma identical"
    if result.max_delta_lightness is not None:
        return f", light within {result.max_delta_lightness:.3g} L*"
    return ""


def _tally(summary: Summary) -> str:
    parts = [f"{summary.done} coloured"]
    if summary.skipped:
        parts.append(f"{summary.skipped} skipped")
    if summary.failures:
        parts.append(f"{len(summary.failures)} failed")
    left = summary.total - summary.done - summary.skipped - len(summary.failures)
    if summary.interrupted:
        parts.append(f"{left} not begun")
    start = "interrupted: " if summary.interrupted else ""
    return f"{start}{', '.join(parts)} in {summary.seconds:.1f} s"


def _print_failures(summary: Summary) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(summary.failures)} failed", title_justify="left", box=None)
    for column in ("file", "code", "why", "remedy"):
        table.add_column(column, overflow="fold")
    for path, error in summary.failures:
        row = (str(path), error.code, error.message, error.remedy or "")
        table.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:  # a log file has no edge to fold at
        console.width = 200
    return console


def printable(text: str) -> str:
    """Text on one line, without control characters: a file's name could command the terminal."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
