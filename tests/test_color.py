"""Lightness, the merge that touches nothing else, and CIELAB, against independent formulas."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinct.color import (
    ROUNDING_BOUND,
    SRGB,
    ColorSpace,
    Depth,
    decode,
    encode,
    grid_bins,
    in_gamut_scale,
    lab_to_rgb,
    lightness,
    lightness_from_grey,
    lightness_to_luminance,
    luminance_to_lightness,
    merge,
    rgb_to_lab,
)
from tinct.errors import ModelError, UsageError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # colour-science asks for matplotlib
    import colour
    import skimage.color

Array = NDArray[Any]
DEPTHS: tuple[Depth, ...] = (8, 16)


def space(name: str, curve: Array) -> ColorSpace:
    """A space of colour-science's primaries with the tone curve given."""
    matrix = colour.RGB_COLOURSPACES[name].matrix_RGB_to_XYZ
    return ColorSpace(
        name,
        None,
        np.broadcast_to(curve.astype(np.float32), (3, 65536)),
        matrix / matrix.sum(1, keepdims=True),
    )


CODES = np.linspace(0, 1, 65536)
SPACES = {
    "sRGB": SRGB,
    "Adobe RGB": space("Adobe RGB (1998)", CODES ** (563 / 256)),
    "ProPhoto": space("ROMM RGB", CODES**1.8),
    "Display P3": space("Display P3", SRGB.curve[0]),
    "grey gamma 2.2": space("sRGB", CODES**2.2),
    "L*": space("sRGB", lightness_to_luminance((100 * CODES).astype(np.float32))),
}
EVERY_SPACE = pytest.mark.parametrize("name", SPACES)
EVERY_DEPTH = pytest.mark.parametrize("depth", DEPTHS)


def dtype(depth: Depth) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if depth == 8 else np.uint16


def every_grey(depth: Depth) -> Array:
    return np.arange(2**depth, dtype=dtype(depth)).reshape(2 ** (depth // 2), -1)


def random_colours(seed: int, spread: float, shape: tuple[int, int]) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    light = rng.uniform(0, 100, shape).astype(np.float32)
    return light, rng.normal(0, spread, (*shape, 2)).astype(np.float32)


def exact_lightness(pixels: Array, space: ColorSpace) -> Array:
    """L* in float64, by the definition."""
    step = 257 if pixels.dtype == np.uint8 else 1
    linear = np.stack(
        [space.curve[i].astype(float)[pixels[..., i].astype(int) * step] for i in range(3)], -1
    )
    y = linear @ space.to_xyz[1]
    result: Array = np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, 24389 / 27 * y)
    return result


def test_srgb_to_lab_agrees_with_two_libraries() -> None:
    rgb = np.random.default_rng(1).random((50, 40, 3)).astype(np.float32)
    ours = rgb_to_lab(rgb)
    assert np.abs(ours - skimage.color.rgb2lab(rgb)).max() < 0.01
    xyz = colour.sRGB_to_XYZ(rgb)
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    assert np.abs(ours - colour.XYZ_to_Lab(xyz, white)).max() < 0.05
    assert np.abs(lab_to_rgb(ours) - rgb).max() < 1e-5


@pytest.mark.parametrize("name", sorted(SPACES.keys() - {"grey gamma 2.2", "L*"}))
def test_decode_agrees_with_colour_science(name: str) -> None:
    """The two that are left out are made up here; no library knows them."""
    theirs = {"sRGB": "sRGB", "Adobe RGB": "Adobe RGB (1998)", "ProPhoto": "ROMM RGB"}
    their = colour.RGB_COLOURSPACES[theirs.get(name, name)]
    pixels = np.random.default_rng(2).integers(0, 65536, (30, 30, 3)).astype(np.uint16)
    linear = np.stack([SPACES[name].curve[i][pixels[..., i]] for i in range(3)], -1)
    lab = colour.XYZ_to_Lab(linear @ their.matrix_RGB_to_XYZ.T, their.whitepoint)
    assert np.abs(decode(pixels, SPACES[name]) - lab).max() < 0.05


@EVERY_SPACE
@EVERY_DEPTH
def test_lightness_is_exact(name: str, depth: Depth) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 2**depth, (60, 50, 3)).astype(dtype(depth))
    pixels[:5] = pixels[:5] // 50  # shadows
    assert (
        np.abs(lightness(pixels, SPACES[name]) - exact_lightness(pixels, SPACES[name])).max() < 1e-4
    )
    grey = every_grey(depth)
    expected = exact_lightness(np.stack([grey] * 3, -1), SPACES[name])
    assert np.abs(lightness(grey, SPACES[name]) - expected).max() < 1e-4


