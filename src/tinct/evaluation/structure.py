"""Signal and structure: PSNR, and SSIM in Gaussian windows of 11 x 11 pixels.

Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image Quality Assessment: From Error
Visibility to Structural Similarity", IEEE Transactions on Image Processing 13(4), 2004: sigma 1.5,
K1 0.01, K2 0.03, a range of 255, only windows that lie wholly in the picture, variances divided by
n (as scikit-image gives it with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

#: what 8-bit codes, and 8-bit a* and b*, span
RANGE = 255
#: half of it: planes come with their middle at 0, where float32 is finest
MIDDLE = 128
_TAPS, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
_SMALL = 1 << 18  # multiplications of a product for which OpenBLAS wakes no thread


@dataclass(frozen=True, eq=False)
class Windows:
    """What SSIM needs of one of its two pictures; made once where many are compared with it."""

    mean: FloatArray
    """(C, h, w) of each window, the middle of the range at 0."""
    variance: FloatArray
    """(C, h, w)."""


def psnr(squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error, the peak being `RANGE`.

    Of identical pictures it is 148.13, not infinite, so that means stay finite.
    """
    return 10 * math.log10(RANGE**2 / max(squared_error, 1e-10))


def windows(planes: FloatArray) -> Windows:
    """The windows of planes (C, H, W), the middle of their range at 0."""
    mean, squares = blurred(planes), blurred(planes * planes)
    squares -= mean * mean
    return Windows(mean, squares)


def ssim(planes: FloatArray, truth_planes: FloatArray, truth: Windows) -> float:
    """Mean SSIM over windows and channels, -1 to 1.

    Args:
        planes: (C, H, W) with the middle of their range at 0: 8-bit codes less 128, or a* and b*,
            whose 8-bit codes are these plus 128.
        truth_planes: the same of the truth.
        truth: `windows(truth_planes)`.
    """
    total = 0.0
    three = np.empty((3, *planes.shape[1:]), np.float32)
    for plane, other, other_mean, other_variance in zip(
        planes, truth_planes, truth.mean, truth.variance, strict=True
    ):
        three[0] = plane
        np.multiply(plane, plane, out=three[1])
        np.multiply(plane, other, out=three[2])
        mean, squares, products = blurred(three)
        products -= mean * other_mean
        squares -= mean * mean
        squares += other_variance
        squares += _C2
        products *= 2
        products += _C2
        products /= squares  # contrast and structure
        mean += MIDDLE
        shifted = other_mean + MIDDLE
        squares = mean * mean
        squares += shifted * shifted
        squares += _C1
        mean *= shifted
        mean *= 2
        mean += _C1
        mean /= squares  # luminance
        total += float(np.vdot(mean, products)) / mean.size
    return total / len(planes)


def blurred(planes: FloatArray) -> FloatArray:
    """Gaussian means (C, H - 10, W - 10) of planes (C, H, W).

    Where a side is shorter than the window, the window is cut to it, and one fits.
    """
    count, height, width = planes.shape
    wide, tall = min(_TAPS, width), min(_TAPS, height)
    across = np.empty((count, height, width - wide + 1), np.float32)
    block = _block(wide, height)
    matrix = _matrix(wide, block).T
    for left in range(0, across.shape[2], block):
        columns = min(block, across.shape[2] - left)
        span = columns + wide - 1
        np.matmul(
            planes[..., left : left + span],
            matrix[:span, :columns],
            out=across[..., left : left + columns],
        )
    both = np.empty((count, height - tall + 1, across.shape[2]), np.float32)
    block = _block(tall, across.shape[2])
    matrix = _matrix(tall, block)
    for top in range(0, both.shape[1], block):
        rows = min(block, both.shape[1] - top)
        span = rows + tall - 1
        np.matmul(matrix[:rows, :span], across[:, top : top + span], out=both[:, top : top + rows])
    return both


def _block(taps: int, length: int) -> int:
    """Windows of one product: few, since most of its matrix is 0, and so that no thread wakes."""
    return max(1, min(16, _SMALL // (length * (16 + taps))))


@lru_cache(maxsize=16)
def _matrix(taps: int, rows: int) -> FloatArray:
    """(rows, rows + taps - 1): each row a window, one further on than the row before."""
    weights = np.exp(-0.5 * ((np.arange(taps) - (taps - 1) / 2) / _SIGMA) ** 2)
    matrix = np.zeros((rows, rows + taps - 1), np.float32)
    for row in range(rows):
        matrix[row, row : row + taps] = weights / weights.sum()
    return matrix
