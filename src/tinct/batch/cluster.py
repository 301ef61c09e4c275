"""A cluster of Ray: one that runs already, or one of this machine's own for a single run.

Our own listens to this machine alone, wants a token that only its user can read, keeps its files
in a private folder that goes away with it, tells nobody that it is used, and says nothing on the
terminal.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tinct.cores import workers
from tinct.errors import ResourceError, UsageError

#: seconds in which a cluster that is named must answer
ANSWER = 10.0
#: bytes of shared memory for objects; pictures do not pass through it, only what is said of them
_OBJECTS = 80 << 20
_PREFIX = "tinct-ray-"
#: sockets lie in that folder, and their names may have about 100 letters
_LONGEST = 40
_QUIET: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # or it would pack the folder that we are started in
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # or it would tell of every machine that is lost
}
#: the name is older than what it does: without "clusters" Ray binds to the loopback device
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@contextmanager
def cluster(address: str | None, jobs: int | None) -> Iterator[Any]:
    """Connect to a cluster, or start one; give the module `ray`.

    Args:
        address: HOST:PORT, `auto`, or None for one of our own.
        jobs: workers that our own shall have room for; None or 0 as many as keep all cores busy.

    Raises:
        UsageError: Ray is not installed.
        ResourceError: there is no such cluster, or none can be started.
    """
    folder = None if address is not None else _private_folder()
    changes = dict(_QUIET)
    if folder is not None:
        changes |= {
            _LOOPBACK: "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_ADDRESS": "",
            "RAY_TMPDIR": str(folder),
            "RAY_worker_niceness": "0",  # or everything else would come first: it would be 15
        }
    elif address != "auto" and address is not None:
        _check_answers(address)
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        ray = _imported()
        with _kept_handlers():
            if folder is not None:
                _start(ray, folder, jobs or workers())
            else:
                _connect(ray, str(address))
        try:
            yield ray
        finally:
            with _uninterrupted():
                ray.shutdown()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def check() -> None:
    """Whether Ray is installed; it is not loaded for that.

    Raises:
        UsageError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise _absent("ray")


def _absent(name: str) -> UsageError:
    return UsageError(
        f"--engine ray needs {name}, which is not installed", remedy='pip install "tinct[cluster]"'
    )


def _imported() -> Any:
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise _absent((error.name or "ray").partition(".")[0]) from error
    if ray.is_initialized():
        raise ResourceError(
            "this program is connected to a cluster already", remedy="call ray.shutdown() first"
        )
    return ray


def _start(ray: Any, folder: Path, jobs: int) -> None:
    raylet: Any = import_module("ray._raylet")
    if raylet.get_authentication_mode() != raylet.AuthenticationMode.TOKEN:  # as it was loaded
        raise ResourceError(
            "this program has loaded Ray already, so that a cluster of our own cannot have a token",
            remedy="import ray after this run, or start a cluster and name it by --address",
        )
    try:
        with _lean():
            ray.init(
                address="local",
                num_cpus=jobs,
                num_gpus=0,
                include_dashboard=False,
                object_store_memory=_OBJECTS,
                _temp_dir=str(folder),
                **_SILENT,
            )
    except Exception as error:
        raise ResourceError(
            f"a cluster cannot be started here: {_line(error)}", remedy="use --engine local"
        ) from error


@contextmanager
def _lean() -> Iterator[None]:
    """Let Ray start without what a cluster of one machine has no use for.

    `ray.init` has no option for it, though the class of its parameters has two. The autoscaler's
    monitor takes half a second of a core to start, and a second to end, since it wants to tell a
    store of it that has ended before; what the other gathers is told to nobody.
    """
    parameters: Any = getattr(import_module("ray._private.parameter"), "RayParams", None)
    usual: Any = getattr(parameters, "__init__", None)
    names = inspect.signature(usual).parameters if usual is not None else {}
    wanted = {"no_monitor": True, "include_log_monitor": False}
    if not wanted.keys() <= names.keys():  # another release of Ray: as it likes
        yield
        return

    def lean(self: Any, *given: Any, **named: Any) -> None:
        usual(self, *given, **{**named, **wanted})

    parameters.__init__ = lean
    try:
        yield
    finally:
        parameters.__init__ = usual


def _connect(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, **_SILENT)
    except Exception as error:
        raise ResourceError(
            f"cannot be joined: {_line(error)}",
            where=f"--address {address}",
            remedy="run this on a machine of the cluster; see docs/cluster.md",
        ) from error


_SILENT: Mapping[str, Any] = {
    "log_to_driver": False,
    "configure_logging": False,
    "logging_level": logging.CRITICAL,
}


def _check_answers(address: str) -> None:
    """Whether something there speaks as Ray does; it waits for minutes by itself.

    Its servers speak HTTP/2 (RFC 9113, section 3.4): to the preface they answer with a frame of
    settings, of type 4.
    """
    host, _, port = address.rpartition(":")
    where = f"--address {address}"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER) as line:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return
            line.settimeout(ANSWER)
            line.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            frame = b""
            while len(frame) < 9 and (part := line.recv(9 - len(frame))):
                frame += part
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ResourceError(
            f"no cluster can be reached: {reason}",
            where=where,
            remedy="check the address, and that `ray start --head` runs there",
        ) from error
    if len(frame) < 9 or frame[3] != 4:
        raise ResourceError(
            "what answers is no cluster of Ray",
            where=where,
            remedy="give the port of `ray start --head`, 6379 if not said otherwise",
        )


def _private_folder() -> Path:
    """A folder that only this user can read; those of processes that were killed are removed."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > _LONGEST:
        base = Path("/tmp")  # noqa: S108 - mkdtemp makes it private
    for old in base.glob(f"{_PREFIX}*"):
        found = re.fullmatch(rf"{_PREFIX}(\d+)-\w+", old.name)
        if found and _is_left(old, int(found[1])):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    token = folder / "token"
    token.touch(0o600)
    token.write_text(_token(), encoding="ascii")
    return folder


@cache
def _token() -> str:
    """What our own clusters know each other by; Ray reads it once for the life of a process."""
    return secrets.token_hex(32)


def _is_left(folder: Path, process: int) -> bool:
    """Whether a folder is ours, and the process that made it is gone."""
    try:
        if hasattr(os, "getuid") and folder.lstat().st_uid != os.getuid():
            return False
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


@contextmanager
def _kept_handlers() -> Iterator[None]:
    """Ray sets a handler of its own, by which nothing would be put in order."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # only the main thread sets any, Ray included
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Impatience must leave no processes behind."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _line(error: BaseException) -> str:
    """The first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
