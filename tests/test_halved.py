"""A network in two halves does what the whole one does, and its encoder is asked once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.utils import Extractor

from tests.networks import network
from tinct.errors import ModelError
from tinct.models import DEFAULT, find_model, load_model, weights_path
from tinct.models.cutting import halves
from tinct.models.halved import Features, Halved
from tinct.models.runtime import onnxruntime
from tinct.models.session import Model

POINTS = np.array([[0.3, 0.4, 40, 30], [0.8, 0.1, -20, -30]], np.float32)


@pytest.fixture(scope="module")
def parted() -> Halved:
    loaded = load_model(threads=1, halved=True)
    assert isinstance(loaded, Halved)
    return loaded


@pytest.fixture(scope="module")
def whole() -> Model:
    return load_model(threads=1)


def light(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(height).uniform(0, 100, (height, width)).astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (97, 200), (150, 100)])
@pytest.mark.parametrize("steered", ["not", "points", "palette", "both"])
def test_halves_say_what_the_whole_says(
    parted: Halved, whole: Model, shape: tuple[int, int], steered: str
) -> None:
    palette = np.zeros(len(whole.bins), np.float32)
    palette[[5, 70]] = 0.5
    hints = POINTS if steered in ("points", "both") else None
    wanted = palette if steered in ("palette", "both") else None
    one, other = (
        asked.predict(
            light(*shape), size=64, temperature=0.6, hints=hints, palette=wanted, distribution=True
        )
        for asked in (parted, whole)
    )
    # drawn apart as a palette is, the rounding is as well
    assert np.abs(one.chroma - other.chroma).max() < 5e-4
    assert one.distribution is not None
    assert other.distribution is not None
    assert np.abs(one.distribution - other.distribution).max() < 1e-5
    if steered != "not":
        assert np.abs(one.chroma - whole.predict(light(*shape), size=64).chroma).max() > 1


def test_the_encoder_is_asked_once_for_a_picture(parted: Halved) -> None:
    features = Features()
    asked = parted.remembering(features)
    first = asked.predict(light(64, 80), size=64)
    assert (features.hits, features.misses) == (0, 1)
    hinted = asked.predict(light(64, 80), size=64, hints=POINTS)
    assert (features.hits, features.misses) == (1, 1)
    plain = parted.predict(light(64, 80), size=64, hints=POINTS)
    assert np.array_equal(hinted.chroma, plain.chroma)
    assert not np.array_equal(hinted.chroma, first.chroma)
    asked.predict(light(64, 80), size=96)
    asked.predict(light(64, 80)[:, ::-1], size=64)
    assert features.misses == 3
    assert len(features.arrays) == 3 * len(parted.spec.features)
    for number in range(20):
        asked.predict(light(64, 64 + number), size=64)
    assert len(features.arrays) == 8 * len(parted.spec.features)  # and no more


def test_a_cut_is_that_of_the_reference(whole: Model) -> None:
    content = weights_path(DEFAULT).read_bytes()
    border = list(find_model(DEFAULT).features)
    extractor = Extractor(onnx.load_from_string(content))
    inputs = ["temperature", "hints", "palette"]
    wanted = (
        extractor.extract_model(["lightness"], border),
        extractor.extract_model([*border, *inputs], ["chroma", "distribution"]),
    )
    for part, reference in zip(halves(content, border), wanted, strict=True):
        found = onnx.load_from_string(part)
        onnx.checker.check_model(found)
        assert [node.output for node in found.graph.node] == [
            node.output for node in reference.graph.node
        ]
        for of in ("input", "output", "initializer"):
            names = [{one.name for one in getattr(graph.graph, of)} for graph in (found, reference)]
            assert names[0] == names[1]
    assert whole.spec.features == tuple(border)


def test_a_model_that_says_nothing_of_features_stays_whole(tmp_path: Path) -> None:
    file = network(tmp_path / "model.onnx")
    loaded = load_model(file, threads=1, halved=True)
    assert not isinstance(loaded, Halved)
    assert loaded.predict(light(96, 96)).chroma.shape == (96, 96, 2)


@pytest.mark.parametrize("border", ["nowhere", "lightness", "chroma"])
def test_features_that_part_nothing_are_a_model_error(tmp_path: Path, border: str) -> None:
    file = network(tmp_path / "model.onnx", {"features": border})
    with pytest.raises(ModelError, match="not where it says"):
        load_model(file, threads=1, halved=True)
    assert load_model(file, threads=1).predict(light(96, 96)).chroma.any()


def test_what_is_no_graph_cannot_be_cut() -> None:
    for content in (b"", b"not a network", b"\x08\x07"):
        with pytest.raises(ValueError, match=r"graph|protobuf"):
            halves(content, ["x"])


def test_a_node_with_a_graph_of_its_own_is_not_parted() -> None:
    value = helper.make_tensor_value_info
    inner = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "inner", [], [value("z", 1, [1])]
    )
    nodes = [
        helper.make_node("Identity", ["x"], ["m"]),
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
    ]
    inputs = [value("x", TensorProto.FLOAT, [1]), value("c", TensorProto.BOOL, [])]
    graph = helper.make_graph(nodes, "outer", inputs, [value("y", 1, [1])])
    model = helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 18)])
    with pytest.raises(ValueError, match="graph of its own"):
        halves(model.SerializeToString(), ["m"])


def test_halves_are_ordinary_files() -> None:
    border = list(find_model(DEFAULT).features)
    encoder, decoder = halves(weights_path(DEFAULT).read_bytes(), border)
    engine = onnxruntime()
    sessions = [
        engine.InferenceSession(part, providers=["CPUExecutionProvider"])
        for part in (encoder, decoder)
    ]
    assert [one.name for one in sessions[0].get_inputs()] == ["lightness"]
    assert [one.name for one in sessions[1].get_outputs()] == ["chroma", "distribution"]
