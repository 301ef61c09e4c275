from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tinct.color import lightness
from tinct.errors import ModelError
from tinct.systems.classifier import FrozenClassifier, build_classifier
from tinct.training.embeddings import embed
from tinct.training.pictures import PictureSet, open_pictures

#: what deep koalarization's TFRecords took for a picture of 224 x 224 and its vector
PUBLISHED = 4 * (224 * 224 * 3 + 1001)


class Tiny(nn.Module):
    """Stands in for a network: means of the four quarters of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.seen = 0

    def forward(self, picture: Tensor) -> Tensor:
        self.seen += len(picture)
        means: Tensor = nn.functional.adaptive_avg_pool2d(picture[:, :1], 2)
        return means.flatten(1) * self.scale


def tiny(side: int = 32) -> FrozenClassifier:
    return FrozenClassifier(
        Tiny(), name="tiny", side=side, classes=4, kind="logits", background=True
    )


def seen(classifier: FrozenClassifier) -> int:
    assert isinstance(classifier.network, Tiny)
    return classifier.network.seen


@pytest.fixture
def pictures(tmp_path: Path) -> PictureSet:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(11):
        small = rng.integers(0, 256, (4, 5, 3), np.uint8)
        size = (50 + number, 40)
        Image.fromarray(small).resize(size).save(folder / f"{number}.png")
    return open_pictures(folder, shorter=64, folder=tmp_path / "caches")


def test_a_vector_is_that_of_the_whole_picture_turned_grey(pictures: PictureSet) -> None:
    classifier = tiny()
    embeddings = embed(pictures, classifier)
    for position in pictures.training[[0, 5]]:
        grey = np.rint(pictures.cache[position] @ np.array([0.299, 0.587, 0.114]))
        light = torch.from_numpy(lightness(grey.astype(np.uint8)))[None, None]
        found = embeddings[np.array([position])]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, classifier(light).numpy(), atol=1e-3)
    assert embeddings[pictures.validation].shape == (len(pictures.validation), 4)


def test_vectors_are_worked_out_once(pictures: PictureSet) -> None:
    told: list[tuple[int, int]] = []
    first = tiny()
    before = embed(pictures, first, batch=4, progress=lambda *told_: told.append(told_))
    assert told == [(4, 11), (8, 11), (11, 11)]
    assert seen(first) == 11
    again = tiny()
    after = embed(pictures, again)
    assert seen(again) == 0
    np.testing.assert_array_equal(before.rows, after.rows)
    other = tiny()
    with torch.no_grad():
        next(other.parameters()).mul_(2)
    assert embed(pictures, other).file != after.file
    assert seen(other) == 11


def test_an_interrupted_run_is_taken_up(pictures: PictureSet) -> None:
    def stop(done: int, _: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(pictures, tiny(), batch=3, progress=stop)
    rest = tiny()
    embeddings = embed(pictures, rest)
    assert seen(rest) == 5
    assert np.isfinite(embeddings.rows).all()


def test_vectors_that_are_no_numbers_are_refused(pictures: PictureSet) -> None:
    broken = tiny()
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.inf)
    with pytest.raises(ModelError, match="no finite numbers"):
        embed(pictures, broken)


def test_a_picture_and_its_vector_take_a_tenth_of_the_original(tmp_path: Path) -> None:
    """Of 224 x 224 pixels, as rich in detail as a photograph scanned at that size."""
    rng = np.random.default_rng(4)
    detail = np.zeros((224, 224, 3))
    for scale in (7, 14, 28, 56, 112, 224):  # amplitudes fall with frequency, as in nature
        part = rng.normal(0, 40 * (7 / scale) ** 0.7, (scale, scale, 3)).astype(np.float32)
        for band in range(3):
            layer = Image.fromarray(part[..., band]).resize((224, 224), Image.Resampling.BICUBIC)
            detail[..., band] += np.asarray(layer)
    picture = np.clip(128 + detail, 0, 255).astype(np.uint8)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(np.roll(picture, 50 * number, 1)).save(folder / f"{number}.png")
    pictures = open_pictures(folder, shorter=224, folder=tmp_path / "caches", packed=True)
    with torch.device("cpu"):
        embed(pictures, build_classifier("mobilenet_v2"), batch=4)
    room = sum(file.stat().st_size for file in pictures.folder.iterdir())
    assert room / 4 < PUBLISHED / 10
