"""How much a model's colours move when nothing about the picture has changed.

Neither needs a truth: both run on any grey picture. A model that gives one colour to everything
is perfectly steady.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness, merge
from tinct.errors import UsageError
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.prepared import planes_of
from tinct.models.session import Model
from tinct.refine import enlarge

FloatArray = NDArray[np.float32]

#: other working sizes that are tried, as shares of the model's own
SHARES = (0.5, 0.75, 1.5, 2.0)


def size_consistency(
    model: Model, grey: NDArray[np.uint8], *, sizes: Sequence[int] | None = None
) -> float:
    """Mean CIEDE2000 between the result at the model's own working size and at others.

    Args:
        model: a network.
        grey: the picture, uint8 (H, W).
        sizes: the others, shorter side in pixels; by default `SHARES` of the model's own. Sizes
            that round to the same for this picture as its own count as they are: nothing moves.

    Returns:
        The mean over pixels and sizes; the lower, the steadier.

    Raises:
        UsageError: no sizes, or one below 1.
    """
    if sizes is None:
        sizes = [max(1, round(share * model.spec.working_size)) for share in SHARES]
    if not sizes or min(sizes) < 1:
        raise UsageError(
            "consistency needs other working sizes, of 1 pixel or more", where=str(list(sizes))
        )
    light = lightness(grey, SRGB)
    own = _lab(light, model.predict(light).chroma)
    moved = [
        float(ciede2000(own, _lab(light, model.predict(light, size=size).chroma)).mean())
        for size in sizes
    ]
    return float(np.mean(moved))


def flip_consistency(model: Model, grey: NDArray[np.uint8]) -> float:
    """Mean CIEDE2000 between the result and that of the mirrored picture, mirrored back.

    Args:
        model: a network.
        grey: the picture, uint8 (H, W); left and right are exchanged.
    """
    light = lightness(grey, SRGB)
    mirrored = np.ascontiguousarray(light[:, ::-1])
    there = _lab(light, model.predict(light).chroma)
    back = _lab(mirrored, model.predict(mirrored).chroma)
    return float(ciede2000(there, np.ascontiguousarray(back[..., ::-1])).mean())


def _lab(light: FloatArray, chroma: FloatArray) -> FloatArray:
    """What is seen: of the 8-bit picture, as it would be written."""
    picture = merge(light, enlarge(chroma, *light.shape), SRGB, depth=8)
    return planes_of(picture.astype(np.uint8, copy=False))[1]
