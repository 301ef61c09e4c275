"""How bold a network is to be, measured on the validation pictures of its run, never on others.

Two things make a network's colours duller than real ones: it hedges, and its training favoured rare
colours (Zhang et al., arXiv 1603.08511), so that what is likeliest is not what it says is. Part of
that favour is taken back, which makes its odds truer; then lower temperatures, and beyond them a
factor on a*b*, make it as colourful as one wants. Vividness 1 is as colourful as real pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, FloatArray, grid_bins, lightness, merge, rgb_to_lab
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.metrics import colourfulness
from tinct.models.session import Model
from tinct.models.spec import USUAL
from tinct.refine import enlarge
from tinct.training.distribution import bin_frequency
from tinct.training.draws import still
from tinct.training.engine import pictures_of, read_source, replayed_by, source_of
from tinct.training.pictures import PictureSet
from tinct.training.reading import RECIPE, load_recipe
from tinct.training.recipe import Recipe
from tinct.training.validation import chosen_pictures

#: temperatures and factors on a*b* that are tried, from the most cautious
SETTINGS = (
    *((2.0, 0.8), (1.4, 0.95), (1.0, 1.05), (0.75, 1.1), (0.6, 1.15), (0.5, 1.2)),
    *((0.5, 1.35), (0.5, 1.5), (0.5, 1.7), (0.5, 1.9), (0.5, 2.2)),
)
#: share of the rebalancing that is taken back, as exponent of the weights
TAKEN_BACK = 0.4
#: steps to the factor that makes two models equally colourful, and between which it may lie
_EVEN, _FACTORS = 2, (0.5, 2.0)
_SIDE = 192


@dataclass(frozen=True)
class Calibration:
    """What `ModelSpec` is told."""

    vividness: tuple[tuple[float, float, float], ...]
    """Vividness, temperature and factor, ascending."""

    @property
    def usual(self) -> tuple[float, float]:
        """Temperature and factor at the usual vividness."""
        heads, *columns = zip(*self.vividness, strict=True)
        temperature, factor = (float(np.interp(USUAL, heads, column)) for column in columns)
        return temperature, factor

    def text(self) -> str:
        """As an exported file has it."""
        return " ".join(f"{ratio:.3f}:{heat:g}:{gain:g}" for ratio, heat, gain in self.vividness)


def calibrate(
    model: Model,
    run: Path,
    *,
    pictures: int = 192,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Measure how colourful a model of a distribution is in several settings.

    Args:
        model: exported from the run.
        run: folder of the training, which says what it was validated on.
        pictures: at most so many of them.
        progress: told how many are done.

    Raises:
        InputError: the pictures of the run are not there.
    """
    truths, greys = held_out(run, pictures)
    real = sum(colourfulness(truth) for truth in truths)
    sums = np.zeros(len(SETTINGS))
    for number, grey in enumerate(greys):
        sums += _colourfulness(model, grey)
        if progress is not None:
            progress(number + 1, len(greys))
    return fitted(SETTINGS, [float(one) / real for one in sums])


def as_colourful(model: Model, before: Model, run: Path, *, pictures: int = 64) -> float:
    """Factor on a*b* that makes a model as colourful as the one it was made from.

    Learning from vivid pictures makes all others more vivid, too. So they are compared on pictures
    that the training replayed; their true colours play no part.

    Args:
        model: exported from the run.
        before: what the run began with.
        run: folder of the training.
        pictures: at most so many.

    Returns:
        The factor; 1 where the run replayed no pictures.

    Raises:
        InputError: the replayed pictures are not there.
    """
    recipe = load_recipe(run / RECIPE)
    found = replayed_by(recipe)
    if found is None:
        return 1.0
    chosen = np.random.default_rng(3).permutation(found.training)[:pictures]
    greys = still(found.cache, chosen, size=_SIDE, data=recipe.data)[1]
    lights = [lightness(grey) for grey in greys]

    def vivid(chroma: list[FloatArray], factor: float) -> float:
        return sum(
            colourfulness(
                merge(light, enlarge(one * np.float32(factor), *light.shape), SRGB, depth=8)
            )
            for light, one in zip(lights, chroma, strict=True)
        )

    own, old = ([one.predict(light).chroma for light in lights] for one in (model, before))
    wanted, factor = vivid(old, 1.0), 1.0
    for _ in range(_EVEN):
        factor *= wanted / max(vivid(own, factor), 1e-6)
    return float(np.clip(factor, *_FACTORS))


