"""What happens to a picture before the network sees it: cuts, turns, and the years."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.training.recipe import Augmentation, Fit

#: Rec. 601 weights: how software turns a colour picture grey, hence what "grey" means in training
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Picture8 = NDArray[np.uint8]


def square(
    pixels: Picture8,
    size: int,
    fit: Fit,
    *,
    smallest: float = 1.0,
    rng: np.random.Generator | None = None,
) -> Image.Image:
    """A picture (H, W, 3) as a square of `size` pixels.

    Args:
        pixels: sRGB.
        size: side of the result.
        fit: `crop` cuts, `stretch` squashes, `contain` keeps the whole between white bars.
        smallest: smallest side of a cut as a share of the picture's shorter side.
        rng: where and how large the cut is; None takes the largest from the middle.
    """
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels)
    if fit == "stretch":
        return picture.resize((size, size), Image.Resampling.BICUBIC)
    if fit == "contain":
        scale = size / max(height, width)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        result = Image.new("RGB", (size, size), "white")
        small = picture.resize(inner, Image.Resampling.BICUBIC)
        result.paste(small, ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return result
    side = min(height, width) * (1.0 if rng is None else float(rng.uniform(smallest, 1.0)))
    across, down = (0.5, 0.5) if rng is None else rng.uniform(0, 1, 2)
    left, top = float(across) * (width - side), float(down) * (height - side)
    box = (left, top, min(left + side, width), min(top + side, height))
    return picture.resize((size, size), Image.Resampling.BICUBIC, box=box)


def turn(picture: Image.Image, options: Augmentation, rng: np.random.Generator) -> Image.Image:
    """The square rotated, sheared, zoomed and mirrored at random; what comes in is a reflection.

    Shear and zoom are meant as by Keras' ImageDataGenerator, which the originals used: the axes
    are scaled apart from each other, and shear turns the vertical axis alone.
    """
    if options.flip and rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if options.upside_down and rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if not (options.rotation or options.shear or options.zoom):
        return picture
    angle = math.radians(float(rng.uniform(-options.rotation, options.rotation)))
    shear = float(rng.uniform(-options.shear, options.shear))
    across, down = (float(value) for value in rng.uniform(1 - options.zoom, 1 + options.zoom, 2))
    turned = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    ) @ np.array([[1, -math.sin(shear)], [0, math.cos(shear)]])
    matrix = turned @ np.diag([across, down])
    size = picture.width
    # as far as the corners come from, and what is between the pixels there
    margin = math.ceil(size / 2 * (float(abs(matrix).sum(1).max()) - 1)) + 2
    margin = max(0, margin)
    padded = np.pad(
        np.asarray(picture), ((margin, margin), (margin, margin), (0, 0)), mode="symmetric"
    )
    centre = size / 2
    shift = np.array([centre + margin] * 2) - matrix @ np.array([centre, centre])
    return Image.fromarray(padded).transform(
        (size, size),
        Image.Transform.AFFINE,
        (*matrix[0], shift[0], *matrix[1], shift[1]),
        Image.Resampling.BILINEAR,
    )


def film_grey(rgb: Picture8, options: Augmentation, rng: np.random.Generator) -> Picture8:
    """Grey (H, W) of an sRGB picture (H, W, 3), by a random film.

    Orthochromatic film is blind to red, panchromatic film nearly follows the eye; filters and
    scanners push the mixture further. A Dirichlet draw around Rec. 601 covers them.
    """
    weights = LUMA
    if options.film and rng.random() < options.film:
        weights = rng.dirichlet(1 + 5 * LUMA).astype(np.float32)
    return grey(rgb, weights)


def grey(rgb: Picture8, weights: NDArray[np.float32] = LUMA) -> Picture8:
    """Grey (H, W) of an sRGB picture (H, W, 3), rounded as in a file."""
    rounded: Picture8 = np.rint(rgb @ weights).clip(0, 255).astype(np.uint8)
    return rounded


def age(grey: Picture8, options: Augmentation, rng: np.random.Generator) -> Picture8:
    """The grey picture (H, W) after some decades: contrast, fading, blur, grain, and a JPEG."""
    if not options.ageing or rng.random() >= options.ageing:
        return grey
    aged = (grey * np.float32(1 / 255)) ** np.float32(np.exp(rng.normal(0, 0.2)))
    black, white = (np.float32(value) for value in (rng.uniform(0, 0.2), rng.uniform(0.8, 1.0)))
    aged = black + aged * (white - black)
    if rng.random() < 0.4:
        aged = 0.25 * (2 * aged + np.roll(aged, 1, 0) + np.roll(aged, 1, 1))
    if rng.random() < 0.6:
        grain = rng.standard_normal(aged.shape, np.float32) * np.float32(rng.uniform(0, 0.05))
        aged = aged + grain
    old = np.rint(aged * 255).clip(0, 255).astype(np.uint8)
    return _jpeg(old, int(rng.integers(30, 91))) if rng.random() < 0.5 else old


def _jpeg(grey: Picture8, quality: int) -> Picture8:
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))
