"""Colourfulness by its two formulas in use, and how a set compares with its truths.

D. Hasler and S. Suesstrunk, "Measuring colourfulness in natural images", Human Vision and
Electronic Imaging VIII, 2003, equation for M3: opponents rg = R - G and yb = (R + G) / 2 - B of
8-bit sRGB, and the length of their standard deviations plus 0.3 times that of their means. The code
of DDColor (arXiv 2212.11613), CT2, ColorFormer and UniColor takes the absolute values of the
opponents first, which gives other numbers: 37.1 against 40.3 on photographs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Vividness:
    """Colourfulness of one picture."""

    signed: float
    """As Hasler and Suesstrunk define it."""
    absolute: float
    """As DDColor's code has it."""


def vividness(planes: FloatArray) -> Vividness:
    """Both colourfulnesses of planes R, G, B (3, H, W), codes 0..255 less any constant."""
    red, green, blue = planes
    red_green = red - green
    yellow_blue = red + green
    yellow_blue *= np.float32(0.5)
    yellow_blue -= blue
    (mean_rg, spread_rg), (mean_yb, spread_yb) = _moments(red_green), _moments(yellow_blue)
    signed = math.hypot(spread_rg, spread_yb) + 0.3 * math.hypot(mean_rg, mean_yb)
    np.abs(red_green, out=red_green)
    np.abs(yellow_blue, out=yellow_blue)
    (mean_rg, spread_rg), (mean_yb, spread_yb) = _moments(red_green), _moments(yellow_blue)
    absolute = math.hypot(spread_rg, spread_yb) + 0.3 * math.hypot(mean_rg, mean_yb)
    return Vividness(signed, absolute)


def ratio(results: Sequence[float], truths: Sequence[float]) -> float:
    """Mean colourfulness of results as a share of that of their truths; 1 is as colourful."""
    return float(np.mean(results)) / max(float(np.mean(truths)), 1e-9)


def difference_of_means(results: Sequence[float], truths: Sequence[float]) -> float:
    """|mean of results - mean of truths|, the papers' delta CF.

    Half too vivid and half too grey is 0; `mean_difference` is not fooled.
    """
    return abs(float(np.mean(results)) - float(np.mean(truths)))


def mean_difference(results: Sequence[float], truths: Sequence[float]) -> float:
    """Mean over pictures of |result - truth|."""
    return float(np.mean(np.abs(np.subtract(results, truths))))


def _moments(values: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation (of n, not n - 1)."""
    mean = float(values.mean(dtype=np.float32))
    centred = values - np.float32(mean)
    return mean, math.sqrt(float(np.vdot(centred, centred)) / values.size)
