"""Networks computed in 8 bits: fused by onnxruntime, close to floats, and never taken for them."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from PIL import Image

import tinct
from tests.networks import network
from tinct.cli import run
from tinct.color import lightness
from tinct.errors import ModelError
from tinct.models import DEFAULT, find_model, load_model, saturation, weights_path
from tinct.models.exported import properties
from tinct.models.graph import Graph
from tinct.models.halved import Features, Halved
from tinct.models.quantised import (
    DELICATE,
    RANGES,
    convolutions,
    in_8_bits,
    quantised,
    ranges_of,
    text_of,
)
from tinct.models.runtime import onnxruntime
from tinct.models.session import Model
from tinct.serve.work import Worker
from tinct.training.graph import shrink_weights
from tinct.training.ranges import ranges_over

EXAMPLES = Path(__file__).parent.parent / "examples"
POINTS = np.array([[0.3, 0.4, 40, 30], [0.8, 0.1, -20, -30]], np.float32)


@pytest.fixture(scope="module")
def fast() -> Model:
    return load_model(threads=1, fast=True)


@pytest.fixture(scope="module")
def normal() -> Model:
    return load_model(threads=1)


@pytest.fixture(scope="module")
def light() -> NDArray[np.float32]:
    with Image.open(EXAMPLES / "detroit.jpg") as picture:
        return lightness(np.asarray(picture.convert("L").resize((256, 192))))


def small(bias: tuple[float, ...] = (0.3, -0.2, 0.1, 0.0)) -> onnx.ModelProto:
    """Clip -> convolution -> Relu -> depthwise convolution -> convolution -> Neg."""
    rng = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Clip", ["x", "low", "high"], ["given"]),
        helper.make_node("Conv", ["given", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], group=32, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c2", "w3", "b3"], ["c3"]),
        helper.make_node("Neg", ["c3"], ["y"]),
    ]
    weights = [
        *(weight("w1", 32, 16, 3, 3), weight("b1", 32), weight("w2", 32, 1, 3, 3)),
        weight("w3", 4, 32, 1, 1),
        numpy_helper.from_array(np.array(bias, np.float32), "b3"),
        numpy_helper.from_array(np.array(-3, np.float32), "low"),
        numpy_helper.from_array(np.array(3, np.float32), "high"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, sides, "h", "w"])
        for name, sides in (("x", 16), ("y", 4))
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], weights)
    version = [helper.make_operatorsetid("", 20)]
    return helper.make_model(graph, ir_version=10, opset_imports=version)


def session(model: bytes, *, written: Path | None = None, **settings: str) -> Any:
    engine = onnxruntime()
    options = engine.SessionOptions()
    options.log_severity_level = 3
    for name, value in settings.items():
        options.add_session_config_entry(f"session.{name}", value)
    if written is not None:
        options.optimized_model_filepath = str(written)
    return engine.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def operators(model: bytes, tmp_path: Path) -> Counter[str]:
    session(model, written=tmp_path / "optimised.onnx")
    return Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)


def ranges_over_inputs(
    model: onnx.ModelProto, inputs: list[NDArray[np.float32]]
) -> dict[str, tuple[float, float]]:
    names = ["given", "r1", "c2", "c3"]
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    for name in names:
        asked.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    loaded = session(asked.SerializeToString())
    runs = [loaded.run(names, {"x": one}) for one in inputs]
    found = [np.concatenate([one[at] for one in runs]) for at in range(len(names))]
    return {
        name: (float(values.min()), float(values.max()))
        for name, values in zip(names, found, strict=True)
    }


class Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: list[NDArray[np.float32]]) -> None:
        self._left = [{"x": one} for one in inputs]

    def get_next(self) -> dict[str, Any] | None:
        return self._left.pop() if self._left else None


@pytest.mark.parametrize("bytewise", [True, False])
def test_it_computes_what_the_quantiser_of_onnxruntime_makes(
    tmp_path: Path, bytewise: bool
) -> None:
    model = small()
    rng = np.random.default_rng(5)
    inputs = [rng.normal(0, 1, (1, 16, 24, 20)).astype(np.float32) for _ in range(3)]
    ranges = ranges_over_inputs(model, inputs)
    onnx.save(model, tmp_path / "floats.onnx")
    reference = tmp_path / "reference.onnx"
    quantize_static(
        tmp_path / "floats.onnx",
        reference,
        Reader(inputs),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Relu"],
        per_channel=True,
    )
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    shrink_weights(stored, bytewise=bytewise)
    found = in_8_bits(stored.SerializeToString(), ranges)
    onnx.checker.check_model(onnx.load_from_string(found))
    assert operators(found, tmp_path)["QLinearConv"] == 3
    exact, expected, given = (
        session(one).run(["y"], {"x": inputs[0]})[0]
        for one in (model.SerializeToString(), reference.read_bytes(), found)
    )
    step = (ranges["c3"][1] - ranges["c3"][0]) / 255
    assert np.abs(given - expected).mean() < step / (4 if bytewise else 2)  # float16 moves codes
    assert 0 < np.abs(given - exact).mean() < 1.5 * np.abs(expected - exact).mean()


def test_a_channel_that_hardly_looks_keeps_its_bias() -> None:
    model = small(bias=(5.0, -0.2, 0.1, 0.0))
    (at,) = [at for at, one in enumerate(model.graph.initializer) if one.name == "w3"]
    values = numpy_helper.to_array(model.graph.initializer[at]).copy()
    values[0] *= 1e-12
    model.graph.initializer[at].CopyFrom(numpy_helper.from_array(values, "w3"))
    ranges = {"given": (-3.0, 3.0), "r1": (0.0, 9.0), "c2": (-9.0, 9.0), "c3": (-6.0, 6.0)}
    found = session(in_8_bits(model.SerializeToString(), ranges))
    y = found.run(["y"], {"x": np.zeros((1, 16, 8, 8), np.float32)})[0]
    np.testing.assert_allclose(y[0, 0], -5, atol=12 / 255)


def test_a_delicate_weight_is_computed_in_float32(tmp_path: Path) -> None:
    model = small()
    inputs = [np.random.default_rng(6).normal(0, 1, (1, 16, 24, 20)).astype(np.float32)]
    ranges = ranges_over_inputs(model, inputs)
    found = in_8_bits(model.SerializeToString(), ranges, delicate=["w3"])
    assert operators(found, tmp_path)["QLinearConv"] == 2
    assert operators(found, tmp_path)["FusedConv"] + operators(found, tmp_path)["Conv"] == 1


def test_onnxruntime_fuses_all_that_has_ranges(tmp_path: Path) -> None:
    file = weights_path(DEFAULT)
    about = properties(file)
    ranges, delicate = ranges_of(about[RANGES]), about[DELICATE].split()
    asked = [
        one
        for one in convolutions(Graph(file.read_bytes()))
        if one.given in ranges and one.result in ranges and one.weight not in delicate
    ]
    assert delicate
    found = operators(quantised(file, find_model(DEFAULT)), tmp_path)
    assert found["QLinearConv"] == len(asked) > 30
    assert not found["ConvInteger"]
    whole = Counter(node.op_type for node in onnx.load(file).graph.node)
    assert found["Conv"] + found["FusedConv"] == whole["Conv"] - len(asked)


def test_colours_are_nearly_those_of_floats(
    fast: Model, normal: Model, light: NDArray[np.float32]
) -> None:
    for hints in (None, POINTS):
        one, other = (model.predict(light, hints=hints) for model in (fast, normal))
        assert 0 < np.abs(one.chroma - other.chroma).mean() < 1.5
        assert np.abs(one.chroma).mean() > 1.5
    plain = fast.predict(light).chroma
    assert np.abs(fast.predict(light, hints=POINTS).chroma - plain).max() > 10


def test_halves_say_exactly_what_the_whole_says(fast: Model, light: NDArray[np.float32]) -> None:
    halved = load_model(threads=1, halved=True, fast=True)
    assert isinstance(halved, Halved)
    for hints in (None, POINTS):
        one, other = (model.predict(light, hints=hints) for model in (halved, fast))
        np.testing.assert_allclose(one.chroma, other.chroma, atol=1e-4)


def test_what_floats_said_is_not_taken_for_it(light: NDArray[np.float32]) -> None:
    worker = Worker(memory=1 << 20, threads=1)
    networks = [worker.network(None, effort) for effort in ("normal", "fast", "best")]
    assert [one.spec.arithmetic for one in networks] == ["float32", "int8", "float32"]
    assert networks[0] is networks[2]
    assert worker.network(None, "fast") is networks[1]
    features = Features()
    for one in networks:
        assert isinstance(one, Halved)
        one.remembering(features).predict(light, size=64)
    assert (features.hits, features.misses) == (1, 2)


def test_processors_agree(light: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the short way saturates, the other is taken, which says the same."""
    file, spec = weights_path(DEFAULT), replace(find_model(DEFAULT), arithmetic="int8")
    monkeypatch.setattr(saturation, "saturates", lambda: True)
    careful = Model(spec, file, threads=1).predict(light)
    if not saturation._try_out():
        monkeypatch.setattr(saturation, "saturates", lambda: False)
        assert np.array_equal(Model(spec, file, threads=1).predict(light).chroma, careful.chroma)
    product = session(saturation._product(), x64quantprecision="1")
    (found,) = product.run(None, {"a": np.full((1, 16), 255, np.uint8)})
    assert found[0, 0] == 16 * 255 * 127


