from __future__ import annotations

import dataclasses
import hashlib
import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.networks import network
from tinct.color import grid_bins, lightness_from_grey
from tinct.colorizer import Colorizer
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
from tinct.models.exported import properties
from tinct.models.odds import FOLLOWED, fused, led, spread_as
from tinct.models.session import Model, working_shape
from tinct.reference import Palette
from tinct.resample import resize_all

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
    with pytest.raises(ModelError, match=r"did you mean .tinct-small\.third."):
        find_model("tinct-smal.second")


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


def test_more_vividness_is_more_colour(model: Model) -> None:
    grey = Image.open(ROOT / "examples" / "mauve-morning-ride.jpg").convert("L").reduce(4)
    light = lightness_from_grey(np.asarray(grey, np.float32) / np.float32(255))
    strength = []
    for vividness in (0.3, 0.6, 1.0, 1.5):
        temperature, factor = model.spec.heat(vividness)
        chroma = model.predict(light, temperature=temperature).chroma * factor
        strength.append(float(np.linalg.norm(chroma, axis=2).mean()))
    assert strength == sorted(strength)
    assert strength[-1] > 2 * strength[0]


def test_a_closer_look_keeps_what_the_first_one_saw(model: Model) -> None:
    """The means of cells as large as an eighth of the picture do not depend on the size."""
    with Image.open(ROOT / "examples" / "hals-couple.jpg") as opened:
        grey = opened.convert("L").reduce(2)
    light = lightness_from_grey(np.asarray(grey, np.float32) / np.float32(255))

    def coarse(size: int, *, distribution: bool = False) -> NDArray[np.float32]:
        found = model.predict(light, size=size, distribution=distribution)
        assert found.chroma.shape[0] == round(size * light.shape[0] / min(light.shape)) // 4
        if found.distribution is not None:
            np.testing.assert_allclose(found.distribution.sum(2), 1, atol=1e-4)
        return resize_all(found.chroma.transpose(2, 0, 1), 8, 8)

    own = model.spec.working_size
    first, closer = coarse(own), coarse(2 * own, distribution=True)
    assert np.linalg.norm(closer - first, axis=0).mean() < 3
    assert np.abs(closer - first).max() > 0


def test_two_looks_of_which_one_says_nothing_give_the_other() -> None:
    rng = np.random.default_rng(0)
    odds = rng.dirichlet(np.ones(5), (12, 16)).astype(np.float32)
    even = np.full((24, 32, 5), np.log(0.2), np.float32)
    np.testing.assert_allclose(np.exp(fused(np.log(odds), even)).sum(2), 1, atol=1e-5)
    smooth = np.broadcast_to(np.log(odds[:1, :1]), (12, 16, 5))
    np.testing.assert_allclose(fused(smooth, even)[3, 5], np.log(odds[0, 0]), atol=1e-4)


def test_a_palette_is_followed_as_far_as_it_says_and_places_keep_their_order() -> None:
    rng = np.random.default_rng(1)
    odds = rng.dirichlet(np.ones(5), (12, 16)).astype(np.float32)
    palette = np.array([0.05, 0.6, 0.25, 0.05, 0.05], np.float32)
    found = np.exp(led(np.log(odds), palette))
    np.testing.assert_allclose(found.sum(2), 1, atol=1e-5)
    wanted = (1 - FOLLOWED) * odds.mean((0, 1)) + FOLLOWED * palette
    np.testing.assert_allclose(found.mean((0, 1)), wanted, atol=0.01)
    ratio = found / odds  # one weight a bin: of two places, the likelier for a bin stays so
    first, second = ratio[..., 1] / ratio[..., 0], ratio[..., 3] / ratio[..., 2]
    np.testing.assert_allclose(first, first[0, 0], rtol=1e-3)
    np.testing.assert_allclose(second, second[0, 0], rtol=1e-3)


def test_colours_are_drawn_apart_as_those_of_a_palette() -> None:
    bins = grid_bins(14)
    rng = np.random.default_rng(2)
    true = rng.normal((3, 6), 14, (4000, 2)).astype(np.float32)
    palette = Palette(true, np.full(len(true), 1 / len(true), np.float32), "some").over(bins)
    for spread in (11.0, 14.0, 17.0):
        dull = rng.normal((1, 9), spread, (40, 60, 2)).astype(np.float32)
        drawn = spread_as(dull, palette, bins)
        assert drawn.std((0, 1)).mean() == pytest.approx(14, rel=0.08)
        np.testing.assert_allclose(drawn.mean((0, 1)), dull.mean((0, 1)), atol=1e-3)
    assert spread_as(np.zeros((3, 4, 2), np.float32), palette, bins).max() == 0


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


# models outside the package


