"""Proof that only colour was added to a film: the luma of two, compared code by code."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinct.video.planes import light_of, widened
from tinct.video.source import Damage, Film, examine, frames

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_MOVED = 0.002  # seconds by which containers may round times: Matroska counts in thousandths


@dataclass(frozen=True)
class FilmVerdict:
    """What comparing a film with its coloured copy showed."""

    ok: bool
    """Whether luma, size and times are the same."""
    claim: str
    """What was found, in one line."""
    frames: int
    """Frames compared."""
    luma_identical: bool | None = None
    """Whether every code of luma is the same; None where frames could not be compared."""
    max_delta_luma: int | None = None
    """Largest difference in codes of the deeper film."""
    mean_delta_luma: float | None = None
    """Mean of the absolute difference in such codes."""
    psnr_luma: float | None = None
    """Of luma, in dB; None where it is identical."""
    max_moved_ms: float | None = None
    """How far a frame's time moved at most, counted from the first frame, in milliseconds."""
    reason: str | None = None
    """Why the promise does not hold."""

    def as_dict(self) -> dict[str, object]:
        """The same for JSON."""
        return asdict(self)


@dataclass
class _Difference:
    """What was found so far."""

    largest: int = 0
    total: float = 0.0
    squares: float = 0.0
    count: int = 0
    moved: float = 0.0

    def add(self, one: VideoFrame, other: VideoFrame, films: tuple[Film, Film]) -> None:
        """Compare the luma of two frames."""
        depth = max(film.signal.depth for film in films)
        codes = [
            widened(light_of(frame).luma, film.signal, depth).astype(np.int32)
            for frame, film in zip((one, other), films, strict=True)
        ]
        gap = np.abs(codes[0] - codes[1])
        self.largest = max(self.largest, int(gap.max()))
        self.total += float(gap.sum(dtype=np.float64))
        self.squares += float(np.square(gap, dtype=np.float64).sum())
        self.count += gap.size


def compare_films(original: Path, coloured: Path) -> FilmVerdict:
    """Compare size, times and luma of two films; sound and other streams are not looked at.

    Luma of a film with fewer bits is brought to those of the other, as in colouring; of RGB it is
    made, as in colouring.

    Raises:
        InputError: one of them cannot be read.
    """
    films = examine(original), examine(coloured)
    sizes = [f"{film.width} x {film.height}" for film in films]
    if sizes[0] != sizes[1]:
        return _no_match(f"{sizes[0]} pixels became {sizes[1]}", 0)
    turned = [film.turned for film in films]
    if turned[0] != turned[1]:
        return _no_match(f"turned by {turned[0]} degrees became {turned[1]}", 0)
    found = _Difference()
    starts: tuple[float, float] | None = None
    done = 0
    for number, (one, other) in enumerate(zip_longest(*map(_shown, films))):
        if one is None or other is None:
            shorter, longer = ("copy", "original") if other is None else ("original", "copy")
            return _no_match(
                f"the {shorter} ends after {number} frames, the {longer} does not", number
            )
        times = one[0], other[0]
        starts = starts or times
        found.moved = max(found.moved, abs((times[0] - starts[0]) - (times[1] - starts[1])))
        found.add(one[1], other[1], films)
        done = number + 1
    return _judged(found, films, done)


def _shown(film: Film) -> Iterator[tuple[float, VideoFrame]]:
    """Every frame with its second."""
    for _, frame in frames(film, Damage()):
        yield float((frame.pts or 0) * film.time_base), frame


def _no_match(reason: str, compared: int) -> FilmVerdict:
    return FilmVerdict(ok=False, claim="not the same film", frames=compared, reason=reason)


def _judged(found: _Difference, films: tuple[Film, Film], count: int) -> FilmVerdict:
    most = 2 ** max(film.signal.depth for film in films) - 1
    mean = found.total / found.count
    psnr = 10 * math.log10(most**2 * found.count / found.squares) if found.squares else None
    claim, reason = f"luma identical in {count} frames", None
    if psnr is not None:
        claim = f"luma differs by up to {found.largest} of {most}"
        reason = (
            f"{claim}, {mean:.3g} on average (PSNR {psnr:.1f} dB); {films[1].codec} as it was "
            "encoded is lossy, if nothing else was done"
        )
    elif found.moved > _MOVED:
        reason = f"frames are shown up to {found.moved * 1000:.3g} ms earlier or later"
    return FilmVerdict(
        ok=reason is None,
        claim=claim,
        frames=count,
        luma_identical=psnr is None,
        max_delta_luma=found.largest,
        mean_delta_luma=mean,
        psnr_luma=psnr,
        max_moved_ms=found.moved * 1000,
        reason=reason,
    )