@EVERY_DEPTH
def test_grey_and_three_equal_bands_have_the_same_lightness(depth: Depth) -> None:
    grey = every_grey(depth)
    assert np.array_equal(lightness(grey), lightness(np.stack([grey] * 3, -1)))
    expected = lightness_from_grey((grey / (2**depth - 1)).astype(np.float32))
    assert np.abs(lightness(grey) - expected).max() < 1e-4


def test_white_is_100_and_black_0_in_every_space() -> None:
    for each in SPACES.values():
        assert lightness(np.array([[0, 255]], np.uint8), each).tolist() == [[0, 100]]


def test_lightness_and_luminance_invert_each_other() -> None:
    light = np.linspace(0, 100, 10001).astype(np.float32)
    assert np.abs(luminance_to_lightness(lightness_to_luminance(light)) - light).max() < 2e-5


@EVERY_SPACE
@EVERY_DEPTH
def test_grey_in_grey_out_exactly(name: str, depth: Depth) -> None:
    grey = every_grey(depth)
    light = lightness(grey, SPACES[name])
    merged = merge(light, np.zeros((*grey.shape, 2), np.float32), SPACES[name], depth=depth)
    assert merged.dtype == dtype(depth)
    assert np.array_equal(merged, np.stack([grey] * 3, -1))


@given(
    name=st.sampled_from(sorted(SPACES)),
    depth=st.sampled_from(DEPTHS),
    seed=st.integers(0, 2**32),
    spread=st.sampled_from([0.01, 1, 10, 40, 200, 1e6, 1e30]),
    darkest=st.sampled_from([0.01, 0.1, 1]),
)
@settings(deadline=None)
def test_lightness_survives_the_merge_for_every_light_and_chroma(
    name: str, depth: Depth, seed: int, spread: float, darkest: float
) -> None:
    light, chroma = random_colours(seed, spread, (40, 50))
    light *= np.float32(darkest)
    merged = merge(light, chroma, SPACES[name], depth=depth)
    assert np.abs(exact_lightness(merged, SPACES[name]) - light).max() <= ROUNDING_BOUND[depth]


@EVERY_SPACE
def test_lightness_survives_where_the_colour_leaves_the_gamut(name: str) -> None:
    light = np.concatenate([np.linspace(0, 2, 100), np.linspace(98, 100, 100)]).astype(np.float32)
    angle = np.linspace(0, 2 * np.pi, 360)
    chroma = np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32) * 60
    grid = np.repeat(light[:, None], 360, 1), np.repeat(chroma[None], 200, 0)
    for depth in DEPTHS:
        merged = merge(*grid, SPACES[name], depth=depth)
        missed = np.abs(exact_lightness(merged, SPACES[name]) - grid[0])
        assert missed.max() <= ROUNDING_BOUND[depth]


@given(name=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 2**32), spread=st.floats(1, 300))
@settings(deadline=None)
def test_hue_is_kept_and_chroma_only_shrinks(name: str, seed: int, spread: float) -> None:
    light, chroma = random_colours(seed, spread, (20, 30))
    light = light * np.float32(0.8) + 10
    merged = merge(light, chroma, SPACES[name], depth=16)
    result = decode(merged, SPACES[name])[..., 1:]
    expected = chroma * in_gamut_scale(light, chroma, SPACES[name])[..., None]
    assert np.abs(result - expected).max() < 0.1  # the rounding of 16-bit codes
    assert (np.hypot(*result.T) <= np.hypot(*chroma.T) + 0.1).all()


@EVERY_SPACE
def test_chroma_shrinks_no_further_than_the_edge_of_the_gamut(name: str) -> None:
    light, chroma = random_colours(7, 60, (60, 60))
    light = light * np.float32(0.98) + 1
    factor = in_gamut_scale(light, chroma, SPACES[name])

    def inside(factor: Array, slack: float) -> Array:
        lab = np.dstack([light, chroma * factor[..., None]]).astype(float)
        fy = (lab[..., 0] + 16) / 116
        f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1)
        xyz = np.where(f > 24 / 116, f**3, (116 * f - 16) * 27 / 24389)
        rgb = xyz @ np.linalg.inv(SPACES[name].to_xyz).T
        result: Array = (rgb.min(-1) >= -slack) & (rgb.max(-1) <= 1 + slack)
        return result

    assert (factor < 1).any()
    assert (factor[inside(np.ones_like(factor), -1e-5)] == 1).all()
    assert inside(factor, 3e-5).all()  # the colours are mixed there, in linear light
    shrunk = factor < 1
    for more, share in ((1.003, 0.97), (1.01, 0.99)):
        assert (~inside(np.minimum(factor * more, 1), 0))[shrunk].mean() > share


