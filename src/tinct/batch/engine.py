"""Who does the work of a batch: processes of this machine, or a cluster of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tinct.errors import UsageError

Engine = Literal["local", "ray"]


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Where pictures are coloured; every field is also an option of `tinct colorize`."""

    engine: Engine = "local"
    """Who colours: `local` is this machine, `ray` a cluster of Ray."""
    address: str | None = None
    """A running cluster of Ray, as HOST:PORT, or `auto` for that of this machine; without it
    --engine ray starts one here and ends it."""
    jobs: int | None = None
    """Worker processes; 0 (`auto`) keeps all cores busy. Of `local` 1 where it is not given, of
    `ray` one for each core."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: a value is out of range, or options contradict each other.
        """
        if self.engine not in get_args(Engine):
            raise UsageError(
                f"{self.engine!r} is not possible",
                where="--engine",
                remedy=f"give one of {', '.join(get_args(Engine))}",
            )
        if self.jobs is not None and self.jobs < 0:
            raise UsageError("is negative", where="--jobs", remedy="give a number from 1 on")
        if self.address is None:
            return
        if self.engine != "ray":
            raise UsageError("is of a cluster", where="--address", remedy="add --engine ray")
        if "://" in self.address:
            raise UsageError(
                "is no address of a cluster's own machines",
                where=f"--address {self.address}",
                remedy="run this on one of them, by `ray job submit` from elsewhere",
            )
        if self.address != "auto" and not _port(self.address):
            raise UsageError(
                "names no host and port",
                where=f"--address {self.address}",
                remedy="write HOST:6379, or auto",
            )

    @property
    def local_jobs(self) -> int:
        """How many processes of this machine."""
        from tinct.cores import workers

        return 1 if self.jobs is None else self.jobs or workers()


def _port(address: str) -> int:
    host, _, port = address.rpartition(":")
    return int(port) if host and port.isascii() and port.isdigit() and int(port) < 65536 else 0