def best_size(
    opened: Callable[[int], Model], run: Path, sizes: Sequence[int], *, pictures: int = 96
) -> int:
    """The shorter side at which a model errs least on validation pictures of its run.

    Args:
        opened: the model, exported from the run, with a working size; a larger one than its own
            would be seen beside that, see `Model.predict`.
        run: folder of the training.
        sizes: to choose from.
        pictures: at most so many.

    Raises:
        InputError: the pictures of the run are not there.
    """
    truths, greys = held_out(run, pictures)
    errors = []
    for size in sizes:
        model, error = opened(size), 0.0
        for truth, grey in zip(truths, greys, strict=True):
            light = lightness(grey)
            chroma = enlarge(model.predict(light).chroma, *light.shape)
            lab = rgb_to_lab(merge(light, chroma, SRGB, depth=8) * np.float32(1 / 255))
            true = rgb_to_lab(truth * np.float32(1 / 255))
            error += float(ciede2000(lab.transpose(2, 0, 1), true.transpose(2, 0, 1)).mean())
        errors.append(error)
    return sizes[int(np.argmin(errors))]


def held_out(run: Path, pictures: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Validation pictures of a run, (N, S, S, 3) and grey (N, S, S)."""
    recipe, found = _opened(run)
    held = chosen_pictures(found, recipe.data).validation[:pictures]
    return still(found.cache, held, size=_SIDE, data=recipe.data)


def offsets(run: Path) -> NDArray[np.float32]:
    """What is to be added to a network's logits (K,) to take back `TAKEN_BACK` of its rebalancing.

    In its training a colour weighs 1 / ((1 - lambda) * frequency + lambda / K), and what it learns
    is the odds times that weight.

    Raises:
        InputError: the pictures of the run are not there.
    """
    recipe, found = _opened(run)
    bins = grid_bins(recipe.loss.grid)
    mix = recipe.loss.rebalance
    frequency = bin_frequency(found.colours(found.training), bins)
    logs = TAKEN_BACK * np.log((1 - mix) * frequency + mix / len(bins))
    centred: NDArray[np.float32] = (logs - logs.mean()).astype(np.float32)
    return centred


def _opened(run: Path) -> tuple[Recipe, PictureSet]:
    recipe = load_recipe(run / RECIPE)
    found = pictures_of(source_of(Path(read_source(run))), recipe)
    return recipe, found


def _colourfulness(model: Model, grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of one picture in each setting; the network sees it once."""
    light = lightness(grey)
    distribution = model.predict(light, distribution=True).distribution
    assert distribution is not None
    logp = np.log(np.maximum(distribution, 1e-12))
    found = []
    for heat, gain in SETTINGS:
        annealed = np.exp((logp - logp.max(2, keepdims=True)) / np.float32(heat))
        annealed /= annealed.sum(2, keepdims=True)
        chroma = enlarge(annealed @ model.bins, *light.shape) * np.float32(gain)
        found.append(colourfulness(merge(light, chroma, SRGB, depth=8).astype(np.uint8)))
    return np.array(found)


def fitted(settings: Sequence[tuple[float, float]], ratios: Sequence[float]) -> Calibration:
    """The settings that rise, with 1 and the usual vividness among them where they are reached.

    Args:
        settings: temperatures and factors, from the most cautious.
        ratios: colourfulness at each as a share of that of the truth.
    """
    rows: list[tuple[float, float, float]] = []
    for (heat, gain), ratio in zip(settings, ratios, strict=True):
        if not rows or ratio > rows[-1][0] + 1e-3:
            rows.append((round(float(ratio), 3), float(heat), float(gain)))
    for wanted in (USUAL, 1.0):
        for number, (left, right) in enumerate(pairwise(rows)):
            if left[0] < wanted < right[0]:
                share = (wanted - left[0]) / (right[0] - left[0])
                heat, gain = (
                    round(low + share * (high - low), 4)
                    for low, high in zip(left[1:], right[1:], strict=True)
                )
                rows.insert(number + 1, (wanted, heat, gain))
                break
    return Calibration(tuple(rows))
