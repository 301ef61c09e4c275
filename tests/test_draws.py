"""Which picture comes when, and what the network gets to see of it."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal as same
from numpy.typing import NDArray

from tests.trainings import paint, scene
from tinct.color import lightness, rgb_to_lab
from tinct.training.cache import PictureCache
from tinct.training.draws import Colours, Drawn, Draws, numbers, still, stream
from tinct.training.pictures import PictureSet, open_pictures
from tinct.training.recipe import Augmentation, Data, Steering

BUSY = Augmentation(
    smallest_crop=0.5, rotation=10.0, zoom=0.1, upside_down=True, film=0.5, ageing=0.5
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    folder = tmp_path_factory.mktemp("draws")
    return open_pictures(paint(folder / "pictures", 10), shorter=24, folder=folder / "cache")


def draws(pictures: PictureSet, *, seed: int = 1, group: int = 4, **options: Any) -> Draws:
    augmentation = options.pop("augmentation", BUSY)
    return Draws(
        pictures.cache,
        np.arange(10),
        size=16,
        data=Data(**options),
        augmentation=augmentation,
        group=group,
        seed=seed,
        steering=Steering(hints=0.5, palette=0.5),
    )


def test_a_draw_depends_on_the_seed_and_its_number_alone(pictures: PictureSet) -> None:
    first, second, other = draws(pictures), draws(pictures), draws(pictures, seed=2)
    backwards = {number: second[number] for number in reversed(range(25))}
    for number in range(25):
        for one, two in zip(first[number], backwards[number], strict=True):
            same(one, two)
    assert any(first[n][0].tobytes() != other[n][0].tobytes() for n in range(3))
    assert [first.position(n) for n in range(10)] != [other.position(n) for n in range(10)]


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own(pictures: PictureSet) -> None:
    made = draws(pictures)
    epochs = [[made.position(10 * epoch + n) for n in range(10)] for epoch in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert made[3][0].tobytes() != made[3 + 10][0].tobytes()


def test_devices_share_a_batch_out_among_themselves() -> None:
    for step in range(3):
        (whole,) = itertools.islice(numbers(batch=12, start=step), 1)
        parts = [next(numbers(batch=12, start=step, rank=rank, world=3)) for rank in range(3)]
        assert [n for part in parts for n in part] == list(whole)
    (later,) = itertools.islice(numbers(batch=12, start=2), 1)
    assert list(later) == list(range(24, 36))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_keep_the_order(workers: int) -> None:
    """The first batch is the last one to be ready."""
    late = threading.Event()

    def together(some: range) -> Drawn:
        if workers > 1 and some.start == 0:
            late.wait(10)
        late.set()
        empty = np.empty(0, np.uint8)
        none = np.empty(0, np.bool_)
        return Drawn(empty, empty, np.array(some), np.empty(0, np.int32), none, none)

    made = cast(Draws, SimpleNamespace(together=together))
    chosen = numbers(batch=2, start=0)
    found = itertools.islice(stream(made, chosen, workers=workers), 20)
    assert [batch[2].tolist() for batch in found] == [[2 * n, 2 * n + 1] for n in range(20)]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_goes_wrong_in_a_thread_is_raised_and_the_threads_end(workers: int) -> None:
    def together(some: range) -> Drawn:
        raise OSError(some.start)

    before = threading.active_count()
    made = cast(Draws, SimpleNamespace(together=together))
    with pytest.raises(OSError, match="0"):
        next(stream(made, numbers(batch=1, start=0), workers=workers))
    assert threading.active_count() == before


def test_a_whole_batch_is_turned_alike_and_batches_differ() -> None:
    ramp = np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3)
    alike = Augmentation(rotation=30.0, whole_batch=True)
    made = Draws(
        cast(PictureCache, [ramp] * 8),
        np.arange(8),
        size=24,
        data=Data(fit="stretch"),
        augmentation=alike,
        group=4,
        seed=3,
    )
    batches = [[made[4 * step + n][0].tobytes() for n in range(4)] for step in range(6)]
    assert [len(set(batch)) for batch in batches] == [1] * 6
    assert len({batch[0] for batch in batches}) == 6
    apart = draws_of(ramp, Augmentation(rotation=30.0))
    assert len({apart[n][0].tobytes() for n in range(4)}) == 4


def draws_of(picture: NDArray[np.uint8], augmentation: Augmentation) -> Draws:
    cache = cast(PictureCache, [picture])
    data = Data(fit="stretch")
    return Draws(
        cache, np.arange(1), size=24, data=data, augmentation=augmentation, group=4, seed=3
    )


def test_ageing_and_film_touch_the_networks_copy_only() -> None:
    picture = scene(1, height=24, width=24)
    old = draws_of(picture, Augmentation(flip=False, film=1.0, ageing=1.0))
    young = draws_of(picture, Augmentation(flip=False))
    changed = 0
    for number in range(5):
        same(old[number][0], picture)
        changed += not np.array_equal(old[number][1], young[number][1])
    assert changed == 5


def test_validation_is_never_augmented(pictures: PictureSet) -> None:
    positions = np.array([4, 2])
    rgb, grey = still(pictures.cache, positions, size=24, data=Data(fit="crop"))
    again, _ = still(pictures.cache, positions, size=24, data=Data(fit="crop"))
    same(rgb, again)
    for row, position in enumerate(positions):
        same(rgb[row], pictures.cache[int(position)][:, 4:28])
    same(grey, np.rint(rgb @ np.array([0.299, 0.587, 0.114], np.float32)))


def test_lab_of_torch_is_that_of_the_rest(pictures: PictureSet) -> None:
    codes = np.random.default_rng(0).integers(0, 256, (2, 40, 30, 3), np.uint8)
    codes[0, 0, :3] = [[0, 0, 0], [255, 255, 255], [1, 2, 3]]
    found = Colours().lab(torch.from_numpy(codes)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(
        found, rgb_to_lab(codes.astype(np.float32) / np.float32(255)), atol=2e-3
    )
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    light = Colours().lightness(torch.from_numpy(grey)).numpy()
    np.testing.assert_allclose(light[0, 0], lightness(grey[0]), atol=1e-4)


def test_lightness_is_of_the_grey_picture_and_faithful_takes_it_from_the_colours() -> None:
    rgb = torch.tensor([[[[255, 0, 0]]]], dtype=torch.uint8)  # one red pixel
    grey = torch.tensor([[[76]]], dtype=torch.uint8)
    colours = Colours()
    own = colours.batch(rgb, grey, None, original_light=False)
    faithful = colours.batch(rgb, grey, None, original_light=True)
    assert own.lightness.item() == pytest.approx(32.3, abs=0.1)
    assert faithful.lightness.item() == pytest.approx(53.24, abs=0.1)
    for batch in (own, faithful):
        assert batch.chroma.flatten().tolist() == pytest.approx([80.1, 67.2], abs=0.1)


def test_stacked_draws_are_the_single_ones(pictures: PictureSet) -> None:
    made = draws(pictures)
    rgb, grey, positions, points, palettes, replayed = made.together(range(5, 9))
    assert not replayed.any()
    assert rgb.shape == (4, 16, 16, 3)
    for row, number in enumerate(range(5, 9)):
        one = made[number]
        same(rgb[row], one[0])
        same(grey[row], one[1])
        assert positions[row] == one[2]
        same(points[row], one[3])
        assert palettes[row] == one[4]
    assert Counter(made.position(n) for n in range(20)) == dict.fromkeys(range(10), 2)
