"""Objects of stores (S3 and what speaks as it does) and of web servers, by fsspec.

Credentials come from the environment alone: what the store's own library reads there, such as
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL; for web servers ~/.netrc.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tinct.batch.places import UNKNOWN, State, Url
from tinct.errors import InputError, OutputExists, OutputUnwritable, Unreadable, UsageError
from tinct.image.atomic import unwritable

#: seconds until a server that does not answer is given up, and one that falls silent
CONNECT, SILENCE = 10, 60
#: tries at a server that fails, and seconds before the second; twice as many before the third
TRIES, PAUSE = 3, 0.5
#: questions at once to a server about what it has
AT_ONCE = 16

Anything = TypeVar("Anything")


@cache
def _system(scheme: str) -> Any:
    """The file system of a kind of URL; one for all threads of a process."""
    try:
        import aiohttp
        import fsspec  # type: ignore[import-untyped]

        if scheme == "s3":
            config = {"connect_timeout": CONNECT, "read_timeout": SILENCE}
            retries = {"mode": "standard", "max_attempts": TRIES}
            return fsspec.filesystem(
                "s3",
                config_kwargs={**config, "retries": retries},
                use_listings_cache=False,
                skip_instance_cache=True,
            )
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT, sock_read=SILENCE)
        return fsspec.filesystem(
            "http",
            client_kwargs={"trust_env": True, "timeout": timeout},
            encoded=True,
            use_listings_cache=False,
            skip_instance_cache=True,
        )
    except ImportError as error:
        missing = (getattr(error, "name", None) or str(error)).partition(".")[0]
        raise UsageError(
            f"URLs need {missing}, which is not installed", remedy='pip install "tinct[cluster]"'
        ) from error


def _of(url: Url) -> Any:
    return _system(url.root.partition(":")[0])


def check() -> None:
    """Whether what URLs need is installed.

    Raises:
        UsageError: it is not.
    """
    _system("http")


def state(url: Url) -> State | None:
    """What the server says of an object; None where it has none.

    Raises:
        Unreadable: it does not say.
    """
    try:
        with _reading(url):
            entry = _tried(lambda: _of(url).info(str(url)))
            return None if entry.get("type") == "directory" else _as_state(entry)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def is_folder(url: Url) -> bool:
    """Whether a store has anything below this name."""
    if url.is_web:
        return False
    with _reading(url):
        return bool(_tried(lambda: _of(url).isdir(str(url))))


def read(url: Url) -> bytes:
    """An object's content.

    Raises:
        Unreadable: it cannot be fetched.
    """
    with _reading(url):
        found: bytes = _tried(lambda: _of(url).cat_file(str(url)))
        return found


def fetch(url: Url, target: Path) -> None:
    """Put an object's content into a file.

    Raises:
        Unreadable: it cannot be fetched.
        OutputUnwritable: there is no space for it.
    """
    with _reading(url):
        try:
            _tried(lambda: _of(url).get_file(str(url), str(target)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise unwritable(error, str(target.parent)) from error
            raise


def put(file: Path, url: Url, *, overwrite: bool) -> State:
    """Make a file an object, which appears whole or not at all.

    Args:
        file: its content.
        url: the object's name.
        overwrite: whether an object of that name is replaced. When False, the store is asked
            to refuse it, too; not all of them know how.

    Returns:
        What the store says of it.

    Raises:
        OutputExists: something is there already.
        OutputUnwritable: it cannot be put there.
    """
    if not overwrite and state(url) is not None:
        raise taken(url)
    mode = "overwrite" if overwrite else "create"
    with _writing(url):
        try:
            _of(url).put_file(str(file), str(url), mode=mode)
        except FileExistsError:
            raise taken(url) from None
        return _as_state(_tried(lambda: _of(url).info(str(url))))


def taken(url: Url) -> OutputExists:
    """What is said where there is something at the target already."""
    return OutputExists(
        "exists already", where=str(url), remedy="--on-exists skip, overwrite or rename"
    )


def below(url: Url, *, recursive: bool) -> dict[str, State]:
    """Keys of all objects of a folder, and what the server says of each.

    Raises:
        Unreadable: the server cannot be asked.
    """
    system, folder = _of(url), f"{url.root}/{url.key.rstrip('/')}".rstrip("/") + "/"
    with _reading(url):
        try:
            depth = {} if recursive else {"maxdepth": 1}
            found = _tried(lambda: system.find(folder, detail=True, **depth))
        except FileNotFoundError:
            return {}
    return _entries(url, found)


def matching(url: Url) -> dict[str, State]:
    """Keys of all objects that a pattern fits, and what the server says of each.

    Raises:
        Unreadable: the server cannot be asked.
    """
    with _reading(url):
        found = _tried(lambda: _of(url).glob(f"{url.root}/{url.key}", detail=True))
    return _entries(url, found)


def known(urls: Sequence[Url]) -> list[Url | InputError]:
    """The same objects with what the server says of them, or why it does not; many at once."""

    def ask(url: Url) -> Url | InputError:
        try:
            found = state(url)
        except InputError as error:
            return error
        if found is None:
            return Unreadable("no such object", where=str(url), remedy="check the address")
        return replace(url, state=found)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, urls))


def _entries(url: Url, found: Mapping[str, Mapping[str, Any]]) -> dict[str, State]:
    """What `find` and `glob` give: names with the server's for the web, without s3:// for S3."""
    start = len(url.root) + 1 if url.is_web else len(url.root) - len("s3://") + 1
    return {
        name[start:]: _as_state(entry) if entry.get("size") is not None else UNKNOWN
        for name, entry in found.items()
        if entry.get("type") != "directory" and not name.endswith("/")
    }


