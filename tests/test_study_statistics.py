"""The statistics of a study, against published figures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinct.study.agreement import agreement, alpha, tallied
from tinct.study.preference import bradley_terry
from tinct.study.statistics import Estimate, ratio, resampled, weighted_mean, wilson


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_that_of_newcombe(hits: int, count: int, low: float, high: float) -> None:
    found = wilson(hits, count)
    assert found.value == hits / count
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)
    turned = wilson(count - hits, count)
    assert found.low is not None
    assert turned.high == pytest.approx(1 - found.low)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == Estimate(None, None, None)
    assert ratio(wilson(0, 0), wilson(3, 4)).value is None
    assert ratio(wilson(3, 4), wilson(0, 9)).value is None
    assert alpha(np.array([[1.0, 0.0], [0.0, 1.0]]), "nominal") is None
    assert alpha(np.array([[2.0, 0.0], [3.0, 0.0]]), "nominal") is None


def test_the_ratio_of_shares_covers_what_is_true() -> None:
    chance = np.random.default_rng(5)
    for one, other, count in ((0.4, 0.8, 60), (0.05, 0.6, 40), (0.9, 0.9, 80)):
        pairs = zip(*(chance.binomial(count, rate, 1500) for rate in (one, other)), strict=True)
        covered = []
        for hits, truth in pairs:
            found = ratio(wilson(int(hits), count), wilson(int(truth), count))
            assert found.low is not None
            assert found.value is not None
            assert found.low <= found.value <= (found.high or np.inf)
            covered.append(found.low <= one / other <= (found.high or np.inf))
        assert 0.93 <= np.mean(covered) <= 0.975


def test_a_ratio_may_have_no_upper_end() -> None:
    assert ratio(wilson(5, 9), Estimate(0.1, 0.0, 0.4)).high is None
    nothing = ratio(wilson(0, 30), wilson(20, 30))
    assert (nothing.value, nothing.low) == (0, 0)
    assert nothing.high is not None
    assert nothing.high > 0


def test_resampling_people_is_wider_than_resampling_answers_where_people_differ() -> None:
    who = np.repeat(np.arange(30), 20)
    values = np.repeat(np.arange(30) % 2, 20).astype(np.float64)
    by_people = resampled(who, weighted_mean(values))
    by_answers = resampled(np.arange(600), weighted_mean(values))
    assert by_people is not None
    assert by_answers is not None
    spread = 1.96 * np.sqrt(0.25 / 30)
    assert by_people[1] - by_people[0] == pytest.approx(2 * spread, rel=0.1)
    assert by_answers[1] - by_answers[0] == pytest.approx(2 * spread / np.sqrt(20), rel=0.1)
    assert resampled(np.zeros(9, np.int64), weighted_mean(np.ones(9))) is None


#: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: 4 observers, 12 units
OBSERVED = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_that_of_krippendorff(level: str, value: float) -> None:
    rows = [line.split() for line in OBSERVED.split("\n") if line]
    given = [(unit, int(cell)) for row in rows for unit, cell in enumerate(row) if cell != "."]
    counts = tallied([unit for unit, _ in given], [one for _, one in given], range(1, 6))
    assert alpha(counts, level) == pytest.approx(value, abs=5e-4)  # type: ignore[arg-type]
    whole = agreement(counts, level)  # type: ignore[arg-type]
    assert whole.low is not None
    assert whole.high is not None
    assert whole.low < value < whole.high


def test_alpha_of_chance_is_none_and_of_agreement_is_one() -> None:
    chance = np.random.default_rng(2)
    coins = chance.binomial(10, 0.5, 400)
    assert alpha(np.stack([coins, 10 - coins], 1).astype(float), "nominal") == pytest.approx(
        0, abs=0.03
    )
    assert alpha(np.array([[4.0, 0.0], [0.0, 4.0]]), "nominal") == 1


#: wins of the American League's eastern teams in 1987, Agresti, Categorical Data Analysis (2002),
#: table 10.10: Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    np.float64,
)


def test_bradley_terry_is_that_of_agresti() -> None:
    scores = bradley_terry(BASEBALL)
    assert scores is not None
    against = [scores.interval(team, against=6) for team in range(6)]
    published = [1.581, 1.436, 1.294, 1.248, 1.108, 0.684]
    assert [round(value, 3) for value, _, _ in against] == published
    # the error of Boston's score is published with it
    assert (against[4][2] - against[4][1]) / (2 * 1.959964) == pytest.approx(0.3339, abs=5e-4)
    assert scores.values.sum() == pytest.approx(0, abs=1e-9)


def test_two_ways_have_the_odds_of_their_wins() -> None:
    scores = bradley_terry(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert scores is not None
    value, low, high = scores.interval(0, against=1)
    assert value == pytest.approx(np.log(3))
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(1 / 30 + 1 / 10))


def test_bradley_terry_finds_the_strengths_that_made_the_wins() -> None:
    true = np.array([1.2, 0.3, -0.4, -1.1])
    wins = np.zeros((4, 4))
    for one, other in itertools.permutations(range(4), 2):
        wins[one, other] = 1e6 / (1 + np.exp(true[other] - true[one]))
    scores = bradley_terry(wins)
    assert scores is not None
    assert scores.values == pytest.approx(true, abs=1e-9)


def test_who_never_loses_has_no_score() -> None:
    assert bradley_terry(np.array([[0.0, 5.0], [0.0, 0.0]])) is None
    split = np.zeros((4, 4))
    split[0, 1] = split[1, 0] = split[2, 3] = split[3, 2] = 4
    assert bradley_terry(split) is None
    split[0, 2] = split[3, 1] = 1
    assert bradley_terry(split) is not None
