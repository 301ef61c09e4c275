"""The report of a batch: what became of each picture, as a table (CSV) or a page (HTML)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tinct.batch.events import Summary
from tinct.errors import TinctError, UsageError
from tinct.image.atomic import check_replaceable

if TYPE_CHECKING:
    from tinct.batch.plan import Task
    from tinct.result import Result

SUFFIXES = (".html", ".csv")
#: by which a page of ours is known, so that nothing else is ever replaced
GENERATOR = '<meta name="generator" content="Tinct batch report">'

Status = Literal["failed", "coloured", "coloured before", "skipped", "not begun"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What became of one picture; the columns of the table."""

    status: Status
    """`coloured before` is the work of an earlier run; `not begun` is what an interruption left."""
    input: str
    output: str
    code: str = ""
    """Of a failure, see docs/errors.md."""
    message: str = ""
    """Why it failed, or was passed over."""
    remedy: str = ""
    warnings: str = ""
    """With semicolons between them."""
    width: int | str = ""
    height: int | str = ""
    pages: int | str = ""
    model: str = ""
    seconds: float | str = ""
    sha256_in: str = ""
    sha256_out: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


class Report:
    """Hears of a run as a `tinct.batch.events.Reporter`, and writes it down at its end."""

    def __init__(self, file: Path) -> None:
        """Check that the report can be written.

        Args:
            file: ends in .html or .csv. An earlier report is replaced; nothing else is.

        Raises:
            UsageError: the name says neither.
            OutputError: something else lies there, or nothing can be written there.
        """
        if file.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{file.suffix or 'nothing'!r} says neither of HTML and CSV",
                where=f"--report {file}",
                remedy="end the name in .html or .csv",
            )
        self.file = file
        self._csv = file.suffix.lower() == ".csv"
        self._tasks: list[Task] = []
        self._rows: dict[int, Row] = {}
        self._aborted: TinctError | None = None
        mark = ",".join(COLUMNS) if self._csv else GENERATOR
        check_replaceable(file, mark, where=f"--report {file}", what="report")

    def planned(self, tasks: Sequence[Task]) -> None:
        """Take in the plan."""
        self._tasks += tasks

    def begun(self, task: Task, summary: Summary) -> None:
        """Nothing to report yet."""

    def done(self, task: Task, result: Result) -> None:
        """Take in a result."""
        self._rows[id(task)] = Row(
            status="coloured",
            input=str(task.source),
            output=str(task.target),
            warnings="; ".join(result.warnings),
            width=result.width,
            height=result.height,
            pages=result.pages,
            model=result.model,
            seconds=round(result.seconds, 3),
            sha256_in=result.sha256_in,
            sha256_out=result.sha256_out,
        )

    def skipped(self, task: Task, reason: str) -> None:
        """Take in what was passed over; of what an earlier run coloured, all that it noted."""
        known = task.before
        if known is None or known.event != "done":
            self._rows[id(task)] = _row(task, "skipped", message=reason)
            return
        self._rows[id(task)] = Row(
            status="coloured before",
            input=str(task.source),
            output=str(task.target),
            warnings="; ".join(known.warnings),
            width=known.width,
            height=known.height,
            pages=known.pages,
            model=known.model,
            seconds=known.seconds,
            sha256_in=known.sha256_in,
            sha256_out=known.sha256_out,
        )

    def failed(self, task: Task, error: TinctError) -> None:
        """Take in a failure."""
        self._rows[id(task)] = _row(
            task, "failed", code=error.code, message=error.message, remedy=error.remedy or ""
        )

    def notice(self, text: str) -> None:
        """Nothing to report."""

    def aborted(self, error: TinctError) -> None:
        """Take in why the run ended early."""
        self._aborted = error

    def finished(self, summary: Summary) -> None:
        """Write the report, whole or not at all.

        Raises:
            OutputUnwritable: no rights, or no space.
        """
        if self._aborted is not None and not self._tasks:  # there is nothing to tell of
            return
        from tinct.image.atomic import write_atomic

        rows = list(self.rows())
        if self._csv:
            text = as_csv(rows)
        else:
            from tinct.batch.page import as_html

            text = as_html(rows, summary, folder=self.file.parent, aborted=self._aborted)
        with write_atomic(self.file, overwrite=True) as temporary:
            temporary.write_text(text, "utf-8", errors="backslashreplace", newline="")

    def rows(self) -> Iterator[Row]:
        """Failures first, then what has warnings, then the rest, each in the order of the plan."""
        rows = [self._rows.get(id(task)) or _row(task, "not begun") for task in self._tasks]
        yield from (row for row in rows if row.status == "failed")
        yield from (row for row in rows if row.status != "failed" and row.warnings)
        yield from (row for row in rows if row.status != "failed" and not row.warnings)


def as_csv(rows: Sequence[Row]) -> str:
    """A table with a heading, as RFC 4180 has it."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _row(task: Task, status: Status, *, code: str = "", message: str = "", remedy: str = "") -> Row:
    return Row(
        status=status,
        input=str(task.source),
        output=str(task.target) if task.target else "",
        code=code,
        message=message,
        remedy=remedy,
    )
