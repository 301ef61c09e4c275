"""The way to servers of pictures: polite, patient, and suspicious of what comes back."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from tinct.datasets.answers import (
    Changed,
    Failed,
    Passing,
    check_address,
    check_status,
    limited,
    untrusted,
    validator,
)
from tinct.datasets.hosts import Host, Pace, Robots
from tinct.errors import UsageError
from tinct.version import __version__

if TYPE_CHECKING:
    import httpx

HOME = "https://github.com/tinct/tinct"
_REDIRECTED = {301, 302, 303, 307, 308}
_REDIRECTIONS = 5
_JSON = 64 << 20
_ROBOTS = 512 << 10


@dataclass(frozen=True)
class Received:
    """What came of a file."""

    type: str
    """As the server calls it, in lower case; empty where it does not."""
    url: str
    """Where it came from in the end."""


class Web:
    """A client for many threads.

    Every host is asked at most as often and as much at once as its `Pace` allows, and its
    robots.txt is obeyed. Passing faults are tried again, after longer and longer pauses or when the
    server says. Certificates are checked, and nobody is led from https to less, or onto this
    computer.
    """

    def __init__(
        self,
        *,
        paces: Mapping[str, Pace] | None = None,
        usual: Pace | None = None,
        contact: str = "",
        tries: int = 5,
        pause: float = 1.0,
        longest: float = 120.0,
        timeout: float = 30.0,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            paces: of hosts whose rules are known.
            usual: of all others.
            contact: mail or web address that servers are told, so that they can complain.
            tries: how often a passing fault is tried.
            pause: seconds before the second try; doubled at each further one.
            longest: seconds that a server may ask to wait; where it asks more, it is left alone.
            timeout: seconds of silence that are borne.
            wait: what waits some seconds; for tests.

        Raises:
            UsageError: httpx is not installed, or `contact` is no address.
        """
        if not (contact.isascii() and contact.isprintable()):
            raise UsageError(
                "is no address", where=repr(contact), remedy="give a mail or web address"
            )
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise UsageError(
                "fetching pictures needs httpx, which is not installed",
                remedy='pip install "tinct[data]"',
            ) from error
        self._httpx = httpx
        self.agent = f"tinct/{__version__} (+{HOME}{f'; {contact}' if contact else ''})"
        self._client = httpx.Client(
            headers={"User-Agent": self.agent},
            timeout=httpx.Timeout(timeout, pool=None),
            follow_redirects=False,
        )
        self._paces = dict(paces or {})
        self._usual = usual or Pace()
        self._tries, self._pause, self._longest = tries, pause, longest
        self.stopped = threading.Event()
        self._wait = wait or self.stopped.wait
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()
        self._robots = Robots(self._read_robots)

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """What an interface answers.

        Raises:
            Failed: it does not, or not with JSON.
        """

        def once() -> Any:
            with self._answer(url, headers or {}) as answer:
                return limited(answer, _JSON)

        try:
            return json.loads(self._persist(url, once))
        except ValueError as error:
            raise Failed("the server did not answer with JSON", passing=True) from error

    def fetch(
        self,
        url: str,
        part: Path,
        *,
        largest: int,
        longest: float | None = None,
        headers: Mapping[str, str] | None = None,
        check: Callable[[str], None] | None = None,
        robots: bool = True,
    ) -> Received:
        """Get a file, or what is missing of it.

        What came stays in `part` when the line breaks, and is gone on with where the server can
        tell that it still has the same file.

        Args:
            url: where it is.
            part: where it goes.
            largest: bytes beyond which it is refused.
            longest: seconds after which a try is given up.
            headers: sent to the first host alone.
            check: told the type that the server states, before the content is read; may raise
                `Failed`.
            robots: obey robots.txt; not needed for one file that a person asks for by name.

        Raises:
            Failed: it cannot be had.
            OSError: it cannot be written.
        """

        def once() -> Received:
            try:
                return self._receive(
                    url, part, largest, longest, headers or {}, check, robots=robots
                )
            except Changed:
                part.unlink(missing_ok=True)
                raise

        received: Received = self._persist(url, once)
        _tag(part).unlink(missing_ok=True)
        return received

    def _persist(self, url: str, once: Callable[[], Any]) -> Any:
        try:
            host = self._host(url)
        except ValueError as error:
            raise Failed(f"no address: {error}") from error
        for attempt in range(self._tries):
            if self.stopped.is_set():
                raise Failed("interrupted", passing=True)
            if host.silent:
                raise Failed("its server does not answer", passing=True)
            try:
                got = once()
            except (self._httpx.TransportError, self._httpx.DecodingError, Passing) as error:
                waited = getattr(error, "wait", None)
                if waited is not None and waited > self._longest:
                    raise Failed(f"{error}, and wants {waited:.0f} s of rest", passing=True) from (
                        error
                    )
                if untrusted(error):
                    raise Failed(f"cannot be trusted: {error}") from error
                if attempt + 1 == self._tries:
                    host.gave_up(connected=isinstance(error, Passing))
                    raise Failed(self._reason(error), passing=True) from error
                if waited is None:
                    self._wait(self._pause * 2**attempt)
                else:
                    host.rest(waited)
            except (self._httpx.InvalidURL, ValueError) as error:
                raise Failed(f"no address: {error}") from error
            else:
                host.answered()
                return got
        raise AssertionError  # the last try returns or raises

    def _receive(
        self,
        url: str,
        part: Path,
        largest: int,
        longest: float | None,
        headers: Mapping[str, str],
        check: Callable[[str], None] | None,
        *,
        robots: bool,
    ) -> Received:
        headers = {"Accept-Encoding": "identity", **headers}
        have, tag = _begun(part)
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag}
        began = time.monotonic()
        with self._answer(url, headers, robots=robots) as answer:
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if check is not None:
                check(kind)
            begins = answer.headers.get("content-range", "").startswith(f"bytes {have}-")
            goes_on = answer.status_code == 206 and begins
            if answer.status_code == 206 and not goes_on:
                raise Changed("the server sent another part of it than was asked for")
            if not goes_on:
                have = 0
            length = answer.headers.get("content-length", "")
            if length.isdigit() and have + int(length) > largest:
                raise Failed(f"is {have + int(length):,} bytes, more than {largest:,}")
            _tag(part).write_text(validator(answer.headers), encoding="utf-8")
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in answer.iter_bytes():  # as it comes: a broken line loses nothing
                    have += file.write(chunk)
                    if have > largest:
                        raise Failed(f"is more than {largest:,} bytes")
                    if longest is not None and time.monotonic() - began > longest:
                        raise Passing(f"not whole after {longest:g} s")
                    if self.stopped.is_set():
                        raise Failed("interrupted", passing=True)
            return Received(kind, str(answer.url))

    @contextmanager
    def _answer(
        self, url: str, headers: Mapping[str, str], *, robots: bool = True
    ) -> Iterator[httpx.Response]:
        """The answer to a request, once it is one: redirections are followed."""
        first = url
        for _ in range(_REDIRECTIONS + 1):
            check_address(url, first)
            host = self._host(url)
            if robots and host.pace.robots:
                refusal, delay = self._robots.verdict(url)
                if refusal:
                    raise Failed(refusal, passing="cannot be read" in refusal)
                host.slow_down(delay)
            if _origin(url) != _origin(first):  # keys are for those they were given for
                headers = {key: headers[key] for key in _PUBLIC if key in headers}
            with host.turn(self._wait):
                request = self._client.build_request("GET", url, headers=headers)
                answer = self._client.send(request, stream=True)
                try:
                    leads = answer.headers.get("location", "")
                    if answer.status_code not in _REDIRECTED or not leads:
                        check_status(answer)
                        yield answer
                        return
                finally:
                    answer.close()
            url = urljoin(url, leads)
        raise Failed("is redirected without end")

    def _read_robots(self, url: str) -> str | None:
        def once() -> bytes | None:
            try:
                with self._answer(url, {}, robots=False) as answer:
                    return limited(answer, _ROBOTS)
            except Failed as error:
                if error.passing:
                    raise
                return None

        data = self._persist(url, once)
        return None if data is None else data.decode("utf-8", errors="replace")

    def _host(self, url: str) -> Host:
        name = urlsplit(url).netloc.rpartition("@")[2].lower()
        with self._lock:
            if name not in self._hosts:
                self._hosts[name] = Host(self._paces.get(name, self._usual))
            return self._hosts[name]

    def _reason(self, error: Exception) -> str:
        if isinstance(error, self._httpx.TimeoutException):
            return "its server was silent for too long"
        if isinstance(error, self._httpx.RemoteProtocolError):
            return "the connection broke before all of it was there"
        return re.sub(r"^\[Errno -?\d+\] ", "", str(error)).rstrip(".") or type(error).__name__


#: headers that say nothing about the user
_PUBLIC = ("Accept", "Accept-Encoding", "Range", "If-Range")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _begun(part: Path) -> tuple[int, str]:
    """How much is there, and what it is a part of; nothing where that is not known."""
    try:
        tag = _tag(part).read_text(encoding="utf-8")
        return (part.stat().st_size, tag) if tag else (0, "")
    except FileNotFoundError:
        return 0, ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