def test_a_model_without_ranges_says_what_to_do(tmp_path: Path) -> None:
    file = network(tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="not measured") as caught:
        load_model(file, fast=True)
    assert "--effort normal" in str(caught.value.remedy)
    spec = replace(find_model(DEFAULT), arithmetic="int8")
    with pytest.raises(ModelError, match="not measured") as caught:
        Model(spec, file)
    assert "--calibrate" in str(caught.value.remedy)


@pytest.mark.parametrize("said", ["x", "x:1", ":0:1", "x:1:0", "x:0:nan", "x:0:1", "chroma:0:9"])
def test_ranges_that_do_not_fit_are_a_model_error(tmp_path: Path, said: str) -> None:
    file = network(tmp_path / "model.onnx", {RANGES: said})
    with pytest.raises(ModelError, match="ranges is wrong"):
        load_model(file, fast=True)
    assert load_model(file).predict(np.full((96, 96), 50, np.float32)).chroma.any()


def test_ranges_are_measured_where_they_are_used() -> None:
    truths = []
    for name in ("cezanne-card-players", "cassatt-girl-arranging-her-hair"):
        with Image.open(EXAMPLES / f"{name}.jpg") as picture:
            truths.append(np.asarray(picture.convert("RGB").resize((96, 96))))
    truth = np.stack(truths)
    file = weights_path(DEFAULT)
    spec = replace(find_model(DEFAULT), working_size=96)
    found = ranges_over(file, spec, truth, truth[..., 1])
    assert ranges_of(text_of(found)).keys() == found.keys()
    shipped = ranges_of(properties(file)[RANGES])
    assert found.keys() == shipped.keys()  # neither more nor fewer than pictures of its run gave
    for name, (low, high) in found.items():
        assert low <= 0 < high or low < 0 <= high
        assert high - low < 2 * (shipped[name][1] - shipped[name][0])


