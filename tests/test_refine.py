"""Chroma at the picture's size, against Pillow's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tinct import refine
from tinct.color import FloatArray
from tinct.errors import ModelError


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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_the_models_fault(value: float) -> None:
    chroma = np.zeros((3, 3, 2), np.float32)
    chroma[1, 1, 0] = value
    with pytest.raises(ModelError):
        refine.enlarge(chroma, 9, 9)
