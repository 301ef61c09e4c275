from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tinct.color import grid_bins, rgb_to_lab
from tinct.errors import ConfigError, InputError
from tinct.training.batches import Augmentation, make_batch
from tinct.training.cache import Entry, PictureCache, build_cache, is_validation
from tinct.training.distribution import bin_frequency, is_monochrome
from tinct.training.loop import Settings, schedule, train
from tinct.training.losses import BinLoss
from tinct.training.recipe import load_recipe

ROOT = Path(__file__).parent.parent


def scene(seed: int) -> NDArray[np.uint8]:
    """A blue sky over a green field, brightness and horizon by chance."""
    rng = np.random.default_rng(seed)
    picture = np.empty((70, 90, 3), np.uint8)
    horizon = int(rng.integers(20, 50))
    picture[:horizon] = rng.integers(0, 40, 3) + np.array([90, 140, 200])
    picture[horizon:] = rng.integers(0, 40, 3) + np.array([60, 110, 30])
    return picture


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> PictureCache:
    folder = tmp_path_factory.mktemp("cache")
    lines = ["id\tcategory\tartist"]
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for number in range(48):
            encoded = io.BytesIO()
            Image.fromarray(scene(number)).save(encoded, "PNG")
            member = tarfile.TarInfo(f"p{number:02}.png")
            member.size = encoded.tell()
            encoded.seek(0)
            tar.addfile(member, encoded)
            lines.append(f"p{number:02}\tpainting\tpainter {number}")
    (folder / "manifest.tsv").write_text("\n".join(lines), encoding="utf-8")
    count = build_cache(
        [folder / "shard.tar"], folder / "manifest.tsv", folder / "out", exclude=frozenset({"p07"})
    )
    assert count == 47
    return PictureCache(folder / "out")


def test_the_cache_gives_back_every_pixel_and_leaves_out_what_is_excluded(
    cache: PictureCache,
) -> None:
    assert "p07" not in {entry.id for entry in cache.entries}
    for position, entry in enumerate(cache.entries):
        np.testing.assert_array_equal(cache[position], scene(int(entry.id[1:])))


def test_no_artist_is_in_training_and_in_validation() -> None:
    entries = [Entry(f"id{i}", "painting", f"artist {i % 50}", 1, 1, 0) for i in range(500)]
    sides: dict[str, set[bool]] = {}
    for entry in entries:
        sides.setdefault(entry.artist, set()).add(is_validation(entry, percent=30))
    assert all(len(side) == 1 for side in sides.values())
    assert {True, False} == set().union(*sides.values())


def test_batches_hold_the_light_and_the_chroma_of_the_same_crop(cache: PictureCache) -> None:
    plain = Augmentation(film=0.0, ageing=0.0)
    batch = make_batch(cache, [0, 1, 2], size=32, options=plain, rng=np.random.default_rng(0))
    assert batch.lightness.shape == (3, 1, 32, 32)
    assert batch.chroma.shape == (3, 2, 8, 8)
    assert batch.lightness.min() >= 0
    assert batch.lightness.max() <= 100
    truth = rgb_to_lab(cache[0].astype(np.float32) / np.float32(255))
    np.testing.assert_allclose(batch.chroma[0, :, 0, 0], truth[0, 0, 1:], atol=2)


def test_ageing_changes_the_networks_copy_only(cache: PictureCache) -> None:
    old = Augmentation(smallest_crop=1.0, film=1.0, ageing=1.0)
    new = Augmentation(smallest_crop=1.0, film=0.0, ageing=0.0)
    aged = make_batch(cache, [0], size=64, options=old, rng=np.random.default_rng(1))
    fresh = make_batch(cache, [0], size=64, options=new, rng=np.random.default_rng(1))
    assert np.abs(aged.lightness - fresh.lightness).max() > 1
    np.testing.assert_array_equal(aged.chroma, fresh.chroma)


def test_toned_pictures_are_told_from_coloured_ones() -> None:
    rng = np.random.default_rng(2)
    sepia = np.array([5.0, 18.0]) + rng.normal(0, 0.8, (576, 2))
    coloured = rng.normal(0, 15, (576, 2))
    assert is_monochrome(np.stack([sepia, coloured]).astype(np.float32)).tolist() == [True, False]


def test_the_loss_is_smallest_at_the_truth() -> None:
    bins = grid_bins(14)
    criterion = BinLoss(bins, np.full(len(bins), 1 / len(bins)))
    truth = torch.full((1, 2, 4, 4), 14.0)
    home = int(((bins - 14) ** 2).sum(1).argmin())
    right = torch.zeros(1, len(bins), 4, 4)
    right[:, home] = 8
    wrong = right.roll(len(bins) // 2, 1)
    assert criterion(right, truth)[0] < criterion(wrong, truth)[0]


def test_rare_colours_weigh_more_and_weights_average_to_one() -> None:
    bins = grid_bins(14)
    chroma = np.zeros((1, 1000, 2), np.float32)
    chroma[0, :10] = 42
    frequency = bin_frequency(chroma, bins)
    weight = BinLoss(bins, frequency).weight.numpy()
    common, rare = (int(((bins - value) ** 2).sum(1).argmin()) for value in (0, 42))
    assert weight[rare] > weight[common]
    assert float((weight * frequency).sum()) == pytest.approx(1, abs=1e-4)


def test_the_schedule_rises_and_falls() -> None:
    rates = [schedule(step / 100, 0.1) for step in range(101)]
    assert int(np.argmax(rates)) == 10
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.01)


def test_the_recipe_of_the_shipped_model_is_complete() -> None:
    text = (ROOT / "recipes" / "tinct-small.first.toml").read_text(encoding="utf-8")
    settings = load_recipe(ROOT / "recipes" / "tinct-small.first.toml")
    for name in Settings.__dataclass_fields__.keys() - {"augmentation"}:
        assert f"\n{name} = " in text, f"nothing may be implied, but {name} is"
    assert settings.steps > 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("stepz = 3", "did you mean 'steps'"),
        ("steps = 'many'", "must be a int"),
        ("steps = true", "must be a int"),
        ("augmentation = 1", "must be a table"),
        ("= 3", "not TOML"),
        ("[augmentation]\ngrain = 1", "unknown key 'grain'"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(tmp_path: Path, text: str, complaint: str) -> None:
    recipe = tmp_path / "wrong.toml"
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        load_recipe(recipe)


@pytest.mark.slow
def test_training_learns_and_resuming_goes_on_where_it_stopped(
    cache: PictureCache, tmp_path: Path
) -> None:
    settings = Settings(
        steps=60, batch=8, size=64, final_size=64, final_share=0.0, threads=1, half=False
    )
    train(cache, None, tmp_path / "run", settings, every=20)
    records = [
        json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    ]
    errors = [record["validation"]["ab_error"] for record in records if "validation" in record]
    assert errors[-1] < errors[0]
    saved = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert saved["step"] == 60
    train(cache, None, tmp_path / "run", settings, every=20)
    assert torch.load(tmp_path / "run" / "last.pt", weights_only=True)["step"] == 60


def test_a_set_without_anything_to_validate_on_is_refused(
    cache: PictureCache, tmp_path: Path
) -> None:
    few = PictureCache.__new__(PictureCache)
    few.__dict__.update(cache.__dict__)
    few.entries = [entry for entry in cache.entries if not is_validation(entry)]
    with pytest.raises(InputError, match="no coloured pictures for validation"):
        train(few, None, tmp_path / "run", Settings(steps=1, threads=1))
