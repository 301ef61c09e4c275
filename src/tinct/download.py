"""Fetching files from the net, only when asked, and keeping what was fetched."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tinct.errors import ModelError
from tinct.image.atomic import output_errors
from tinct.version import __version__

if sys.platform != "win32":
    import fcntl

#: told how many bytes are there, and how many there will be, where the server says so
Progress = Callable[[int, int | None], None]
#: either of them set to 1 forbids all fetching
OFFLINE = ("TINCT_OFFLINE", "HF_HUB_OFFLINE")
_HERE = {"localhost", "127.0.0.1", "::1"}
_CHUNK = 1 << 20
_TIMEOUT = 30.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class _Passing(Exception):
    """A fault that may be gone at the next try."""


def cache_folder() -> Path:
    """Where Tinct keeps what it can make or fetch again: TINCT_CACHE, or the user's cache."""
    named = os.environ.get("TINCT_CACHE")
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("tinct")


def is_offline() -> bool:
    """Whether the user forbids fetching, by TINCT_OFFLINE or HF_HUB_OFFLINE."""
    return any(os.environ.get(name, "").lower() in {"1", "true", "yes", "on"} for name in OFFLINE)


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str,
    size: int | None = None,
    offline: bool | None = None,
    progress: Progress | None = None,
    tries: int = 4,
    pause: float = 1.0,
) -> Path:
    """A file from the net, unless it is there already.

    What came is kept beside `target` as `.part`, so that an interrupted download goes on where it
    stopped; it gets its name when its hash is right.

    Args:
        url: https, also after redirections; http only on this computer.
        target: where the file goes; its folder is made.
        sha256: of the file, in hex, or at least its first 8 digits.
        size: of the file in bytes, where it is known.
        offline: forbid fetching; None asks the environment, see `is_offline`.
        progress: told how far it is.
        tries: how often a server or a line that fails is tried.
        pause: seconds before the second try; doubled at each further one.

    Returns:
        `target`.

    Raises:
        ModelError: offline, not to be had, or not the file that was expected.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    sha256 = sha256.lower()
    if not re.fullmatch(r"[0-9a-f]{8,64}", sha256):
        raise ValueError(f"no sha256 of 8 to 64 hex digits: {sha256!r}")
    _check_address(url, url)
    if _holds(target, sha256):
        return target
    if is_offline() if offline is None else offline:
        raise ModelError(
            "is not there, and Tinct may not fetch it",
            where=str(target),
            remedy=f"allow it ({' and '.join(OFFLINE)} forbid it), or put {url} there",
        )
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _part(target) as part:
            if not _holds(target, sha256):  # else another process fetched it meanwhile
                _fill(part, url, sha256, size, progress, tries=tries, pause=pause)
                part.flush()
                os.fsync(part.fileno())
                Path(part.name).replace(target)
    return target


def _fill(
    part: BufferedRandom,
    url: str,
    sha256: str,
    size: int | None,
    progress: Progress | None,
    *,
    tries: int,
    pause: float,
) -> None:
    """Complete the file; what is wrong is thrown away, and fetched once more from its start."""
    for attempt in range(tries):
        begun = part.seek(0, os.SEEK_END)
        try:
            _receive(part, url, size, progress)
        except _Passing as error:
            if attempt + 1 == tries:
                raise ModelError(
                    f"cannot be fetched: {error}",
                    where=url,
                    remedy="try again later; what came is kept",
                ) from error
            time.sleep(pause * 2**attempt)
            continue
        part.seek(0)
        found = hashlib.file_digest(part, "sha256").hexdigest()
        if found.startswith(sha256):
            return
        part.truncate(0)
        if not begun:  # with an older beginning, only that may have been wrong
            raise ModelError(
                f"is not the file expected (sha256 {found[:12]}, not {sha256[:12]})",
                where=url,
                remedy="try again later, or from another network",
            )
    raise ModelError("keeps changing", where=url, remedy="try again later")


def _receive(part: BufferedRandom, url: str, size: int | None, progress: Progress | None) -> None:
    have = part.seek(0, os.SEEK_END)
    if size is not None and have >= size:
        return
    with _opened(url, have) as answer:
        if answer is None:  # nothing beyond what is there
            return
        if have and not _goes_on(answer, have):
            part.truncate(0)
            have = part.seek(0)
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        if size is not None and total not in (None, size):
            raise ModelError(
                f"is {total:,} bytes, not {size:,} as expected", where=url, remedy="try again later"
            )
        for chunk in _chunks(answer):
            part.write(chunk)
            have += len(chunk)
            if progress is not None:
                progress(have, total or size)
            if size is not None and have > size:
                part.truncate(0)
                raise ModelError(f"is more than {size:,} bytes", where=url)
    if total is not None and have < total:
        raise _Passing(f"the connection broke after {have:,} of {total:,} bytes")


def _goes_on(answer: Any, have: int) -> bool:
    """Whether the server sends what follows, rather than everything anew."""
    named = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return answer.status == 206 and named is not None and int(named[1]) == have


def _chunks(answer: Any) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(_CHUNK)
        except http.client.IncompleteRead as error:
            chunk = error.partial
        except (OSError, http.client.HTTPException) as error:
            raise _Passing(_reason(error)) from error
        if not chunk:
            return
        yield chunk


@contextmanager
def _opened(url: str, have: int) -> Iterator[Any]:
    headers = {"User-Agent": f"tinct/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked
    try:
        answer = urllib.request.build_opener(_Redirections).open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            yield None
            return
        if error.code in _PASSING:
            raise _Passing(f"the server answers {error.code} {error.reason}") from error
        raise ModelError(
            f"cannot be fetched: the server answers {error.code} {error.reason}",
            where=url,
            remedy="it may have moved; try a newer version of Tinct",
        ) from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            raise ModelError(
                f"cannot be trusted: {_reason(error)}", where=url, remedy="try again later"
            ) from error
        raise _Passing(_reason(error)) from error
    with answer:
        yield answer


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to less."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_address(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str, where: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE):
        return
    raise ModelError(
        "is not fetched over an open line" if url == where else f"leads to {url}, an open line",
        where=where,
        remedy="only https is used",
    )


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or error
    return (getattr(inner, "strerror", None) or str(inner) or type(inner).__name__).rstrip(".")


def _holds(target: Path, sha256: str) -> bool:
    try:
        with target.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(sha256)
    except OSError:
        return False


@contextmanager
def _part(target: Path) -> Iterator[BufferedRandom]:
    """The half of the file that is there, held so that no other process writes to it."""
    path = target.with_name(target.name + ".part")
    while True:
        with path.open("ab+") as part:
            if sys.platform != "win32":
                with suppress(OSError):  # a disk without locks
                    fcntl.flock(part, fcntl.LOCK_EX)
            try:
                same = os.path.samestat(path.stat(), os.fstat(part.fileno()))
            except FileNotFoundError:
                same = False
            if same:  # else it was completed and given its name while this process waited
                try:
                    yield part
                finally:
                    if path.exists() and not path.stat().st_size:
                        path.unlink()
                return
