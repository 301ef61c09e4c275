"""Grey, toned or colour, on pictures made to look like the real ones."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinct.color import SRGB, merge
from tinct.color.spaces import ColorSpace
from tinct.color.tone import Tone, classify, tone_curve

Array = NDArray[Any]

#: a*b* at L* 0, 25, 50, 75, 100
CURVES = {
    "sepia": [(0, 0), (6, 14), (8, 20), (5, 17), (1, 6)],
    "faded": [(4, 8), (6, 12), (7, 16), (6, 18), (4, 16)],
    "cyanotype": [(0, -4), (0, -20), (-6, -26), (-8, -16), (-1, 2)],
    "selenium": [(5, -3), (5, -2), (3, 0), (2, 2), (1, 3)],
    "split": [(-2, -8), (-1, -6), (1, 2), (3, 9), (2, 6)],
}


def scene(seed: int = 0, size: tuple[int, int] = (300, 400)) -> Array:
    """L* of smooth shapes with grain, (H, W)."""
    rng = np.random.default_rng(seed)
    small = (rng.random((9, 12)) * 255).astype(np.uint8)
    smooth = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
    light = np.asarray(smooth, np.float32) / 255 * 110 - 5 + rng.normal(0, 2, size)
    return np.clip(light, 0, 100).astype(np.float32)


def along(light: Array, curve: list[tuple[int, int]]) -> Array:
    at = np.linspace(0, 100, 5)
    return np.stack([np.interp(light, at, [c[i] for c in curve]) for i in range(2)], -1)


def toned(name: str, *, depth: Any = 8) -> Array:
    light = scene()
    return merge(light, along(light, CURVES[name]).astype(np.float32), depth=depth)


def jpeg(pixels: Array, quality: int) -> Array:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def painting() -> Array:
    """A muted one: brown all over, and patches of faint blue, green and red."""
    light = scene()
    rng = np.random.default_rng(5)
    patches = np.asarray(
        [
            np.asarray(Image.fromarray(p).resize((400, 300), Image.Resampling.BICUBIC))
            for p in rng.normal(0, 6, (2, 6, 8)).astype(np.float32)
        ]
    ).transpose(1, 2, 0)
    chroma = along(light, CURVES["sepia"]) + patches
    return merge(light, chroma.astype(np.float32), depth=8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_band_is_grey(dtype: Any) -> None:
    assert classify(np.zeros((5, 5), dtype)) is Tone.GREY
    assert not tone_curve(np.zeros((5, 5), dtype)).any()


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_grey_stays_grey_through_jpeg_and_sensor_noise(quality: int) -> None:
    grey = merge(scene(), np.zeros((300, 400, 2), np.float32), depth=8)
    assert classify(grey) is Tone.GREY
    assert classify(jpeg(grey, quality)) is Tone.GREY
    noise = np.random.default_rng(1).normal(0, 3, grey.shape)
    assert classify(np.clip(grey + noise, 0, 255).astype(np.uint8)) is Tone.GREY


@pytest.mark.parametrize("name", CURVES)
def test_toned_pictures_are_toned(name: str) -> None:
    assert classify(toned(name)) is Tone.TONED
    assert classify(toned(name, depth=16)) is Tone.TONED
    assert classify(jpeg(toned(name), 60)) is Tone.TONED


def test_muted_paintings_are_colour() -> None:
    assert classify(painting()) is Tone.COLOUR
    assert classify(jpeg(painting(), 60)) is Tone.COLOUR
    assert classify(painting().astype(np.uint16) * 257) is Tone.COLOUR


def test_a_grey_picture_with_one_coloured_thing_is_colour() -> None:
    light = scene()
    chroma = np.zeros((300, 400, 2), np.float32)
    chroma[100:150, 100:150] = 40, 20
    assert classify(merge(light, chroma, depth=8)) is Tone.COLOUR


def test_flat_strong_colours_are_colour() -> None:
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, :32, 0] = halves[:, 32:, 2] = 255
    assert classify(halves) is Tone.COLOUR
    halves[..., 1:] = 0
    halves[..., 0] = 255
    assert classify(halves) is Tone.COLOUR


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (12, 16)])
def test_tiny_pictures_have_a_tone_too(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert classify(pixels) in Tone
    assert classify(pixels // 255 * 255) in Tone
    assert np.isfinite(tone_curve(pixels)).all()
    assert classify(np.full((*shape, 3), 90, np.uint8)) is Tone.GREY


@pytest.mark.parametrize("name", CURVES)
def test_the_tone_curve_is_found(name: str) -> None:
    curve = tone_curve(toned(name))
    assert curve.shape == (101, 2)
    assert curve.dtype == np.float32
    levels = np.arange(10, 91)
    assert np.abs(curve[levels] - along(levels, CURVES[name])).max() < 2.5


def test_the_tone_is_judged_in_the_space_of_the_picture() -> None:
    wide = ColorSpace(
        "wide", None, SRGB.curve, np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0, 0.1, 0.9]])
    )
    light = scene()
    pixels = merge(light, along(light, CURVES["sepia"]).astype(np.float32), wide, depth=8)
    assert classify(pixels, wide) is Tone.TONED
    assert np.abs(tone_curve(pixels, wide)[50] - CURVES["sepia"][2]).max() < 1.5
