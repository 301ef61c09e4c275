"""Where each pixel of a frame was in another one: dense motion of small light maps.

Iterative least squares after Lucas and Kanade (1981) over a pyramid (Bouguet 2000), begun at the
shift that phase correlation finds (Kuglin and Hines 1975). Light is normalised in its
neighbourhood first, so that a film whose exposure flickers does not seem to move. Numpy alone:
the maps have some 20,000 pixels, and colours need motion to a pixel of them, not to a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinct.color import FloatArray
from tinct.resample import resize

#: shorter side, in pixels, of the maps in which motion is sought and colours are kept
SIDE = 104
_SMALLEST = 12  # pixels of the shorter side of the top of the pyramid
_CONTRAST = 3.0  # L* that counts as contrast; less is grain
_WINDOW = 3  # pixels to each side that move as one
_ROUNDS = 3  # of least squares at each level
_STEP = 1.5  # pixels that a round moves at most
_STIFF = 0.004  # holds still what has no texture
_AGREED = 2  # pixels to each side over which two motions are compared
_NEAR = 0.75  # pixels that the ways there and back may differ, and a tenth of the way
_SHARPNESS = 2.0


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame as motion is sought in it."""

    light: FloatArray
    """L* (h, w)."""
    levels: tuple[FloatArray, ...]
    """Its light normalised in its neighbourhood, full size first, each level half the last."""


def see(light: FloatArray) -> Seen:
    """Prepare a map of L* (h, w)."""
    level = (light - light.mean()) / np.float32(max(float(light.std()), _CONTRAST))
    # a little blur: gradients of grain lead nowhere
    levels = [boxed(level[None], 1)[0]]
    while min(levels[-1].shape) >= 2 * _SMALLEST:
        height, width = (side // 2 for side in levels[-1].shape)
        levels.append(resize(levels[-1], height, width))
    return Seen(light, tuple(levels))


def motion(frame: Seen, other: Seen) -> FloatArray:
    """For each pixel of a frame how far off it lies in another: (2, h, w), rows and columns."""
    top = len(frame.levels) - 1
    shift = global_shift(frame.levels[top], other.levels[top])
    height, width = frame.levels[top].shape
    flow = np.empty((2, height, width), np.float32)
    flow[0], flow[1] = shift
    for level in range(top, -1, -1):
        here, there = frame.levels[level], other.levels[level]
        if flow.shape[1:] != here.shape:
            scale = [here.shape[0] / flow.shape[1], here.shape[1] / flow.shape[2]]
            flow = np.stack(
                [resize(p, *here.shape) * np.float32(s) for p, s in zip(flow, scale, strict=True)]
            )
        flow = _refined(here, there, flow)
    return _settled(frame.levels[0], other.levels[0], flow)


def _settled(here: FloatArray, there: FloatArray, flow: FloatArray) -> FloatArray:
    """Motion, but that of the whole, or none, where that explains a place as well.

    What has no texture is dragged along by what moves beside it, and would take its colours.
    """
    missed = boxed(np.abs(warp(there[None], flow) - here), _AGREED)[0]
    bar = np.float32(1.1) * missed + np.float32(0.5 * np.median(missed))
    whole = np.median(flow.reshape(2, -1), 1).astype(np.float32)
    for steady in (whole, np.zeros(2, np.float32)):
        same = np.broadcast_to(steady[:, None, None], flow.shape)
        moved = warp(there[None], same) if steady.any() else there[None]
        fits = boxed(np.abs(moved - here), _AGREED)[0] <= bar
        flow = np.where(fits, same, flow)
    return flow


def _refined(here: FloatArray, there: FloatArray, flow: FloatArray) -> FloatArray:
    rows, columns = _gradient(here)
    texture = boxed(np.stack([rows * rows, columns * columns, rows * columns]), _WINDOW)
    a, b, c = texture[0] + np.float32(_STIFF), texture[1] + np.float32(_STIFF), texture[2]
    determinant = a * b - c * c
    for _ in range(_ROUNDS):
        missing = warp(there[None], flow)[0] - here
        # one bad pixel, of dust or of what is uncovered, shall not pull its neighbours along
        np.clip(missing, -1, 1, out=missing)
        p, q = boxed(np.stack([rows * missing, columns * missing]), _WINDOW)
        step = np.stack([(c * q - b * p) / determinant, (c * p - a * q) / determinant])
        np.clip(step, -_STEP, _STEP, out=step)
        flow = boxed(flow + step, 1)
    return flow


def global_shift(here: FloatArray, there: FloatArray) -> tuple[float, float]:
    """Rows and columns by which the whole lies further on in `there`; 0 where nothing is clear."""
    window = np.outer(np.hanning(here.shape[0] + 2)[1:-1], np.hanning(here.shape[1] + 2)[1:-1])
    cross = np.conj(np.fft.rfft2(here * window)) * np.fft.rfft2(there * window)
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-3), s=here.shape)
    place = np.unravel_index(int(np.argmax(surface)), surface.shape)
    shift = [
        int(at) - side if at > side // 2 else int(at)
        for at, side in zip(place, here.shape, strict=True)
    ]
    if not any(shift):
        return 0.0, 0.0
    before = float(np.abs(there - here).mean())
    moved = overlap(here, there, shift[0], shift[1])
    # little overlap agrees by chance
    if moved[0].size < here.size / 4 or float(np.abs(moved[0] - moved[1]).mean()) > 0.9 * before:
        return 0.0, 0.0
    return float(shift[0]), float(shift[1])


