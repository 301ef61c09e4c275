"""The likely colours of a point: what a network weighed there before it settled on one.

A network that gives a distribution over a*b* says more than one colour. Neighbouring bins are the
same colour to the eye, so they are gathered before they are ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinct.color import SRGB, FloatArray, encode
from tinct.errors import ModelError, UsageError
from tinct.models.session import Model
from tinct.resample import resize

#: most colours that are told of a point
MOST_COLOURS = 12
_REACH = 18.0  # CIE units: bins nearer to the likeliest belong to the same colour
_LEAST = 0.005  # colours less likely than this are not told


@dataclass(frozen=True)
class Likely:
    """One colour that a point may have."""

    a: float
    """a* in CIE units."""
    b: float
    """b* in CIE units."""
    probability: float
    """How likely the network holds it, 0 to 1."""
    colour: str
    """The colour at the point's own lightness, `#rrggbb` in sRGB."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """What a network holds possible everywhere in a picture."""

    probabilities: FloatArray
    """(h, w, K); they sum to 1 over K."""
    bins: FloatArray
    """Their a*b* (K, 2) in CIE units."""
    light: FloatArray
    """L* (h, w) in 0..100."""


def distribution_of(
    model: Model, lightness: FloatArray, *, size: int | None = None
) -> Distribution:
    """What `model` holds possible in an upright picture.

    Args:
        model: one whose outputs are a distribution.
        lightness: L* (H, W) in 0..100, of any size.
        size: shorter side in pixels that the network sees; None takes the model's own.

    Raises:
        ModelError: the model gives a*b* alone.
    """
    if model.spec.outputs != "distribution":
        raise ModelError(
            f"'{model.spec.name}' gives one colour for each point, and no others",
            remedy="choose a model whose outputs are a distribution: `tinct models list --json`",
        )
    weighed = model.predict(lightness, size=size, distribution=True).distribution
    assert weighed is not None
    light = resize(lightness.astype(np.float32, copy=False), *weighed.shape[:2])
    return Distribution(weighed, model.bins, light)


def palette_at(
    distribution: Distribution, x: float, y: float, *, count: int = 5
) -> tuple[Likely, ...]:
    """The likely colours of a point, the likeliest first.

    Args:
        distribution: of `distribution_of`.
        x: from the left edge, 0, to the right edge, 1.
        y: from the upper edge, 0, to the lower edge, 1.
        count: how many colours at most, 1 to `MOST_COLOURS`.

    Raises:
        UsageError: the point is outside the picture, or `count` out of range.
    """
    for name, value in (("x", x), ("y", y)):
        if not 0 <= value <= 1:
            raise UsageError(
                f"{value!r} is outside the picture",
                where=name,
                remedy="give a number from 0 to 1, of the picture's width or height",
            )
    if not 1 <= count <= MOST_COLOURS:
        raise UsageError(
            f"{count!r} is not possible",
            where="count",
            remedy=f"give a whole number from 1 to {MOST_COLOURS}",
        )
    rows, columns = distribution.light.shape
    row, column = min(rows - 1, int(y * rows)), min(columns - 1, int(x * columns))
    light = float(distribution.light[row, column])
    left = distribution.probabilities[row, column].astype(np.float64)
    found: list[Likely] = []
    while len(found) < count:
        best = int(left.argmax())
        near = np.linalg.norm(distribution.bins - distribution.bins[best], axis=1) < _REACH
        mass = float(left[near].sum())
        if mass < _LEAST:
            break
        a, b = (left[near] @ distribution.bins[near]) / mass
        found.append(Likely(float(a), float(b), min(mass, 1.0), _shown(light, a, b)))
        left[near] = 0
    return tuple(sorted(found, key=lambda one: -one.probability))


def _shown(light: float, a: float, b: float) -> str:
    lab = np.array([[np.clip(light, 0, 100), a, b]], np.float32)
    red, green, blue = np.rint(encode(lab, SRGB)[0] * 255).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"
