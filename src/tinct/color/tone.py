"""Is a picture grey, toned (sepia, cyanotype, selenium, faded) or in colour?

The colours of a toned picture are a curve of its lightness: paper, chemistry and fading are the
same everywhere. How far colours stray from such a curve tells a sepia scan from a muted old
painting: on real ones 0.8 to 1.5 units of a*b* for scans, hardly ever under 2 for paintings.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from tinct.color import SRGB, ColorSpace, FloatArray, Pixels, decode

_SIDE = 128  # pixels of the shorter side: averaging removes grain and JPEG noise, not colours
_CURVE_SIDE = 384
_DEGREE = 5  # of the curve; a cubic misses the turns of real sepia
_GREY_RMS, _GREY_PEAK = 1.5, 4.0  # chroma, and what one pixel in a hundred exceeds
_STRAY = 1.8  # root mean square distance from the curve
_STRONGEST, _WIDEST = 60.0, 30.0  # chroma and its spread that chemistry reaches: cyanotypes 45
_BLUR = 2.0  # lightness levels


class Tone(StrEnum):
    """What colours a picture has."""

    GREY = "grey"
    """None, but for noise."""
    TONED = "toned"
    """One curve of lightness: sepia, cyanotype, selenium, fading."""
    COLOUR = "colour"
    """Anything else."""


def classify(pixels: Pixels, space: ColorSpace = SRGB) -> Tone:
    """Whether a picture is grey, toned or in colour.

    A colour picture whose colours do follow its lightness (a blue sky over black land, an ink
    drawing on brown silk) passes for toned; a print with strong stains passes for colour.

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or uint16; a preview of a few hundred pixels will do.
        space: what the values mean.
    """
    if pixels.ndim == 2:
        return Tone.GREY
    lab = _reduced(pixels, _SIDE, space)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    strength = _rms(chroma)
    if strength <= _GREY_RMS and np.quantile(chroma, 0.99) <= _GREY_PEAK:
        return Tone.GREY
    spread = _rms(np.hypot(*(lab[:, 1:] - lab[:, 1:].mean(0)).T))
    if strength > _STRONGEST or spread > _WIDEST:
        return Tone.COLOUR
    degree = min(_DEGREE, (len(lab) - 1) // 8)  # a few pixels follow any curve of high degree
    powers = np.vander(lab[:, 0] / 50 - 1, degree + 1)
    stray = lab[:, 1:] - powers @ np.linalg.lstsq(powers, lab[:, 1:], rcond=None)[0]
    return Tone.TONED if _rms(np.hypot(*stray.T)) <= _STRAY else Tone.COLOUR


def tone_curve(pixels: Pixels, space: ColorSpace = SRGB) -> FloatArray:
    """Mean a* and b*, (101, 2), of a toned picture at L* 0, 1, ... 100.

    Levels that do not occur take the colour of the nearest that do.

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        space: what the values mean.
    """
    levels = np.arange(101)
    curve = np.zeros((101, 2), np.float32)
    if pixels.ndim == 2:
        return curve
    lab = _reduced(pixels, _CURVE_SIDE, space)
    level = np.clip(np.rint(lab[:, 0]), 0, 100).astype(np.intp)
    blur = np.exp(-0.5 * ((levels[:, None] - levels) / _BLUR) ** 2)
    count = blur @ np.bincount(level, minlength=101)
    known = np.flatnonzero(count > 1e-3)
    for i in range(2):
        total = blur @ np.bincount(level, lab[:, 1 + i], minlength=101)
        curve[:, i] = np.interp(levels, known, total[known] / count[known])
    return curve


def _reduced(pixels: Pixels, side: int, space: ColorSpace) -> FloatArray:
    """CIELAB (N, 3) of the picture averaged over squares, to at least `side` pixels a side."""
    step = max(1, min(pixels.shape[:2]) // side)
    height, width = (n // step for n in pixels.shape[:2])
    squares = pixels[: height * step, : width * step].reshape(height, step, width, step, 3)
    mean = squares.mean((1, 3), dtype=np.float32) * (257 if pixels.dtype == np.uint8 else 1)
    return decode(np.rint(mean).astype(np.uint16), space).reshape(-1, 3)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
