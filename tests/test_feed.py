"""Rows from Python reach libvips as they are, whatever their number, kind and order of calls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinct.image import feed


@given(
    heights=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    width=st.integers(1, 90),
    bands=st.sampled_from([3, 4]),
    depth=st.sampled_from([8, 16]),
    asked=st.integers(1, 4000),
    seed=st.integers(0, 99),
)
def test_rows_arrive_as_they_were_given(
    heights: list[int], width: int, bands: int, depth: int, asked: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kind = np.uint8 if depth == 8 else np.uint16
    strips: list[NDArray[np.uint8] | NDArray[np.uint16]] = [
        rng.integers(0, 1 << depth, (height, width, bands), kind) for height in heights
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_IN_MEMORY", 0)
        patch.setattr(feed, "_STRIP", asked)
        made = feed.image_of(iter(strips), width, sum(heights), bands, depth)
        pixels = made.image.numpy().reshape(-1, width, bands)
    assert made.image.interpretation == ("srgb" if depth == 8 else "rgb16")
    assert pixels.dtype == kind
    np.testing.assert_array_equal(pixels, np.concatenate(strips))
    assert not made.error


def test_what_the_rows_end_with_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_IN_MEMORY", 0)
    monkeypatch.setattr(feed, "_STRIP", 300)

    def rows() -> Iterator[NDArray[np.uint8]]:
        yield np.zeros((5, 10, 3), np.uint8)
        raise ZeroDivisionError("of the rows")

    made = feed.image_of(rows(), 10, 50, 3, 8)
    with pytest.raises(pyvips.Error):
        made.image.avg()
    assert [type(error) for error in made.error] == [ZeroDivisionError]
