"""What makes a picture unfit to learn colours from: one measure and one bar for each rule.

Measures look at a small copy, its shorter side `SIDE` pixels, uint8 (H, W, 3) sRGB. The bars were
set on pictures from the web and museums; docs/data.md says how often each rule is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color import lightness
from tinct.color.tone import Tone, classify
from tinct.datasets.borders import Box, frame, uniform_border

Pixels = NDArray[np.uint8]
Array = NDArray[Any]

#: shorter side of the copies that are looked at
SIDE = 256


@dataclass(frozen=True)
class Limits:
    """From where on a rule speaks."""

    least: int = 200
    """Shorter side in pixels below which a picture is too small."""
    aspect: float = 3.0
    """Longer side to shorter side above which a picture is too long."""
    flat: float = 0.3
    """Share of a picture in flat colours besides the main one, from which a computer drew it."""
    white: float = 0.85
    """Share of the rim that is white from which a picture is a cut-out on white."""
    text: float = 0.5
    """How much a picture looks like a page of print, in 0..1."""
    frame: float = 10.0
    """Steps of lightness across the straight edges on all sides, from which there is a frame."""


@dataclass(frozen=True)
class Hit:
    """A rule that speaks against a picture."""

    rule: str
    score: float
    box: Box | None = None
    """What a crop leaves: left, top, right, bottom as shares; None advises to leave it out."""


def rules(pixels: Pixels, width: int, height: int, limits: Limits) -> Iterator[Hit]:
    """All rules that speak against a picture.

    Args:
        pixels: the small copy.
        width: of the picture itself, in pixels.
        height: likewise.
        limits: from where on.
    """
    if min(width, height) < limits.least:
        yield Hit("small", min(width, height))
    if max(width, height) > limits.aspect * min(width, height):
        yield Hit("aspect", max(width, height) / min(width, height))
    if min(pixels.shape[:2]) < 8:
        return
    light = lightness(pixels)
    page = text(pixels, light)
    if page >= limits.text:
        yield Hit("text", page)
    elif classify(pixels) is not Tone.COLOUR:
        yield Hit("grey", 1.0)
    white, box = rim_white(pixels), uniform_border(light, pixels)
    inner = _inside(pixels, box) if box else pixels
    flat = flatness(inner)
    if rim_white(inner) >= limits.white:
        yield Hit("white", white)
    elif box is not None:
        yield Hit("border", 1 - share(box), box)
    if flat >= limits.flat and page < limits.text:
        yield Hit("clipart", flat)
    if box is None and page < limits.text:
        strength, found = frame(light)
        if strength >= limits.frame:
            yield Hit("frame", strength, found)


def flatness(pixels: Pixels) -> float:
    """Share of a picture in colours without any grain, besides the one that covers most.

    A sky or a dark wall is one flat colour, and an oval portrait stands on another; what a computer
    draws has more of them.
    """
    values = pixels.astype(np.int16)
    across = _largest(np.abs(np.diff(values, axis=1)))[:-1] <= 2
    down = _largest(np.abs(np.diff(values, axis=0)))[:, :-1] <= 2
    flat = (across & down).ravel()
    coarse = values[:-1, :-1] >> 3
    codes = ((coarse[..., 0] << 10) + (coarse[..., 1] << 5) + coarse[..., 2]).ravel()
    left = np.bincount(codes, minlength=32 << 10)
    flats = np.bincount(codes, flat, minlength=32 << 10)
    used = np.flatnonzero(left)
    left, flats = left[used], flats[used]
    levels = np.stack(np.unravel_index(used, (32, 32, 32)), 1)
    main: Array | None = None
    shares = []
    for _ in range(10):  # the colours that cover most, with all that is next to each
        centre = levels[int(left.argmax())]
        distance = _largest(np.abs(levels - centre))
        own = distance <= 1
        count = left[own].sum()
        if count < 0.02 * len(codes):
            break
        # the shades of a sky or a dark wall go over into one another, those of a drawing do not
        alone = count >= 0.75 * left[distance <= 4].sum() and flats[own].sum() > 0.6 * count
        main = centre if main is None else main
        if alone and np.abs(centre - main).max() >= 8:
            shares.append(float(count) / len(codes))
        left = np.where(distance <= 4, 0, left)
    return sum(shares) if len(shares) > 1 else 0.0


def _largest(values: Array) -> Array:
    """The largest of three channels: (..., 3) to (...); numpy's own is ten times slower."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])


def rim_white(pixels: Pixels) -> float:
    """Share of the outermost pixels that are white, or nearly."""
    depth = max(1, min(pixels.shape[:2]) // 64)
    sides = (pixels[:depth], pixels[-depth:], pixels[:, :depth], pixels[:, -depth:])
    rim = np.concatenate([side.reshape(-1, 3) for side in sides])
    return float((rim >= 240).all(1).mean())


def text(pixels: Pixels, light: Array) -> float:
    """How much a picture looks like a page of print, in 0..1.

    Print is dark on one even paper, in lines: its rows alternate between ink and paper, and each
    row with ink alternates too; its paper has one colour.
    """
    height, width = light.shape
    if min(height, width) < 48:
        return 0.0
    rows, columns = slice(height // 10, height - height // 10), slice(width // 10, -(width // 10))
    inner = light[rows, columns]
    paper = float(np.quantile(inner, 0.75))
    ink = inner < paper - 12
    share = float(ink.mean())
    if paper < 60 or not 0.02 < share < 0.5:
        return 0.0
    bright = pixels[rows, columns][inner >= paper - 6].astype(np.float32)
    if bright[:, 2].mean() > bright[:, 0].mean() + 12:  # paper is never blue; skies are
        return 0.0
    evenness = float(np.clip(1.6 - bright.std(0).mean() / 5, 0, 1))
    profile = ink.mean(1) - _smooth(ink.mean(1), 9)
    lines = float(np.clip((_crossings(profile, 0.02) / (inner.shape[0] / 16)), 0, 1))
    busy = ink[ink.mean(1) > 0.05]
    runs = (
        float(np.abs(np.diff(busy.astype(np.int8), axis=1)).sum(1).mean()) / 2 if len(busy) else 0
    )
    words = float(np.clip(runs / (inner.shape[1] / 20), 0, 1))
    return evenness * lines * words


def _crossings(profile: NDArray[np.floating], least: float) -> int:
    """How often a profile goes from clearly below zero to clearly above."""
    signs = np.sign(np.where(np.abs(profile) < least, 0, profile))
    signs = signs[signs != 0]
    return int((np.diff(signs) > 0).sum())


def _smooth(values: NDArray[np.floating], reach: int) -> NDArray[np.floating]:
    padded = np.pad(values, reach // 2, mode="edge")
    return np.convolve(padded, np.ones(reach) / reach, "valid")


def _inside(pixels: Pixels, box: Box) -> Pixels:
    height, width, _ = pixels.shape
    left, top, right, bottom = box
    inner = pixels[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]
    return inner if min(inner.shape[:2]) >= 8 else pixels


def share(box: Box) -> float:
    """How much of a picture lies in a box."""
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
