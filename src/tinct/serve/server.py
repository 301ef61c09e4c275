"""The process: it binds, prints its address, and stops without losing what it is at."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from tinct.errors import UsageError
from tinct.serve.app import make_app
from tinct.serve.protocol import Connection
from tinct.serve.settings import Settings

_GRACE_BEYOND = 5.0  # seconds that answers under way get beyond the time of colouring
_BACKLOG = 256


class Server(uvicorn.Server):
    """uvicorn's server, but it ends streams when it stops, and a signal is no failure."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop gracefully at the first signal, at once at the second."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let what is under way end, and nothing new begin."""
        self._stopping()
        await super().shutdown(sockets)


def serve(settings: Settings, said: Callable[[str], None]) -> None:
    """Serve until a signal comes.

    Args:
        settings: checked.
        said: hears the address once, when clients can connect.

    Raises:
        UsageError: the address cannot be had.
        ModelError: there is no such model as the settings name.
    """
    with bind(settings) as listening:
        app = make_app(settings)
        try:
            said(address(settings, listening))
            make_server(app, settings).run([listening])
        finally:
            app.state.service.room.close()


def make_server(app: FastAPI, settings: Settings) -> Server:
    """A server of an application of `make_app`."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,  # addresses hold ids, and whoever has an id has the picture
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=round(settings.timeout + _GRACE_BEYOND),
        h11_max_incomplete_event_size=32_768,
    )
    return Server(config, app.state.service.stop)


def bind(settings: Settings) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: the address is taken, not this machine's, or no address at all.
    """
    where = f"--host {settings.host} --port {settings.port}"
    try:
        family, kind, number, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, number)
    except OSError as error:
        raise UsageError(
            f"is no address: {error.strerror}", where=where, remedy="give one of this machine's"
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot be had: {error.strerror}", where=where, remedy="give another --port, or --host"
        ) from error
    listening.set_inheritable(False)
    return listening


def address(settings: Settings, listening: socket.socket) -> str:
    """What to type into a browser."""
    port = listening.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}/"
