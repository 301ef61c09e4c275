"""Colour differences of pixels: CIEDE2000 and CIE76, and the bands in which they are read.

CIEDE2000 is CIE 142-2001 as G. Sharma, W. Wu and E. N. Dalal wrote it down ("The CIEDE2000
Color-Difference Formula: Implementation Notes, Supplementary Test Data, and Mathematical
Observations", Color Research and Application 30(1), 2005). All weights are 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.float32, np.float64)

#: band -> its upper bound in CIEDE2000; a difference belongs to the first whose bound it does not
#: exceed. The term project on 32-pixel paintings reads up to 1 as not to be seen, 1 to 2 as seen
#: on close inspection, 2 to 10 at a glance, 11 to 49 as colours more alike than opposite and 100
#: as opposite; what lies between its bands goes to the one below (10 to 11 and 49 to 50 to
#: `alike`) or above (from 50: `opposite`).
BANDS: Mapping[str, float] = {
    "unseen": 1,
    "close": 2,
    "glance": 10,
    "alike": 50,
    "opposite": math.inf,
}


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def _sin(degrees: float) -> float:
    return math.sin(math.radians(degrees))


_STRIP = 1 << 15  # pixels at a time: few enough for the processor's cache
_25_7 = 25.0**7
_LEAST = 1e-30  # divides where everything is 0
_TINY = 1e-6  # chroma that has no hue of its own: the mean hue is then that of the other colour
# T = 1 - 0.17 cos(h - 30) + 0.24 cos 2h + 0.32 cos(3h + 6) - 0.20 cos(4h - 63) in powers of cos h:
# _EVEN plus sin h times _ODD
_EVEN = (
    -1.6 * _cos(63),
    1.28 * _cos(6),
    0.48 + 1.6 * _cos(63),
    -0.17 * _cos(30) - 0.96 * _cos(6),
    0.76 - 0.2 * _cos(63),
)
_ODD = (
    -1.6 * _sin(63),
    -1.28 * _sin(6),
    0.8 * _sin(63),
    -0.17 * _sin(30) + 0.32 * _sin(6),
)
# (angle / 25 degrees)**2 as a polynomial in y = 1 - cos(angle): of 2 sum (2 y)**n / (n**2 binom(2n,
# n)) the first terms, good to 90 degrees, where what it is needed for has died down to 1e-6
_SQUARED = tuple(
    2 * 2**n / (n**2 * math.comb(2 * n, n)) / math.radians(25) ** 2 for n in range(8, 0, -1)
)


def ciede2000(first: NDArray[T], second: NDArray[T]) -> NDArray[T]:
    """CIEDE2000 of colours, by vectors: no hue angle is ever computed, which is most of the time.

    Args:
        first: planes L*, a*, b* (3, ...), float32 or float64.
        second: the same of the other colours; the formula is symmetric.

    Returns:
        Differences (...), 0 or more, exact to 1e-4, in float32 to 1e-3. Where hues are half a turn
        apart the formula itself jumps, and float32 may land on the other side.
    """
    flat = first.reshape(3, -1), second.reshape(3, -1)
    out = np.empty(flat[0].shape[1], first.dtype)
    for start in range(0, len(out), _STRIP):
        part = slice(start, start + _STRIP)
        out[part] = _strip(flat[0][:, part], flat[1][:, part])
    return out.reshape(first.shape[1:])


def cie76(first: NDArray[T], second: NDArray[T]) -> NDArray[T]:
    """CIE76, the Euclidean distance in CIELAB (CIE 15), of planes (3, ...).

    Of planes a* and b* (2, ...) alone it is the distance in a*b*.
    """
    squares = first - second
    squares *= squares
    total: NDArray[T] = squares.sum(0)
    return np.sqrt(total, out=total)


def band_shares(differences: NDArray[T]) -> dict[str, float]:
    """Share of differences in each of `BANDS`, by its name; they add up to 1."""
    below, shares = 0, {}
    for name, bound in BANDS.items():
        count = int(np.count_nonzero(differences <= bound))
        shares[name] = (count - below) / differences.size
        below = count
    return shares


def _strip(first: NDArray[T], second: NDArray[T]) -> NDArray[T]:
    light_1, a_1, b_1 = first
    light_2, a_2, b_2 = second
    stretch = _stretch(first, second)
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = _length(a_1, b_1), _length(a_2, b_2)
    chroma = 0.5 * (chroma_1 + chroma_2)
    d_chroma = chroma_2 - chroma_1
    cross = a_1 * b_2 - a_2 * b_1
    dot = a_1 * a_2 + b_1 * b_2
    d_hue = _d_hue(chroma_1 * chroma_2, cross, dot)
    # the mean hue has the direction of the sum of the two unit vectors
    weight_1, weight_2 = np.maximum(chroma_1, _TINY), np.maximum(chroma_2, _TINY)
    cosine = a_1 * weight_2 + a_2 * weight_1
    sine = b_1 * weight_2 + b_2 * weight_1
    in_line = cross == 0
    if in_line.any():
        in_line &= dot < 0
        _opposite(in_line, first, second, cosine, sine, cross)
    length = np.maximum(_length(cosine, sine), _LEAST)
    cosine /= length
    sine /= length
    spread = _hue_weight(cosine, sine)
    spread *= 0.015 * chroma
    spread += 1
    d_hue = np.copysign(d_hue, cross, out=d_hue)
    d_hue /= spread
    d_chroma /= 0.045 * chroma + 1
    middle = 0.5 * (light_1 + light_2) - 50
    middle *= middle
    d_light = light_2 - light_1
    d_light /= 0.015 * middle / np.sqrt(middle + 20) + 1
    total: NDArray[T] = _rotation(cosine, sine) * _seventh(chroma)
    total *= d_chroma * d_hue
    total += d_light * d_light
    total += d_chroma * d_chroma
    total += d_hue * d_hue
    np.maximum(total, 0, out=total)
    return np.sqrt(total, out=total)


def _opposite(
    where: NDArray[np.bool_],
    first: NDArray[T],
    second: NDArray[T],
    cosine: NDArray[T],
    sine: NDArray[T],
    cross: NDArray[T],
) -> None:
    """Hues exactly half a turn apart have two mean hues: (h1 + h2) / 2 is the agreed one."""
    hue_1, hue_2 = (
        np.arctan2(lab[2, where], lab[1, where]) % (2 * np.pi) for lab in (first, second)
    )
    # stretching a* moves both hues, and they stay opposite
    lower = hue_1 < hue_2
    a, b = (np.where(lower, first[i, where], second[i, where]) for i in (1, 2))
    cosine[where], sine[where] = -b, a * _stretch(first[:, where], second[:, where])
    cross[where] = np.where(lower, 1, -1)


def _d_hue(product: NDArray[T], cross: NDArray[T], dot: NDArray[T]) -> NDArray[T]:
    """|dH'| = 2 sqrt(C1' C2') |sin(dh / 2)|, with nothing that cancels.

    4 C1 C2 sin^2(dh / 2) is 2 (C1 C2 - dot), which for hues that are alike is 2 cross^2 / (C1 C2 +
    dot).

    Args:
        product: C1' C2'.
        cross: a1' b2 - a2' b1.
        dot: a1' a2' + b1 b2.
    """
    total = np.abs(dot)
    total += product
    squares: NDArray[T] = cross * cross
    squares /= np.maximum(total, _LEAST)
    np.copyto(squares, total, where=dot < 0)
    squares *= 2
    return np.sqrt(squares, out=squares)


def _stretch(first: NDArray[T], second: NDArray[T]) -> NDArray[T]:
    """1 + G of the formula: how much wider a* is taken near grey."""
    chroma = _length(first[1], first[2])
    chroma += _length(second[1], second[2])
    chroma *= 0.5
    stretch: NDArray[T] = _seventh(chroma)
    stretch *= -0.5
    stretch += 1.5
    return stretch


def _length(x: NDArray[T], y: NDArray[T]) -> NDArray[T]:
    total: NDArray[T] = x * x
    total += y * y
    return np.sqrt(total, out=total)


def _seventh(chroma: NDArray[T]) -> NDArray[T]:
    """sqrt(C**7 / (C**7 + 25**7))."""
    square = chroma * chroma
    power = square * square
    power *= square
    power *= chroma
    power /= power + _25_7
    return np.sqrt(power, out=power)


def _hue_weight(cosine: NDArray[T], sine: NDArray[T]) -> NDArray[T]:
    """T of the formula, as polynomials in the cosine of the mean hue."""
    even: NDArray[T] = _polynomial(_EVEN, cosine)
    odd = _polynomial(_ODD, cosine)
    odd *= sine
    even += odd
    return even


def _polynomial(factors: Sequence[float], x: NDArray[T]) -> NDArray[T]:
    """Horner's scheme, the highest power first."""
    total = x * factors[0]
    total += factors[1]
    for factor in factors[2:]:
        total *= x
        total += factor
    return total


def _rotation(cosine: NDArray[T], sine: NDArray[T]) -> NDArray[T]:
    """-2 sin(2 d-theta), which times `_seventh` is R_T: of the blues about 275 degrees only."""
    away = 1 - _cos(275) * cosine
    away -= _sin(275) * sine
    squared = _polynomial(_SQUARED, away)
    squared *= away
    near = np.exp(np.negative(squared, out=squared), out=squared)
    near *= sine < 0  # as published: seen from 275 degrees, hues do not close at 360
    near *= math.radians(60)
    rotation: NDArray[T] = np.sin(near, out=near)
    rotation *= -2
    return rotation
