"""Where one shot ends and the next begins, found in light alone.

Two frames of one shot show the same things, moved a little; those of two shots do not. Light is
compared after its mean and its contrast are taken out, so that a flickering exposure, a fade or a
change of the lamp is no cut; and a frame or two that differ from what is before and after them (a
flash, a splice, dirt) are passed over rather than taken for two cuts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinct.color import FloatArray
from tinct.resample import resize
from tinct.video.motion import global_shift, overlap

#: frames that may differ from both sides without being a shot
FLASH = 2
#: distances of a shot that are remembered
HISTORY = 12
_SIDE = 32  # pixels of the shorter side of what is compared
_FLAT = 3.0  # L*; less contrast is grain
_BINS = 24
_LEAST = 0.34  # no smaller distance is a cut
_TIMES = 3.0  # of the usual distance in the shot
_RETURNED = 0.5  # of the distance: what is so much nearer is the same shot again


@dataclass(frozen=True, eq=False)
class Look:
    """A frame as cuts are sought in it."""

    pattern: FloatArray
    """(h, w) light, mean 0 and deviation 1, or less where there is no contrast."""
    histogram: FloatArray
    """Shares of its values."""


def look(light: FloatArray) -> Look:
    """Prepare a map of L* (h, w)."""
    share = min(1.0, _SIDE / min(light.shape))
    small = resize(light, *(max(1, round(side * share)) for side in light.shape))
    pattern = (small - small.mean()) / np.float32(max(float(small.std()), _FLAT))
    counts = np.histogram(np.clip(pattern, -2.99, 2.99), _BINS, (-3, 3))[0]
    # neighbouring bins stand for nearly the same light
    counts = np.convolve(counts, [0.25, 0.5, 0.25], "same")
    return Look(pattern, (counts / max(1.0, counts.sum())).astype(np.float32))


def distance(one: Look, other: Look) -> float:
    """How little two frames have in common: 0 the same, about 1 nothing."""
    shift = global_shift(one.pattern, other.pattern)
    parts = overlap(one.pattern, other.pattern, int(shift[0]), int(shift[1]))
    pixels = 0.5 * float(np.mean((parts[0] - parts[1]) ** 2))
    tones = 0.5 * float(np.abs(one.histogram - other.histogram).sum())
    return 0.7 * min(1.5, pixels) + 0.3 * tones


def is_cut(gap: float, history: list[float]) -> bool:
    """Whether a distance is one between shots, after those of the shot so far."""
    usual = float(np.median(history)) if history else 0.0
    return gap > max(_LEAST, min(_TIMES * usual, 0.8))


def flash_length(before: Look, gap: float, following: list[Look]) -> int:
    """How many frames from a seeming cut on are a flash; 0 where it is a cut.

    Args:
        before: the last frame of the shot.
        gap: distance from it to the first of `following`.
        following: the frames after it, up to `FLASH` + 1 of them.
    """
    for length in range(1, min(FLASH + 1, len(following))):
        if distance(before, following[length]) < min(_LEAST, _RETURNED * gap):
            return length
    return 0


@dataclass(frozen=True, eq=False)
class Judged:
    """What is remembered of a shot to judge the next frame."""

    light: FloatArray
    """L* (h, w) of its last frame that is no flash."""
    history: tuple[float, ...] = ()
    """Distances from frame to frame so far."""
    passing: int = 0
    """Frames to come that are known to be a flash."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a frame is to the shot before it."""

    light: FloatArray
    begins: bool
    """Whether it is the first of a shot."""
    flash: bool
    """Whether it is to be passed over."""
    judged: Judged
    """What is remembered after it."""


def judge(lights: Iterator[FloatArray], known: Judged | None) -> Iterator[Verdict]:
    """Tell shots apart; looks `FLASH` frames ahead.

    Args:
        lights: L* (h, w) of frame after frame.
        known: what is remembered of those before; None at the beginning of a film.
    """
    coming: deque[tuple[FloatArray, Look]] = deque()
    before = None if known is None else look(known.light)
    while True:
        while len(coming) <= FLASH and (light := next(lights, None)) is not None:
            coming.append((light, look(light)))
        if not coming:
            return
        light, this = coming.popleft()
        begins, flash = known is None, False
        if known is None or before is None:
            known = Judged(light)
        elif known.passing:
            flash = True
            known = replace(known, passing=known.passing - 1)
        else:
            gap = distance(before, this)
            if not is_cut(gap, list(known.history)):
                known = Judged(light, (*known.history, gap)[-HISTORY:])
            elif length := flash_length(before, gap, [this, *(one for _, one in coming)]):
                flash = True
                known = replace(known, passing=length - 1)
            else:
                begins = True
                known = Judged(light)
        if not flash:
            before = this
        yield Verdict(light, begins, flash, known)
