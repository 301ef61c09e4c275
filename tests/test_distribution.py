"""Which colours a training set holds."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.color import grid_bins
from tinct.training.distribution import bin_frequency, is_monochrome


def test_toned_pictures_are_told_from_coloured_ones() -> None:
    rng = np.random.default_rng(2)
    sepia = np.array([5.0, 18.0]) + rng.normal(0, 0.8, (576, 2))
    coloured = rng.normal(0, 15, (576, 2))
    assert is_monochrome(np.stack([sepia, coloured]).astype(np.float32)).tolist() == [True, False]


def test_frequencies_are_shares_and_never_nothing() -> None:
    bins = grid_bins(14)
    chroma = np.zeros((3, 500, 2), np.float32)
    chroma[0, :150] = 42
    frequency = bin_frequency(chroma, bins)
    assert frequency.sum() == pytest.approx(1)
    assert frequency.min() > 0
    common, rare = (int(((bins - value) ** 2).sum(1).argmin()) for value in (0, 42))
    assert frequency[common] == pytest.approx(0.9, abs=0.02)
    assert frequency[rare] == pytest.approx(0.1, abs=0.02)
