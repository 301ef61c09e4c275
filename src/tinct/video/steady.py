"""Colours that hold still: what the network says of each frame, averaged along motion.

A pixel's colour is the mean of what was said of it while it was in sight, before and after: once
forward in time, once backward, each a running mean that follows the motion and forgets what is
covered. Where a pixel comes into sight, or a shot begins, nothing is remembered, and what the
network says counts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinct.color import FloatArray
from tinct.video.motion import Seen, boxed, motion, trust, warp

#: predictions that a mean remembers
MEMORY = 10.0
#: share of a frame of which nothing is remembered, beyond which the network looks at it
UNKNOWN = 0.03
_KNOWN = 0.3  # weight under which a pixel counts as not remembered
_FAINT = 1e-3  # of a guess that any prediction replaces
_USUAL, _SEEN = 2.0, 6.0  # times the usual gap, and a*b* that eyes see as another colour
_NEAR = 4  # pixels from which a guess is taken


@dataclass(frozen=True, eq=False)
class Memory:
    """What is known of the colours of a frame from it and those before it."""

    seen: Seen
    """The frame."""
    chroma: FloatArray
    """a*b* (2, h, w)."""
    weight: FloatArray
    """(h, w) predictions in that mean, at most `MEMORY`."""
    since: int
    """Frames since the network was last asked."""


@dataclass(frozen=True, eq=False)
class Step:
    """A frame between the two passes."""

    memory: Memory
    """After the frame. Of a flash, that of the frame before it."""
    said: FloatArray | None
    """What the network says of it, a*b* (2, h, w), where it was asked."""
    follows: bool
    """Whether it belongs to the shot of the frame before it."""
    flash: bool = False
    """Whether it is to take the colours of the frame before it."""
    onward: FloatArray | None = None
    """Motion (2, h, w) from the frame before it to this one."""
    sure: FloatArray | None = None
    """(h, w) in 0..1 how sure that motion is."""


def begin(seen: Seen, chroma: FloatArray) -> Step:
    """The first frame of a shot."""
    weight = np.ones(seen.light.shape, np.float32)
    return Step(Memory(seen, chroma, weight, 0), chroma, follows=False)


def go_on(before: Memory, seen: Seen, predict: Callable[[], FloatArray], *, every: int) -> Step:
    """The next frame of a shot.

    Args:
        before: what is known of the frame before it.
        seen: the frame.
        predict: gives the network's a*b* (2, h, w) of it.
        every: the network is asked for each so many-th frame, and where too much is new.
    """
    back = motion(seen, before.seen)
    onward = motion(before.seen, seen)
    sure = trust(seen, before.seen, back, onward)
    carried = warp(np.concatenate([before.chroma, before.weight[None]]), back)
    chroma, weight = carried[:2], carried[2] * sure
    since, said = before.since + 1, None
    if since >= every or float((weight < _KNOWN).mean()) > UNKNOWN:
        said = predict()
        chroma, weight = _told(chroma, weight, said)
        since = 0
    else:
        chroma = _guessed(chroma, weight)
    return Step(
        Memory(seen, chroma, weight, since),
        said,
        follows=True,
        onward=onward,
        sure=trust(before.seen, seen, onward, back),
    )


def hold(before: Memory) -> Step:
    """A flash: it takes the colours of what is before it."""
    return Step(replace(before, since=before.since + 1), None, follows=True, flash=True)


def both_ways(steps: Sequence[Step], count: int) -> list[FloatArray]:
    """The colours (2, h, w) of the first frames from what is before and what is after them.

    Args:
        steps: frames one after the other; those beyond `count` are looked at alone.
        count: how many are wanted.
    """
    wanted: list[FloatArray] = []
    later: tuple[FloatArray, FloatArray] | None = None  # chroma and weight, of the frame after
    following: Step | None = None  # the frame after that is no flash
    for at in range(len(steps) - 1, -1, -1):
        step = steps[at]
        if step.flash:
            if at < count:
                wanted.append(step.memory.chroma)
            continue
        own = step.memory
        ahead_chroma, ahead_weight = np.zeros_like(own.chroma), np.zeros_like(own.weight)
        if following is not None and following.follows and later is not None:
            assert following.onward is not None
            assert following.sure is not None
            carried = warp(np.concatenate([later[0], later[1][None]]), following.onward)
            ahead_chroma, ahead_weight = carried[:2], carried[2] * following.sure
        if at < count:
            total = own.weight + ahead_weight + np.float32(_FAINT)
            share = ahead_weight / total
            wanted.append(own.chroma + (ahead_chroma - own.chroma) * share)
        if step.said is not None:
            ahead_chroma, ahead_weight = _told(ahead_chroma, ahead_weight, step.said)
        later = ahead_chroma, ahead_weight
        following = step
    wanted.reverse()
    return wanted


def _told(
    chroma: FloatArray, weight: FloatArray, said: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """A mean and its weight after one more prediction.

    Where that differs by far more than it does elsewhere in the frame, the mean is likely to be
    that of something that was there before: a ghost, soon forgotten.
    """
    gap = boxed(np.hypot(*(said - chroma))[None], 1)[0]
    usual = np.float32(_USUAL * np.median(gap) + _SEEN)
    weight = np.minimum(weight, 1 + np.float32(MEMORY) * np.clip(2 - gap / usual, 0, 1))
    chroma = chroma + (said - chroma) / (weight + 1)
    return chroma, np.minimum(weight + 1, np.float32(MEMORY))


def _guessed(chroma: FloatArray, weight: FloatArray) -> FloatArray:
    """Colours (2, h, w) where those of which nothing is remembered are taken from beside them."""
    known = np.minimum(weight / np.float32(_KNOWN), 1)
    if known.all():
        return chroma
    around = boxed(np.concatenate([chroma * known, known[None]]), _NEAR)
    beside = around[:2] / (around[2] + np.float32(_FAINT))
    return np.where(known < 1, chroma * known + beside * (1 - known), chroma).astype(np.float32)
