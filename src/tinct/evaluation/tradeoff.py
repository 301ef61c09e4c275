"""Vivid against faithful: a duller guess errs less, so models are compared at equal colourfulness.

CIEDE2000 rewards caution. Each model's chroma is multiplied by several gains, which draws a curve
of error against colourfulness; and all are brought to one colourfulness, each by a gain of its own,
where they are compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color import rgb_to_lab
from tinct.errors import UsageError
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.measure import Measured, side_by_side
from tinct.evaluation.prepared import planes_of
from tinct.evaluation.protocol import Image8, Protocol
from tinct.evaluation.statistics import Bootstrap, compare_pairs
from tinct.evaluation.vividness import vividness
from tinct.evaluation.ways import Case, Way, case_of, coloured

FloatArray = NDArray[np.float64]
Record = dict[str, Any]
GAINS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_SEARCH = 4  # of the gain that gives a colourfulness; each a pass over all pictures


def check_colourfulness(at: float | None) -> None:
    """Raise UsageError unless it is a share of the truth's colourfulness above 0, or None."""
    if at is not None and not at > 0:
        raise UsageError(
            f"{at:g} is no colourfulness", where="--equal-colourfulness", remedy="1 is the truth's"
        )


def trade_off(
    measured: Measured,
    ways: Sequence[Way],
    protocol: Protocol,
    bootstrap: Bootstrap,
    *,
    at: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Record:
    """The curve of each way, and all at one colourfulness.

    Args:
        measured: the set, with the ways as they are.
        ways: models, or pictures of other tools.
        protocol: how pictures are cut.
        bootstrap: resamples of the pictures.
        at: colourfulness as a share of the truth's; None takes that of the dullest way.
        progress: told what is being done.

    Returns:
        {"gains", "curves": {way: [{"gain", "colourfulness_ratio", "ciede2000"}]}, "equal": {
        "colourfulness_ratio", "ways": {way: {"gain", "colourfulness_ratio", "ciede2000"}},
        "pairs": [wins of one way against another], "out_of_reach": [way]}}; "equal" is None
        where there is one way alone and `at` is None
    """
    curves: dict[str, list[Record]] = {}
    own = {way.name: _share(measured.values[way.name]) for way in ways}
    for way in ways:
        progress(f"{measured.name}: {way.name} at {len(GAINS)} gains")
        errors, shares = _scaled(measured, way, protocol, GAINS)
        curves[way.name] = [
            {"gain": gain, "colourfulness_ratio": float(share), "ciede2000": float(error.mean())}
            for gain, share, error in zip(GAINS, shares, errors.T, strict=True)
        ]
    equal = None
    if at is not None or len(ways) > 1:
        target = min(own.values()) if at is None else at
        equal = _equal(measured, ways, protocol, bootstrap, curves, target, progress)
    return {"gains": list(GAINS), "curves": curves, "equal": equal}


def _equal(
    measured: Measured,
    ways: Sequence[Way],
    protocol: Protocol,
    bootstrap: Bootstrap,
    curves: Mapping[str, Sequence[Record]],
    target: float,
    progress: Callable[[str], None],
) -> Record:
    found: dict[str, Record] = {}
    errors: dict[str, FloatArray] = {}
    beyond = []
    for way in ways:
        shares = [point["colourfulness_ratio"] for point in curves[way.name]]
        if not shares[0] <= target <= max(shares):
            beyond.append(way.name)
            continue
        progress(f"{measured.name}: {way.name} at colourfulness {target:.2f}")
        gain, error, share = _reach(measured, way, protocol, shares, target)
        errors[way.name] = error
        found[way.name] = {
            "gain": gain,
            "colourfulness_ratio": share,
            "ciede2000": bootstrap.interval(error),
        }
    pairs = []
    for one, other in combinations(errors, 2):
        wins = compare_pairs(errors[one], errors[other], against=other, metric="ciede2000")
        pairs.append({"way": one, **asdict(wins)})
    return {"colourfulness_ratio": target, "ways": found, "pairs": pairs, "out_of_reach": beyond}


def _reach(
    measured: Measured, way: Way, protocol: Protocol, shares: Sequence[float], target: float
) -> tuple[float, FloatArray, float]:
    """The gain that gives a colourfulness to 1 %, the errors there, and what it gave."""
    known = dict(zip(shares, GAINS, strict=True))  # of equal shares the larger gain
    for _ in range(_SEARCH):
        ordered = sorted(known)
        gain = float(np.interp(target, ordered, [known[share] for share in ordered]))
        errors, (share,) = _scaled(measured, way, protocol, (gain,))
        if abs(share - target) <= 0.01 * target:
            break
        known[float(share)] = gain
    return gain, errors[:, 0], float(share)


def _scaled(
    measured: Measured, way: Way, protocol: Protocol, gains: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Errors (n, gains) and colourfulness as a share of the truth's (gains,)."""

    def work(truth: Any) -> list[tuple[float, float]]:
        case = case_of(truth, protocol)
        chroma = chroma_of_way(way, case)
        return [
            judged(coloured(case.light, chroma * np.float32(gain)), case.truth) for gain in gains
        ]

    both = np.array([found for _, found in side_by_side(work, measured.truths)], np.float64)
    true = measured.values[way.name]["colourfulness_truth"].mean()
    return both[..., 0], both[..., 1].mean(0) / max(true, 1e-9)


def chroma_of_way(way: Way, case: Case) -> NDArray[np.float32]:
    """The a*b* map (h, w, 2) that a way gives a picture, before any gamut."""
    if way.model is not None:
        return way.model.predict(case.light).chroma
    return rgb_to_lab(way.paint(case) * np.float32(1 / 255))[..., 1:]


def judged(result: Image8, truth: Image8) -> tuple[float, float]:
    """Mean CIEDE2000 between two pictures, and the colourfulness of the first (signed)."""
    rgb, lab = planes_of(result)
    _, true = planes_of(truth)
    return float(ciede2000(lab, true).mean()), vividness(rgb).signed


def _share(values: Mapping[str, FloatArray]) -> float:
    true = float(values["colourfulness_truth"].mean())
    return float(values["colourfulness"].mean()) / max(true, 1e-9)