@EVERY_SPACE
def test_encode_and_decode_invert_each_other(name: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 65536, (30, 40, 3)).astype(np.uint16)
    pixels[0, 0], pixels[0, 1] = 0, 65535
    back = encode(decode(pixels, SPACES[name]), SPACES[name]) * 65535
    # a channel near 0 beside bright ones: its steps are the float32 noise of the others
    assert np.quantile(np.abs(back - pixels), 0.99) < 0.5
    again = decode(np.rint(back).astype(np.uint16), SPACES[name])
    assert np.abs(again - decode(pixels, SPACES[name])).max() < 0.02


def test_a_rising_curve_of_few_points_is_inverted_well() -> None:
    curve = np.interp(CODES, np.linspace(0, 1, 26), np.linspace(0, 1, 26) ** 2.4)
    odd = space("sRGB", curve)
    for depth in DEPTHS:
        grey = every_grey(depth)
        merged = merge(
            lightness(grey, odd), np.zeros((*grey.shape, 2), np.float32), odd, depth=depth
        )
        assert np.array_equal(merged[..., 1], grey)


def test_grey_stays_grey_over_a_raised_black() -> None:
    odd = space("sRGB", 0.003 + 0.9969 * CODES**2.2)
    for depth in DEPTHS:
        grey = every_grey(depth)
        none = np.zeros((*grey.shape, 2), np.float32)
        merged = merge(lightness(grey, odd), none, odd, depth=depth)
        missed = np.abs(lightness(merged, odd) - lightness(grey, odd))
        assert missed.max() <= ROUNDING_BOUND[16]


def test_raised_black_and_unequal_curves_keep_the_light() -> None:
    curves = np.stack([0.02 + 0.98 * CODES**g for g in (1.9, 2.2, 2.4)]).astype(np.float32)
    odd = ColorSpace("odd", None, curves, SRGB.to_xyz)
    light, chroma = random_colours(11, 50, (50, 50))
    light = np.maximum(light, lightness(np.zeros((1, 1), np.uint8), odd)[0, 0])
    for depth in DEPTHS:
        merged = merge(light, chroma, odd, depth=depth)
        assert np.abs(exact_lightness(merged, odd) - light).max() <= ROUNDING_BOUND[depth]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_an_error(bad: float) -> None:
    light, chroma = random_colours(1, 10, (4, 5))
    chroma[2, 3, 1] = bad
    with pytest.raises(ModelError, match="finite"):
        merge(light, chroma, depth=8)
    light[0, 0] = bad
    with pytest.raises(ModelError, match="finite"):
        merge(light, np.zeros_like(chroma), depth=8)


def test_pixels_of_another_type_are_an_error() -> None:
    with pytest.raises(UsageError, match="float64"):
        lightness(np.zeros((2, 2)))


def test_strips_and_strides_leave_no_trace() -> None:
    light, chroma = random_colours(2, 40, (700, 300))
    whole = merge(light, chroma, depth=8)
    parts = [merge(light[i : i + 7], chroma[i : i + 7], depth=8) for i in range(0, 700, 7)]
    assert np.array_equal(whole, np.concatenate(parts))
    turned = merge(light.T, chroma.transpose(1, 0, 2), depth=8)
    assert np.array_equal(turned, whole.transpose(1, 0, 2))
    assert np.array_equal(lightness(whole.transpose(1, 0, 2)), lightness(whole).T)


def test_an_empty_picture_stays_empty() -> None:
    assert merge(np.zeros((0, 5), np.float32), np.zeros((0, 5, 2), np.float32), depth=8).size == 0
    assert lightness(np.zeros((5, 0, 3), np.uint8)).shape == (5, 0)


@EVERY_DEPTH
def test_the_merge_needs_little_memory_beyond_its_result(depth: Depth) -> None:
    light, chroma = random_colours(3, 60, (1500, 1000))
    merge(light[:2], chroma[:2], depth=depth)  # builds the tables
    tracemalloc.start()
    merged = merge(light, chroma, depth=depth)
    lightness(merged)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < merged.nbytes + light.nbytes + 16e6


def test_the_bins_of_the_grid_cover_srgb() -> None:
    bins = grid_bins(14)
    assert bins.dtype == np.float32
    assert len(np.unique(bins, axis=0)) == len(bins)
    rgb = np.random.default_rng(4).random((200, 200, 3)).astype(np.float32)
    cells = np.round(rgb_to_lab(rgb)[..., 1:].reshape(-1, 2) / 14) * 14
    known = {tuple(b) for b in bins.tolist()}
    assert np.mean([tuple(c) in known for c in cells.tolist()]) > 0.999
