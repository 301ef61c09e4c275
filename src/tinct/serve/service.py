"""What all routes share: the crew, the pictures, and how a picture is put to work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.requests import Request

from tinct.errors import TinctError
from tinct.models import DEFAULT, find_model, list_models
from tinct.models.spec import ModelSpec
from tinct.serve.choices import Chosen, settled
from tinct.serve.crew import Crew, Ticket
from tinct.serve.jobs import Job, Session
from tinct.serve.metrics import Metrics
from tinct.serve.problems import Cancelled
from tinct.serve.settings import Settings
from tinct.serve.store import Folder, Room, Shelf
from tinct.serve.tasks import Colour, Coloured, Forget, Task


@dataclass(eq=False)
class Service:
    """One server's belongings."""

    settings: Settings
    metrics: Metrics
    room: Room
    crew: Crew
    jobs: Shelf[Job]
    sessions: Shelf[Session]
    models: Mapping[str, ModelSpec]
    """What clients may name, the default first."""
    offered: Mapping[str, str]
    """The same names, and what stands for each on this machine."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def default(self) -> str:
        """The model used where none is named."""
        return next(iter(self.models))

    def settled(self, chosen: Mapping[str, Any]) -> Chosen:
        """Checked options of a request."""
        return settled(chosen, self.offered, self.default)

    def stop(self) -> None:
        """Take on nothing any more; what is being coloured may end."""
        self.stopping.set()
        self.crew.refuse_waiting()

    async def begin(
        self,
        folder: Folder,
        name: str,
        chosen: Chosen,
        *,
        session: Session | None = None,
    ) -> Job:
        """Have a picture coloured.

        Args:
            folder: with the upload.
            name: what its sender calls it.
            chosen: how.
            session: what the picture belongs to, if to any.

        Raises:
            Busy: the queue is full; the folder is the caller's to remove.
        """
        job = Job(name, folder, self.room, self.crew, owns_folder=session is None)

        def listen(event: Literal["started", "examined"], facts: Mapping[str, Any]) -> None:
            job.add(event, "running", facts)

        task = Colour(
            source=folder.given,
            name=name,
            max_pixels=self.settings.max_pixels,
            options=chosen.options,
            sent=chosen.sent,
            keep=session is not None,
            stem=job.id,
        )
        job.ticket = await self.crew.submit(
            task,
            prefers=session.seat if session is not None else None,
            urgent=session is not None,
            listen=listen,
        )
        self._spawn(self._conclude(job, job.ticket, session))
        job.add("queued", data={"place": self.crew.place(job.ticket)})
        self.jobs.put(job)
        return job

    async def ask(
        self,
        task: Task,
        session: Session | None,
        *,
        left: Callable[[], Awaitable[None]] | None = None,
    ) -> Any:
        """Have something small done for somebody who looks at the screen.

        Args:
            task: what to do.
            session: what the picture belongs to, if to any.
            left: ends when nobody waits for it any more; if it is not begun by then, it never is.

        Raises:
            TinctError: it cannot be done.
        """
        ticket = await self.crew.submit(
            task, prefers=session.seat if session is not None else None, urgent=True
        )
        leaving = asyncio.create_task(self._withdraw(ticket, left)) if left is not None else None
        try:
            outcome = await ticket.outcome
        except asyncio.CancelledError:
            self.crew.cancel(ticket)
            raise
        finally:
            if leaving is not None:
                leaving.cancel()
        if session is not None:
            session.at(ticket.seat)
        return outcome

    async def _withdraw(self, ticket: Ticket, left: Callable[[], Awaitable[None]]) -> None:
        await left()
        self.crew.withdraw(ticket)

    def forget(self, session: Session) -> None:
        """Have workers forget the picture of a session that was dropped."""
        task = Forget(source=session.folder.given, name=session.name, max_pixels=1)
        for seat in session.seats:
            self._spawn(self._tell(task, seat))

    async def _tell(self, task: Task, seat: int) -> None:
        with contextlib.suppress(TinctError):
            ticket = await self.crew.submit(task, prefers=seat, pinned=True)
            await ticket.outcome

    @contextlib.asynccontextmanager
    async def using(self, session_id: str) -> AsyncIterator[Session]:
        """A session that stays for as long as it is needed.

        Raises:
            NotFound: there is none of that id.
        """
        session = self.sessions.find(session_id)
        session.active += 1
        try:
            yield session
        finally:
            session.active -= 1

    async def keep_house(self) -> None:
        """Drop what is too old, for ever."""
        while True:
            await asyncio.sleep(min(5.0, self.settings.ttl / 4))
            self.jobs.sweep()
            self.sessions.sweep()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _conclude(self, job: Job, ticket: Ticket, session: Session | None) -> None:
        try:
            outcome: Coloured = await ticket.outcome
        except Cancelled:
            job.error = Cancelled("it was cancelled", remedy="send the picture again")
            job.add("cancelled", "cancelled")
        except TinctError as error:
            job.error = error
            job.add("failed", "failed", {"code": error.code})
        else:
            if session is not None:
                session.at(ticket.seat)
            job.outcome = outcome
            self.room.measure(job.folder)
            self._count(outcome)
            job.add("done", "done", {"status": outcome.result.status})
        if job.error is not None:
            self.metrics.pictures.labels(job.state).inc()

    def _count(self, outcome: Coloured) -> None:
        result = outcome.result
        self.metrics.pictures.labels(result.status).inc()
        self.metrics.megapixels.inc(result.width * result.height * result.pages / 1e6)
        for stage, seconds in result.stages.items():
            self.metrics.stages.labels(stage).observe(seconds)


def make_service(settings: Settings) -> Service:
    """A server's belongings; nothing runs yet.

    Raises:
        ModelError: there is no such model as the settings name.
    """
    default = settings.model or DEFAULT
    chosen = find_model(default)
    models = {chosen.name: chosen, **{spec.name: spec for spec in list_models()}}
    offered = {name: name for name in models} | {chosen.name: default}
    metrics = Metrics()
    room = Room(settings.storage)
    service = Service(
        settings=settings,
        metrics=metrics,
        room=room,
        crew=Crew(settings, metrics),
        jobs=Shelf("job", settings.ttl),
        sessions=Shelf("session", settings.ttl),
        models=models,
        offered=offered,
    )
    room.make_room = service.sessions.make_room
    metrics.watch("tinct_queue_waiting", "Pictures without a worker.", lambda: service.crew.waiting)
    metrics.watch("tinct_queue_running", "Pictures with a worker.", lambda: service.crew.running)
    metrics.watch("tinct_jobs", "Jobs that are known.", lambda: len(service.jobs))
    metrics.watch("tinct_sessions", "Sessions that are known.", lambda: len(service.sessions))
    metrics.watch("tinct_storage_bytes", "Bytes of pictures kept.", lambda: room.used)
    return service


def service_of(request: Request) -> Service:
    """The belongings of the server that a request came to."""
    service: Service = request.app.state.service
    return service
