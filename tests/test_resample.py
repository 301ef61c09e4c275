"""Planes of floats at another size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tinct.resample import Kernel, resize

SIZES = [
    ((7, 9), (100, 133)),
    ((224, 299), (224, 300)),
    ((480, 640), (224, 299)),
    ((1200, 900), (40, 30)),
    ((1, 1), (5, 9)),
    ((3, 700), (32, 41)),
    ((64, 48), (1, 1)),
]


@pytest.mark.parametrize(("small", "large"), SIZES, ids=str)
@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_resize_is_pillows(small: tuple[int, int], large: tuple[int, int], kernel: Kernel) -> None:
    plane = np.random.default_rng(1).uniform(0, 100, small).astype(np.float32)
    theirs = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}[kernel]
    ours = resize(plane, *large, kernel=kernel)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(
        ours, np.asarray(Image.fromarray(plane).resize(large[::-1], theirs)), atol=1e-3
    )


def test_the_same_size_is_the_same_plane() -> None:
    plane = np.ones((3, 4), np.float32)
    assert resize(plane, 3, 4) is plane
