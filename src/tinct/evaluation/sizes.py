"""Working size against quality and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinct.errors import UsageError
from tinct.evaluation.measure import Measured, side_by_side
from tinct.evaluation.protocol import Protocol
from tinct.evaluation.statistics import Bootstrap
from tinct.evaluation.tradeoff import judged
from tinct.evaluation.ways import Way, case_of, coloured

Record = dict[str, Any]
#: pictures that are coloured alone, one after another, to take the time
TIMED = 12
_SMALLEST, _LARGEST = 16, 4096


def check_sizes(sizes: Sequence[int]) -> None:
    """Raise UsageError unless a network can work at these sizes."""
    for size in sizes:
        if not _SMALLEST <= size <= _LARGEST:
            raise UsageError(
                f"{size} pixels are not possible",
                where="--working-size",
                remedy=f"give {_SMALLEST} to {_LARGEST}",
            )


def size_sweep(
    measured: Measured,
    ways: Sequence[Way],
    sizes: Sequence[int],
    protocol: Protocol,
    bootstrap: Bootstrap,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Record:
    """Quality and seconds of each model at each size, its own among them.

    Args:
        measured: the set.
        ways: models.
        sizes: shorter sides that the network sees.
        protocol: how pictures are cut.
        bootstrap: resamples of the pictures.
        progress: told what is being done.

    Returns:
        {"timed", "ways": {way: [{"working_size", "own", "ciede2000", "colourfulness_ratio",
        "seconds", "times_own"}]}}: seconds of one processor core for one picture, the median of
        some that are coloured alone, and their ratio to those at the model's own size.
    """
    found: dict[str, list[Record]] = {}
    for way in ways:
        model: Any = way.model
        own = model.spec.working_size
        rows: list[Record] = []
        for size in sorted({own, *sizes}):
            progress(f"{measured.name}: {way.name} at {size} pixels")
            rows.append(
                {
                    "working_size": size,
                    "own": size == own,
                    **_quality(measured, way, size, protocol, bootstrap),
                    "seconds": _seconds(measured, way, size, protocol),
                }
            )
        usual = next(row["seconds"] for row in rows if row["own"])
        found[way.name] = [{**row, "times_own": row["seconds"] / usual} for row in rows]
    return {"timed": min(TIMED, len(measured.truths)), "ways": found}


def _quality(
    measured: Measured, way: Way, size: int, protocol: Protocol, bootstrap: Bootstrap
) -> Record:
    model: Any = way.model

    def work(truth: Any) -> tuple[float, float]:
        case = case_of(truth, protocol)
        result = coloured(case.light, model.predict(case.light, size=size).chroma)
        return judged(result, case.truth)

    both = np.array([values for _, values in side_by_side(work, measured.truths)], np.float64)
    true = measured.values[way.name]["colourfulness_truth"].mean()
    return {
        "ciede2000": bootstrap.interval(both[:, 0]),
        "colourfulness_ratio": float(both[:, 1].mean() / max(true, 1e-9)),
    }


def _seconds(measured: Measured, way: Way, size: int, protocol: Protocol) -> float:
    model: Any = way.model
    cases = [case_of(truth, protocol) for truth in measured.truths[:TIMED]]
    model.predict(cases[0].light, size=size)  # the first of a shape plans its memory
    taken = []
    for case in cases:
        started = time.perf_counter()
        coloured(case.light, model.predict(case.light, size=size).chroma)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))
