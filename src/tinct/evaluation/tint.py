"""The best constant tint: what can be had without looking at a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness
from tinct.errors import InputError
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.prepared import planes_of
from tinct.evaluation.protocol import Protocol, grey
from tinct.evaluation.sets import find_sets

FloatArray = NDArray[np.float32]
#: pictures that a tint is fitted on, and their size in pixels: more of either moves it by less
#: than the last step of the search
PICTURES, SIZE = 300, 32
_STEPS = (4.0, 1.0, 0.5)


@dataclass(frozen=True)
class Tint:
    """One colour for all pictures."""

    values: tuple[float, float]
    """a* and b*."""
    origin: str
    """What it was fitted on, and how."""


#: for where there is no training set
RECORDED = Tint(
    (1.0, 5.0),
    "recorded with Tinct, not fitted now: lowest mean CIEDE2000, to whole units, on 200 pictures "
    "of the training set of tinct-small.first",
)


def training_tint(folder: Path, *, seed: int = 0) -> Tint:
    """The tint fitted on a training set, or the recorded one where there is none.

    Args:
        folder: training set, as `tinct train` takes it.
        seed: draws the pictures.

    Raises:
        InputError: there is a folder, and no training set in it.
    """
    if not folder.is_dir():
        return RECORDED
    truths = [truth for one in find_sets(folder, test=False) for truth in one.truths]
    chosen = np.random.default_rng(seed).permutation(len(truths))[:PICTURES]
    square = Protocol("stretch", SIZE)
    pictures = []
    for at in chosen:
        try:
            pictures.append(square.fit(truths[at].picture()[0]))
        except InputError:  # what cannot be read was not trained on either
            continue
    if not pictures:
        return RECORDED
    count = len(pictures)
    values = fit_tint(pictures)
    return Tint(values, f"lowest mean CIEDE2000 on {count} training pictures, seed {seed}")


def fit_tint(pictures: Sequence[NDArray[np.uint8]]) -> tuple[float, float]:
    """The constant a* and b* with the lowest mean CIEDE2000, to half a unit.

    A search of ever finer grids around the best so far; the error has one valley.

    Args:
        pictures: true colours, uint8 sRGB (H, W, 3) each.
    """
    flat = np.concatenate([picture.reshape(-1, 3)[::5] for picture in pictures])[None]
    truth = planes_of(flat)[1]
    light = lightness(grey(flat), SRGB)
    known: dict[tuple[float, float], float] = {}

    def error(a: float, b: float) -> float:
        if (a, b) not in known:
            tinted = np.stack([light, np.full_like(light, a), np.full_like(light, b)])
            known[a, b] = float(ciede2000(truth, tinted).mean(dtype=np.float64))
        return known[a, b]

    best = (0.0, 0.0)
    for step in _STEPS:
        while True:
            around = [
                (best[0] + i * step, best[1] + j * step) for i in (-1, 0, 1) for j in (-1, 0, 1)
            ]
            lowest = min(around, key=lambda at: error(*at))
            if error(*lowest) >= error(*best):
                break
            best = lowest
    return best
