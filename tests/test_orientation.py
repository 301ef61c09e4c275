"""The eight orientations, both ways, and against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tinct.image.orientation import from_upright, upright, upright_size


@given(st.integers(1, 8), st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (2,), (3,)]))
def test_there_and_back(orientation: int, height: int, width: int, rest: tuple[int, ...]) -> None:
    stored = np.arange(height * width * max(1, sum(rest))).reshape(height, width, *rest)
    shown = upright(stored, orientation)
    assert shown.shape[1::-1] == upright_size(width, height, orientation)
    assert np.array_equal(from_upright(shown, orientation), stored)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_pillow_turns_it(orientation: int) -> None:
    stored = np.arange(35, dtype=np.uint8).reshape(5, 7)
    picture = Image.fromarray(stored)
    picture.getexif()[274] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(upright(stored, orientation), wanted)
    assert np.array_equal(upright(stored, 0), stored)
