"""Pictures that are to be had: what a source, list or archive names before anything is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tinct.datasets.manifest import Row

#: whether what bears a key has been dealt with in an earlier run
Settled = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture to get."""

    key: str
    """Names it in the journal: its address, `archive:member`, or a museum's number."""
    url: str = ""
    """Its address; empty where `read` gives it, or where it has been dealt with before."""
    row: Row = field(default_factory=Row)
    """What is known about it."""
    read: Callable[[], bytes] | None = None
    """Its content where that is here already; to be called before the next one is asked for."""
    refused: str = ""
    """Why it must not be had."""
    suffix: str = ""
    """Of its name, where it has one."""