def test_the_command_takes_it(tmp_path: Path) -> None:
    source = tmp_path / "detroit.jpg"
    with Image.open(EXAMPLES / "detroit.jpg") as picture:
        picture.convert("L").resize((400, 300)).save(source)
    pictures = []
    for effort in ("normal", "fast"):
        target = tmp_path / f"{effort}.jpg"
        options = ["--effort", effort, "--sidecar"]
        assert run(["colorize", str(source), "-o", str(target), *options]) == 0
        record = json.loads(Path(f"{target}.json").read_text("utf-8"))
        assert record["options"].get("effort", "normal") == effort
        pictures.append(np.asarray(Image.open(target)).astype(int))
    apart = np.abs(pictures[0] - pictures[1])
    assert 0 < apart.mean() < 3
    array = np.asarray(Image.open(source))
    assert np.abs(tinct.colorize(array, effort="fast").astype(int) - pictures[1]).mean() < 6


def test_many_pictures_are_coloured_so_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    folder, lone = tmp_path / "in", tmp_path / "lone.png"
    folder.mkdir()
    grey = Image.fromarray(np.tile(np.arange(96, dtype=np.uint8), (80, 1)))
    grey.save(folder / "a.png")
    grey.save(lone)
    other = network(tmp_path / "other.onnx")

    def effort(*words: str) -> str:
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        assert run(["colorize", *words, "-o", f"{place}/", "--sidecar"]) == 0
        (record,) = place.glob("*.json")
        options = json.loads(record.read_text("utf-8"))["options"]
        return str(options.get("effort", "normal"))

    assert effort(str(folder)) == "fast"  # however many pictures there are
    assert effort(str(folder), "--effort", "normal") == "normal"
    assert effort(str(lone)) == "normal"
    assert effort(str(lone), "--effort", "fast") == "fast"
    assert effort(str(folder), "--model", str(other)) == "normal"  # nobody measured it
