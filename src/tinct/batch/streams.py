"""One picture from standard input or to standard output.

The picture passes through a temporary folder, so that everything else is as for files: formats,
label, memory that does not grow with the picture.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from tinct.batch import interruptible
from tinct.batch.events import Reporter, Summary
from tinct.batch.plan import Task
from tinct.batch.workers import Job, Make, attempt
from tinct.errors import TinctError, Unreadable, UsageError
from tinct.naming import FALLBACK_FORMAT, TILED_SUFFIXES, WRITTEN_SUFFIXES

STREAM = "-"


def colour_stream(
    source: str,
    output: str,
    *,
    make: Make,
    reporter: Reporter,
    stdout: BinaryIO,
    format: str = "same",  # noqa: A002 - the option's name
    overwrite: bool = False,
) -> int:
    """Colour one picture, `-` being standard input or output; give the exit code.

    Raises:
        TinctError: it cannot be coloured.
    """
    summary = Summary(total=1)
    task = Task(Path(source), Path(output), named=True, overwrite=overwrite)
    with TemporaryDirectory(prefix="tinct-") as name:
        folder = Path(name)
        given = _received(folder) if source == STREAM else Path(source)
        target = _result(folder, given, format) if output == STREAM else Path(output)
        reporter.planned([task])
        try:
            with interruptible(reporter.notice) as interrupts:
                answer = attempt(make(), Job(0, given, target, overwrite))
            summary.interrupted = interrupts.count > 0
        except KeyboardInterrupt:
            summary.interrupted = True
        except TinctError as error:
            summary.aborted = error
            reporter.aborted(error)
        else:
            if answer.error is not None:
                summary.failures.append((Path(source), _renamed(answer.error, folder)))
                reporter.failed(task, answer.error)
            elif answer.result is not None and answer.result.status == "skipped":
                summary.skipped = 1
                reason = next(iter(answer.result.warnings), "has colours already")
                reporter.skipped(task, reason)
                _pass_on(given, output, stdout)
            elif answer.result is not None:
                summary.done = 1
                _pass_on(target, output, stdout)
                reporter.done(task, replace(answer.result, input=source, output=output))
        finally:
            reporter.finished(summary)
    return summary.exit_code


def _received(folder: Path) -> Path:
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    if path.stat().st_size == 0:
        raise Unreadable("standard input is empty", remedy="pipe a picture in")
    return path


def _result(folder: Path, given: Path, format: str) -> Path:  # noqa: A002
    """Where the result is put before it is passed on; its suffix says its format.

    Raises:
        UsageError: tiles, which are many files.
    """
    if format in TILED_SUFFIXES:
        raise UsageError(
            f"{format} is a folder of tiles, which no stream can take",
            where="--format",
            remedy="give it a name after -o",
        )
    if format == "same":
        from tinct.image import load

        own = load(given).format
        format = own if own in WRITTEN_SUFFIXES else FALLBACK_FORMAT  # noqa: A001
    return folder / f"result{WRITTEN_SUFFIXES[format][0]}"


def _pass_on(path: Path, output: str, stdout: BinaryIO) -> None:
    if output == STREAM:
        from tinct.image.atomic import output_errors

        with output_errors("standard output"), path.open("rb") as file:
            shutil.copyfileobj(file, stdout, 1 << 20)
            stdout.flush()


def _renamed(error: TinctError, folder: Path) -> TinctError:
    """An error that does not name our temporary files."""
    if error.where is not None and error.where.startswith(str(folder)):
        given = error.where.endswith("stdin")
        error.where = "standard input" if given else "standard output"
    return error
