"""Losses for networks that predict a distribution over a*b* bins."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

#: a*b* values are looked up on an integer grid from -LIMIT to LIMIT
LIMIT = 128


class BinLoss(nn.Module):
    """Rebalanced soft cross-entropy, plus Huber and gradient terms on the expected a*b*.

    Zhang et al. (arXiv 1603.08511): the truth is spread over its five nearest bins, and rare
    colours weigh more, with weights ((1 - mix) * frequency + mix / K) ** -1 normalised to mean 1
    over the data.
    """

    PARTS = ("cross_entropy", "huber", "gradient")

    bins: Tensor
    nearest: Tensor
    share: Tensor
    weight: Tensor

    def __init__(
        self,
        bins: NDArray[np.float32],
        frequency: NDArray[np.float64],
        *,
        mix: float = 0.5,
        sigma: float = 7.0,
        huber: float = 0.5,
        gradient: float = 0.25,
    ) -> None:
        """Prepare the tables.

        Args:
            bins: (K, 2) centres in CIE units.
            frequency: (K,) share of training pixels in each bin, smoothed, sums to 1.
            mix: how far towards a uniform distribution the weights rebalance (lambda).
            sigma: width of the soft encoding in CIE units.
            huber: weight of the Huber term (per 10 CIE units).
            gradient: weight of the term on differences between neighbours.
        """
        super().__init__()
        axis = np.arange(-LIMIT, LIMIT + 1, dtype=np.float32)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        distance = ((grid[:, None] - bins[None]) ** 2).sum(-1)
        nearest = np.argsort(distance, axis=1)[:, :5]
        share = np.exp(-np.take_along_axis(distance, nearest, 1) / (2 * sigma**2)) + 1e-12
        share /= share.sum(1, keepdims=True)
        weight = 1 / ((1 - mix) * frequency + mix / len(bins))
        weight /= (weight * frequency).sum()
        self.register_buffer("bins", torch.from_numpy(bins))
        self.register_buffer("nearest", torch.from_numpy(nearest))
        self.register_buffer("share", torch.from_numpy(share.astype(np.float32)))
        self.register_buffer("weight", torch.from_numpy(weight.astype(np.float32)))
        self.huber, self.gradient = huber, gradient

    def histogram(self, chroma: Tensor) -> Tensor:
        """Share of a*b* (N, 2, h, w) in each bin (N, K), spread as the truth is in the loss."""
        nearest, share = self._encoded(chroma)
        counts = chroma.new_zeros(len(chroma), len(self.bins))
        counts.scatter_add_(1, nearest.flatten(1), share.flatten(1))
        return counts / counts.sum(1, keepdim=True)

    def _encoded(self, chroma: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest bins and how much the truth belongs to each, both (N, h, w, 5)."""
        index = chroma.round().clamp(-LIMIT, LIMIT).long() + LIMIT
        cell = index[:, 0] * (2 * LIMIT + 1) + index[:, 1]
        return self.nearest[cell], self.share[cell]

    def forward(self, logits: Tensor, chroma: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of logits (N, K, h, w) against true a*b* (N, 2, h, w), and its parts."""
        nearest, share = self._encoded(chroma)
        logp = F.log_softmax(logits, dim=1)
        picked = logp.gather(1, nearest.permute(0, 3, 1, 2))
        weight = self.weight[nearest[..., 0]]
        entropy = -(picked * share.permute(0, 3, 1, 2)).sum(1)
        classification = (entropy * weight).mean()
        mean = torch.einsum("nkhw,kc->nchw", logp.exp(), self.bins)
        huber = F.smooth_l1_loss(mean / 10, chroma / 10)
        edges = _gradient(mean, chroma)
        total = classification + self.huber * huber + self.gradient * edges
        values = (float(one.detach()) for one in (classification, huber, edges))
        return total, dict(zip(self.PARTS, values, strict=True))


def _gradient(mean: Tensor, chroma: Tensor) -> Tensor:
    difference = (mean - chroma) / 10
    down = difference[..., 1:, :] - difference[..., :-1, :]
    right = difference[..., 1:] - difference[..., :-1]
    return F.smooth_l1_loss(down, torch.zeros_like(down)) + F.smooth_l1_loss(
        right, torch.zeros_like(right)
    )
