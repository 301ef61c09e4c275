"""The likely colours of a point."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pictures import GREY
from tinct import load_model
from tinct.color import lab_to_rgb, lightness
from tinct.errors import ModelError, UsageError
from tinct.palette import MOST_COLOURS, Distribution, distribution_of, palette_at

BINS = np.array([[0, 0], [14, 0], [60, 40], [-50, 50]], np.float32)


def weighed(*shares: float) -> Distribution:
    """One row of two cells: the right one is certain of its last colour."""
    probabilities = np.array([[shares, (0, 0, 0, 1)]], np.float32)
    return Distribution(probabilities, BINS, np.array([[50, 80]], np.float32))


def test_neighbouring_bins_are_one_colour() -> None:
    red, grey, green = palette_at(weighed(0.2, 0.1, 0.6, 0.1), 0.25, 0.5)
    assert (red.a, red.b, round(red.probability, 6)) == (60, 40, 0.6)
    assert round(grey.probability, 6) == 0.3
    assert grey.a == pytest.approx(14 / 3)
    assert green.probability == pytest.approx(0.1)


def test_the_place_counts_from_the_upper_left_corner() -> None:
    distribution = weighed(1, 0, 0, 0)
    assert palette_at(distribution, 0.0, 0.0)[0].a == 0
    (only,) = palette_at(distribution, 1.0, 1.0)
    assert (only.a, only.b, only.probability) == (-50, 50, 1)


def test_colours_are_shown_at_the_light_of_the_point() -> None:
    (only,) = palette_at(weighed(1, 0, 0, 0), 0, 0)
    value = round(float(lab_to_rgb(np.array([50, 0, 0], np.float32))[0]) * 255)
    assert only.colour == f"#{value:02x}{value:02x}{value:02x}"


def test_as_many_as_asked_for() -> None:
    assert len(palette_at(weighed(0.4, 0, 0.3, 0.3), 0, 0, count=2)) == 2


@pytest.mark.parametrize(
    ("x", "y", "count"),
    [(-0.1, 0, 5), (0, 1.1, 5), (float("nan"), 0, 5), (0, 0, 0), (0, 0, MOST_COLOURS + 1)],
)
def test_what_is_out_of_range_is_refused(x: float, y: float, count: int) -> None:
    with pytest.raises(UsageError):
        palette_at(weighed(1, 0, 0, 0), x, y, count=count)


def test_the_model_weighs_colours_that_average_to_its_own() -> None:
    model = load_model()
    light = lightness(GREY)
    distribution = distribution_of(model, light, size=64)
    mean = distribution.probabilities @ distribution.bins
    chroma = model.predict(light, size=64, temperature=1).chroma
    np.testing.assert_allclose(mean * model.spec.gain, chroma, atol=0.05)
    found = palette_at(distribution, 0.5, 0.5)
    assert [one.probability for one in found] == sorted(
        (one.probability for one in found), reverse=True
    )
    assert 0.5 < sum(one.probability for one in found) <= 1.0001


def test_a_model_of_one_colour_a_point_says_so() -> None:
    from dataclasses import replace

    model = load_model()
    spec = model.spec
    try:
        model.spec = replace(spec, outputs="ab")
        with pytest.raises(ModelError, match="one colour"):
            distribution_of(model, lightness(GREY))
    finally:
        model.spec = spec
