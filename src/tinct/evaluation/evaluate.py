"""One protocol for every colouring: grey the truth, colour it, measure, beside the baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness, merge, rgb_to_lab
from tinct.evaluation import metrics
from tinct.models.session import Model
from tinct.refine import enlarge

FloatArray = NDArray[np.float32]
#: lightness (H, W) and truth (uint8 sRGB, for oracles) to chroma (H, W, 2)
Colourer = Callable[[FloatArray, NDArray[np.uint8]], FloatArray]

MEASURES: Mapping[str, Callable[[metrics.Image8, metrics.Image8], float]] = {
    "ciede2000": metrics.ciede2000,
    "psnr": metrics.psnr,
    "ab_error": metrics.ab_error,
    "lab_accuracy": metrics.lab_accuracy,
}


@dataclass(frozen=True)
class Row:
    """Means over all pictures of one way to colour them."""

    name: str
    pictures: int
    measures: Mapping[str, float]
    colourfulness_ratio: float


def grey(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rec. 601 grey of an sRGB picture, as cameras and software make it."""
    luma = truth.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.round(luma).astype(np.uint8)


def baselines(tint: tuple[float, float]) -> dict[str, Colourer]:
    """Grey, one constant tint, and the oracle that knows each picture's mean a*b*."""

    def constant(light: FloatArray, chroma: FloatArray) -> FloatArray:
        full: FloatArray = np.broadcast_to(chroma, (*light.shape, 2)).astype(np.float32)
        return full

    def mean(truth: NDArray[np.uint8]) -> FloatArray:
        lab = rgb_to_lab(truth * np.float32(1 / 255))
        average: FloatArray = lab[..., 1:].reshape(-1, 2).mean(0)
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


def evaluate(pictures: Sequence[NDArray[np.uint8]], colourers: Mapping[str, Colourer]) -> list[Row]:
    """Grey each picture, colour it in every way, and average the measures.

    Args:
        pictures: true colours, uint8 sRGB (H, W, 3).
        colourers: name to way of colouring.
    """
    sums = {name: dict.fromkeys((*MEASURES, "colourfulness"), 0.0) for name in colourers}
    true_colourfulness = 0.0
    for truth in pictures:
        light = lightness(grey(truth), SRGB)
        true_colourfulness += metrics.colourfulness(truth)
        for name, paint in colourers.items():
            result = merge(light, paint(light, truth), SRGB, depth=8)
            for measure, function in MEASURES.items():
                sums[name][measure] += function(result, truth)
            sums[name]["colourfulness"] += metrics.colourfulness(result)
    return [
        Row(
            name=name,
            pictures=len(pictures),
            measures={measure: total[measure] / len(pictures) for measure in MEASURES},
            colourfulness_ratio=total["colourfulness"] / true_colourfulness,
        )
        for name, total in sums.items()
    ]


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | CIEDE2000 | PSNR | a*b* error | LAB accuracy 5 % | colourfulness ratio |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name} | {row.measures['ciede2000']:.2f} | {row.measures['psnr']:.2f} "
        f"| {row.measures['ab_error']:.2f} | {100 * row.measures['lab_accuracy']:.1f} % "
        f"| {row.colourfulness_ratio:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)
