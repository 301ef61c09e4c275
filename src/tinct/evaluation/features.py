"""Distances between sets of pictures, by what a named network sees in them.

The numbers of two networks are never comparable: published Frechet distances come from two
Inceptions that differ, and neither is compared with MobileNetV2's here. Whoever shows a distance
shows the name of the network in the same breath.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinct.errors import UsageError

if TYPE_CHECKING:
    from tinct.systems.pooled import Pooled

Image8 = NDArray[np.uint8]
Vectors = NDArray[np.float32]

#: kernel distances are small; tables show them times this
KERNEL_SCALE = 1000


class FeatureNetwork:
    """A network that turns pictures in colour into vectors; needs torch."""

    def __init__(
        self, name: str = "mobilenet_v2", *, weights: Path | None = None, batch: int = 16
    ) -> None:
        """Load it.

        Args:
            name: `mobilenet_v2` (1280 numbers a picture, seen at 224 x 224) or
                `inception_resnet_v2` (1536, at 299 x 299), both of ImageNet.
            weights: a safetensors file; by default that of the registry.
            batch: pictures that go through at once.

        Raises:
            UsageError: no such network, or torch is absent.
            ModelError: the weights are not there, or are another network's.
        """
        if find_spec("torch") is None:
            raise UsageError(
                "a feature network needs torch",
                where=name,
                remedy='pip install "tinct[train]", or leave Frechet and kernel distances out',
            )
        from tinct.systems.pooled import load_pooled

        self._network: Pooled = load_pooled(name, weights=weights)
        self._batch = batch

    @property
    def name(self) -> str:
        """For the head of every column that it fills."""
        return self._network.name

    @property
    def length(self) -> int:
        """Numbers it gives for a picture."""
        return self._network.length

    def __call__(self, pictures: Sequence[Image8]) -> Vectors:
        """Pictures, uint8 sRGB (H, W, 3) of any sizes, to vectors (N, D)."""
        vectors = np.empty((len(pictures), self.length), np.float32)
        for first in range(0, len(pictures), self._batch):
            part = slice(first, first + self._batch)
            vectors[part] = self._network(pictures[part])
        return vectors


@dataclass(frozen=True)
class KernelDistance:
    """Squared maximum mean discrepancy of two sets."""

    value: float
    """Mean over subsets; 0 is expected where both are drawn alike, so it may fall below."""
    error: float
    """Standard error of that mean, over subsets; it does not hold what all subsets share."""
    subsets: int
    """How many were drawn."""
    size: int
    """Pictures in each."""


def frechet(first: Vectors, second: Vectors) -> float:
    """Frechet distance of the Gaussians fitted to two sets of vectors (N, D) and (M, D).

    M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium" (arXiv 1706.08500): |mean1 - mean2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), covariances
    of n - 1. The trace of the root is the sum of the singular values of X1 X2^T, the centred
    vectors: exact where a covariance of fewer pictures than numbers has no inverse, and never
    complex. It falls with the number of pictures: compare only sets of the same size.

    Raises:
        UsageError: fewer than two pictures in one, or vectors of two networks.
    """
    _check(first, second)
    (mean_1, rest_1), (mean_2, rest_2) = _centred(first), _centred(second)
    shift = mean_1 - mean_2
    spread = float(np.vdot(rest_1, rest_1) + np.vdot(rest_2, rest_2))
    shared = float(np.linalg.svd(rest_1 @ rest_2.T, compute_uv=False).sum())
    return max(0.0, float(shift @ shift) + spread - 2 * shared)


def kernel(
    first: Vectors,
    second: Vectors,
    *,
    paired: bool,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 0,
) -> KernelDistance:
    """Kernel distance (KID) of two sets of vectors (N, D) and (M, D).

    M. Binkowski et al., "Demystifying MMD GANs" (arXiv 1801.01401): the unbiased estimate of
    MMD^2 with the kernel (x.y / D + 1)^3, over subsets. Unlike Frechet's it does not depend on how
    many pictures there are.

    Args:
        first: vectors of one set.
        second: of the other.
        paired: row i of both is the same picture, coloured in two ways. Two such are more alike
            than two drawn at random, and what compares them is left out (A. Gretton et al., "A
            Kernel Two-Sample Test", JMLR 13, 2012, equation 4): with it the estimate falls too
            low. Published KIDs do not pair.
        subsets: drawn without replacement within each; their mean and its standard error are given.
        size: pictures of a subset, at most; where sets are smaller it is half the smaller, so that
            subsets differ.
        seed: of the draws.

    Raises:
        UsageError: fewer than two pictures in one, vectors of two networks, or pairs that are not.
    """
    _check(first, second, paired=paired)
    smaller = min(len(first), len(second))
    size = min(size, max(2, smaller // 2))
    rng = np.random.default_rng(seed)
    kernels = [_cubes(x, y) for x, y in ((first, first), (second, second), (first, second))]
    found = []
    for _ in range(subsets):
        mine = rng.choice(len(first), size, replace=False)
        theirs = mine if paired else rng.choice(len(second), size, replace=False)
        chosen = ((mine, mine), (theirs, theirs), (mine, theirs))
        parts = [every[np.ix_(*rows)] for every, rows in zip(kernels, chosen, strict=True)]
        found.append(_unbiased(*parts, paired=paired))
    spread = float(np.std(found, ddof=1)) if subsets > 1 else 0.0
    return KernelDistance(float(np.mean(found)), spread / math.sqrt(subsets), subsets, size)


def squared_discrepancy(first: Vectors, second: Vectors, *, paired: bool) -> float:
    """The unbiased MMD^2 of `kernel` of all vectors at once, without subsets."""
    _check(first, second, paired=paired)
    kernels = [_cubes(x, y) for x, y in ((first, first), (second, second), (first, second))]
    return _unbiased(*kernels, paired=paired)


def _check(first: Vectors, second: Vectors, *, paired: bool = False) -> None:
    fewest = min(len(first), len(second))
    if fewest < 2:
        raise UsageError(
            f"a distance between sets needs two pictures or more in each, and one has {fewest}",
            remedy="measure more pictures, or leave Frechet and kernel distances out",
        )
    if first.shape[1:] != second.shape[1:]:
        raise UsageError(
            f"vectors of {first.shape[1]} and of {second.shape[1]} numbers are of two networks",
            remedy="describe both sets with one network",
        )
    if paired and len(first) != len(second):
        raise UsageError(
            f"sets of {len(first)} and {len(second)} pictures are no pairs",
            remedy="compare the same pictures, or give paired=False",
        )


def _centred(vectors: Vectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (D,), and R (K, D) with R^T R the covariance, K the smaller of N and D."""
    wide = vectors.astype(np.float64)
    mean = wide.mean(0)
    rest = (wide - mean) / math.sqrt(len(wide) - 1)
    if len(rest) > rest.shape[1]:
        rest = np.linalg.qr(rest, mode="r")
    return mean, rest


def _cubes(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    products = first.astype(np.float64) @ second.astype(np.float64).T
    products /= first.shape[1]
    products += 1
    result: NDArray[np.float64] = products**3
    return result


def _unbiased(
    mine: NDArray[np.float64],
    theirs: NDArray[np.float64],
    across: NDArray[np.float64],
    *,
    paired: bool,
) -> float:
    between = _off_diagonal(across) if paired else float(across.mean())
    return _off_diagonal(mine) + _off_diagonal(theirs) - 2 * between


def _off_diagonal(kernels: NDArray[np.float64]) -> float:
    """Mean over pairs of different pictures."""
    count = len(kernels)
    return float(kernels.sum() - np.trace(kernels)) / (count * (count - 1))
