"""The crew: worker processes with one picture each, and a bounded queue before them.

A worker that is killed, by the system or for taking too long, costs the one picture it had; a new
one takes its place. Pictures of a session go to the worker that knows them, if it is free.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from tinct.errors import TinctError
from tinct.serve.metrics import Metrics
from tinct.serve.problems import Busy, Cancelled, Stopping, TimedOut, WorkerDied
from tinct.serve.process import Begun, Outcome, Terms, Told, WorkerProcess
from tinct.serve.settings import Settings
from tinct.serve.tasks import Task

#: hears that the work has begun, and what is found out on the way
Listen = Callable[[Literal["started", "examined"], Mapping[str, Any]], None]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds before a worker that died at once is replaced
_USUAL = 1.0  # seconds that a picture takes, before any was seen


class Ticket:
    """One task on its way through the crew."""

    def __init__(
        self,
        task: Task,
        *,
        prefers: int | None,
        pinned: bool,
        urgent: bool,
        listen: Listen | None,
    ) -> None:
        self.task = task
        self.prefers = prefers
        self.pinned = pinned
        self.urgent = urgent
        self.seat: int | None = None
        """The worker that has it, or had it."""
        self.seconds = 0.0
        """How long the work took."""
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._listen = listen

    def tell(self, event: Literal["started", "examined"], facts: Mapping[str, Any]) -> None:
        """Pass on what happens."""
        if self._listen is not None:
            self._listen(event, facts)

    def end(self, outcome: Outcome) -> None:
        """Set the outcome, unless there is one already."""
        if self.outcome.done():
            return
        if outcome.error is not None:
            self.outcome.set_exception(outcome.error)
            self.outcome.exception()  # seen, even if nobody waits any more
        else:
            self.outcome.set_result(outcome.value)


class Crew:
    """A number of workers; `start` them, `submit` tasks, `stop` them."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        cores = os.cpu_count() or 1
        self._terms = Terms(
            settings.model, settings.memory, max(1, cores // min(settings.workers, cores))
        )
        self._waiting: list[Ticket] = []
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, WorkerProcess] = {}
        self._running: dict[int, Ticket] = {}
        self._ready: set[int] = set()
        self._stopping = False
        self._usual = _USUAL
        self._threads = ThreadPoolExecutor(settings.workers, "tinct-crew")
        self.trouble: TinctError | None = None
        """Why the worker that began last could not load its network."""

    async def start(self) -> None:
        """Start all workers; they load their network meanwhile."""
        self._tasks = [asyncio.create_task(self._serve(n)) for n in range(self._settings.workers)]

    async def stop(self) -> None:
        """Refuse what waits, and end all workers."""
        self.refuse_waiting()
        for task in self._tasks:
            task.cancel()
        for process in list(self._processes.values()):
            process.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown()

    def refuse_waiting(self) -> None:
        """Take on nothing any more; what is under way may end."""
        self._stopping = True
        for ticket in self._waiting:
            ticket.end(Outcome(error=_stopping()))
        self._waiting.clear()

    @property
    def is_ready(self) -> bool:
        """Whether a worker has loaded its network."""
        return bool(self._ready) and not self._stopping

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes there are."""
        return tuple(process.pid for process in self._processes.values())

    @property
    def waiting(self) -> int:
        """Tasks without a worker."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Tasks with a worker."""
        return len(self._running)

    def place(self, ticket: Ticket) -> int:
        """How many tasks go before one that waits; 0 where it does not wait."""
        return self._waiting.index(ticket) if ticket in self._waiting else 0

    async def submit(
        self,
        task: Task,
        *,
        prefers: int | None = None,
        pinned: bool = False,
        urgent: bool = False,
        listen: Listen | None = None,
    ) -> Ticket:
        """Take on a task.

        Args:
            task: what to do.
            prefers: the worker that knows the picture.
            pinned: whether no other will do; such tasks are small and always taken on.
            urgent: whether somebody looks at the screen: goes before what is not.
            listen: hears of events.

        Raises:
            Busy: the queue is full.
            Stopping: the server stops.
        """
        if self._stopping:
            raise _stopping()
        free = self._settings.workers - len(self._running)
        if not pinned and len(self._waiting) >= self._settings.queue + max(0, free):
            self._metrics.refused.labels("queue").inc()
            raise Busy(
                f"{len(self._waiting)} pictures wait already",
                remedy="try again later",
                headers={"Retry-After": str(self.retry_after())},
            )
        ticket = Ticket(task, prefers=prefers, pinned=pinned, urgent=urgent, listen=listen)
        async with self._changed:
            self._waiting.append(ticket)
            self._changed.notify_all()
        return ticket

    def retry_after(self) -> int:
        """Seconds after which there is likely to be room."""
        seconds = self._usual * (len(self._waiting) + 1) / self._settings.workers
        return max(1, min(60, round(seconds)))

    def cancel(self, ticket: Ticket) -> None:
        """Stop a task wherever it is; its worker, if it has one, is replaced."""
        error = Cancelled("it was cancelled", remedy="send the picture again")
        if ticket.outcome.done():
            return
        ticket.end(Outcome(error=error))
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        elif ticket.seat is not None and self._running.get(ticket.seat) is ticket:
            self._processes[ticket.seat].kill()

    def withdraw(self, ticket: Ticket) -> None:
        """Take back a task that waits still; one that has a worker is let alone."""
        if ticket in self._waiting:
            self.cancel(ticket)

    async def _serve(self, seat: int) -> None:
        """Fill one seat with a worker, as long as there is work."""
        pause = _FIRST_PAUSE
        held: Ticket | None = None
        try:
            while True:
                process = self._processes[seat] = WorkerProcess(self._terms)
                try:
                    if not await self._is_prepared(process):
                        await asyncio.sleep(pause)
                        pause = min(_LONGEST_PAUSE, 2 * pause)
                        continue
                    pause = _FIRST_PAUSE
                    self._ready.add(seat)
                    held = await self._employ(seat, process, held)
                finally:
                    self._ready.discard(seat)
                    self._metrics.remembered(seat, None)
                    del self._processes[seat]
                    process.kill()
                    await asyncio.to_thread(process.close)
                self._metrics.replaced.inc()
        finally:
            if held is not None:
                held.end(Outcome(error=_stopping()))

    async def _is_prepared(self, process: WorkerProcess) -> bool:
        said = await self._hear(process)
        self.trouble = said.error if isinstance(said, Outcome) else None
        return isinstance(said, Outcome) and said.error is None

    async def _employ(
        self, seat: int, process: WorkerProcess, held: Ticket | None
    ) -> Ticket | None:
        """Give a worker tasks until it ends; the task it never began, if there is one."""
        while True:
            ticket = held or await self._next(seat)
            held = None
            ticket.seat = seat
            self._running[seat] = ticket
            try:
                alive, begun = await self._work(process, ticket)
            except asyncio.CancelledError:
                ticket.end(Outcome(error=_stopping()))
                raise
            finally:
                del self._running[seat]
                async with self._changed:  # those that preferred another seat may look again
                    self._changed.notify_all()
            if not alive:
                return None if begun or ticket.outcome.done() else ticket

    async def _work(self, process: WorkerProcess, ticket: Ticket) -> tuple[bool, bool]:
        """Have one task done: whether the worker lives on, and whether it began."""
        loop = asyncio.get_running_loop()
        begun = False
        if not process.give(ticket.task):
            return False, False
        started = loop.time()
        patience = loop.call_later(self._settings.timeout, self._lose_patience, process, ticket)
        try:
            while True:
                said = await self._hear(process)
                if isinstance(said, Begun):
                    begun = True
                    ticket.tell("started", {})
                elif isinstance(said, Told):
                    ticket.tell("examined", said.facts)
                elif isinstance(said, Outcome):
                    if ticket.seat is not None and said.figures is not None:
                        self._metrics.remembered(ticket.seat, said.figures)
                    ticket.seconds = loop.time() - started
                    self._usual += 0.1 * (ticket.seconds - self._usual)
                    ticket.end(said)
                    return True, True
                else:
                    if begun:
                        ticket.end(Outcome(error=_died(process)))
                    return False, begun
        finally:
            patience.cancel()

    def _lose_patience(self, process: WorkerProcess, ticket: Ticket) -> None:
        self._metrics.refused.labels("timeout").inc()
        error = TimedOut(
            f"colouring took longer than {self._settings.timeout:g} s",
            remedy="send a smaller picture",
        )
        ticket.end(Outcome(error=error))
        process.kill()

    async def _hear(self, process: WorkerProcess) -> Begun | Told | Outcome | None:
        loop = asyncio.get_running_loop()
        listening = loop.run_in_executor(self._threads, process.hear)
        try:
            return await asyncio.shield(listening)
        except asyncio.CancelledError:
            process.kill()  # which ends the listening, too
            with contextlib.suppress(Exception):
                await listening
            raise

    async def _next(self, seat: int) -> Ticket:
        """The next task for a seat: urgent ones first, none that prefers another free seat."""
        async with self._changed:
            while True:
                for ticket in sorted(self._waiting, key=lambda ticket: not ticket.urgent):
                    wanted = ticket.prefers
                    away = wanted in self._running or wanted not in self._ready
                    if wanted in (None, seat) or (away and not ticket.pinned):
                        self._waiting.remove(ticket)
                        return ticket
                await self._changed.wait()


def _stopping() -> Stopping:
    return Stopping("the server stops", remedy="try again later", headers={"Retry-After": "5"})


def _died(process: WorkerProcess) -> WorkerDied:
    process.process.join(1)
    code = process.process.exitcode
    how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
    return WorkerDied(
        f"the process that coloured it was ended {how}; memory may be short",
        remedy="send it again, or a smaller picture",
    )
