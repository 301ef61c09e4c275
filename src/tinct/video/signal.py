"""What the codes of a film mean: matrix, range and primaries (ITU-T H.273)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, ColorSpace, FloatArray
from tinct.errors import Unsupported
from tinct.luma import Code

UNKNOWN = 2
BT709, BT470BG, SMPTE170M, SMPTE240M, BT2020 = 1, 5, 6, 7, 9
LIMITED, FULL = 1, 2

#: shares of red and blue in luma, by matrix coefficients
_MATRICES = {
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),  # FCC
    BT470BG: (0.299, 0.114),
    SMPTE170M: (0.299, 0.114),
    SMPTE240M: (0.212, 0.087),
    BT2020: (0.2627, 0.0593),
}
#: x and y of red, green and blue, by primaries; white is D65
_PRIMARIES = {
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)
_HIGH_RANGE = {16: "PQ", 18: "HLG"}
_HIGH_DEFINITION = 720  # lines from which unlabelled films are BT.709


@dataclass(frozen=True)
class Signal:
    """How light and colours are coded; numbers are those of H.273."""

    matrix: int
    primaries: int
    transfer: int
    full: bool
    """Whether luma uses all codes, 0..255, instead of 16..235."""
    depth: int
    """Bits of a sample."""

    @property
    def code(self) -> Code:
        """How Cb and Cr are written."""
        red, blue = _MATRICES[self.matrix]
        step = 2.0 ** (self.depth - 8)
        scale = (2**self.depth - 1) / 255 if self.full else 224 * step / 255
        return Code(red, blue, 2 ** (self.depth - 1), scale)

    @property
    def space(self) -> ColorSpace:
        """Primaries, with the tone curve of sRGB, as computers show films."""
        return space_of_primaries(self.primaries)

    def levels(self, luma: NDArray[np.integer] | FloatArray) -> FloatArray:
        """Luma codes to 0..255; what lies beyond black or white is brought back."""
        if self.full:
            span, black = (2**self.depth - 1), 0.0
        else:
            span, black = 219 * 2 ** (self.depth - 8), 16.0 * 2 ** (self.depth - 8)
        values = (luma.astype(np.float32) - np.float32(black)) * np.float32(255 / span)
        return np.clip(values, 0, 255, out=values)


def signal_of(
    *, matrix: int, primaries: int, transfer: int, full: bool, depth: int, height: int
) -> Signal:
    """What the tags of a film say; what they leave open is what players take it for.

    Args:
        matrix: coefficients of luma.
        primaries: of the display.
        transfer: its tone curve.
        full: whether luma uses all codes.
        depth: bits of a sample.
        height: lines of a frame.

    Raises:
        Unsupported: a film of high dynamic range, or a matrix that is no Y'CbCr.
    """
    if transfer in _HIGH_RANGE:
        raise Unsupported(
            f"a film of high dynamic range ({_HIGH_RANGE[transfer]})",
            remedy="bring it to standard range first (BT.709)",
        )
    if matrix in (0, UNKNOWN, 3):
        matrix = BT709 if height >= _HIGH_DEFINITION else SMPTE170M
    if matrix not in _MATRICES:
        raise Unsupported(
            f"its colours are coded by matrix {matrix} of H.273, which is not handled",
            remedy="convert it to BT.709 first",
        )
    return Signal(matrix, primaries, transfer, full, depth)


@lru_cache(maxsize=8)
def space_of_primaries(primaries: int) -> ColorSpace:
    """The colour space of primaries by their number; sRGB's own for BT.709 and unknown ones."""
    if primaries not in _PRIMARIES:
        return SRGB
    points = np.array([*_PRIMARIES[primaries], _D65])
    xyz = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(1)) / points[:, 1]], 1)
    share = np.linalg.solve(xyz[:3].T, xyz[3])
    matrix = xyz[:3].T * share
    matrix /= matrix.sum(1, keepdims=True)
    return ColorSpace(f"H.273 primaries {primaries}", None, SRGB.curve, matrix)
