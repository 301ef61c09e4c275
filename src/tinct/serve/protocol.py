"""HTTP connections that may not be held open by saying nothing, or by never reading."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD = 10.0  # seconds for the head of a request, and for what is left of a refused body
_READS = 30.0  # seconds in which a client reads some of an answer
_MOST = 1000  # connections; beyond, the one that has said nothing for the longest time goes


class Connection(H11Protocol):
    """uvicorn's protocol with limits of time for both directions."""

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect_head()
        if len(self.connections) > _MOST:
            idle = [c for c in self.connections if isinstance(c, Connection) and c.is_idle]
            if idle:
                min(idle, key=Connection.waits_until).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all waiting."""
        self._stop("_deadline")
        self._stop("_stalled")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came; a whole head ends the waiting for it."""
        super().data_received(data)
        if not self.is_idle:
            self._stop("_deadline")

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        if self.is_idle and not self.transport.is_closing():
            self._expect_head()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._stop("_stalled")
        self._stalled = self.loop.call_later(_READS, self.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        self._stop("_stalled")
        super().resume_writing()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def waits_until(self) -> float:
        """When the waiting for a head ends."""
        return self._deadline.when() if self._deadline is not None else float("inf")

    def abort(self) -> None:
        """Break the connection off."""
        self.transport.abort()

    def _expect_head(self) -> None:
        self._stop("_deadline")
        self._deadline = self.loop.call_later(_HEAD, self.abort)

    def _stop(self, timer: str) -> None:
        handle: Any = getattr(self, timer)
        if handle is not None:
            handle.cancel()
            setattr(self, timer, None)
