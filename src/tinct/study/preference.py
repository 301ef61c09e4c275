"""Scores from comparisons of two: the model of Bradley and Terry, by maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.study.statistics import Z

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """Strengths of n ways; a way beats another with probability 1 / (1 + exp(theirs - its))."""

    values: Floats
    """(n,) in log odds; their mean is 0."""
    covariance: Floats
    """(n, n) of the values, from the observed information."""

    def interval(self, index: int, *, against: int | None = None) -> tuple[float, float, float]:
        """A score and its 95 % limits, or its distance to another's."""
        contrast = np.zeros(len(self.values))
        contrast[index] += 1
        if against is not None:
            contrast[against] -= 1
        value = float(contrast @ self.values)
        reach = Z * math.sqrt(max(0.0, float(contrast @ self.covariance @ contrast)))
        return value, value - reach, value + reach


def bradley_terry(wins: Floats, *, tolerance: float = 1e-10) -> Scores | None:
    """Fit scores to comparisons (Bradley and Terry 1952), by Newton's method.

    The likelihood is concave in log odds, and has its maximum just where no group of ways won or
    lost all its comparisons with the rest (Ford 1957).

    Args:
        wins: (n, n) how often the way of the row was preferred to that of the column.
        tolerance: of the scores.

    Returns:
        None where there is no maximum: some scores would be infinite.
    """
    size = len(wins)
    if size < 2 or not _connected(wins):
        return None
    games = wins + wins.T
    won = wins.sum(1)
    scores = np.zeros(size)
    for _ in range(200):
        gradient, information = _derivatives(scores, games, won)
        # scores are known up to a constant: the pseudo-inverse keeps their mean at 0
        step = np.linalg.pinv(information, hermitian=True) @ gradient
        largest = float(np.abs(step).max())
        scores = scores + step * min(1.0, 2.0 / max(largest, 1e-300))
        if largest < tolerance:
            break
    scores -= scores.mean()
    _, information = _derivatives(scores, games, won)
    covariance: Floats = np.linalg.pinv(information, hermitian=True).astype(np.float64)
    return Scores(scores, covariance)


def _derivatives(scores: Floats, games: Floats, won: Floats) -> tuple[Floats, Floats]:
    chance = 1 / (1 + np.exp(scores[None] - scores[:, None]))
    gradient: Floats = won - (games * chance).sum(1)
    spread = games * chance * chance.T
    information: Floats = np.diag(spread.sum(1)) - spread
    return gradient, information


def _connected(wins: Floats) -> bool:
    """Whether every way reaches every other along wins."""
    size = len(wins)
    reach = (wins > 0) | np.eye(size, dtype=bool)
    for middle in range(size):
        reach |= reach[:, [middle]] & reach[[middle]]
    return bool(reach.all())
