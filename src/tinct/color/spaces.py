"""RGB spaces: three tone curves and three primaries, and the tables that make them fast.

Every space is seen relative to its own white (sRGB: D65, IEC 61966-2-1; ProPhoto: D50), so
R = G = B is neutral in all of them and white is L* 100.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Pixels = NDArray[Any]  # uint8 or uint16
Depth = Literal[8, 16]
T = TypeVar("T", np.float32, np.uint8)

#: linear sRGB to XYZ (IEC 61966-2-1); the sums of the rows are the white point, D65
WHITE = np.array([0.95047, 1.0, 1.08883])
RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
EPSILON = np.float32(216 / 24389)
KAPPA = np.float32(24389 / 27)

# Tables from linear light are indexed by the leading bits of the float: cells of equal ratio,
# as fine in the shadows as in the lights. 2**-48 is darker than code 1 of 65535 at gamma 3.
_OCTAVES = 48
_FINE, _COARSE = 13, 11  # log2 of the cells an octave: to look up 8-bit codes, to interpolate
_DARKEST = np.float32(2.0**-_OCTAVES)
_DARKEST_EXPONENT = 127 - _OCTAVES


def srgb_to_linear(encoded: FloatArray) -> FloatArray:
    """Display-encoded sRGB 0..1 to linear light 0..1 (IEC 61966-2-1)."""
    linear: FloatArray = np.where(
        encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4
    ).astype(np.float32)
    return linear


def linear_to_srgb(linear: FloatArray) -> FloatArray:
    """Linear light 0..1 to display-encoded sRGB 0..1; negative values stay negative."""
    encoded: FloatArray = np.where(
        linear <= 0.0031308,
        linear * 12.92,
        1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055,
    ).astype(np.float32)
    return encoded


def luminance_to_lightness(luminance: FloatArray) -> FloatArray:
    """Relative luminance Y in 0..1 to L* in 0..100 (CIE 15)."""
    lightness = np.cbrt(luminance)
    lightness *= 116
    lightness -= 16
    # not 116 f - 16 near black: that cancels, and the deep shadows of a 16-bit scan would merge
    dark = luminance <= EPSILON
    if dark.any():
        np.copyto(lightness, luminance * KAPPA, where=dark)
    return lightness


def lightness_to_luminance(lightness: FloatArray) -> FloatArray:
    """L* in 0..100 to relative luminance Y in 0..1 (CIE 15)."""
    t = lightness + np.float32(16)
    t *= np.float32(1 / 116)
    luminance = t * t
    luminance *= t
    dark = lightness <= 8
    if dark.any():
        np.copyto(luminance, lightness * (1 / KAPPA), where=dark)
    return luminance


@dataclass(frozen=True, eq=False)
class ColorSpace:
    """An RGB space of one tone curve a channel and three primaries; grey is R = G = B in it."""

    name: str
    """What the profile calls itself."""
    icc: bytes | None
    """The profile to embed in a coloured result; None is untagged, which means sRGB."""
    curve: FloatArray
    """(3, 65536) linear light 0..1 of every 16-bit code, never falling; an 8-bit code v is the
    16-bit code 257 v."""
    to_xyz: NDArray[np.float64]
    """(3, 3) linear RGB to XYZ over the space's own white: every row sums to 1."""

    @cached_property
    def from_xyz(self) -> FloatArray:
        """(3, 3) the inverse of `to_xyz`."""
        inverse: FloatArray = np.linalg.inv(self.to_xyz).astype(np.float32)
        return inverse

    @cached_property
    def luminance(self) -> dict[Depth, FloatArray]:
        """(3, 256) and (3, 65536): what each code of each channel adds to Y."""
        full = (self.curve * self.to_xyz[1][:, None]).astype(np.float32)
        return {8: np.ascontiguousarray(full[:, ::257]), 16: full}

    @cached_property
    def grey(self) -> dict[Depth, FloatArray]:
        """(256,) and (65536,): L* of R = G = B = code."""
        luminance: FloatArray = (self.to_xyz[1] @ self.curve.astype(np.float64)).astype(np.float32)
        full = luminance_to_lightness(luminance)
        return {8: full[::257].copy(), 16: full}

    @cached_property
    def darkest(self) -> np.float32:
        """Linear light of the darkest neutral; 0 but for profiles with a raised black."""
        return np.float32(self.curve[:, 0].max())

    @cached_property
    def brightest(self) -> np.float32:
        """Linear light of the brightest neutral: 1, near enough."""
        return np.float32(self.curve[:, -1].min())

    def encode(self, linear: FloatArray, channel: int) -> FloatArray:
        """Linear light (N,) of one channel to encoded 0..1, to 1e-7; clipped to 0..1."""
        table = self._encoded[channel]
        bits = np.clip(linear, _DARKEST, np.float32(1)).view(np.int32)
        part = (bits & ((1 << (23 - _COARSE)) - 1)).astype(np.float32)
        part *= np.float32(2.0 ** (_COARSE - 23))
        cell = (bits >> (23 - _COARSE)) - (_DARKEST_EXPONENT << _COARSE)
        encoded: FloatArray = table[0].take(cell, mode="clip")
        part *= table[1].take(cell, mode="clip")
        encoded += part
        return encoded

    def codes(self, linear: FloatArray, channel: int, depth: Depth) -> Pixels:
        """Linear light (N,) of one channel to the nearest code, uint8 or uint16."""
        if depth == 16:
            encoded = self.encode(linear, channel)
            encoded *= 65535
            encoded += np.float32(0.5)
            return encoded.astype(np.uint16)
        cell = np.clip(linear, _DARKEST, np.float32(1)).view(np.int32) >> (23 - _FINE)
        cell -= _DARKEST_EXPONENT << _FINE
        return np.take(self._nearest[channel], cell, mode="clip")

    @cached_property
    def _encoded(self) -> tuple[FloatArray, ...]:
        """For each channel (2, cells): the encoded value at a cell's start, and its rise."""
        bits = np.arange((_OCTAVES << _COARSE) + 2, dtype=np.int32) << (23 - _COARSE)
        knots = (bits + (_DARKEST_EXPONENT << 23)).view(np.float32)
        code = np.linspace(0, 1, 65536)

        def build(curve: FloatArray) -> FloatArray:
            value = np.interp(knots, curve, code)
            return np.stack([value[:-1], np.diff(value)]).astype(np.float32)

        return self._each_channel(build)

    @cached_property
    def _nearest(self) -> tuple[NDArray[np.uint8], ...]:
        """For each channel (cells,): the nearest 8-bit code."""

        def build(curve: FloatArray) -> NDArray[np.uint8]:
            between = (curve[128:-128:257] + curve[129:-127:257]) / 2  # of codes v and v + 1
            bits = np.maximum(between, _DARKEST).astype(np.float32).view(np.int32)
            cells = (bits >> (23 - _FINE)) - (_DARKEST_EXPONENT << _FINE)
            starts = np.concatenate([[0], cells, [(_OCTAVES << _FINE) + 1]])
            return np.repeat(np.arange(256, dtype=np.uint8), np.diff(starts))

        return self._each_channel(build)

    def _each_channel(self, build: Callable[[FloatArray], NDArray[T]]) -> tuple[NDArray[T], ...]:
        """A table a channel; the usual three equal curves share one, and the cache."""
        first = build(self.curve[0])
        same = [np.array_equal(curve, self.curve[0]) for curve in self.curve]
        return tuple(first if same[i] else build(self.curve[i]) for i in range(3))


def _srgb() -> ColorSpace:
    curve = srgb_to_linear(np.linspace(0, 1, 65536).astype(np.float32))
    matrix = RGB_TO_XYZ / RGB_TO_XYZ.sum(1, keepdims=True)
    return ColorSpace("sRGB", None, np.broadcast_to(curve, (3, 65536)), matrix)


#: what untagged pictures are taken for
SRGB = _srgb()
