"""Intervals, sign test, and the pairing of ways."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.errors import UsageError
from tinct.evaluation.statistics import compare_pairs, draw, sign_test


@pytest.mark.parametrize(
    ("won", "lost", "p"),
    [
        (0, 0, 1.0),
        (3, 3, 1.0),
        (5, 0, 2 / 32),
        (0, 5, 2 / 32),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
        (1, 0, 1.0),
    ],
)
def test_the_sign_test_is_the_doubled_tail_of_a_fair_coin(won: int, lost: int, p: float) -> None:
    assert sign_test(won, lost) == pytest.approx(p, rel=1e-12)


def test_the_sign_test_of_many_pictures_agrees_with_the_normal_limit() -> None:
    """2,000 pictures, 1,060 won: z with continuity correction is 2.661."""
    assert sign_test(1060, 940) == pytest.approx(0.00779, rel=0.01)
    assert sign_test(5000, 0) == 0  # too small for a float, and no error


def test_the_sign_test_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for won, lost in ((7, 3), (40, 61), (120, 130), (0, 9)):
        expected = stats.binomtest(won, won + lost, 0.5).pvalue
        assert sign_test(won, lost) == pytest.approx(expected, rel=1e-9)


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hit = 0
    for seed in range(200):
        values = rng.exponential(3.0, 60)
        interval = draw(60, seed=seed).interval(values)
        assert interval["low"] < interval["mean"] < interval["high"]
        hit += interval["low"] <= 3.0 <= interval["high"]
    assert 176 <= hit <= 198  # 95 % of 200, less what skew costs


def test_resamples_are_shared_so_differences_stay_paired() -> None:
    """Two ways that differ by a constant: the difference has no spread in any resample."""
    values = np.random.default_rng(1).normal(10, 4, 50)
    bootstrap = draw(50, seed=3)
    apart = bootstrap.means(values + 0.5) - bootstrap.means(values)
    assert np.allclose(apart, 0.5)
    assert np.array_equal(bootstrap.weights, draw(50, seed=3).weights)
    assert not np.array_equal(bootstrap.weights, draw(50, seed=4).weights)
    assert np.allclose(bootstrap.weights.sum(1), 1)
    with pytest.raises(UsageError, match="no pictures"):
        draw(0)


def test_pairs_are_counted_picture_by_picture() -> None:
    mine, other = np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 4, 3])
    wins = compare_pairs(mine, other, against="grey", metric="ciede2000")
    assert (wins.won, wins.lost, wins.ties) == (2, 1, 1)
    turned = compare_pairs(mine, other, against="grey", metric="psnr", lower=False)
    assert (turned.won, turned.lost) == (1, 2)
