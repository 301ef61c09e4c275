"""A truth made ready for every measure, so that many ways are compared with it at little cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness
from tinct.color.spaces import EPSILON, KAPPA
from tinct.errors import UsageError
from tinct.evaluation.edges import EDGE, FLAT, gradient
from tinct.evaluation.histograms import hue_histogram
from tinct.evaluation.protocol import grey
from tinct.evaluation.structure import MIDDLE, Windows, windows
from tinct.evaluation.vividness import Vividness, vividness

Image8 = NDArray[np.uint8]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A truth, with all that `tinct.evaluation.metrics.compare` needs of it."""

    codes: Image8
    """The truth itself, (H, W, 3)."""
    rgb: FloatArray
    """Codes less 128, planes R, G, B (3, H, W)."""
    lab: FloatArray
    """L*, a*, b* (3, H, W)."""
    light: FloatArray
    """L* (H, W) of the grey that was given to be coloured."""
    rgb_windows: Windows
    """Of `rgb`."""
    chroma_windows: Windows
    """Of a* and b*."""
    gradient: FloatArray
    """Of a* and b*, (H, W)."""
    flat: FloatArray
    """(H, W), 1 where `light` has no edge."""
    edge: FloatArray
    """(H, W), 1 where it has one."""
    hues: NDArray[np.float64]
    """`hue_histogram`."""
    vividness: Vividness
    """Colourfulness."""


def prepare(truth: Image8, *, given: Image8 | None = None) -> Prepared:
    """Make a truth ready.

    Args:
        truth: uint8 sRGB (H, W, 3).
        given: the grey (H, W) that was coloured; by default the truth's, by Rec. 601.

    Raises:
        UsageError: not uint8 (H, W, 3), or the grey is of another size.
    """
    rgb, lab = planes_of(truth)
    plain = grey(truth) if given is None else given
    if plain.shape != truth.shape[:2]:
        raise UsageError(
            f"the grey is {size_of(plain)} pixels and the truth {size_of(truth)}",
            remedy="compare pictures of the same size",
        )
    light = lightness(plain, SRGB)
    slope = gradient(light[None])
    return Prepared(
        codes=truth,
        rgb=rgb,
        lab=lab,
        light=light,
        rgb_windows=windows(rgb),
        chroma_windows=windows(lab[1:]),
        gradient=gradient(lab[1:]),
        flat=(slope < FLAT).astype(np.float32),
        edge=(slope >= EDGE).astype(np.float32),
        hues=hue_histogram(lab[1:]),
        vividness=vividness(rgb),
    )


def planes_of(picture: Image8) -> tuple[FloatArray, FloatArray]:
    """Codes less 128 and CIELAB of a picture, both (3, H, W).

    Raises:
        UsageError: not uint8 (H, W, 3), or without pixels.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise UsageError(
            f"{picture.dtype} of shape {picture.shape} is no picture to measure",
            remedy="give uint8 sRGB (H, W, 3)",
        )
    codes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    linear = SRGB.curve[0, ::257].take(codes)
    xyz = np.matmul(SRGB.to_xyz.astype(np.float32), linear.reshape(3, -1)).reshape(codes.shape)
    cubic = np.cbrt(xyz)
    dark = xyz <= EPSILON
    if dark.any():
        np.copyto(cubic, (xyz * KAPPA + 16) * np.float32(1 / 116), where=dark)
    x, y, z = cubic
    lab = np.empty_like(cubic)
    np.multiply(y, 116, out=lab[0])
    lab[0] -= 16
    np.subtract(x, y, out=lab[1])
    lab[1] *= 500
    np.subtract(y, z, out=lab[2])
    lab[2] *= 200
    rgb = codes.astype(np.float32)
    rgb -= MIDDLE
    return rgb, lab


def size_of(picture: NDArray[np.uint8]) -> str:
    """Width and height as people write them."""
    return f"{picture.shape[1]} x {picture.shape[0]}"
