"""One worker process: started, spoken to, and stopped at once where need be."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tinct.batch.workers import defect
from tinct.errors import ResourceError, TinctError
from tinct.serve.tasks import Figures, Task
from tinct.serve.work import Worker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess


@dataclass(frozen=True)
class Terms:
    """What every worker is told when it begins."""

    model: str | None
    """The network to load at once."""
    memory: int
    """Most bytes to keep of pictures."""
    threads: int
    """CPU threads of the network and of the codecs."""


@dataclass(frozen=True)
class Begun:
    """The worker has taken the task; should it end now, the task is to blame."""


@dataclass(frozen=True)
class Told:
    """Something found out on the way."""

    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The end of a task: a value or an error."""

    value: Any = None
    error: TinctError | None = None
    figures: Figures | None = None
    """How the worker's memory fares afterwards."""


class WorkerProcess:
    """A process and our end of its pipe."""

    def __init__(self, terms: Terms) -> None:
        """Start it; call this in the main thread, so that Ctrl-C stays with this process."""
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_live, args=(theirs, terms), daemon=True)
        with _ignored(signal.SIGINT):
            self.process.start()
        theirs.close()  # so that the worker's end is the only one, and its death is seen

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid or 0

    def hear(self) -> Begun | Told | Outcome | None:
        """Wait for what the worker says next; None once it has ended."""
        try:
            said: Begun | Told | Outcome = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return said

    def give(self, task: Task) -> bool:
        """Hand over a task; False where the worker has ended."""
        try:
            self.pipe.send(task)
        except OSError:
            return False
        return self.process.is_alive()

    def kill(self) -> None:
        """End it now, whatever it does."""
        self.process.kill()

    def close(self) -> None:
        """Kill it if need be, and let go of all that belonged to it."""
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _live(pipe: Connection, terms: Terms) -> None:
    """A worker's life. It ends with the server's end of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.setdefault("VIPS_CONCURRENCY", str(terms.threads))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    worker = Worker(memory=terms.memory, threads=terms.threads)
    ready = _attempt(lambda: _prepare(worker, terms))
    with contextlib.suppress(OSError, EOFError):
        pipe.send(ready)
        while True:
            task: Task = pipe.recv()
            pipe.send(Begun())
            done = _attempt(lambda: worker.do(task, lambda facts: pipe.send(Told(facts))))  # noqa: B023
            pipe.send(replace(done, figures=worker.memory.figures()))


def _prepare(worker: Worker, terms: Terms) -> None:
    from tinct.flow import warm_up

    worker.network(terms.model)
    warm_up()


def _attempt(work: Any) -> Outcome:
    try:
        return Outcome(value=work())
    except TinctError as error:
        return Outcome(error=error)
    except MemoryError:
        return Outcome(error=ResourceError("not enough memory", remedy="send a smaller picture"))
    except BrokenPipeError:  # the server has ended
        raise
    except Exception as error:  # one bad picture must not stop the others
        traceback.print_exception(error, file=sys.stderr)
        return Outcome(error=defect(error))


@contextlib.contextmanager
def _ignored(number: signal.Signals) -> Iterator[None]:
    """Let a process that is started meanwhile inherit that a signal is ignored."""
    try:
        before = signal.signal(number, signal.SIG_IGN)
    except ValueError:  # not the main thread, which alone hears of signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)
