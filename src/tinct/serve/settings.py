"""What the one who runs a server may choose: the one source for the command and the docs."""

from __future__ import annotations

import ipaddress
import math
import os
from dataclasses import dataclass, field, fields

from tinct.errors import UsageError
from tinct.options import flag

#: the environment variable that holds the token, which the list of processes then does not show
TOKEN_VARIABLE = "TINCT_TOKEN"  # noqa: S105 - its name
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server is run; every field is also an option of `tinct serve`."""

    host: str = "127.0.0.1"
    """Address to listen at; any other than this machine's own needs a token."""
    port: int = 8000
    """Port to listen at; 0 takes a free one."""
    token: str | None = field(default=None, repr=False)
    """Word that clients must send as `Authorization: Bearer TOKEN`; better given as TINCT_TOKEN."""
    hostname: str = ""
    """Names, separated by commas, that the server is also reached by, such as that of a proxy."""
    model: str | None = None
    """Model used where a request names none: as for `tinct colorize`."""
    max_upload: int = 200_000_000
    """Most bytes of one upload."""
    max_pixels: int = 100_000_000
    """Most pixels of one picture, all its pages together."""
    timeout: float = 120.0
    """Seconds that colouring one picture may take."""
    concurrency: int = 64
    """Uploads received at the same time."""
    queue: int = 32
    """Pictures that wait for a worker; more are refused for the time being."""
    ttl: float = 600.0
    """Seconds that pictures, results and sessions are kept after their last use."""
    workers: int = 2
    """Processes that colour."""
    storage: int = 4_000_000_000
    """Most bytes of all pictures that are kept at the same time."""
    memory: int = 256_000_000
    """Most bytes that each worker keeps in memory of the pictures of sessions."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: a value is out of range; `where` names the option.
        """
        for name, least, most in (
            ("port", 0, 65_535),
            ("max_upload", 1, 2**40),
            ("max_pixels", 1, 2**31),
            ("timeout", 0.1, 86_400),
            ("concurrency", 1, 10_000),
            ("queue", 0, 10_000),
            ("ttl", 0.1, 604_800),
            ("workers", 1, 256),
            ("storage", 1, 2**50),
            ("memory", 0, 2**40),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and least <= value <= most):
                raise UsageError(
                    f"{value} is not possible",
                    where=flag(name),
                    remedy=f"give a number from {least} to {most}",
                )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise _bad_token("it holds letters that a header cannot")
        if not self.is_private and self.token is None:
            raise UsageError(
                f"others can reach {self.host}, so they must show a token",
                where="--token",
                remedy=f'{TOKEN_VARIABLE}="$(openssl rand -hex 24)" tinct serve --host ...',
            )
        if self.token is not None and len(self.token) < _SHORTEST_TOKEN:
            raise _bad_token(f"it is shorter than {_SHORTEST_TOKEN} letters")

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def hostnames(self) -> frozenset[str]:
        """The names of `hostname`."""
        names = (name.strip().lower().rstrip(".") for name in self.hostname.split(","))
        return frozenset(name for name in names if name)


def is_loopback(host: str) -> bool:
    """Whether a name or address without port can only mean this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_given(token: str | None) -> str | None:
    """The token of the command line, or that of the environment."""
    return token if token is not None else os.environ.get(TOKEN_VARIABLE) or None


def names() -> tuple[str, ...]:
    """All settings."""
    return tuple(setting.name for setting in fields(Settings))


def _bad_token(why: str) -> UsageError:
    return UsageError(why, where="--token", remedy="take that of `openssl rand -hex 24`")
