"""Serve a study from this computer until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import UsageError
from tinct.study.folder import open_study

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI


def serve(folder: Path, *, host: str, port: int, told: Callable[[str], None]) -> None:
    """Serve a study until Ctrl-C or SIGTERM, neither of which is a failure.

    Args:
        folder: of the study; answers are written to it.
        host: address to listen on.
        port: 0 takes a free one.
        told: given the address of the page, once it is listening.

    Raises:
        InputError: the study is empty, or it or its answers are damaged.
        OutputUnwritable: the folder cannot be written to.
        UsageError: the port is in use, the address not to be had, or a package is missing.
    """
    try:
        import uvicorn

        from tinct.study.app import make_app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "tinct":
            raise
        raise UsageError(
            f"this needs {missing}, which is not installed", remedy='pip install "tinct[serve]"'
        ) from error
    from tinct.study.store import Store

    study = open_study(folder, files=True)
    store = Store(study)
    try:
        listener = listen(host, port)
        with listener:
            shown = f"[{host}]" if ":" in host else host
            told(f"http://{shown}:{listener.getsockname()[1]}/")
            with contextlib.suppress(KeyboardInterrupt):  # the usual way to end a server
                server = uvicorn.Server(configured(make_app(study, store)))
                with _ended_by(server):
                    server.run(sockets=[listener])
    finally:
        store.close()


@contextlib.contextmanager
def _ended_by(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGTERM, which service managers send, end a server as Ctrl-C does, with exit code 0.

    uvicorn ends well at a signal, and then raises it again, for the handler that was there before
    it: by default that of SIGTERM kills the process.
    """

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def configured(app: FastAPI) -> uvicorn.Config:
    """How the application is served: without an access log, which would keep addresses."""
    import uvicorn

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: the port is in use or may not be taken, or there is no such address.
    """
    try:
        (family, _, _, _, where), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server((where[0], where[1]), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} is in use", where="--port", remedy="--port 0 takes a free one"
            ) from error
        if error.errno == errno.EACCES:
            raise UsageError(
                f"port {port} may not be taken", where="--port", remedy="take one from 1024"
            ) from error
        raise UsageError(
            f"cannot listen there: {error.strerror or error}",
            where="--host",
            remedy="127.0.0.1 is this computer alone, 0.0.0.0 all its addresses",
        ) from error
    except OverflowError as error:
        raise UsageError("out of range", where="--port", remedy="0 to 65535") from error
