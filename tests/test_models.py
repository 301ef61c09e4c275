from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tinct.color import lightness_from_grey
from tinct.errors import ModelError, UsageError
from tinct.models import (
    DEFAULT,
    MODELS,
    check_file,
    find_model,
    list_models,
    load_model,
    weights_path,
)
from tinct.models.session import Model, working_shape

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(threads=1)


def gradient(height: int, width: int) -> NDArray[np.float32]:
    return np.linspace(0, 100, height * width, dtype=np.float32).reshape(height, width)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_one_file_one_entry_and_one_card(name: str) -> None:
    spec = MODELS[name]
    assert spec.name == name
    check_file(spec, weights_path(name))
    assert weights_path(name).stat().st_size <= 12 * 2**20
    assert name in (ROOT / spec.card).read_text(encoding="utf-8")


def test_the_default_model_comes_first() -> None:
    assert list_models()[0].name == DEFAULT


def test_an_unknown_model_is_met_with_the_nearest_name() -> None:
    with pytest.raises(ModelError, match=r"did you mean .tinct-small\.first."):
        find_model("tinct-smal.first")


def test_a_damaged_or_absent_file_is_not_used(tmp_path: Path) -> None:
    spec = MODELS[DEFAULT]
    damaged = tmp_path / spec.file
    with pytest.raises(ModelError, match="cannot be read"):
        check_file(spec, damaged)
    content = bytearray(weights_path(DEFAULT).read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        check_file(spec, damaged)


def test_a_file_that_is_no_network_is_a_model_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="cannot load"):
        Model(MODELS[DEFAULT], wrong)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (97, 64), (300, 257)])
def test_a_prediction_covers_the_picture_at_a_quarter(model: Model, shape: tuple[int, int]) -> None:
    prediction = model.predict(gradient(*shape), size=64)
    height, width = prediction.seen
    assert prediction.chroma.shape == (height // 4, width // 4, 2)
    assert prediction.chroma.dtype == np.float32
    assert np.isfinite(prediction.chroma).all()
    assert np.abs(prediction.chroma).max() <= 128


def test_the_same_picture_gives_the_same_colours(model: Model) -> None:
    first, second = (model.predict(gradient(80, 120), size=96).chroma for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_colder_distribution_is_more_vivid(model: Model) -> None:
    grey = Image.open(ROOT / "examples" / "mauve-morning-ride.jpg").convert("L").reduce(4)
    light = lightness_from_grey(np.asarray(grey, np.float32) / np.float32(255))
    mild, vivid = (
        np.linalg.norm(model.predict(light, temperature=heat).chroma, axis=2).mean()
        for heat in (1.0, 0.2)
    )
    assert vivid > mild


@given(height=st.integers(1, 30_000), width=st.integers(1, 30_000), size=st.integers(64, 1024))
@settings(deadline=None)
def test_working_shape_keeps_the_aspect(height: int, width: int, size: int) -> None:
    spec = dataclasses.replace(MODELS[DEFAULT], largest_side=640)
    rows, columns = working_shape(height, width, spec, size=size)
    assert rows % 4 == 0
    assert columns % 4 == 0
    assert max(rows, columns) <= max(spec.largest_side, size) + 4
    if min(rows, columns) > spec.multiple:  # very long pictures are squashed, but never to nothing
        assert rows / columns == pytest.approx(height / width, rel=4 / min(rows, columns))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3)), np.full((8, 8), np.nan), np.zeros((0, 4))])
def test_what_is_no_lightness_is_refused(model: Model, wrong: NDArray[np.float32]) -> None:
    with pytest.raises(UsageError, match="no plane of finite numbers"):
        model.predict(wrong)
