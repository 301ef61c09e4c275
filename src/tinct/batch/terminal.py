"""What a run tells people: a progress bar, one-liners, a table of failures; all of it on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinct.batch.events import Summary, printable
from tinct.errors import TinctError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from tinct.batch.plan import Task
    from tinct.result import Result


class Terminal:
    """For people: a progress bar where stderr is a terminal, errors always."""

    def __init__(self, *, verbosity: int = 0, debug: bool = False, endless: bool = False) -> None:
        """Say how much is told.

        Args:
            verbosity: -1 errors alone, 0 the outcome, 1 a line for each file.
            debug: whether defects show their tracebacks.
            endless: whether nobody waits for the end: files are told of one by one.
        """
        self._endless = endless
        self._verbosity = verbosity
        self._debug = debug
        self._total = 0
        self._megapixels = 0.0
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def planned(self, tasks: Sequence[Task]) -> None:
        """Put up the bar where it makes sense."""
        self._total = len(tasks)
        if self._verbosity < 0 or len(tasks) < 2 or self._endless or not sys.stderr.isatty():
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
        if self._tells_each():
            size = f"{result.width * result.height * result.pages / 1e6:.1f} MP"
            light = _light(result)
            text = f"{task.source} -> {task.target}  {size}, {result.seconds:.2f} s{light}"
            self.notice(text)
        for warning in result.warnings if self._verbosity >= 0 else ():
            self.notice(f"warning: {task.source}: {warning}")

    def skipped(self, task: Task, reason: str) -> None:
        """Say why, for a single file or when asked."""
        self._advance()
        if self._tells_each():
            self.notice(f"skipped: {task.source}: {reason}")

    def failed(self, task: Task, error: TinctError) -> None:
        """One line; a batch says it again in the table at its end."""
        self._advance()
        if self._total == 1 or self._verbosity > 0 or self._endless:
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
        if self._total > 1 and summary.failures and not self._endless:
            _print_failures(summary)
        several = self._total > 1 or summary.interrupted or self._endless
        if several and self._verbosity >= 0:
            self.notice(_tally(summary))

    def _tells_each(self) -> bool:
        return self._verbosity > 0 or (self._verbosity == 0 and (self._total == 1 or self._endless))

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
    if summary.before:
        parts.append(f"{summary.before} coloured before")
    if summary.skipped > summary.before:
        parts.append(f"{summary.skipped - summary.before} skipped")
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
