"""What happens to pictures before the network sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.trainings import scene
from tinct.training.augment import LUMA, age, film_grey, grey, square, turn
from tinct.training.recipe import Augmentation, Fit

NONE = Augmentation(flip=False)
seeds = st.integers(0, 2**32)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(100, 151, (height, width, 3), np.uint8)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.integers(1, 40),
    fit=st.sampled_from(["crop", "stretch", "contain"]),
    smallest=st.floats(0.05, 1),
    seed=st.none() | seeds,
)
@settings(deadline=None)
def test_every_picture_becomes_a_square(
    height: int, width: int, size: int, fit: Fit, smallest: float, seed: int | None
) -> None:
    rng = None if seed is None else np.random.default_rng(seed)
    result = square(noise(height, width), size, fit, smallest=smallest, rng=rng)
    assert result.size == (size, size)
    if fit != "contain":
        assert np.asarray(result).min() > 90
        assert np.asarray(result).max() < 160


def test_the_fits_cut_squash_and_frame() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    assert np.asarray(square(wide, 20, "crop")).min() == 200
    stretched = np.asarray(square(wide, 30, "stretch"))[..., 0]
    assert stretched[:, [3, 15, 26]].tolist() == [[0, 200, 0]] * 30
    framed = np.asarray(square(wide, 30, "contain"))[..., 0]
    assert (framed[:10] == 255).all()
    assert (framed[20:] == 255).all()
    assert framed[15, [3, 15, 26]].tolist() == [0, 200, 0]


def test_random_cuts_are_of_every_size_and_place() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (128, 256, 3))
    rng = np.random.default_rng(0)
    cuts = [np.asarray(square(ramp, 16, "crop", smallest=0.5, rng=rng))[8, :, 0] for _ in range(90)]
    spans = [int(cut[-1]) - int(cut[0]) for cut in cuts]
    assert 55 < min(spans) < 70
    assert 112 < max(spans) < 128
    assert min(cut[0] for cut in cuts) < 20
    assert max(cut[-1] for cut in cuts) > 236


@given(
    seed=seeds,
    size=st.integers(2, 40),
    rotation=st.floats(0, 180),
    shear=st.floats(0, 1.5),
    zoom=st.floats(0, 0.9),
)
@settings(deadline=None)
def test_nothing_but_reflection_comes_in(
    seed: int, size: int, rotation: float, shear: float, zoom: float
) -> None:
    options = Augmentation(rotation=rotation, shear=shear, zoom=zoom, upside_down=True)
    picture = noise(size, size)
    turned = np.asarray(turn(Image.fromarray(picture), options, np.random.default_rng(seed)))
    assert turned.shape == picture.shape
    assert turned.min() >= picture.min()
    assert turned.max() <= picture.max()


def test_not_even_the_wildest_published_turns_show_a_corner() -> None:
    options = Augmentation(rotation=40.0, shear=0.4, zoom=0.4)
    picture = Image.fromarray(noise(32, 32))
    for seed in range(300):
        turned = np.asarray(turn(picture, options, np.random.default_rng(seed)))
        assert turned.min() >= 100


def test_no_turn_is_no_change() -> None:
    picture = Image.fromarray(scene(0, width=24))
    assert turn(picture, NONE, np.random.default_rng(0)) is picture
    tiny = replace(NONE, rotation=1e-9)
    turned = np.asarray(turn(picture, tiny, np.random.default_rng(0))).astype(int)
    assert abs(turned - np.asarray(picture)).max() <= 1


def test_a_turn_keeps_the_middle_and_has_the_right_angle() -> None:
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[20, 20:] = 255  # a hand that points to the right
    options = replace(NONE, rotation=40.0)
    angles = []
    for seed in range(40):
        turned = turn(Image.fromarray(picture), options, np.random.default_rng(seed))
        y, x = np.nonzero(np.asarray(turned)[..., 0] > 100)
        assert abs(np.asarray(turned)[20, 20, 0]) > 60
        outer = np.hypot(y - 20, x - 20) > 15
        angles.append(np.degrees(np.arctan2((20 - y)[outer], (x - 20)[outer]).mean()))
    assert -41 < min(angles) < -30
    assert 30 < max(angles) < 41


def test_half_of_the_pictures_are_mirrored_and_none_without_the_word() -> None:
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    rng = np.random.default_rng(0)
    flipped = [turn(picture, Augmentation(), rng) is not picture for _ in range(200)]
    assert 70 < sum(flipped) < 130
    mirrored = turn(picture, Augmentation(), np.random.default_rng(flipped.index(True)))
    assert np.asarray(mirrored).tolist() in (
        np.asarray(picture).tolist(),
        np.asarray(picture)[:, ::-1].tolist(),
    )
    upside = replace(NONE, upside_down=True)
    both = {np.asarray(turn(picture, upside, rng)).tobytes() for _ in range(30)}
    assert both == {np.asarray(picture).tobytes(), np.asarray(picture)[::-1].tobytes()}


def test_grey_is_that_of_software_and_film_varies_around_it() -> None:
    picture = scene(3)
    plain = np.rint(picture @ LUMA).astype(np.uint8)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(grey(picture), plain)
    np.testing.assert_array_equal(film_grey(picture, NONE, rng), plain)
    films = [film_grey(picture, replace(NONE, film=1.0), rng).astype(float) for _ in range(200)]
    assert np.abs(films[0] - plain).max() > 2
    assert np.abs(np.mean(films, axis=0) - plain).max() < 12
    neutral = np.full((4, 4, 3), 77, np.uint8)
    np.testing.assert_array_equal(film_grey(neutral, replace(NONE, film=1.0), rng), neutral[..., 0])


@given(seed=seeds)
@settings(deadline=None)
def test_ageing_keeps_the_shape_and_leaves_its_input_alone(seed: int) -> None:
    young = grey(scene(seed % 7))
    before = young.copy()
    old = age(young, replace(NONE, ageing=1.0), np.random.default_rng(seed))
    assert old.shape == young.shape
    assert old.dtype == np.uint8
    np.testing.assert_array_equal(young, before)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_so_many_pictures_are_aged(share: float) -> None:
    young = grey(scene(1))
    rng = np.random.default_rng(1)
    options = replace(NONE, ageing=share)
    aged = sum(not np.array_equal(age(young, options, rng), young) for _ in range(200))
    assert aged / 200 == pytest.approx(share, abs=0.12)
