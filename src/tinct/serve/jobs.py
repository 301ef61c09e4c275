"""Jobs and sessions: what is known of a picture between its upload and its deletion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinct.errors import TinctError
from tinct.serve.crew import Crew, Ticket
from tinct.serve.store import Folder, Room, new_id
from tinct.serve.tasks import Coloured, Seen

State = Literal["queued", "running", "done", "failed", "cancelled"]
#: states after which nothing happens any more
FINAL: frozenset[str] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Event:
    """Something that happened to a job."""

    number: int
    """From 1; a stream that broke off goes on after the last one it gave."""
    name: str
    data: Mapping[str, Any]


@dataclass(eq=False)
class Job:
    """One picture that is to be coloured."""

    name: str
    folder: Folder
    room: Room
    crew: Crew
    id: str = field(default_factory=new_id)
    state: State = "queued"
    used: float = 0.0
    outcome: Coloured | None = None
    error: TinctError | None = None
    ticket: Ticket | None = None
    events: list[Event] = field(default_factory=list)
    owns_folder: bool = True
    """False where the picture belongs to a session, and stays."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or is being coloured."""
        return self.state not in FINAL

    def add(
        self, name: str, state: State | None = None, data: Mapping[str, Any] | None = None
    ) -> None:
        """Something has happened."""
        self.state = state or self.state
        told = {"state": self.state, **(data or {})}
        self.events.append(Event(len(self.events) + 1, name, told))
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(
        self, after: int, stopping: asyncio.Event, idle: float
    ) -> AsyncIterator[Event | None]:
        """Events as they happen, until the last; None whenever nothing happened for a while.

        Args:
            after: number of the last event that is known.
            stopping: set when the server stops, which ends the stream.
            idle: seconds of the while.
        """
        while True:
            changed = self._changed
            for event in self.events[after:]:
                after = event.number
                yield event
            if not self.is_under_way or stopping.is_set():
                return
            if changed is not self._changed:
                continue
            waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(stopping.wait())]
            try:
                done, _ = await asyncio.wait(
                    waits, timeout=idle, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for wait in waits:
                    wait.cancel()
            if not done:
                yield None

    def cancel(self) -> None:
        """Stop it, wherever it is."""
        if self.ticket is not None:
            self.crew.cancel(self.ticket)

    def drop(self) -> None:
        """Stop it and take its pictures away."""
        self.cancel()
        if self.owns_folder:
            self.room.remove(self.folder)
        elif self.outcome is not None and self.outcome.file != self.folder.given:
            self.outcome.file.unlink(missing_ok=True)
            if self.outcome.confidence is not None:
                self.outcome.confidence.unlink(missing_ok=True)


@dataclass(eq=False)
class Session:
    """A picture that was sent once and is coloured often."""

    name: str
    folder: Folder
    room: Room
    seen: Seen
    id: str = field(default_factory=new_id)
    used: float = 0.0
    seat: int | None = None
    """The worker that knows it best."""
    seats: set[int] = field(default_factory=set)
    """All workers that have seen it."""
    active: int = 0
    """Requests that use it now."""
    forget: Callable[[Session], None] = lambda _: None
    """Has workers forget it."""

    @property
    def is_under_way(self) -> bool:
        """Whether a request uses it."""
        return self.active > 0

    def at(self, seat: int | None) -> None:
        """A worker has seen it."""
        if seat is not None:
            self.seat = seat
            self.seats.add(seat)

    def drop(self) -> None:
        """Take its picture away."""
        self.room.remove(self.folder)
        self.forget(self)
