"""What servers answer: which answers are good, which may be better later, and which never."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_BUSY = {429, 503}


class Failed(Exception):
    """Something cannot be had from a server; the text says why, without its address."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
        """Whether another run may have more luck."""


class Passing(Exception):
    """A fault that may be gone at the next try."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds that the server wants to be left alone."""


class Changed(Passing):
    """What came before is no part of what the server has now."""


def check_address(url: str, first: str) -> None:
    """Raise where an address that `first` led to must not be followed."""
    parts, before = urlsplit(url), urlsplit(first)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Failed("is no address on the web" if url == first else "leads off the web")
    if parts.scheme == "http" and before.scheme == "https":
        raise Failed("leads from https to an open line")
    if _is_near(parts.hostname) and not _is_near(before.hostname or ""):
        raise Failed("leads onto this computer or its own net")


def _is_near(host: str) -> bool:
    """Whether a host is called as this computer, or by an address that the net at large lacks."""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    with suppress(ValueError):
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    return False


def check_status(answer: httpx.Response) -> None:
    """Raise where there is no content."""
    status = answer.status_code
    if status in {200, 206}:
        return
    text = f"the server answers {status} {answer.reason_phrase}".rstrip()
    if status == 416:
        raise Changed(text)
    if status in _PASSING:
        wait = _retry_after(answer.headers.get("retry-after", ""))
        raise Passing(text, wait if status in _BUSY else None)
    raise Failed(text)


def _retry_after(text: str) -> float | None:
    """Seconds, from a number of them or a date."""
    if text.strip().isdigit():
        return float(text)
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None


def limited(answer: httpx.Response, largest: int) -> bytes:
    """The content of an answer, if it is of a reasonable size."""
    data = bytearray()
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > largest:
            raise Failed(f"is more than {largest:,} bytes")
    return bytes(data)


def validator(headers: Mapping[str, str]) -> str:
    """What tells whether a file is still the same, if it can be gone on with at all."""
    if headers.get("content-encoding", "identity") != "identity":
        return ""
    tag = headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("last-modified", "")


def untrusted(error: BaseException) -> bool:
    """Whether a server could not prove who it is."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