def _as_state(entry: Mapping[str, Any]) -> State:
    signs = ("ETag", "Content-MD5", "Last-Modified")
    sign = next((str(entry[name]) for name in signs if entry.get(name)), "")
    size = entry.get("size")
    number = int.from_bytes(hashlib.sha256(sign.encode()).digest()[:7], "big") if sign else -1
    return -1 if size is None else int(size), number


def _tried(work: Callable[[], Anything]) -> Anything:
    """Ask a server again that fails for a moment."""
    for attempt in range(TRIES - 1):
        try:
            return work()
        except Exception as error:
            if not _passes(error):
                raise
            time.sleep(PAUSE * 2**attempt)
    return work()


def _passes(error: Exception) -> bool:
    """Whether another try may go better; the library of S3 has tried again by itself."""
    import aiohttp

    error = _cause(error)
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status >= 500 or error.status in (408, 425, 429)
    return isinstance(error, aiohttp.ClientError | TimeoutError | ConnectionError)


@contextmanager
def _reading(url: Url) -> Iterator[None]:
    try:
        yield
    except (InputError, OutputUnwritable):
        raise
    except Exception as found:  # each library has a tree of its own
        error = _cause(found)
        raise Unreadable(*_why(error), **_told(url, error, "check the address")) from error


@contextmanager
def _writing(url: Url) -> Iterator[None]:
    try:
        yield
    except OutputExists:
        raise
    except Exception as error:
        told = _told(url, error, "check the address, and what may be written there")
        raise OutputUnwritable(*_why(error), **told) from error


def _cause(error: Exception) -> Exception:
    """What is behind an object that is not found: to fsspec every fault of a web server is that."""
    import aiohttp

    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(
        cause, aiohttp.ClientError | TimeoutError | ConnectionError
    ):
        return error if getattr(cause, "status", 0) in (404, 410) else cause
    return error


def _why(error: Exception) -> tuple[str]:
    if isinstance(error, FileNotFoundError):
        return ("no such object",)
    if _lacks_rights(error):
        return ("no rights to it",)
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):  # its own words name sockets and TLS
        cause = error.os_error
        reason = cause.strerror or str(cause)
        if isinstance(cause, ConnectionError) and cause.errno is not None:
            reason = os.strerror(cause.errno)
        return (f"no server can be reached at {error.host}:{error.port}: {reason}",)
    text = " ".join(str(error).split()) or type(error).__name__
    return (f"the server cannot be used: {text}",)


def _told(url: Url, error: Exception, otherwise: str) -> dict[str, str]:
    remedy = otherwise
    if _lacks_rights(error):
        remedy = "see docs/cluster.md for where credentials come from"
    return {"where": str(url), "remedy": remedy}


def _lacks_rights(error: Exception) -> bool:
    status = getattr(error, "status", None)
    return (
        isinstance(error, PermissionError)
        or status in (401, 403)
        or type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError")
    )
