"""Ways to colour as functions, and the means of some over pictures that are at hand.

`tinct evaluate` does more: see `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness, merge
from tinct.evaluation import metrics
from tinct.evaluation.prepared import planes_of
from tinct.evaluation.protocol import grey
from tinct.evaluation.tint import RECORDED
from tinct.models.session import Model
from tinct.refine import enlarge

FloatArray = NDArray[np.float32]
#: lightness (H, W) and truth (uint8 sRGB, for oracles) to chroma (H, W, 2)
Colourer = Callable[[FloatArray, NDArray[np.uint8]], FloatArray]

#: column of a table -> how a row is shown there
COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "CIEDE2000": lambda row: f"{row.measures['ciede2000']:.2f}",
    "PSNR": lambda row: f"{row.measures['psnr']:.2f}",
    "a\\*b\\* MSE": lambda row: f"{row.measures['ab_mse']:.5f}",
    "a\\*b\\* L1": lambda row: f"{row.measures['ab_l1']:.4f}",
    "LAB accuracy 5 %": lambda row: f"{100 * row.measures['lab_accuracy_5']:.1f} %",
    "LAB accuracy 2 %": lambda row: f"{100 * row.measures['lab_accuracy_2']:.1f} %",
    "colourfulness ratio": lambda row: f"{row.colourfulness_ratio:.2f}",
}


@dataclass(frozen=True)
class Row:
    """Means over all pictures of one way to colour them."""

    name: str
    """What the way is called."""
    pictures: int
    """How many there were."""
    measures: Mapping[str, float]
    """Those of `tinct.evaluation.metrics.compare`."""
    colourfulness_ratio: float
    """Colourfulness of all results as a share of that of all truths; 1 is as colourful."""


def baselines(tint: tuple[float, float] = RECORDED.values) -> dict[str, Colourer]:
    """Grey, one constant tint, and the oracle that knows each picture's mean a*b*."""

    def constant(light: FloatArray, chroma: FloatArray) -> FloatArray:
        full: FloatArray = np.broadcast_to(chroma, (*light.shape, 2)).astype(np.float32)
        return full

    def mean(truth: NDArray[np.uint8]) -> FloatArray:
        _, lab = planes_of(truth)
        average: FloatArray = lab[1:].reshape(2, -1).mean(1)
        return average

    return {
        "grey": lambda light, _: constant(light, np.zeros(2, np.float32)),
        f"tint a* {tint[0]:g} b* {tint[1]:g}": lambda light, _: constant(
            light, np.array(tint, np.float32)
        ),
        "oracle mean a*b*": lambda light, truth: constant(light, mean(truth)),
    }


def colourer(
    model: Model, *, size: int | None = None, temperature: float | None = None, gain: float = 1.0
) -> Colourer:
    """A model as a way to colour, with its working size and vividness overridden."""

    def predict(light: FloatArray, _: NDArray[np.uint8]) -> FloatArray:
        chroma = model.predict(light, size=size, temperature=temperature).chroma
        return enlarge(chroma, *light.shape) * np.float32(gain)

    return predict


def chroma_of(chroma: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """An a*b* map (h, w, 2) at a picture's size (H, W, 2)."""
    return chroma if chroma.shape[:2] == shape else enlarge(chroma, *shape)


def colour(truth: NDArray[np.uint8], paint: Colourer) -> NDArray[np.uint8]:
    """Grey a picture (H, W, 3) and colour it again; both are uint8 sRGB."""
    light = lightness(grey(truth), SRGB)
    return merge(light, paint(light, truth), SRGB, depth=8).astype(np.uint8, copy=False)


def evaluate(pictures: Sequence[NDArray[np.uint8]], colourers: Mapping[str, Colourer]) -> list[Row]:
    """Grey each picture, colour it in every way, and average the measures.

    Args:
        pictures: true colours, uint8 sRGB (H, W, 3).
        colourers: name to way of colouring.
    """
    measures: dict[str, list[dict[str, float]]] = {name: [] for name in colourers}
    vividness = dict.fromkeys(colourers, 0.0)
    for truth in pictures:
        for name, paint in colourers.items():
            result = colour(truth, paint)
            measures[name].append(metrics.compare(result, truth))
            vividness[name] += metrics.colourfulness(result)
    true_vividness = sum(metrics.colourfulness(truth) for truth in pictures)
    return [
        Row(
            name=name,
            pictures=len(pictures),
            measures={key: float(np.mean([one[key] for one in found])) for key in found[0]},
            colourfulness_ratio=vividness[name] / max(true_vividness, 1e-9),
        )
        for name, found in measures.items()
    ]
