"""Worker processes that colour files, and outlive the loss of any one of them.

Each worker has a pipe of its own and one file at a time, so when the system kills one (out of
memory, mostly) it is known which file it had: that file failed, a new worker takes its place.
A pool from the standard library would be broken as a whole.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from tinct.batch.places import Place
from tinct.cores import cores
from tinct.errors import ResourceError, TinctError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from tinct.result import Result

GRACE_SECONDS = 5.0
#: of each file that is next; larger ones stream, and are read ahead by the system itself
READ_AHEAD_BYTES = 64 << 20


class ColourFile(Protocol):
    """Colours one file into another: `Colorizer.file`, or a stand-in."""

    def __call__(self, source: Path, target: Path, *, overwrite: bool, variant: int = 0) -> Result:
        """Colour `source` into `target`, whole or not at all; `variant` says which of several."""


Make = Callable[[], ColourFile]


class DefectError(TinctError):
    """An exception that should not have been; a defect in Tinct. Exit code 70."""


@dataclass(frozen=True)
class Job:
    """One file for a worker; `number` tells the answers apart."""

    number: int
    source: Place
    target: Place
    overwrite: bool
    variant: int = 0
    again: bool = False
    """A worker was lost with it: what lies at the target may be what that one made."""


@dataclass(frozen=True)
class Answer:
    """What became of a job: exactly one of `result` and `error` is set."""

    number: int
    result: Result | None = None
    error: TinctError | None = None
    fatal: bool = False
    """The worker could not begin at all, and neither would another."""


def attempt(colour: ColourFile, job: Job) -> Answer:
    """Colour one file and turn whatever happens, short of an interruption, into an answer."""
    try:
        return Answer(job.number, _coloured(colour, job))
    except TinctError as error:
        return Answer(job.number, error=error.at(str(job.source)))
    except MemoryError:
        return Answer(job.number, error=_out_of_memory("not enough memory").at(str(job.source)))
    except Exception as error:  # one bad file must not stop the others
        return Answer(job.number, error=defect(error).at(str(job.source)))


def _coloured(colour: ColourFile, job: Job) -> Result:
    source, target = job.source, job.target
    if isinstance(target, Path):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            from tinct.image.atomic import unwritable

            raise unwritable(error, target.parent) from error
    if isinstance(source, Path) and isinstance(target, Path):
        return colour(source, target, overwrite=job.overwrite, variant=job.variant)
    from tinct.batch.carrying import colour_carried

    return colour_carried(colour, job)


def defect(error: BaseException) -> DefectError:
    """An unexpected exception as one line, its traceback kept for `--debug`."""
    import traceback

    found = DefectError(
        f"a defect in Tinct: {type(error).__name__}: {error}",
        remedy="run again with --debug and report what it prints",
    )
    found.add_note("".join(traceback.format_exception(error)))
    return found


def read_ahead(path: Place) -> None:
    """Have the system fetch a file that is soon to be read, without waiting for it."""
    if not (isinstance(path, Path) and hasattr(os, "posix_fadvise")):
        return
    with contextlib.suppress(OSError, ValueError):  # whoever reads it will say what is wrong
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            os.posix_fadvise(descriptor, 0, READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


class Crew(Protocol):
    """Workers of some engine, each of which takes jobs one by one."""

    @property
    def size(self) -> int:
        """How many workers there are, or will be."""

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out now."""

    @property
    def is_busy(self) -> bool:
        """Whether any job is under way."""

    def give(self, job: Job) -> None:
        """Hand out a job."""

    def answers(self) -> Iterator[Answer]:
        """Wait until something happens, and give what ended."""


