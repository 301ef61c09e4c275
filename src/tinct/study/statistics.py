"""How sure shares, ratios and means are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: the standard normal quantile of a 95 % interval
Z = NormalDist().inv_cdf(0.975)
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; None where there is nothing to tell it from."""

    value: float | None
    low: float | None
    high: float | None


NOTHING = Estimate(None, None, None)


def wilson(hits: int, count: int, *, z: float = Z) -> Estimate:
    """A share with its score interval (Wilson 1927), which holds for small numbers and at 0 and 1.

    Args:
        hits: how many of `count`.
        count: independent answers; of none, nothing is known.
        z: normal quantile of the interval.
    """
    if count == 0:
        return NOTHING
    share = hits / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    # at the ends rounding would leave a trace
    low = 0.0 if hits == 0 else (middle - reach) / scale
    high = 1.0 if hits == count else (middle + reach) / scale
    return Estimate(share, low, high)


def ratio(one: Estimate, other: Estimate) -> Estimate:
    """The ratio of two independent shares, by MOVER-R (Donner and Zou 2012, eq. 9).

    It takes the two shares' own limits, so that it holds at 0 too. The upper end is None where
    the other share may be 0.
    """
    if None in (one.value, one.low, one.high, other.value, other.low, other.high):
        return NOTHING
    p, low, high = one.value or 0.0, one.low or 0.0, one.high or 0.0
    q, least, most = other.value or 0.0, other.low or 0.0, other.high or 0.0
    if q == 0:
        return NOTHING
    # the first of these is the published form times its conjugate, which has no pole
    below = (p * q) ** 2 - low * most * (2 * p - low) * (2 * q - most)
    bottom = p * q + math.sqrt(max(0.0, below))
    down = low * (2 * p - low) / bottom if bottom > 0 else 0.0
    divisor = least * (2 * q - least)
    above = (p * q) ** 2 - high * least * (2 * p - high) * (2 * q - least)
    up = (p * q + math.sqrt(max(0.0, above))) / divisor if divisor > 0 else None
    return Estimate(p / q, max(0.0, down), up)


def resampled(
    groups: NDArray[np.int64],
    measure: Callable[[Floats], Floats],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float] | None:
    """The 95 % percentile interval of a figure when whole groups are drawn anew (Efron 1979).

    Answers of one participant are alike; resampling participants, not answers, keeps that.

    Args:
        groups: (n,) whose each answer is.
        measure: weights (resamples, n) of the answers to the figure of each resample, NaN where
            there is none.
        seed: the same seed draws the same.
        resamples: how many.

    Returns:
        Low and high; None of fewer than two groups.
    """
    names, index = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return None
    chance = np.random.default_rng(seed)
    drawn = chance.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    values = measure(drawn.astype(np.float64)[:, index])
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def weighted_mean(values: Floats) -> Callable[[Floats], Floats]:
    """What gives the mean of `values` (n,) under weights (resamples, n)."""

    def measure(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            means: Floats = weights @ values / weights.sum(1)
        return means

    return measure
