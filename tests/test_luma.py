"""Cb and Cr for a luma plane, against exact formulas."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.test_refine import smooth_map
from tinct import jpeg
from tinct.color import FloatArray, decode, encode, rgb_to_lab
from tinct.errors import ModelError
from tinct.luma import luma_chroma
from tinct.refine import enlarge

Array = NDArray[Any]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


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


def at_luma(luma: FloatArray, chroma: FloatArray) -> Array:
    """Cb and Cr (..., 2), 0 is neutral, of the sRGB colours with this luma (...) and a*b* (..., 2).

    The L* at which the colour has the luma, by bisection.
    """
    low, high = np.zeros_like(luma), np.full_like(luma, 100)
    for _ in range(20):
        middle = (low + high) / 2
        rgb = encode(np.concatenate([middle[..., None], chroma], -1)) * np.float32(255)
        reached = rgb @ LUMA
        low, high = np.where(reached < luma, middle, low), np.where(reached < luma, high, middle)
    return np.stack([(rgb[..., 2] - reached) / 1.772, (rgb[..., 0] - reached) / 1.402], -1)


def test_no_chroma_is_neutral() -> None:
    cb, cr = luma_chroma(np.zeros((4, 4, 2), np.float32), photograph(50, 60))
    assert (cb == 128).all()
    assert (cr == 128).all()


@pytest.mark.parametrize("seed", range(3))
def test_cb_and_cr_are_those_of_the_exact_colour(seed: int) -> None:
    luma, chroma = photograph(120, 160, seed), smooth_map(24, 32, reach=20, seed=seed)
    planes = np.stack(luma_chroma(chroma, luma), -1) - 128.0
    exact = at_luma(luma.astype(np.float32), enlarge(chroma, *luma.shape))
    error = np.hypot(*np.moveaxis(planes - exact, 2, 0))
    # rounding alone makes 0.38
    assert np.median(error) < 0.5
    assert error.mean() < 0.7
    assert np.percentile(error, 99) < 3
    assert error.max() < 10


@pytest.mark.parametrize("reach", [10, 60, 120])
def test_strong_colours_keep_their_hue(reach: float) -> None:
    luma, chroma = photograph(90, 120), smooth_map(12, 16, reach=reach)
    planes = np.stack(luma_chroma(chroma, luma), -1) - 128.0
    exact = at_luma(luma.astype(np.float32), enlarge(chroma, *luma.shape))
    sure = np.hypot(exact[..., 0], exact[..., 1]) > 8  # of less, rounding moves the hue
    turned = np.angle((planes[..., 0] + 1j * planes[..., 1]) * (exact[..., 0] - 1j * exact[..., 1]))
    assert np.percentile(np.degrees(abs(turned[sure])), 95) < 8


def test_colours_have_the_wanted_hue_and_chroma() -> None:
    luma = np.arange(60, 200, dtype=np.uint8)[None].repeat(8, 0)
    chroma = np.broadcast_to(np.array([12, -9], np.float32), (4, 6, 2))
    cb, cr = luma_chroma(chroma, luma)
    lab = rgb_to_lab((decoded(luma, cb, cr) / 255).astype(np.float32))
    np.testing.assert_allclose(lab[..., 1:].mean((0, 1)), [12, -9], atol=0.3)
    assert abs(lab[..., 1:] - [12, -9]).max() < 2


@pytest.mark.parametrize("reach", [40, 90, 1e6])
def test_decoding_never_clips(reach: float) -> None:
    luma, chroma = photograph(90, 120), smooth_map(12, 16, reach=reach)
    luma[:10], luma[10:20] = 0, 255
    rgb = decoded(luma, *luma_chroma(chroma, luma))
    assert rgb.min() > -0.91  # half a level of Cb or Cr
    assert rgb.max() < 255.9


@given(y=st.integers(0, 255), a=st.floats(-200, 200), b=st.floats(-200, 200))
@settings(max_examples=100, deadline=None)
def test_any_colour_fits(y: int, a: float, b: float) -> None:
    luma = np.full((3, 5), y, np.uint8)
    chroma = np.broadcast_to(np.array([a, b], np.float32), (2, 2, 2))
    rgb = decoded(luma, *luma_chroma(chroma, luma))
    assert rgb.min() > -0.91
    assert rgb.max() < 255.9


def test_the_oracle_is_exact() -> None:
    luma = np.full(5, 120, np.float32)
    chroma = np.array([[0, 0], [20, 10], [-15, 30], [5, -25], [30, 30]], np.float32)
    blue, red = at_luma(luma, chroma).T
    rgb = decoded(luma, blue + 128, red + 128)
    np.testing.assert_allclose(rgb @ LUMA, 120, atol=0.01)
    lab = rgb_to_lab((rgb / 255).astype(np.float32))
    np.testing.assert_allclose(lab[:, 1:], chroma, atol=0.05)


def test_threads_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    luma, chroma = photograph(700, 900), smooth_map(20, 26)
    found = []
    for count in (1, 3):
        monkeypatch.setattr("tinct.luma.cores", lambda count=count: count)
        found.append(np.stack(luma_chroma(chroma, luma)))
    assert abs(found[0].astype(int) - found[1]).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_the_models_fault(value: float) -> None:
    chroma = np.zeros((3, 3, 2), np.float32)
    chroma[1, 1, 0] = value
    with pytest.raises(ModelError):
        luma_chroma(chroma, photograph(9, 9))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (33, 47)], ids=str)
def test_the_short_way_gives_the_colours_asked_for(size: tuple[int, int]) -> None:
    grey = np.clip(photograph(*size), 70, 190)
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "JPEG", quality=95)
    data = target.getvalue()
    chroma = np.broadcast_to(np.array([14, 18], np.float32), (4, 5, 2))
    result = jpeg.colour(data, *luma_chroma(chroma, jpeg.luma(data, scale=2)), quality=95)
    lab = decode(np.asarray(Image.open(io.BytesIO(result))))
    np.testing.assert_allclose(lab[..., 1:].mean((0, 1)), [14, 18], atol=1.5)