class Pool:
    """A number of workers; use as a context, leaving it by an exception stops them at once."""

    def __init__(self, make: Make, *, size: int) -> None:
        """Start no process yet.

        Args:
            make: called in each worker for its colouring function; must be picklable.
            size: how many workers.
        """
        self._make = make
        self._size = size
        self._threads = max(1, cores() // size)
        self._idle: list[tuple[BaseProcess, Connection]] = []
        self._busy: dict[Connection, tuple[BaseProcess, Job]] = {}

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        everyone = [*self._idle, *((process, pipe) for pipe, (process, _) in self._busy.items())]
        for process, pipe in everyone:
            pipe.close()  # idle workers end by themselves
            if kind is not None:
                process.terminate()
        for process, _ in everyone:
            process.join(GRACE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()

    @property
    def size(self) -> int:
        """How many workers."""
        return self._size

    @property
    def has_room(self) -> bool:
        """Whether another job can be given out now."""
        return len(self._busy) < self._size

    @property
    def is_busy(self) -> bool:
        """Whether any job is under way."""
        return bool(self._busy)

    def give(self, job: Job) -> None:
        """Hand a job to a worker, started if need be."""
        process, pipe = self._idle.pop() if self._idle else self._start()
        self._busy[pipe] = process, job
        with contextlib.suppress(OSError):  # it died while idle; `answers` will say so
            pipe.send(job)

    def answers(self) -> Iterator[Answer]:
        """Wait for at least one job to end, and give what ended."""
        from multiprocessing.connection import Connection, wait

        for ready in wait(list(self._busy)):
            assert isinstance(ready, Connection)
            process, job = self._busy.pop(ready)
            try:
                answer = ready.recv()
            except (EOFError, OSError):
                process.join()
                ready.close()
                clean_up(job)
                yield Answer(job.number, error=_death(process.exitcode).at(str(job.source)))
            else:
                self._idle.append((process, ready))
                yield answer

    def _start(self) -> tuple[BaseProcess, Connection]:
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self._make, self._threads)
        process = context.Process(target=_work, args=arguments, daemon=True)
        with _ignored(signal.SIGINT):  # inherited: Ctrl-C is for the parent to handle
            process.start()
        theirs.close()  # so that the worker's end is the only one, and its death is seen
        return process, ours


def _work(pipe: Connection, make: Make, threads: int) -> None:
    """A worker's life: one colouring function for all its files."""
    signal.signal(signal.SIGTERM, _leave)
    # together the workers use every core once
    os.environ.setdefault("VIPS_CONCURRENCY", str(threads))
    _end_with_parent()
    colour: ColourFile | None = None
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            colour = colour or make()
        except TinctError as error:
            pipe.send(Answer(job.number, error=error, fatal=True))
            return
        except Exception as error:
            pipe.send(Answer(job.number, error=defect(error), fatal=True))
            return
        answer = attempt(colour, job)
        with contextlib.suppress(OSError):
            pipe.send(answer)


def _end_with_parent() -> None:
    """End at once when the process that gives the work is killed.

    Otherwise its last results would appear while the next run is making the same ones.
    """
    from multiprocessing import parent_process
    from multiprocessing.connection import wait
    from threading import Thread

    parent = parent_process()
    if parent is None:
        return

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)  # no other thread can be told to leave; the next run sweeps up

    Thread(target=follow, name="tinct-parent", daemon=True).start()


def _leave(*_: Any) -> None:
    """End by an exception, so that temporary files are removed on the way out."""
    sys.exit(128 + signal.SIGTERM)


def clean_up(job: Job) -> None:
    """Remove what a killed worker left beside its target."""
    from tinct.image.atomic import sweep

    if isinstance(job.target, Path):
        sweep(job.target.parent, older_than=0)


def _death(exit_code: int | None) -> TinctError:
    if exit_code == -signal.SIGKILL:
        return _out_of_memory("the process that coloured it was killed, most likely by the system")
    cause = f"by signal {-exit_code}" if exit_code and exit_code < 0 else f"with code {exit_code}"
    return DefectError(
        f"the process that coloured it ended {cause}",
        remedy="run it alone with --debug and report what it prints",
    )


def _out_of_memory(message: str) -> ResourceError:
    return ResourceError(message, remedy="use fewer --jobs, or free some memory")


@contextlib.contextmanager
def _ignored(number: signal.Signals) -> Iterator[None]:
    try:
        before = signal.signal(number, signal.SIG_IGN)
    except ValueError:  # not the main thread; there is no handler to keep either
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)
