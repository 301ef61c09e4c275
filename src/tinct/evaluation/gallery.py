"""Pictures for the page of an evaluation: some drawn at random, and those that failed worst."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tinct.evaluation.measure import Measured, side_by_side
from tinct.evaluation.protocol import Image8, Protocol
from tinct.evaluation.results import PAIRED, WORST
from tinct.evaluation.sets import Truth
from tinct.evaluation.ways import GREY, TRUTH, Way, case_of

#: pictures of each set that are drawn for contact sheet and sliders
SHOWN = 12
#: the most pixels a side, there and among the worst
LARGE, SMALL = 320, 144
_QUALITY = {LARGE: 78, SMALL: 70}


@dataclass(frozen=True)
class Shown:
    """A picture, coloured in several ways."""

    id: str
    artist: str
    width: int
    height: int
    images: Mapping[str, bytes]
    """Way to WebP; grey first, the truth last."""
    errors: Mapping[str, float]
    """Way to CIEDE2000."""


@dataclass(frozen=True)
class Failure:
    """One of the pictures on which a way errs most."""

    id: str
    error: float
    result: bytes
    truth: bytes


def drawn(
    measured: Measured, ways: Sequence[Way], protocol: Protocol, *, seed: int, count: int = SHOWN
) -> list[Shown]:
    """Pictures drawn at random, coloured again for the page.

    Args:
        measured: the set.
        ways: to show between grey and truth.
        protocol: how pictures are cut.
        seed: draws them.
        count: how many.
    """
    total = len(measured.truths)
    chosen = np.sort(np.random.default_rng(seed).permutation(total)[:count])
    wanted = [way for way in ways if way.kind != "baseline" or way.name in (GREY, TRUTH)]

    def make(at: int) -> Shown:
        truth = measured.truths[at]
        case = case_of(truth, protocol)
        return Shown(
            id=truth.id,
            artist=truth.artist,
            width=case.truth.shape[1],
            height=case.truth.shape[0],
            images={way.name: encoded(way.paint(case), LARGE) for way in wanted},
            errors={way.name: float(measured.values[way.name][PAIRED][at]) for way in wanted},
        )

    return [shown for _, shown in side_by_side(make, [int(at) for at in chosen])]


def worst(measured: Measured, way: Way, protocol: Protocol, *, count: int = WORST) -> list[Failure]:
    """The pictures on which a way errs most, the worst first."""
    errors = measured.values[way.name][PAIRED]
    order = [int(at) for at in np.argsort(-errors, kind="stable")[:count]]

    def make(at: int) -> Failure:
        truth: Truth = measured.truths[at]
        case = case_of(truth, protocol)
        result = encoded(way.paint(case), SMALL)
        return Failure(truth.id, float(errors[at]), result, encoded(case.truth, SMALL))

    return [failure for _, failure in side_by_side(make, order)]


def encoded(picture: Image8, side: int) -> bytes:
    """WebP of a picture, no side longer than `side` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=_QUALITY[side], method=4)
    return stream.getvalue()
