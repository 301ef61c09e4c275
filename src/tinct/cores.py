"""How many processor cores there are for this process, and how many workers keep them busy."""

from __future__ import annotations

import os


def cores() -> int:
    """Cores that it may use: fewer than the machine has, where somebody has bound it to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers() -> int:
    """Processes that keep all cores busy: some more than there are, since some wait for a disk.

    See benchmarks/results/batch.json: with one for each core an eighth of the time is lost.
    """
    return cores() + -(-cores() // 8)
