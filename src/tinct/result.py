"""The record of one coloured picture, and how long each stage took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one picture."""

    input: str
    output: str
    status: Literal["done", "skipped"] = "done"
    width: int = 0
    height: int = 0
    pages: int = 0
    model: str = ""
    seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    max_delta_lightness: float | None = None
    """Largest difference in L* over all pixels, measured on the finished file where its format
    is lossy; None where `luma_identical` says more."""
    luma_identical: bool | None = None
    """Whether the luma of a JPEG was copied bit for bit; None where there was none to copy."""
    label: Literal["xmp", "sidecar", "none"] = "none"
    """Where the result says that its colours are inferred."""
    sha256_in: str = ""
    sha256_out: str = ""
    state_out: tuple[int, int] | None = None
    """Of a result that another machine wrote: bytes, and what says whether it was changed."""
    warnings: tuple[str, ...] = ()
    """What the user should know; for a skipped picture, why it was skipped."""


class Stages:
    """Seconds spent in each stage of one picture."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0) + time.perf_counter() - before

    @property
    def total(self) -> float:
        """Seconds since the picture was begun."""
        return time.perf_counter() - self._started
