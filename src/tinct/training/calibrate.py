"""How bold a network is to be: how colourful it is at each temperature.

Vividness 1 is the temperature `BALANCE`; others are as much more or less colourful than that as
the number says. As colourful as real pictures would be bolder than a network of this size can
justify: it would have to bet on its likeliest guess everywhere. Measured on the validation
pictures of its run, never on evaluation pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness, merge
from tinct.evaluation.metrics import colourfulness
from tinct.models.session import Model
from tinct.refine import enlarge
from tinct.training.draws import still
from tinct.training.engine import read_source, source_of
from tinct.training.pictures import open_pictures
from tinct.training.reading import load_recipe
from tinct.training.validation import chosen_pictures

#: temperatures that are tried, from the most cautious
TEMPERATURES = (2.0, 1.6, 1.3, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
#: that of vividness 1
BALANCE = 1.0
_SIDE = 256


@dataclass(frozen=True)
class Calibration:
    """What `ModelSpec` is told."""

    vividness: tuple[tuple[float, float], ...]
    """Vividness and the temperature for it, ascending."""
    colourfulness: float
    """Of results at vividness 1, as a share of that of real pictures."""

    def text(self) -> str:
        """As an exported file has it."""
        return " ".join(f"{ratio:.3f}:{heat:g}" for ratio, heat in self.vividness)


def calibrate(
    model: Model,
    run: Path,
    *,
    pictures: int = 192,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Measure how colourful a model of a distribution is at several temperatures.

    Args:
        model: exported from the run.
        run: folder of the training, which says what it was validated on.
        pictures: at most so many of them.
        progress: told how many are done.

    Raises:
        InputError: the pictures of the run are not there.
    """
    recipe = load_recipe(run / "recipe.toml")
    found = open_pictures(
        source_of(Path(read_source(run))),
        shorter=recipe.data.shorter,
        validation=recipe.data.validation,
        packed=recipe.data.packed,
    )
    held = chosen_pictures(found, recipe.data).validation[:pictures]
    truths, greys = still(found.cache, held, size=_SIDE, data=recipe.data)
    real = sum(colourfulness(truth) for truth in truths)
    sums = np.zeros(len(TEMPERATURES))
    for number, grey in enumerate(greys):
        sums += _colourfulness(model, grey)
        if progress is not None:
            progress(number + 1, len(greys))
    return fitted(TEMPERATURES, [float(one) / real for one in sums])


def _colourfulness(model: Model, grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of one picture at each temperature; the network sees it once."""
    light = lightness(grey)
    distribution = model.predict(light, distribution=True).distribution
    assert distribution is not None
    logp = np.log(np.maximum(distribution, 1e-12))
    found = []
    for heat in TEMPERATURES:
        annealed = np.exp((logp - logp.max(2, keepdims=True)) / np.float32(heat))
        annealed /= annealed.sum(2, keepdims=True)
        chroma = enlarge(annealed @ model.bins, *light.shape) * np.float32(model.spec.gain)
        found.append(colourfulness(merge(light, chroma, SRGB, depth=8).astype(np.uint8)))
    return np.array(found)


def fitted(temperatures: Sequence[float], ratios: Sequence[float]) -> Calibration:
    """The pairs that rise, relative to the colourfulness at `BALANCE`.

    Args:
        temperatures: descending, `BALANCE` among them.
        ratios: colourfulness at each as a share of that of the truth.
    """
    balanced = float(ratios[list(temperatures).index(BALANCE)])
    pairs: list[tuple[float, float]] = []
    for heat, ratio in zip(temperatures, ratios, strict=True):
        vividness = round(float(ratio) / balanced, 3)
        if not pairs or vividness > pairs[-1][0]:
            pairs.append((vividness, float(heat)))
    return Calibration(tuple(pairs), round(balanced, 3))
