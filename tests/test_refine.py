"""Chroma at the picture's size, and Cb and Cr for a luma plane, against exact formulas."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tinct import jpeg, refine
from tinct.color import SRGB, FloatArray, decode, rgb_to_lab
from tinct.errors import ModelError

Array = NDArray[Any]


def smooth_map(height: int, width: int, *, reach: float = 40, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-reach, reach, (4, 5, 2)).astype(np.float32)
    planes = [
        np.asarray(
            Image.fromarray(coarse[..., i]).resize((width, height), Image.Resampling.BICUBIC)
        )
        for i in range(2)
    ]
    return np.stack(planes, -1)


def photograph(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    values = 128 + 110 * np.sin(x / 23 + seed) * np.cos(y / 31) + rng.normal(0, 6, (height, width))
    luma: NDArray[np.uint8] = np.clip(values, 0, 255).astype(np.uint8)
    return luma


def decoded(luma: Array, cb: Array, cr: Array) -> Array:
    """JFIF's YCbCr to RGB, neither rounded nor clipped."""
    y, b, r = luma.astype(float), cb - 128.0, cr - 128.0
    return np.stack([y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b], -1)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ((7, 9), (100, 133)),
        ((1, 1), (5, 9)),
        ((3, 200), (3, 41)),
        ((64, 48), (1, 1)),
        ((2, 2), (700, 3)),
        ((30, 20), (30, 20)),
    ],
    ids=str,
)
def test_upsample_is_pillows_bicubic(small: tuple[int, int], large: tuple[int, int]) -> None:
    chroma = np.random.default_rng(1).uniform(-80, 80, (*small, 2)).astype(np.float32)
    ours = refine.enlarge(chroma, *large)
    assert ours.shape == (*large, 2)
    assert ours.dtype == np.float32
    for i in range(2):
        plane = Image.fromarray(np.ascontiguousarray(chroma[..., i]))
        theirs = np.asarray(plane.resize(large[::-1], Image.Resampling.BICUBIC))
        np.testing.assert_allclose(ours[..., i], theirs, atol=1e-3)


@given(height=st.integers(1, 90), width=st.integers(1, 90), rows=st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_strips_are_rows_of_the_whole(height: int, width: int, rows: int) -> None:
    chroma = smooth_map(9, 11)
    whole = refine.enlarge(chroma, height, width)
    strips = list(refine.upsample(chroma, height, width, rows=rows))
    assert all(len(strip) == rows for strip in strips[:-1])
    np.testing.assert_allclose(np.concatenate(strips), whole, atol=1e-4)
    top = height // 3
    part = refine.Upsampler(chroma, height, width).rows(top, height)
    np.testing.assert_allclose(part, whole[top:], atol=1e-4)


def test_a_constant_map_stays_constant() -> None:
    chroma = np.full((5, 6, 2), 12.5, np.float32)
    np.testing.assert_allclose(refine.enlarge(chroma, 77, 31), 12.5, atol=1e-4)


def test_no_chroma_is_neutral() -> None:
    cb, cr = refine.luma_chroma(np.zeros((4, 4, 2), np.float32), photograph(50, 60))
    assert (cb == 128).all()
    assert (cr == 128).all()


@pytest.mark.parametrize("seed", range(3))
def test_cb_and_cr_are_those_of_the_exact_colour(seed: int) -> None:
    luma, chroma = photograph(120, 160, seed), smooth_map(24, 32, reach=20, seed=seed)
    planes = np.stack(refine.luma_chroma(chroma, luma), -1) - 128.0
    exact = refine.at_luma(luma.astype(np.float32), refine.enlarge(chroma, *luma.shape))
    error = np.hypot(*np.moveaxis(planes - exact, 2, 0))
    # Rounding alone makes 0.38; the worst is where a tone curve starts, between two knots.
    assert np.median(error) < 0.5
    assert error.mean() < 1
    assert np.percentile(error, 99) < 8


def test_colours_have_the_wanted_hue_and_chroma() -> None:
    luma = np.arange(60, 200, dtype=np.uint8)[None].repeat(8, 0)
    chroma = np.broadcast_to(np.array([12, -9], np.float32), (4, 6, 2))
    cb, cr = refine.luma_chroma(chroma, luma)
    lab = rgb_to_lab((decoded(luma, cb, cr) / 255).astype(np.float32))
    np.testing.assert_allclose(lab[..., 1:].mean((0, 1)), [12, -9], atol=0.3)
    assert abs(lab[..., 1:] - [12, -9]).max() < 2


@pytest.mark.parametrize("reach", [40, 90, 1e6])
def test_decoding_never_clips(reach: float) -> None:
    luma, chroma = photograph(90, 120), smooth_map(12, 16, reach=reach)
    luma[:10], luma[10:20] = 0, 255
    rgb = decoded(luma, *refine.luma_chroma(chroma, luma))
    assert rgb.min() > -0.9  # half a level of Cb or Cr
    assert rgb.max() < 255.9


@given(y=st.integers(0, 255), a=st.floats(-200, 200), b=st.floats(-200, 200))
@settings(max_examples=100, deadline=None)
def test_any_colour_fits(y: int, a: float, b: float) -> None:
    luma = np.full((3, 5), y, np.uint8)
    chroma = np.broadcast_to(np.array([a, b], np.float32), (2, 2, 2))
    rgb = decoded(luma, *refine.luma_chroma(chroma, luma))
    assert rgb.min() > -0.9
    assert rgb.max() < 255.9


def test_at_luma_is_exact() -> None:
    luma = np.full(5, 120, np.float32)
    chroma = np.array([[0, 0], [20, 10], [-15, 30], [5, -25], [30, 30]], np.float32)
    blue, red = refine.at_luma(luma, chroma, SRGB).T
    rgb = decoded(luma, blue + 128, red + 128)
    np.testing.assert_allclose(rgb @ [0.299, 0.587, 0.114], 120, atol=0.01)
    lab = rgb_to_lab((rgb / 255).astype(np.float32))
    np.testing.assert_allclose(lab[:, 1:], chroma, atol=0.05)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_the_models_fault(value: float) -> None:
    chroma = np.zeros((3, 3, 2), np.float32)
    chroma[1, 1, 0] = value
    with pytest.raises(ModelError):
        refine.enlarge(chroma, 9, 9)
    with pytest.raises(ModelError):
        refine.luma_chroma(chroma, photograph(9, 9))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (33, 47)], ids=str)
def test_the_short_way_gives_the_colours_asked_for(size: tuple[int, int]) -> None:
    grey = np.clip(photograph(*size), 70, 190)
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "JPEG", quality=95)
    data = target.getvalue()
    chroma = np.broadcast_to(np.array([14, 18], np.float32), (4, 5, 2))
    result = jpeg.colour(data, *refine.luma_chroma(chroma, jpeg.luma(data, scale=2)), quality=95)
    lab = decode(np.asarray(Image.open(io.BytesIO(result))))
    np.testing.assert_allclose(lab[..., 1:].mean((0, 1)), [14, 18], atol=1.5)
