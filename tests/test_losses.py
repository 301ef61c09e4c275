"""Losses of networks that predict a distribution over a*b* bins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinct.color import grid_bins
from tinct.training.distribution import bin_frequency
from tinct.training.losses import BinLoss


def test_the_loss_is_smallest_at_the_truth() -> None:
    bins = grid_bins(14)
    criterion = BinLoss(bins, np.full(len(bins), 1 / len(bins)))
    truth = torch.full((1, 2, 4, 4), 14.0)
    home = int(((bins - 14) ** 2).sum(1).argmin())
    right = torch.zeros(1, len(bins), 4, 4)
    right[:, home] = 8
    wrong = right.roll(len(bins) // 2, 1)
    assert criterion(right, truth)[0] < criterion(wrong, truth)[0]


def test_rare_colours_weigh_more_and_weights_average_to_one() -> None:
    bins = grid_bins(14)
    chroma = np.zeros((1, 1000, 2), np.float32)
    chroma[0, :10] = 42
    frequency = bin_frequency(chroma, bins)
    weight = BinLoss(bins, frequency).weight.numpy()
    common, rare = (int(((bins - value) ** 2).sum(1).argmin()) for value in (0, 42))
    assert weight[rare] > weight[common]
    assert float((weight * frequency).sum()) == pytest.approx(1, abs=1e-4)


def test_the_parts_add_up_by_their_weights() -> None:
    bins = grid_bins(14)
    criterion = BinLoss(bins, np.full(len(bins), 1 / len(bins)), huber=0.5, gradient=0.25)
    torch.manual_seed(0)
    logits, truth = torch.randn(2, len(bins), 4, 4), torch.randn(2, 2, 4, 4) * 30
    total, parts = criterion(logits, truth)
    by_hand = parts["cross_entropy"] + 0.5 * parts["huber"] + 0.25 * parts["gradient"]
    assert total.item() == pytest.approx(by_hand, rel=1e-5)
