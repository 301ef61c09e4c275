"""How results move with the working size and under a flip, over a set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinct.evaluation.consistency import flip_consistency, size_consistency
from tinct.evaluation.measure import Measured, side_by_side
from tinct.evaluation.protocol import Protocol, grey
from tinct.evaluation.statistics import Bootstrap
from tinct.evaluation.ways import Way, case_of


def steadiness(
    measured: Measured,
    ways: Sequence[Way],
    protocol: Protocol,
    bootstrap: Bootstrap,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Way to `size_consistency` and `flip_consistency`, means with their intervals.

    Args:
        measured: the set.
        ways: models.
        protocol: how pictures are cut.
        bootstrap: resamples of the pictures.
        progress: told what is being done.
    """
    found: dict[str, Any] = {}
    for way in ways:
        progress(f"{measured.name}: how steady {way.name} is")
        model: Any = way.model

        def work(truth: Any, model: Any = model) -> tuple[float, float]:
            plain = grey(case_of(truth, protocol).truth)
            return size_consistency(model, plain), flip_consistency(model, plain)

        values = np.array([both for _, both in side_by_side(work, measured.truths)], np.float64)
        found[way.name] = {
            "size_consistency": bootstrap.interval(values[:, 0]),
            "flip_consistency": bootstrap.interval(values[:, 1]),
        }
    return found
