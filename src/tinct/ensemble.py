"""More passes for one picture: mirrored and at a second size, averaged where they are still odds.

Averaging probabilities rather than colours keeps what two passes disagree about from turning grey:
the annealed mean decides once, afterwards.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinct.color import FloatArray
from tinct.models.odds import LEAST
from tinct.models.session import Model, Prediction
from tinct.resample import resize_all

_LARGER = 1.5  # the second size


def predict_best(
    network: Model,
    lightness: FloatArray,
    *,
    size: int | None = None,
    temperature: float | None = None,
    hints: FloatArray | None = None,
    palette: FloatArray | None = None,
) -> Prediction:
    """`Model.predict` of four passes: as it is and mirrored, at two sizes.

    Args:
        network: that predicts; of one without a distribution the colours are averaged.
        lightness: L* (H, W) in 0..100, upright.
        size: as `Model.predict` has it; the second is half as large again.
        temperature: likewise.
        hints: likewise.
        palette: likewise.

    Returns:
        a*b* at the map size of the first pass, and the distribution where there is one.
    """
    spec = network.spec
    small = size or spec.working_size
    distributed = spec.outputs == "distribution"
    passes: list[Prediction] = []
    for side in (small, round(small * _LARGER)):
        for mirrored in (False, True):
            found = network.predict(
                lightness[:, ::-1] if mirrored else lightness,
                size=side,
                temperature=temperature,
                hints=_mirrored(hints) if mirrored else hints,
                palette=palette,
                distribution=distributed,
            )
            passes.append(_turned(found) if mirrored else found)
    first = passes[0]
    rows, columns = first.chroma.shape[:2]
    if not distributed:
        chroma = np.mean([_fitted(one.chroma, rows, columns) for one in passes], axis=0)
        return replace(first, chroma=chroma.astype(np.float32))
    given = [one.distribution for one in passes if one.distribution is not None]
    mean = np.maximum(np.mean([_fitted(one, rows, columns) for one in given], axis=0), 0)
    mean /= mean.sum(2, keepdims=True)
    return replace(
        first,
        chroma=network.annealed(np.log(np.maximum(mean, LEAST)), temperature),
        distribution=mean.astype(np.float32),
    )


def _mirrored(hints: FloatArray | None) -> FloatArray | None:
    if hints is None:
        return None
    turned = hints.copy()
    turned[:, 0] = 1 - turned[:, 0]
    return turned


def _turned(prediction: Prediction) -> Prediction:
    given = prediction.distribution
    return replace(
        prediction,
        chroma=prediction.chroma[:, ::-1],
        distribution=None if given is None else given[:, ::-1],
    )


def _fitted(planes: FloatArray, rows: int, columns: int) -> FloatArray:
    """(h, w, C) at another size."""
    return resize_all(planes.transpose(2, 0, 1), rows, columns).transpose(1, 2, 0)
