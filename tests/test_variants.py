"""Variants: plausible, different from each other, smooth, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.color import grid_bins
from tinct.errors import UsageError
from tinct.variants import MOST, variants_of

BINS = grid_bins()


def at(a: float, b: float) -> int:
    return int(((BINS - (a, b)) ** 2).sum(1).argmin())


def torn() -> NDArray[np.float32]:
    """Left: surely green. Right: red or blue, as likely."""
    distribution = np.full((24, 32, len(BINS)), 1e-6, np.float32)
    distribution[:, :16, at(-42, 28)] = 1
    distribution[:, 16:, at(56, 28)] = 0.5
    distribution[:, 16:, at(14, -56)] = 0.5
    even: NDArray[np.float32] = distribution / distribution.sum(2, keepdims=True)
    return even


def test_what_is_uncertain_turns_and_what_is_certain_stays() -> None:
    found = variants_of(torn(), BINS, 4, seed=3)
    for one in found:
        np.testing.assert_allclose(
            one.chroma[:, :16], np.broadcast_to((-42, 28), (24, 16, 2)), atol=3
        )
    right = np.array([one.chroma[:, 20:].mean((0, 1)) for one in found])
    assert np.ptp(right[:, 1]) > 20
    apart = [
        np.linalg.norm(one.chroma - two.chroma, axis=-1).mean()
        for number, one in enumerate(found)
        for two in found[:number]
    ]
    assert min(apart) > 2


def test_neighbours_turn_together() -> None:
    for one in variants_of(torn(), BINS, 6, seed=1):
        steps = np.abs(np.diff(one.chroma[:, 17:], axis=1))
        assert steps.max() < 60
        assert steps.mean() < 4


def test_the_likeliest_come_first_and_a_seed_repeats_them() -> None:
    first, again, other = (variants_of(torn(), BINS, 5, seed=seed) for seed in (1, 1, 2))
    assert [one.likelihood for one in first] == sorted((o.likelihood for o in first), reverse=True)
    assert all(
        np.array_equal(one.chroma, two.chroma) for one, two in zip(first, again, strict=True)
    )
    assert not np.allclose(first[0].chroma, other[0].chroma)


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_the_number_of_variants_has_bounds(count: int) -> None:
    with pytest.raises(UsageError, match="not possible"):
        variants_of(torn(), BINS, count)


def test_no_variant_draws_to_glaring_colours() -> None:
    distribution = np.full((24, 32, len(BINS)), 1e-6, np.float32)
    distribution[..., at(0, 0)] = 0.6
    distribution[..., at(14, -14)] = 0.1
    distribution[..., at(-14, 14)] = 0.1
    distribution[8:12, 8:12, at(70, -70)] = 0.2  # a patch that may be bright violet
    distribution /= distribution.sum(2, keepdims=True)
    patch = np.linalg.norm(
        [one.chroma[10, 10] for one in variants_of(distribution, BINS, 8)], axis=1
    )
    assert patch.max() < 35
