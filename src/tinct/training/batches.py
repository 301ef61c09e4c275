"""Pictures to batches: crops, flips, and the ageing that only the network's copy goes through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.color import lightness_from_grey, rgb_to_lab
from tinct.training.cache import PictureCache, unit

#: Rec. 601 weights: how software turns a colour picture grey, hence what "grey" means in training
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Augmentation:
    """What is done to a picture before the network sees it."""

    smallest_crop: float = 0.5
    """Smallest side of a crop as a share of the picture's shorter side (the largest is 1)."""
    film: float = 0.5
    """Share of pictures whose grey comes from other than Rec. 601 weights, as film sees it."""
    ageing: float = 0.4
    """Share of pictures that are faded, grained or blurred."""


@dataclass(frozen=True)
class Batch:
    """Network inputs and truths: float32 lightness (N, 1, S, S), chroma (N, 2, S/4, S/4)."""

    lightness: NDArray[np.float32]
    chroma: NDArray[np.float32]


def crop(
    pixels: NDArray[np.uint8], size: int, smallest: float, rng: np.random.Generator
) -> Image.Image:
    """A random square of the picture, `size` pixels wide, mirrored half of the time."""
    height, width = pixels.shape[:2]
    side = min(height, width) * float(rng.uniform(smallest, 1.0))
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    square = Image.fromarray(pixels).resize(
        (size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
    )
    return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else square


def chroma_of(square: Image.Image) -> NDArray[np.float32]:
    """True a*b* (2, S/4, S/4) of an sRGB picture, averaged over 4 x 4 pixels."""
    lab = rgb_to_lab(unit(square.reduce(4)))
    return np.ascontiguousarray(lab[..., 1:].transpose(2, 0, 1))


def film_grey(
    rgb: NDArray[np.float32], options: Augmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Grey (H, W) in 0..1 of an sRGB picture (H, W, 3) in 0..1, by a random film.

    Orthochromatic film is blind to red, panchromatic film nearly follows the eye; filters and
    scanners push the mixture further. A Dirichlet draw around Rec. 601 covers them.
    """
    weights = LUMA
    if rng.random() < options.film:
        weights = rng.dirichlet(1 + 5 * LUMA).astype(np.float32)
    grey: NDArray[np.float32] = rgb @ weights
    return grey


def age(
    grey: NDArray[np.float32], options: Augmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The grey picture (H, W) in 0..1 after some decades: contrast, fading, blur, grain."""
    if rng.random() >= options.ageing:
        return grey
    aged: NDArray[np.float32] = grey ** np.float32(np.exp(rng.normal(0, 0.2)))
    black, white = rng.uniform(0, 0.2), rng.uniform(0.8, 1.0)
    aged = black + aged * (white - black)
    if rng.random() < 0.4:
        aged = 0.25 * (2 * aged + np.roll(aged, 1, 0) + np.roll(aged, 1, 1))
    if rng.random() < 0.6:
        grain = rng.standard_normal(aged.shape, np.float32) * np.float32(rng.uniform(0, 0.05))
        aged = aged + grain
    clipped: NDArray[np.float32] = np.clip(aged, 0, 1).astype(np.float32)
    return clipped


def batches(
    cache: PictureCache,
    positions: NDArray[np.int64],
    *,
    size: int,
    batch: int,
    options: Augmentation,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Endless shuffled batches of the pictures at `positions`."""
    queue: list[int] = []
    while True:
        while len(queue) < batch:
            queue.extend(rng.permutation(positions).tolist())
        chosen, queue = queue[:batch], queue[batch:]
        yield make_batch(cache, chosen, size=size, options=options, rng=rng)


def make_batch(
    cache: PictureCache,
    positions: list[int],
    *,
    size: int,
    options: Augmentation,
    rng: np.random.Generator,
) -> Batch:
    """One batch of random crops of the pictures at `positions`."""
    lightness = np.empty((len(positions), 1, size, size), np.float32)
    chroma = np.empty((len(positions), 2, size // 4, size // 4), np.float32)
    for row, position in enumerate(positions):
        square = crop(cache[position], size, options.smallest_crop, rng)
        grey = film_grey(unit(square), options, rng)
        lightness[row, 0] = lightness_from_grey(age(grey, options, rng))
        chroma[row] = chroma_of(square)
    return Batch(lightness, chroma)
