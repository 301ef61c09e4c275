"""How often one host is asked, and what its robots.txt allows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

#: as robots.txt calls us
AGENT = "tinct"
#: seconds between two requests beyond which a robots.txt is not believed
_SLOWEST = 60.0
#: files given up in a row after which a host counts as gone
_PATIENCE = 3


@dataclass(frozen=True)
class Pace:
    """How a host may be used."""

    at_once: int = 4
    """Requests under way."""
    pause: float = 0.0
    """Seconds from the beginning of one to that of the next."""
    robots: bool = True
    """Whether its robots.txt counts; it does not where the host documents use by programs."""


class Host:
    """One host, and who may ask it when."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._slots = threading.BoundedSemaphore(pace.at_once)
        self._lock = threading.Lock()
        self._pause = pace.pause
        self._next = 0.0
        self._failures = 0

    @contextmanager
    def turn(self, wait: Callable[[float], object]) -> Iterator[None]:
        """Wait for a place and the time for a request."""
        with self._slots:
            with self._lock:
                now = time.monotonic()
                begin = max(now, self._next)
                self._next = begin + self._pause
            if begin > now:
                wait(begin - now)
            yield

    def rest(self, seconds: float) -> None:
        """Ask it nothing for some seconds."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def slow_down(self, pause: float) -> None:
        """Leave at least so many seconds between two requests."""
        with self._lock:
            self._pause = max(self._pause, min(pause, _SLOWEST))

    @property
    def silent(self) -> bool:
        """Whether it has not answered for long."""
        return self._failures >= _PATIENCE

    def answered(self) -> None:
        """It is there."""
        self._failures = 0

    def gave_up(self, *, connected: bool) -> None:
        """All tries for a file failed."""
        self._failures = 0 if connected else self._failures + 1


class Robots:
    """What robots.txt allows (RFC 9309), read once for each origin."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        """Keep how a robots.txt is read: its text, None where there is none, or an exception."""
        self._read = read
        self._lock = threading.Lock()
        self._known: dict[str, tuple[threading.Lock, list[RobotFileParser | str]]] = {}

    def verdict(self, url: str) -> tuple[str, float]:
        """Why an address may not be fetched, or nothing; and the pause it asks for, in seconds."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            lock, found = self._known.setdefault(origin, (threading.Lock(), []))
        with lock:
            if not found:
                found.append(self._load(f"{origin}/robots.txt"))
        rules = found[0]
        if isinstance(rules, str):
            return rules, 0.0
        if not rules.can_fetch(AGENT, url):
            return "the robots.txt of its server forbids it", 0.0
        return "", float(rules.crawl_delay(AGENT) or 0)

    def _load(self, url: str) -> RobotFileParser | str:
        rules = RobotFileParser(url)
        try:
            text = self._read(url)
        except Exception as error:  # the server is ill; it may forbid everything when it is well
            return f"the robots.txt of its server cannot be read: {error}"
        rules.parse((text or "").splitlines())
        return rules