def overlap(
    here: FloatArray, there: FloatArray, rows: int, columns: int
) -> tuple[FloatArray, FloatArray]:
    """The parts of two maps that show the same where `there` is shifted by rows and columns."""

    def cut(plane: FloatArray, down: int, right: int) -> FloatArray:
        height, width = plane.shape
        return plane[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]

    return cut(here, -rows, -columns), cut(there, rows, columns)


def trust(here: Seen, there: Seen, flow: FloatArray, back: FloatArray) -> FloatArray:
    """How sure it is, (h, w) in 0..1, that a pixel is seen in the other frame where it is said.

    It is not where the way there and the way back do not meet, where the light differs by more
    than it does elsewhere between the two, and outside the frame.

    Args:
        here: a frame.
        there: another.
        flow: the way there.
        back: the way from there to here.
    """
    height, width = here.light.shape
    carried = warp(np.concatenate([there.levels[0][None], back]), flow)
    missed = np.hypot(*(flow + carried[1:])) / (np.float32(_NEAR) + 0.1 * np.hypot(*flow))
    # what moves shall leave nothing behind: the worst of the neighbours counts
    residual = widest(np.abs(boxed((carried[:1] - here.levels[0][None]), 1)[0]))
    usual = np.float32(3 * np.median(residual) + 0.12)
    worst = np.maximum(missed, residual / usual)
    rows = np.arange(height, dtype=np.float32)[:, None] + flow[0]
    columns = np.arange(width, dtype=np.float32) + flow[1]
    inside = (rows > -0.6) & (rows < height - 0.4) & (columns > -0.6) & (columns < width - 0.4)
    sure: FloatArray = np.clip(_SHARPNESS * (np.float32(1.5) - worst), 0, 1) * inside
    return sure.astype(np.float32)


def warp(planes: FloatArray, flow: FloatArray) -> FloatArray:
    """Planes (C, h, w) as they are seen from the frame that `flow` starts in; bilinear."""
    height, width = planes.shape[1:]
    rows = np.clip(np.arange(height, dtype=np.float32)[:, None] + flow[0], 0, height - 1)
    columns = np.clip(np.arange(width, dtype=np.float32) + flow[1], 0, width - 1)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, right = rows - top, columns - left
    place = top * width + left
    below = np.where(top < height - 1, width, 0)
    beside = np.where(left < width - 1, 1, 0)
    flat = planes.reshape(len(planes), -1)
    upper = flat.take(place, 1)
    upper += (flat.take(place + beside, 1) - upper) * right
    place += below
    lower = flat.take(place, 1)
    lower += (flat.take(place + beside, 1) - lower) * right
    lower -= upper
    lower *= down
    upper += lower
    moved: FloatArray = upper.astype(np.float32, copy=False)
    return moved


def boxed(planes: FloatArray, reach: int) -> FloatArray:
    """Means (C, h, w) over squares of 2 reach + 1 pixels, of fewer at the edges."""
    for axis in (1, 2):
        side = planes.shape[axis]
        total = np.cumsum(planes, axis, dtype=np.float64)
        total = np.concatenate([np.zeros_like(total.take([0], axis)), total], axis)
        last = np.minimum(np.arange(side) + reach + 1, side)
        first = np.maximum(np.arange(side) - reach, 0)
        count = (last - first).astype(np.float64)
        count = count[:, None] if axis == 1 else count
        planes = ((total.take(last, axis) - total.take(first, axis)) / count).astype(np.float32)
    return planes


def widest(plane: FloatArray) -> FloatArray:
    """The largest of each pixel (h, w) and its eight neighbours."""
    high = plane.copy()
    high[1:] = np.maximum(high[1:], plane[:-1])
    high[:-1] = np.maximum(high[:-1], plane[1:])
    wide = high.copy()
    wide[:, 1:] = np.maximum(wide[:, 1:], high[:, :-1])
    wide[:, :-1] = np.maximum(wide[:, :-1], high[:, 1:])
    return wide


def _gradient(plane: FloatArray) -> tuple[FloatArray, FloatArray]:
    rows, columns = np.zeros_like(plane), np.zeros_like(plane)
    if plane.shape[0] > 2:
        rows[1:-1] = (plane[2:] - plane[:-2]) * np.float32(0.5)
    if plane.shape[1] > 2:
        columns[:, 1:-1] = (plane[:, 2:] - plane[:, :-2]) * np.float32(0.5)
    return rows, columns
