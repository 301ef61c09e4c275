"""Whether participants agree: Krippendorff's alpha, for any number of answers to each picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinct.study.statistics import NOTHING, RESAMPLES, Estimate

Level = Literal["nominal", "ordinal", "interval"]


def alpha(counts: NDArray[np.float64], level: Level) -> float | None:
    """Krippendorff's alpha, 1 - observed disagreement / expected disagreement.

    Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), sections C to E: coincidences
    of values within units, and the squared differences of nominal, ordinal and interval data.
    1 is agreement, 0 what chance gives.

    Args:
        counts: (units, values) how often each unit was given each value; values are in order and
            one apart. Units with fewer than two answers say nothing of agreement.
        level: of the values.

    Returns:
        None where there is no unit of two answers, or where all answers are the same.
    """
    found = counts[counts.sum(1) >= 2]
    if not len(found):
        return None
    sizes = found.sum(1)
    # o_ck: pairs of values within a unit, each unit weighing as many answers as it has
    pairs = (found / (sizes - 1)[:, None]).T @ found
    pairs -= np.diag((found / (sizes - 1)[:, None]).sum(0))
    totals = pairs.sum(1)
    count = totals.sum()
    expected = np.outer(totals, totals) - np.diag(totals)
    distances = _distances(totals, level)
    chance = (expected * distances).sum()
    if chance == 0:
        return None
    return float(1 - (count - 1) * (pairs * distances).sum() / chance)


def agreement(counts: NDArray[np.float64], level: Level, *, seed: int = 0) -> Estimate:
    """Alpha with the 95 % percentile interval of drawing whole units anew."""
    value = alpha(counts, level)
    if value is None:
        return NOTHING
    chance = np.random.default_rng(seed)
    drawn = (
        alpha(counts[chance.integers(len(counts), size=len(counts))], level)
        for _ in range(RESAMPLES // 4)
    )
    known = [one for one in drawn if one is not None]
    if not known:
        return Estimate(value, None, None)
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def tallied(
    units: Sequence[object], values: Sequence[int], choices: Sequence[int]
) -> NDArray[np.float64]:
    """(units, choices) how often each unit was given each choice."""
    rows = {unit: row for row, unit in enumerate(dict.fromkeys(units))}
    columns = {choice: column for column, choice in enumerate(choices)}
    counts = np.zeros((len(rows), len(columns)))
    for unit, value in zip(units, values, strict=True):
        counts[rows[unit], columns[value]] += 1
    return counts


def _distances(totals: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """Squared differences between values."""
    size = len(totals)
    rank = np.arange(size, dtype=np.float64)
    if level == "nominal":
        return 1 - np.eye(size)
    if level == "ordinal":
        # values between two, and half of the two themselves, as far as they were given
        rank = np.cumsum(totals) - totals / 2
    difference = rank[:, None] - rank[None]
    squares: NDArray[np.float64] = difference * difference
    return squares
