"""The pass over a set: each picture is read once, coloured in every way, and measured.

Pictures are worked on side by side, one in each thread, so that the measures of one run beside the
network of another; a network that is given one thread for each picture wastes none on waiting.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol as Interface
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinct.color.tone import Tone, classify
from tinct.errors import InputError
from tinct.evaluation import metrics
from tinct.evaluation.protocol import Image8, Protocol
from tinct.evaluation.sets import Truth, TruthSet, digest
from tinct.evaluation.ways import TRUTH, Case, Way, case_of

FloatArray = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
#: bytes; more than all arrays of a picture's measures together
_KEPT = 24 << 20
T = TypeVar("T")
U = TypeVar("U")


class Features(Interface):
    """A named network that turns pictures into vectors."""

    @property
    def name(self) -> str:
        """In the heading of every column that it fills."""

    def __call__(self, pictures: Sequence[Image8]) -> NDArray[np.float32]:
        """Pictures, uint8 sRGB (H, W, 3), to vectors (N, D)."""


@dataclass
class Stages:
    """Seconds spent on each part of the work, summed over threads."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Add what the block takes."""
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[name] += time.perf_counter() - started


@dataclass(frozen=True, eq=False)
class Measured:
    """What every way made of a set, picture by picture."""

    name: str
    """Of the set."""
    part: str
    """What was taken of it, where that is not all."""
    sha256: str
    """Of the files that were measured, one after another."""
    truths: Sequence[Truth]
    """Those that were measured."""
    values: Mapping[str, Mapping[str, FloatArray]]
    """Way to metric to (n,) values."""
    features: Mapping[str, NDArray[np.float32]]
    """Way to (n, D) vectors; empty without a network."""
    left_out: Sequence[tuple[str, str]]
    """Id of each picture that was not measured, and why."""


@dataclass(frozen=True, eq=False)
class _Done:
    rows: Mapping[str, Mapping[str, float]]
    vectors: NDArray[np.float32] | None


def measure(
    one: TruthSet,
    ways: Sequence[Way],
    protocol: Protocol,
    *,
    features: Features | None = None,
    perceptual: Callable[[Image8, Image8], float] | None = None,
    progress: Progress | None = None,
    stages: Stages | None = None,
    workers: int | None = None,
) -> Measured:
    """Colour every picture of a set in every way, and compare it with the truth.

    Pictures without colour have nothing to compare with: they are left out, and named.

    Args:
        one: the set.
        ways: to colour; `truth` may be among them.
        protocol: how pictures are cut.
        features: network for distances between sets.
        perceptual: gives `lpips` of a result and its truth.
        progress: told the set's name, how many are done, and of how many.
        stages: hears where the time went.
        workers: pictures at a time; None takes all processors.

    Raises:
        InputError: a picture cannot be read, or all are grey.
    """
    stages = stages or Stages()
    _keep_memory()
    one_at_a_time = threading.Lock()  # torch takes all processors for each call
    known: list[Truth] = []
    found: list[_Done] = []
    left_out: list[tuple[str, str]] = []

    def work(truth: Truth) -> _Done | None:
        with stages("reading"):
            case = case_of(truth, protocol)
            if classify(case.truth) is Tone.GREY:
                return None
        return _measured(case, ways, features, perceptual, stages, one_at_a_time)

    for number, (truth, done) in enumerate(side_by_side(work, one.truths, workers=workers), 1):
        if done is None:
            left_out.append((truth.id, "it has no colours to compare with"))
        else:
            known.append(truth)
            found.append(done)
        if progress is not None:
            progress(one.name, number, len(one.truths))
    if not found:
        raise InputError(
            f"all {len(one.truths)} pictures are grey: there are no colours to compare with",
            where=one.name,
            remedy="name a folder of pictures in colour",
        )
    values = {
        way.name: {
            key: np.array([done.rows[way.name][key] for done in found], np.float64)
            for key in found[0].rows[way.name]
        }
        for way in ways
    }
    vectors = {}
    if features is not None:
        vectors = {
            way.name: np.stack([_vectors(done)[at] for done in found])
            for at, way in enumerate(ways)
        }
    hashed = digest(truth.read() for truth in known)
    return Measured(one.name, one.part, hashed, known, values, vectors, left_out)


def _keep_memory() -> None:
    """Let threads keep what they free: giving it back after each picture costs a tenth of the time.

    glibc takes the size of the largest block ever freed as its measure of what is worth giving
    back to the system; elsewhere this does nothing.
    """
    np.empty(_KEPT, np.uint8)


def _measured(
    case: Case,
    ways: Sequence[Way],
    features: Features | None,
    perceptual: Callable[[Image8, Image8], float] | None,
    stages: Stages,
    one_at_a_time: threading.Lock,
) -> _Done:
    with stages("metrics"):
        prepared = metrics.prepare(case.truth, given=case.plain)
    rows: dict[str, dict[str, float]] = {}
    pictures: list[Image8] = []
    for way in ways:
        with stages("baselines" if way.kind == "baseline" else "colouring"):
            result = way.paint(case)
        with stages("metrics"):
            rows[way.name] = metrics.compare(result, prepared)
        if perceptual is not None:
            with one_at_a_time, stages("features"):
                rows[way.name]["lpips"] = perceptual(result, case.truth)
        pictures.append(result)
    if features is None:
        return _Done(rows, None)
    with one_at_a_time, stages("features"):
        return _Done(rows, features(pictures))


def _vectors(done: _Done) -> NDArray[np.float32]:
    if done.vectors is None:
        raise AssertionError("a network was asked for")
    return done.vectors


def side_by_side(
    work: Callable[[T], U], items: Iterable[T], *, workers: int | None = None
) -> Iterator[tuple[T, U]]:
    """Each item with what `work` makes of it, in order, several at a time and few ahead."""
    count = workers or os.cpu_count() or 1
    waiting: deque[tuple[T, Future[U]]] = deque()
    rest = iter(items)
    with ThreadPoolExecutor(count) as pool:
        try:
            for item in islice(rest, 2 * count):
                waiting.append((item, pool.submit(work, item)))
            while waiting:
                item, future = waiting.popleft()
                yield item, future.result()
                for following in islice(rest, 1):
                    waiting.append((following, pool.submit(work, following)))
        finally:
            for _, future in waiting:
                future.cancel()


def named(ways: Iterable[Way], *, kind: str) -> list[Way]:
    """The ways of a kind, without the truth."""
    return [way for way in ways if way.kind == kind and way.name != TRUTH]
