"""Profiles: the spaces they mean, what is kept, what is refused; lcms is the second opinion."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.profiles import (
    ADOBE,
    D50,
    GREYS,
    PROPHOTO,
    RGB_NAMES,
    SRGB_FORMULA,
    colour,
    fixed,
    formula,
    gamma,
    profile,
    rgb_tags,
    sampled,
)
from tinct.color import SRGB, ColorSpace, lightness, merge, srgb_to_linear
from tinct.color.icc import needs_conversion, space_of
from tinct.errors import Unreadable, Unsupported

Array = NDArray[Any]


def assert_as_lcms(light: Array, pixels: Array, icc: bytes) -> None:
    """Compare with L* relative to D50 by libvips; not the shadows, which lcms interpolates."""
    image = pyvips.Image.new_from_array(pixels)
    image = image.copy(interpretation="grey16" if pixels.ndim == 2 else "rgb16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    lab = image.icc_import(embedded=True, intent="relative", black_point_compensation=False)
    missed = np.abs(lab.numpy()[..., 0] - light)
    assert missed[light > 46].max() < 0.1
    assert missed.mean() < 0.1


def test_untagged_is_srgb() -> None:
    assert space_of(None, bands=1) is SRGB
    assert space_of(None, bands=3) is SRGB
    with pytest.raises(Unsupported):
        space_of(None, bands=4)


@pytest.mark.parametrize(
    "icc",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        profile(rgb_tags("sRGB", SRGB_FORMULA)),
        profile(
            rgb_tags("sRGB", sampled(srgb_to_linear(np.linspace(0, 1, 1024, dtype=np.float32))))
        ),
        profile(rgb_tags("sRGB", SRGB_FORMULA, white=D50)),  # wrong, and common
    ],
    ids=["lcms", "formula", "sampled", "white left at D50"],
)
def test_tagged_srgb_is_untagged_srgb(icc: bytes) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8)
    space = space_of(icc, bands=3)
    assert space.icc == icc
    assert np.abs(lightness(pixels, space) - lightness(pixels)).max() < 1e-4
    assert np.array_equal(space_of(icc, bands=1).curve, space.curve)  # a grey picture may carry it


@pytest.mark.parametrize("name", ["Adobe RGB", "ProPhoto", "Display P3"])
def test_lightness_is_relative_to_the_white_of_the_standard(name: str) -> None:
    known = colour.RGB_COLOURSPACES[RGB_NAMES.get(name, name)]
    space = space_of(profile(rgb_tags(name, gamma(2.0))), bands=3)
    assert (
        np.abs(
            space.to_xyz - known.matrix_RGB_to_XYZ / known.matrix_RGB_to_XYZ.sum(1, keepdims=True)
        ).max()
        < 2e-4
    )
    linear = (np.arange(5)[:, None] * [0.25, 0.1, 0.2]) ** 2
    pixels = np.rint(np.sqrt(linear) * 65535).astype(np.uint16)[None]
    lab = colour.XYZ_to_Lab(linear @ known.matrix_RGB_to_XYZ.T, known.whitepoint)
    assert np.abs(lightness(pixels, space)[0] - lab[:, 0]).max() < 0.02


@pytest.mark.parametrize("how", ["wtpt", "chad"])
def test_primaries_of_no_standard_are_taken_back_to_their_own_white(how: str) -> None:
    tags = rgb_tags("Apple RGB", gamma(1.8))
    known = colour.RGB_COLOURSPACES["Apple RGB"].matrix_RGB_to_XYZ
    version = 0x02400000
    if how == "chad":
        to_d50 = colour.adaptation.matrix_chromatic_adaptation_VonKries(
            known.sum(1), D50, "Bradford"
        )
        tags |= {b"chad": fixed(b"sf32", *to_d50.ravel()), b"wtpt": fixed(b"XYZ ", *D50)}
        version = 0x04300000
    space = space_of(profile(tags, version=version), bands=3)
    assert np.abs(space.to_xyz - known / known.sum(1, keepdims=True)).max() < 2e-4


@pytest.mark.parametrize("name", GREYS)
def test_a_grey_profile_becomes_an_rgb_profile_with_its_light(name: str) -> None:
    space = space_of(GREYS[name], bands=1)
    assert space.icc is not None
    assert len(space.icc) < 10_000
    grey = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    light = lightness(grey, space)
    assert_as_lcms(light, grey, GREYS[name])
    merged = merge(light, np.zeros((256, 256, 2), np.float32), space, depth=16)
    again = space_of(space.icc, bands=3)
    assert np.array_equal(lightness(merged, again), light)
    assert_as_lcms(light, merged, space.icc)
    opened = ImageCms.ImageCmsProfile(BytesIO(space.icc)).profile
    assert opened.xcolor_space == "RGB "
    assert opened.profile_description == "made up, as RGB"


@pytest.mark.parametrize("name", GREYS)
def test_the_profile_made_from_grey_has_the_primaries_of_srgb(name: str) -> None:
    icc = space_of(GREYS[name], bands=1).icc
    assert icc is not None
    assert np.array_equal(space_of(icc, bands=3).to_xyz, SRGB.to_xyz)
    primaries = ImageCms.ImageCmsProfile(BytesIO(icc)).profile.red_primary
    assert primaries is not None
    assert np.abs(np.array(primaries[1][:2]) - (0.64, 0.33)).max() < 0.02


@pytest.mark.parametrize("icc", [PROPHOTO, ADOBE], ids=["ProPhoto", "Adobe RGB"])
def test_neutral_colours_agree_with_lcms(icc: bytes) -> None:
    grey = np.linspace(0, 65535, 500).astype(np.uint16)[None]
    pixels = np.stack([grey] * 3, -1)
    assert_as_lcms(lightness(pixels, space_of(icc, bands=3)), pixels, icc)


def test_every_colour_agrees_with_lcms_where_the_white_is_d50() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (40, 40, 3)).astype(np.uint16)
    assert_as_lcms(lightness(pixels, space_of(PROPHOTO, bands=3)), pixels, PROPHOTO)


@pytest.mark.parametrize(
    ("tone", "expected"),
    [
        (formula(0, 2.2), lambda x: x**2.2),
        (formula(1, 2.2, 1.1, -0.1), lambda x: np.maximum(1.1 * x - 0.1, 0) ** 2.2),
        (formula(2, 2.0, 0.9, 0.0, 0.1), lambda x: (0.9 * x) ** 2 + 0.1),
        (
            formula(3, 1.8, 1.0, 0.0, 1 / 16, 0.031248),
            lambda x: np.where(x >= 0.031248, x**1.8, x / 16),
        ),
        (formula(4, 2.0, 0.9, 0.1, 0.05, 0.0, 0.0, 0.0), lambda x: (0.9 * x + 0.1) ** 2),
        (sampled(np.array([])), lambda x: x),
        (gamma(1.8), lambda x: x ** (461 / 256)),
        (sampled(np.array([0, 0.2, 1])), lambda x: np.interp(x, [0, 0.5, 1], [0, 0.2, 1])),
    ],
)
def test_tone_curves_of_every_type(tone: bytes, expected: Any) -> None:
    space = space_of(profile({b"kTRC": tone}, space=b"GRAY"), bands=1)
    wanted = expected(np.linspace(0, 1, 65536))
    assert np.abs(space.curve[0] - wanted).max() < 3e-5


def test_the_rounded_numbers_of_a_formula_still_reach_white() -> None:
    tone = formula(3, 2.222, 0.90991, 0.09005, 0.22222, 0.081)  # Rec. 709, but not quite
    space = space_of(profile({b"kTRC": tone}, space=b"GRAY"), bands=1)
    grey = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    light = lightness(grey, space)
    assert light[-1, -1] == 100
    merged = merge(light, np.zeros((256, 256, 2), np.float32), space, depth=16)
    assert np.abs(lightness(merged, space) - light).max() <= 0.002
    assert np.array_equal(merged[-8:, :, 1], grey[-8:])


def test_the_same_profile_gives_the_same_space() -> None:
    assert space_of(ADOBE, bands=3) is space_of(bytes(bytearray(ADOBE)), bands=3)


def test_tables_cmyk_and_lab_need_conversion() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    tables = profile(rgb_tags("sRGB", gamma(2.2)) | {b"A2B0": b"mft2" + bytes(60)})
    cmyk = profile({b"A2B0": b"mft2" + bytes(60)}, space=b"CMYK", connection=b"Lab ", kind=b"prtr")
    by_lightness = profile({b"kTRC": gamma(1.0)}, space=b"GRAY", connection=b"Lab ")
    for icc, bands in ((lab, 3), (tables, 3), (cmyk, 4), (by_lightness, 1)):
        assert needs_conversion(icc, bands=bands)
        with pytest.raises(Unsupported, match="tables"):
            space_of(icc, bands=bands)
    for icc, bands in ((ADOBE, 3), (PROPHOTO, 3), *((grey, 1) for grey in GREYS.values())):
        assert not needs_conversion(icc, bands=bands)


@pytest.mark.parametrize(
    "values",
    [[1, 0.5, 0], [0, 0.6, 0.4, 1], [0, 0.2], [0.5, 0.5]],
    ids=["inverted", "wave", "dark", "flat"],
)
def test_curves_that_do_not_rise_need_conversion(values: list[float]) -> None:
    assert needs_conversion(profile({b"kTRC": sampled(np.array(values))}, space=b"GRAY"), bands=1)


def test_unequal_curves_are_kept_unless_their_ends_differ() -> None:
    tags = rgb_tags("sRGB", gamma(2.2)) | {b"rTRC": gamma(1.8)}
    space = space_of(profile(tags), bands=3)
    assert not np.array_equal(space.curve[0], space.curve[1])
    assert needs_conversion(profile(tags | {b"bTRC": sampled(np.array([0, 0.9]))}), bands=3)


@pytest.mark.parametrize(
    ("icc", "bands"),
    [
        (b"", 3),
        (b"not a profile", 1),
        (ADOBE[:100], 3),
        (ADOBE[:200], 3),
        (ADOBE[:-20], 3),
        (ADOBE.replace(b"acsp", b"xxxx"), 3),
        (ADOBE.replace(b"mntr", b"link"), 3),
        (profile({b"kTRC": gamma(2.2)}), 3),
        (profile({}, space=b"GRAY"), 1),
        (profile({b"kTRC": b"blob" + bytes(20)}, space=b"GRAY"), 1),
        (profile({b"kTRC": struct.pack(">4s4xI", b"curv", 999)}, space=b"GRAY"), 1),
        (profile(rgb_tags("sRGB", gamma(2.2)) | {b"rXYZ": fixed(b"XYZ ", 0, 0, 0)}), 3),
        (profile(rgb_tags("sRGB", gamma(2.2)) | {b"rXYZ": fixed(b"XYZ ", 0.4)}), 3),
        (GREYS["gamma 2.2"], 3),
        (ADOBE, 4),
        (profile({}, space=b"CMYK"), 3),
    ],
)
def test_damaged_and_mismatched_profiles_are_unreadable(icc: bytes, bands: int) -> None:
    for question in (space_of, needs_conversion):
        with pytest.raises(Unreadable) as caught:
            question(icc, bands=bands)
        assert caught.value.where == "ICC profile"


@given(data=st.data(), name=st.sampled_from(["rgb", "grey", "formula"]))
@settings(deadline=None, max_examples=300)
def test_broken_profiles_raise_nothing_else(data: st.DataObject, name: str) -> None:
    icc = bytearray({"rgb": ADOBE, "grey": GREYS["dot gain"], "formula": GREYS["sRGB curve"]}[name])
    for _ in range(data.draw(st.integers(1, 6))):
        icc[data.draw(st.integers(0, len(icc) - 1))] = data.draw(st.integers(0, 255))
    bands = 3 if name == "rgb" else 1
    try:
        space = space_of(bytes(icc), bands=bands)
    except (Unreadable, Unsupported):
        return
    assert isinstance(space, ColorSpace)
    grey = np.arange(256, dtype=np.uint8)[None]
    assert np.isfinite(
        merge(lightness(grey, space), np.ones((1, 256, 2), np.float32), space, depth=8)
    ).all()


def test_pillow_opens_a_png_with_the_profile_made() -> None:
    icc = space_of(GREYS["dot gain"], bands=1).icc
    file = BytesIO()
    Image.new("RGB", (4, 4), (90, 90, 90)).save(file, "PNG", icc_profile=icc)
    assert Image.open(file).info["icc_profile"] == icc
