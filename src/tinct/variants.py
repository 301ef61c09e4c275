"""Other plausible colourings of the same picture, from one distribution.

A network is rarely sure: a dress may be red or blue, a wall ochre or grey. Each variant leans the
distribution towards one hue here and another there, slowly changing over the picture, so that what
is uncertain turns and what is certain stays. (Leaning is exponential tilting; the field of hues has
low rank, so neighbouring places turn together and no noise appears.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinct.color import FloatArray
from tinct.errors import UsageError
from tinct.resample import resize

#: most variants of a picture
MOST = 12
_CANDIDATES = 4  # drawn for each variant that is kept
_GRID = 3  # the hues of a field are drawn on so many by so many places
_LEAN = 2.0  # of the odds' logarithm, the lean along a hue that is tried first
_APART = 8.0  # CIE units by which a variant differs from the automatic colours on average
_COLOURED = 15.0  # CIE units: colours clearly stronger than that lean all alike
_STRONG = 40.0  # CIE units: colours clearly stronger than that are never leaned to
_POSSIBLE = 0.1  # bins this much less likely than the likeliest are never leaned to


@dataclass(frozen=True, eq=False)
class Variant:
    """One colouring."""

    chroma: FloatArray
    """a*b* (h, w, 2) in CIE units."""
    likelihood: float
    """Mean log-probability of its colours in the network's own distribution."""


def variants_of(
    distribution: FloatArray, bins: FloatArray, count: int, *, seed: int = 0, temperature: float = 1
) -> list[Variant]:
    """Colourings that differ as much as the distribution allows, the likeliest first.

    Args:
        distribution: (h, w, K) of a network, sums to 1.
        bins: their a*b* (K, 2).
        count: how many, 1 to `MOST`.
        seed: others come of another one.
        temperature: of the annealed mean, as the automatic colouring has it.

    Raises:
        UsageError: count is out of range.
    """
    if not 1 <= count <= MOST:
        raise UsageError(
            f"{count} are not possible", where="--variants", remedy=f"give 1 to {MOST}"
        )
    rng = np.random.default_rng(seed)
    possible = distribution >= _POSSIBLE * distribution.max(2, keepdims=True)
    logp = np.where(possible, np.log(np.maximum(distribution, 1e-12)), np.float32(-1e4))
    automatic = _leaned(logp, None, bins, temperature)
    height, width = distribution.shape[:2]
    candidates = [
        _far_enough(logp, _field(height, width, rng), bins, temperature, automatic.chroma)
        for _ in range(_CANDIDATES * count)
    ]
    kept = _farthest([automatic.chroma, *(one.chroma for one in candidates)], count)
    chosen = [candidates[at - 1] for at in kept]
    return sorted(chosen, key=lambda one: -one.likelihood)


def _field(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """A lean in a* and b* (h, w, 2): one direction for the whole, others for its parts."""
    angle = rng.uniform(0, 2 * np.pi)
    whole = _LEAN * np.array([np.cos(angle), np.sin(angle)])
    parts = rng.normal(0, _LEAN / 2, (2, _GRID, _GRID))
    wide = [resize(plane.astype(np.float32), height, width) for plane in parts]
    field: FloatArray = (whole + np.stack(wide, -1)).astype(np.float32)
    return field


def _hues(bins: FloatArray) -> FloatArray:
    """a*b* (K, 2) as directions, shorter for pale and for glaring colours, to which none draws."""
    strength = np.linalg.norm(bins, axis=1, keepdims=True)
    glare = np.maximum(strength - _STRONG, 0) / _COLOURED
    length = np.tanh(strength / _COLOURED) * np.exp(-np.square(glare))
    hues: FloatArray = bins / np.maximum(strength, 1e-6) * length
    return hues.astype(np.float32)


def _far_enough(
    logp: FloatArray, field: FloatArray, bins: FloatArray, temperature: float, other: FloatArray
) -> Variant:
    """Lean until the colours are `_APART` from others, or as far as the distribution allows."""
    scale = np.float32(1)
    for _ in range(3):
        found = _leaned(logp, scale * field, bins, temperature)
        apart = float(np.linalg.norm(found.chroma - other, axis=2).mean())
        scale *= np.float32(np.clip(_APART / max(apart, 1e-3), 0.3, 3))
    return found


def _leaned(
    logp: FloatArray, lean: FloatArray | None, bins: FloatArray, temperature: float
) -> Variant:
    tilted = logp / np.float32(temperature)
    if lean is not None:
        tilted = tilted + lean @ _hues(bins).T
    tilted = np.exp(tilted - tilted.max(2, keepdims=True))
    tilted /= tilted.sum(2, keepdims=True)
    return Variant(tilted @ bins, float((tilted * logp).sum(2).mean()))


def _farthest(maps: Sequence[FloatArray], count: int) -> list[int]:
    """Positions of maps that lie far from the first and from each other, one after the other."""
    distance = np.full(len(maps), np.inf)
    chosen = [0]
    while len(chosen) <= count:
        newest = maps[chosen[-1]]
        apart = [float(np.linalg.norm(one - newest, axis=-1).mean()) for one in maps]
        distance = np.minimum(distance, apart)
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return chosen[1:]