def test_a_file_a_run_and_a_path_stand_for_the_same_model(tmp_path: Path) -> None:
    file = network(tmp_path / "runs" / "alpha-1" / "model.onnx")
    for name in (str(file), str(file.parent), file.parent):
        spec = find_model(name)
        assert (spec.name, spec.outputs, spec.working_size) == ("alpha.test", "ab", 96)
        assert spec.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert weights_path(name) == file


def test_plain_networks_predict_at_full_size_and_have_no_temperature(tmp_path: Path) -> None:
    model = load_model(network(tmp_path / "model.onnx"), threads=1)
    light = gradient(131, 97)
    prediction = model.predict(light, size=97)
    assert prediction.seen == (131, 97)
    expected = np.stack([light / 2, -light / 4], axis=2)
    np.testing.assert_allclose(prediction.chroma, expected, atol=1e-4)
    np.testing.assert_array_equal(
        model.predict(light, temperature=0.2).chroma, model.predict(light).chroma
    )
    assert model.predict(light).seen == (130, 96)
    assert model.predict(gradient(1, 900)).chroma.shape == (1, 288, 2)


def test_the_gain_of_a_file_holds(tmp_path: Path) -> None:
    plain, vivid = (
        load_model(network(tmp_path / f"{gain}.onnx", {"gain": gain}), threads=1)
        .predict(gradient(96, 96))
        .chroma
        for gain in ("1.0", "1.5")
    )
    np.testing.assert_allclose(vivid, plain * 1.5)


def test_what_is_coloured_names_the_file_that_did_it(tmp_path: Path) -> None:
    file = network(tmp_path / "run" / "model.onnx")
    buffer = io.BytesIO()
    Image.fromarray(gradient(60, 80).astype(np.uint8)).save(buffer, "PNG")
    coloured, result = Colorizer(model=str(file.parent), threads=1).data(buffer.getvalue())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert result.model == "alpha.test"
    assert b"alpha.test" in coloured
    assert f"sha256:{digest[:12]}".encode() in coloured


def test_a_file_that_comes_with_tinct_is_that_model_wherever_it_lies(tmp_path: Path) -> None:
    copy = tmp_path / "other.onnx"
    copy.write_bytes(weights_path(DEFAULT).read_bytes())
    assert find_model(copy) == dataclasses.replace(MODELS[DEFAULT], file=str(copy))


def test_properties_are_what_onnx_reads(tmp_path: Path) -> None:
    for file in (
        network(tmp_path / "model.onnx", {"trained_on": "Gemälde"}),
        weights_path(DEFAULT),
    ):
        expected = {each.key: each.value for each in onnx.load(file).metadata_props}
        assert properties(file) == expected


def test_a_run_without_a_model_is_to_be_exported(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").touch()
    with pytest.raises(ModelError, match="not exported yet") as caught:
        find_model(str(tmp_path))
    assert caught.value.remedy == f"`tinct export {tmp_path}`"
    with pytest.raises(ModelError, match="weights for training"):
        find_model(tmp_path / "best.safetensors")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (".", "no folder of a run"),
        ("none.onnx", "no such file or run"),
        ("none/model", "no such file or run"),
        ("x" * 400, "no model of the name"),
        ("a\0b", "no model of the name"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_model_error(
    name: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=complaint):
        find_model(name)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tinct": None}, "does not say how"),
        ({"tinct": "2"}, "another version"),
        ({"outputs": "rgb"}, "outputs are 'rgb'"),
        ({"multiple": None}, "'multiple'"),
        ({"working_size": "-3"}, "-3 is not possible"),
        ({"gain": "nan"}, "nan is not possible"),
        ({"name": "../../x"}, "is no name"),
        ({"name": ".."}, "is no name"),
    ],
)
def test_a_file_that_describes_no_model_is_refused(
    changes: dict[str, str | None], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=complaint) as caught:
        find_model(network(tmp_path / "model.onnx", changes))
    assert caught.value.remedy


def test_a_network_with_other_inputs_than_it_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="other inputs"):
        load_model(network(tmp_path / "model.onnx", lightness="grey"))
    with pytest.raises(ModelError, match="other inputs"):
        load_model(network(tmp_path / "heat.onnx", {"outputs": "distribution"}))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return network(tmp_path_factory.mktemp("good") / "model.onnx")


@given(data=st.data())
@settings(deadline=None)
def test_damaged_files_are_model_errors(good: Path, data: st.DataObject) -> None:
    whole = good.read_bytes()
    places = st.integers(0, len(whole) - 1)
    content = data.draw(
        st.binary(max_size=200)
        | places.map(lambda end: whole[:end])
        | st.tuples(places, st.integers(1, 255)).map(
            lambda at: whole[: at[0]] + bytes([whole[at[0]] ^ at[1]]) + whole[at[0] + 1 :]
        )
    )
    damaged = good.with_name("damaged.onnx")
    damaged.write_bytes(content)
    try:
        spec = find_model(damaged)
    except ModelError as error:
        assert error.remedy  # noqa: PT017 - most are refused, some changes do not show
    else:
        assert spec.working_size > 0
