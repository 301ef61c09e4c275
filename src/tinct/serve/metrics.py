"""Figures for Prometheus: requests, seconds by stage, the queue, memory and disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tinct.serve.tasks import Figures

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """All figures of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self.requests = Counter(
            "tinct_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "tinct_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.stages = Histogram(
            "tinct_stage_seconds",
            "Seconds of colouring, by stage.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.pictures = Counter(
            "tinct_pictures",
            "Pictures, by what became of them.",
            ("outcome",),
            registry=self._registry,
        )
        self.megapixels = Counter(
            "tinct_megapixels", "Megapixels coloured.", registry=self._registry
        )
        self.refused = Counter(
            "tinct_refused", "Requests refused, by the limit.", ("limit",), registry=self._registry
        )
        self.replaced = Counter(
            "tinct_workers_replaced", "Workers that ended.", registry=self._registry
        )
        self._memory = Gauge(
            "tinct_memory_bytes",
            "Resident memory.",
            ("process",),
            registry=self._registry,
        )

        self._asked = Counter(
            "tinct_features",
            "Encodings of pictures that were needed, by whether they were kept.",
            ("found",),
            registry=self._registry,
        )
        self._kept = Gauge(
            "tinct_kept_bytes",
            "Bytes that workers keep of the pictures of sessions, and of that what encoders said.",
            ("what",),
            registry=self._registry,
        )
        self._figures: dict[int, Figures] = {}
        for found in ("hit", "miss"):
            self._asked.labels(found)
        for what in ("all", "features"):
            self._kept.labels(what)

    def remembered(self, seat: int, figures: Figures | None) -> None:
        """Take note of a worker's memory; None where the worker has ended, and it with it."""
        before = self._figures.pop(seat, None)
        if figures is not None:
            self._asked.labels("hit").inc(figures.hits - (before.hits if before else 0))
            self._asked.labels("miss").inc(figures.misses - (before.misses if before else 0))
            self._figures[seat] = figures
        self._kept.labels("all").set(sum(one.size for one in self._figures.values()))
        self._kept.labels("features").set(sum(one.features for one in self._figures.values()))

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a figure that is looked up whenever figures are asked for."""
        Gauge(name, text, registry=self._registry).set_function(value)

    def text(self, pids: Iterable[int]) -> bytes:
        """All figures in Prometheus' text format.

        Args:
            pids: of the workers.
        """
        self._memory.labels("server").set(resident("self"))
        self._memory.labels("workers").set(sum(resident(str(pid)) for pid in pids))
        return generate_latest(self._registry)


def resident(pid: str) -> int:
    """Bytes of memory that a process holds; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in (
            Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        ):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0
