"""Colour differences against the published pairs and against colour-science."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000

from tests.profiles import Array, colour
from tinct.evaluation.difference import BANDS, band_shares, cie76, ciede2000

#: table 1 of Sharma, Wu and Dalal 2005: L*, a*, b* twice, and the difference
SHARMA = np.array(
    [
        [50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425],
        [50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615],
        [50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412],
        [50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000],
        [50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669],
        [50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195],
        [50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045],
        [50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461],
        [50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065],
        [50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492],
        [50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977],
        [50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030],
        [50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000],
        [50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


@pytest.mark.parametrize(("kind", "bound"), [(np.float64, 1e-4), (np.float32, 3e-4)])
@pytest.mark.parametrize("exchanged", [False, True])
def test_ciede2000_of_the_34_published_pairs(kind: type, bound: float, exchanged: bool) -> None:
    first: Array = SHARMA[:, :3].T.astype(kind)
    second: Array = SHARMA[:, 3:6].T.astype(kind)
    if exchanged:
        first, second = second, first
    found = ciede2000(first, second)
    assert found.dtype == kind
    assert np.abs(found - SHARMA[:, 6]).max() < bound


def colours(count: int = 40_000) -> tuple[Array, Array]:
    """Pairs near and far, grey and vivid, and hues on both sides of every quarter."""
    rng = np.random.default_rng(4)
    reach = np.array([100, 200, 200])[:, None]
    first = (rng.random((3, count)) - [[0], [0.5], [0.5]]) * reach
    second = (rng.random((3, count)) - [[0], [0.5], [0.5]]) * reach
    near = rng.random(count) < 0.5
    second[:, near] = first[:, near] + rng.normal(0, 1, (3, int(near.sum())))
    first[1:, ::7] *= 0.01
    second[1:, ::11] *= 0.001
    first[1:, ::50] = 0
    second[1:, ::60] = 0
    return first, second


def test_ciede2000_agrees_with_colour_science_and_scikit_image() -> None:
    first, second = colours()
    found = ciede2000(first, second)
    by_colour = colour.delta_E(first.T, second.T, method="CIE 2000")
    by_skimage = deltaE_ciede2000(first.T, second.T)
    assert np.abs(found - by_colour).max() < 1e-4
    assert np.abs(found - by_skimage).max() < 1e-4
    small = ciede2000(first.astype(np.float32), second.astype(np.float32))
    assert np.quantile(np.abs(small - found), 0.999) < 1e-3  # but for hues nearly opposite
    assert abs(float(small.mean()) - float(found.mean())) < 1e-4


def test_ciede2000_of_opposite_hues_takes_the_agreed_mean() -> None:
    """Exactly half a turn apart, where both means would do: all around, in both orders."""
    turns = np.linspace(0, 2 * math.pi, 33)[:-1]
    first = np.stack([np.full(32, 50.0), 20 * np.cos(turns), 20 * np.sin(turns)])
    second = first * [[1.1], [-1], [-1]]
    for pair in ((first, second), (second, first)):
        flat = np.concatenate(pair)  # by the formula as written, angles and all
        expected = [by_angles(*column) for column in flat.T]
        assert ciede2000(*pair) == pytest.approx(expected, abs=1e-4)


def by_angles(*lab: float) -> float:
    """The formula step by step, in the words of the paper."""
    l1, a1, b1, l2, a2, b2 = lab
    mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean**7 / (mean**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turned = round(h2 - h1, 9)
    turned -= 360 * (turned > 180) - 360 * (turned < -180)
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turned / 2))
    hue = (h1 + h2) / 2
    if round(abs(h1 - h2), 9) > 180:
        hue += 180 if h1 + h2 < 360 else -180
    chroma, middle = (c1 + c2) / 2, ((l1 + l2) / 2 - 50) ** 2
    t = 1 - 0.17 * cosine(hue - 30) + 0.24 * cosine(2 * hue)
    t += 0.32 * cosine(3 * hue + 6) - 0.2 * cosine(4 * hue - 63)
    theta = 30 * math.exp(-(((hue - 275) / 25) ** 2))
    rotation = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7)) * math.sin(math.radians(2 * theta))
    light = (l2 - l1) / (1 + 0.015 * middle / math.sqrt(20 + middle))
    dc, dh = (c2 - c1) / (1 + 0.045 * chroma), dh / (1 + 0.015 * chroma * t)
    return math.sqrt(light**2 + dc**2 + dh**2 + rotation * dc * dh)


def cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def test_equal_colours_do_not_differ_at_all() -> None:
    first = colours()[0].astype(np.float32)
    assert not ciede2000(first, first).any()
    grey = np.zeros((3, 5), np.float32)
    grey[0] = [0, 25, 50, 75, 100]
    assert not ciede2000(grey, grey).any()


def test_parts_of_a_picture_are_as_the_whole() -> None:
    """Pictures are worked on in strips, whose seams must not show."""
    first, second = (plane.astype(np.float32) for plane in colours(70_000))
    whole = ciede2000(first.reshape(3, 280, 250), second.reshape(3, 280, 250))
    pieces = [ciede2000(first[:, i : i + 1], second[:, i : i + 1]) for i in range(0, 70_000, 997)]
    assert np.allclose(whole.ravel()[::997], np.concatenate(pieces), atol=1e-4)


def test_cie76_is_the_distance_in_lab() -> None:
    first, second = colours(1000)
    expected = colour.delta_E(first.T, second.T, method="CIE 1976")
    assert cie76(first, second) == pytest.approx(expected)
    assert cie76(first[1:], second[1:]) == pytest.approx(
        np.linalg.norm((first - second)[1:], axis=0)
    )


def test_bands_have_their_bounds_and_share_out_everything() -> None:
    values = np.array([0, 1, 1.001, 2, 2.001, 10, 10.001, 49.5, 50, 50.001, 120])
    shares = band_shares(values)
    assert list(shares) == list(BANDS) == ["unseen", "close", "glance", "alike", "opposite"]
    assert [round(share * 11) for share in shares.values()] == [2, 2, 2, 3, 2]
    assert sum(shares.values()) == pytest.approx(1)
