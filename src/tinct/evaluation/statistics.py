"""How sure a mean is, and whether one way of colouring beats another: bootstrap and sign test."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from tinct.errors import UsageError

FloatArray = NDArray[np.float64]
RESAMPLES = 1000
#: the share of resamples that an interval leaves out at either end
TAIL = 0.025


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Resamples of n pictures, the same for every way and every metric: they stay paired."""

    weights: FloatArray
    """(resamples, n): how often each picture was drawn, divided by n; rows sum to 1."""

    def interval(self, values: FloatArray) -> dict[str, float]:
        """Mean of `values` (n,) with its 95 % percentile interval (Efron 1979)."""
        return self.spread(float(values.mean()), self.weights @ values)

    def means(self, values: FloatArray) -> FloatArray:
        """(resamples,) mean of `values` (n,) in each resample."""
        found: FloatArray = self.weights @ values
        return found

    @staticmethod
    def spread(value: float, resampled: FloatArray) -> dict[str, float]:
        """A value with the interval that its resampled values (resamples,) span."""
        low, high = np.quantile(resampled, [TAIL, 1 - TAIL])
        return {"mean": value, "low": float(low), "high": float(high)}


def draw(count: int, *, seed: int = 0, resamples: int = RESAMPLES) -> Bootstrap:
    """Draw resamples of `count` pictures with replacement; the same seed draws the same.

    Raises:
        UsageError: there is no picture.
    """
    if count < 1:
        raise UsageError("no pictures to resample", remedy="give at least one")
    rng = np.random.default_rng(seed)
    each = np.full(count, 1 / count)
    return Bootstrap(rng.multinomial(count, each, size=resamples) / count)


def sign_test(won: int, lost: int) -> float:
    """Two-sided exact p of the sign test: how often a fair coin is as lopsided, or more.

    Ties are left out before (Dixon and Mood 1946). Doubled binomial tail, exact in whole numbers;
    1 where nothing was won or lost.
    """
    total = won + lost
    tail = sum(comb(total, heads) for heads in range(min(won, lost) + 1))
    p: float = 2 * tail / 2**total
    return min(1.0, p)


@dataclass(frozen=True)
class Wins:
    """How often one way was nearer to the truth than another, picture by picture."""

    against: str
    """The other."""
    metric: str
    """What was compared."""
    won: int
    """Pictures on which this way was nearer."""
    lost: int
    """Pictures on which the other was."""
    ties: int
    """Pictures on which both were the same."""
    p: float
    """Two-sided, of the exact sign test."""


def compare_pairs(
    mine: FloatArray, other: FloatArray, *, against: str, metric: str, lower: bool = True
) -> Wins:
    """Compare two ways picture by picture.

    Args:
        mine: (n,) values.
        other: (n,) of the same pictures.
        against: name of the other way.
        metric: name of the values.
        lower: whether less is better.
    """
    difference = other - mine if lower else mine - other
    won, lost = int((difference > 0).sum()), int((difference < 0).sum())
    p = sign_test(won, lost)
    return Wins(against, metric, won, lost, len(difference) - won - lost, p)
