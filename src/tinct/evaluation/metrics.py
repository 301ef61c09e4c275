"""Distances between a coloured picture and the truth. Pictures are uint8 sRGB (H, W, 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinct.color import rgb_to_lab

Image8 = NDArray[np.uint8]


def ciede2000(result: Image8, truth: Image8) -> float:
    """Mean CIEDE2000 colour difference over all pixels (CIE 142-2001; Sharma et al. 2005)."""
    from skimage.color import deltaE_ciede2000

    return float(np.mean(deltaE_ciede2000(_lab(truth), _lab(result))))


def psnr(result: Image8, truth: Image8) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels of 8-bit sRGB."""
    error = float(np.mean((result.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-10)))


def colourfulness(picture: Image8) -> float:
    """Colourfulness with signed opponents (Hasler and Suesstrunk 2003, equation for M3)."""
    red, green, blue = (picture[..., channel].astype(np.float64) for channel in range(3))
    red_green, yellow_blue = red - green, 0.5 * (red + green) - blue
    return float(
        np.hypot(red_green.std(), yellow_blue.std())
        + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())
    )


def ab_error(result: Image8, truth: Image8) -> float:
    """Mean Euclidean distance in a*b*."""
    difference = _lab(result)[..., 1:] - _lab(truth)[..., 1:]
    return float(np.mean(np.linalg.norm(difference, axis=-1)))


def lab_accuracy(result: Image8, truth: Image8, *, share: float = 0.05) -> float:
    """Share of pixels whose a* and b* are both within `share` of the 255 units they span."""
    difference = np.abs(_lab(result)[..., 1:] - _lab(truth)[..., 1:])
    return float(np.mean((difference < share * 255).all(axis=-1)))


def _lab(picture: Image8) -> NDArray[np.float32]:
    return rgb_to_lab(picture * np.float32(1 / 255))


def compare(result: Image8, truth: Image8) -> dict[str, float]:
    """Every distance of this module between two pictures, by name.

    `ab_mse` and `ab_l1` are of a*b* divided by 128. LAB accuracy is the share of pixels whose a*
    and b* are both right: nearer than 5 % of 255 units (the term project on 32-pixel paintings),
    or, rounded, within 2 % of 220 units (Nazeri et al., arXiv 1803.05400). `larger_of_a_b` is the
    share of pixels where `b* > a*` holds in both or in neither, which one published system called
    its accuracy.
    """
    from skimage.color import deltaE_ciede2000

    coloured, true = _lab(result), _lab(truth)
    error = np.abs(coloured[..., 1:] - true[..., 1:])
    rounded = np.abs(np.rint(coloured[..., 1:]) - np.rint(true[..., 1:]))
    larger = coloured[..., 2] > coloured[..., 1]
    return {
        "ciede2000": float(np.mean(deltaE_ciede2000(true, coloured))),
        "psnr": psnr(result, truth),
        "ab_error": float(np.mean(np.linalg.norm(error, axis=-1))),
        "ab_mse": float(np.mean((error / 128) ** 2)),
        "ab_l1": float(np.mean(error / 128)),
        "lab_accuracy_5": float(np.mean((error < 0.05 * 255).all(axis=-1))),
        "lab_accuracy_2": float(np.mean((rounded <= 0.02 * 220).all(axis=-1))),
        "larger_of_a_b": float(np.mean(larger == (true[..., 2] > true[..., 1]))),
    }
