"""What a few points of colour from a user are worth: simulated at true colours.

Zhang et al. ("Real-Time User-Guided Image Colorization with Learned Deep Priors", SIGGRAPH 2017)
reveal the mean colour of small patches; so does this, at places drawn evenly over the picture. The
points of a larger number hold those of a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color import rgb_to_lab
from tinct.errors import UsageError
from tinct.evaluation.measure import Measured, side_by_side
from tinct.evaluation.protocol import Image8, Protocol
from tinct.evaluation.statistics import Bootstrap
from tinct.evaluation.structure import psnr
from tinct.evaluation.tradeoff import judged
from tinct.evaluation.ways import Way, case_of, coloured
from tinct.propagation import obey

Record = dict[str, Any]
#: the colour of a point is the mean of a square of 2 * RADIUS + 1 pixels
RADIUS = 3


def takers(ways: Sequence[Way]) -> list[Way]:
    """The models that take points of colour.

    Raises:
        UsageError: none does.
    """
    found = [way for way in ways if way.model is not None and way.model.spec.hints]
    if not found:
        names = ", ".join(way.name for way in ways if way.model is not None) or "no model"
        raise UsageError(
            f"takes no points of colour: {names}",
            where="--hints",
            remedy="name a model that does; `tinct models show` says so",
        )
    return found


def points(truth: Image8, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Points of a picture with their true colours.

    Args:
        truth: uint8 sRGB (H, W, 3).
        count: how many.
        rng: draws the places; the same gives the same first points for any count.

    Returns:
        (count, 4) float32: x and y in 0..1 of width and height, a* and b* in CIE units, the mean of
        a square around the place.
    """
    height, width = truth.shape[:2]
    # drawn pair by pair: the first points are the same however many there are
    places = (rng.random((count, 2)) * (height, width)).astype(int)
    chroma = rgb_to_lab(truth * np.float32(1 / 255))[..., 1:]
    found = np.empty((count, 4), np.float32)
    for at, (row, column) in enumerate(places):
        patch = chroma[
            max(0, row - RADIUS) : row + RADIUS + 1, max(0, column - RADIUS) : column + RADIUS + 1
        ]
        found[at] = (column + 0.5) / width, (row + 0.5) / height, *patch.mean((0, 1))
    return found


def hint_curve(
    measured: Measured,
    ways: Sequence[Way],
    counts: Sequence[int],
    protocol: Protocol,
    bootstrap: Bootstrap,
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Record:
    """Error against the number of points.

    Args:
        measured: the set.
        ways: models that take points, see `takers`.
        counts: numbers of points.
        protocol: how pictures are cut.
        bootstrap: resamples of the pictures.
        seed: draws the places, the same for all models.
        progress: told what is being done.

    Returns:
        {"counts", "ways": {way: [{"points", "ciede2000", "psnr"}]}}, with intervals.
    """
    found: dict[str, list[Record]] = {}
    for way in ways:
        progress(f"{measured.name}: {way.name} with up to {max(counts)} points")
        values = _values(measured, way, counts, protocol, seed)
        found[way.name] = [
            {
                "points": count,
                "ciede2000": bootstrap.interval(values[:, at, 0]),
                "psnr": bootstrap.interval(values[:, at, 1]),
            }
            for at, count in enumerate(counts)
        ]
    return {"counts": list(counts), "ways": found}


def _values(
    measured: Measured, way: Way, counts: Sequence[int], protocol: Protocol, seed: int
) -> NDArray[np.float64]:
    """(n, counts, 2): CIEDE2000 and PSNR."""
    model: Any = way.model

    def work(numbered: tuple[int, Any]) -> list[tuple[float, float]]:
        number, truth = numbered
        case = case_of(truth, protocol)
        drawn = points(case.truth, max(counts), np.random.default_rng([seed, number]))
        plain = model.predict(case.light, distribution=True)
        found = []
        for count in counts:
            chroma = plain.chroma
            if count:  # as the flow does
                hints = drawn[:count]
                told = model.predict(case.light, hints=hints).chroma
                chroma = obey(
                    told, case.light, hints, without=plain.chroma, odds=plain.distribution
                )
            result = coloured(case.light, chroma)
            error = np.mean((result.astype(np.float32) - case.truth) ** 2, dtype=np.float64)
            found.append((judged(result, case.truth)[0], psnr(float(error))))
        return found

    numbered = list(enumerate(measured.truths))
    return np.array([values for _, values in side_by_side(work, numbered)], np.float64)
