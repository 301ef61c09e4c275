"""Which a*b* colours a training set holds: the table that rebalances the loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def is_monochrome(chroma: NDArray[np.float32], *, tolerance: float = 4.0) -> NDArray[np.bool_]:
    """Which pictures (M, P, 2) are grey or evenly toned: nearly all colours lie together."""
    spread = np.linalg.norm(chroma - np.median(chroma, axis=1, keepdims=True), axis=2)
    verdict: NDArray[np.bool_] = np.percentile(spread, 95, axis=1) < tolerance
    return verdict


def bin_frequency(
    chroma: NDArray[np.float32], bins: NDArray[np.float32], *, smoothing: float = 1e-4
) -> NDArray[np.float64]:
    """Share of pixels (M, P, 2) in each bin (K,), never zero, summing to 1."""
    counts = np.zeros(len(bins))
    for chunk in np.array_split(chroma.reshape(-1, 2), max(1, chroma.size // 200_000)):
        nearest = ((chunk[:, None] - bins[None]) ** 2).sum(-1).argmin(1)
        counts += np.bincount(nearest, minlength=len(bins))
    share = counts / counts.sum() + smoothing
    frequency: NDArray[np.float64] = share / share.sum()
    return frequency
