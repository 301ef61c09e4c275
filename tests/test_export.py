"""From a run to a file that needs nothing else. Runs are made by hand, with random weights."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from tinct.errors import ModelError, OutputExists
from tinct.models import find_model, load_model
from tinct.models.exported import properties
from tinct.models.halved import Halved
from tinct.models.runtime import onnxruntime
from tinct.systems import SYSTEMS, find_system
from tinct.systems.classifier import FrozenClassifier, Kind, build_classifier
from tinct.training import export, graph
from tinct.training.export import Fused, Weights, export_run, network_of, read_weights
from tinct.training.start import begin_with


@pytest.fixture(autouse=True)
def one_thread_and_one_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(threads)


def make_run(run: Path, system: str, *, which: str = "best", **said: Any) -> Path:
    """A run's folder as training leaves it, but for what has been learned."""
    run.mkdir(parents=True, exist_ok=True)
    network = find_system(system).build(faithful=said.get("faithful", False))
    description = {"system": system, "network": {}, "step": 7, "recipe": {"seed": 1}, **said}
    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, run / f"{which}.safetensors", metadata={"tinct": json.dumps(description)})
    (run / "recipe.toml").write_text(f'system = "{system}"\n')
    data = {"source": str(run / "secret" / "mine"), "training": 1234, "sha256": "ab" * 32}
    (run / "data.json").write_text(json.dumps(data))
    return run


@pytest.fixture(scope="module")
def alpha(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of alpha, exported."""
    torch.manual_seed(5)
    run = make_run(tmp_path_factory.mktemp("runs") / "my run", "alpha", size=160)
    export_run(run)
    return run


@pytest.fixture
def traced(alpha: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing gives the graph of `alpha` whatever is traced: it is what takes long."""
    program = SimpleNamespace(model_proto=onnx.load(alpha / "model.onnx"))
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: program)


class Small(nn.Module):
    """A classifier that is soon traced."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 8, 5, stride=4)
        self.classes = nn.Linear(8, 1001)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.classes(self.features(picture).relu().mean(dim=(2, 3)))
        return logits * 10


def frozen(*, kind: Kind, background: bool = True) -> FrozenClassifier:
    torch.manual_seed(6)
    return FrozenClassifier(
        Small(), name="small", side=224, classes=1001, kind=kind, background=background
    )


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a classifier in place of the published ones."""
    monkeypatch.setattr(export, "load_classifier", lambda _, **options: frozen(**options))


def predicted(file: Path, lightness: Tensor) -> NDArray[np.float32]:
    model = load_model(file, threads=1)
    height, width = lightness.shape[-2:]
    prediction = model.predict(lightness[0, 0].numpy(), size=min(height, width))
    assert prediction.seen == (height, width)
    return prediction.chroma


def given_by(network: nn.Module, *inputs: Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        chroma: Tensor = network(*inputs)
    return chroma[0].permute(1, 2, 0).numpy()


def test_a_run_becomes_a_file_that_says_what_it_is(alpha: Path) -> None:
    run, file = alpha, alpha / "model.onnx"
    spec, said = find_model(run), properties(file)
    assert (spec.name, spec.outputs, spec.parameters) == ("alpha.my-run", "ab", 32_202)
    assert (spec.working_size, spec.largest_side, spec.multiple) == (160, 480, 1)
    assert spec.trained_on == "1,234 pictures of mine (sha256 abababababab)"
    assert float(said["difference"]) <= 1e-3
    recipe = hashlib.sha256((run / "recipe.toml").read_bytes()).hexdigest()
    assert (said["step"], said["weights"], said["recipe_sha256"]) == ("7", "best", recipe)
    content = file.read_bytes()
    for private in (str(run), "secret", socket.gethostname(), "site-packages"):
        assert private.encode() not in content
    lightness = torch.rand(1, 1, 67, 93) * 100
    loaded = read_weights(run, "best")
    expected = given_by(network_of(loaded, SYSTEMS["alpha"], run), lightness)
    np.testing.assert_allclose(predicted(file, lightness), expected, atol=0.5)


@pytest.mark.usefixtures("classifier")
def test_a_network_that_listens_to_a_classifier_takes_it_along(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "koalarization", classifier="small", kind="logits", size=128)
    file = export_run(run)
    session = onnxruntime().InferenceSession(file, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["lightness"]
    network = SYSTEMS["koalarization"].build().eval()
    network.load_state_dict(read_weights(run, "best").tensors)
    for height, width in ((240, 301), (66, 65)):
        lightness = torch.rand(1, 1, height, width) * 100
        with torch.no_grad():
            vector = frozen(kind="logits")(lightness)
        expected = given_by(network, lightness, vector)
        apart = np.abs(predicted(file, lightness) - expected).mean()
        assert apart < 0.2  # the file's weights are float16
        deaf = given_by(network, lightness, torch.zeros_like(vector))
        assert np.abs(deaf - expected).mean() > 10 * apart


@pytest.mark.usefixtures("classifier")
def test_the_classifier_gives_the_vector_that_the_network_learned_with() -> None:
    network = SYSTEMS["full"].build()
    loaded = Weights({}, "full", classifier="small", kind="probabilities")
    fused = Fused(network, loaded, 1000)
    vector = fused.classifier(torch.rand(1, 1, 64, 64) * 100)
    assert vector.shape == (1, 1000)  # without the background class
    assert float(vector.sum()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ModelError, match="gives 1001 numbers, the network takes 512"):
        Fused(network, loaded, 512)


@pytest.mark.slow
@pytest.mark.parametrize("system", [*SYSTEMS, "tinct"])
def test_every_system_can_be_exported(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "load_classifier", build_classifier)
    known = find_system(system)
    heard: dict[str, Any] = {}
    if known.embedding:
        name = "inception_resnet_v2" if system == "full" else "mobilenet_v2"
        heard = {"classifier": name, "kind": known.kind}
    file = export_run(make_run(tmp_path / "run", system, **heard))
    model = load_model(file, threads=2)
    assert model.spec.parameters == known.parameters
    chroma = model.predict(np.linspace(0, 100, 90 * 70, dtype=np.float32).reshape(90, 70)).chroma
    assert np.isfinite(chroma).all()
    if system == "tinct":
        spec = model.spec
        assert (spec.name, spec.outputs, spec.grid) == ("tinct-small.run", "distribution", 14)
        assert spec.hints


def test_weights_as_int8_make_a_smaller_file_that_does_the_same(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "tinct")
    large = export_run(run, tmp_path / "large.onnx")
    small = export_run(run, tmp_path / "small.onnx", storage="int8")
    assert properties(small)["storage"] == "int8"
    assert small.stat().st_size < 0.6 * large.stat().st_size
    light = np.random.default_rng(3).uniform(0, 100, (96, 128)).astype(np.float32)
    hints = np.array([[0.3, 0.4, 30, -10]], np.float32)
    one, two = (load_model(file, threads=2).predict(light, hints=hints) for file in (large, small))
    scale = np.abs(one.chroma).mean()
    assert np.abs(one.chroma - two.chroma).mean() < 0.1 * scale + 0.05
    fresh, again = find_system("tinct").build(), find_system("tinct").build()
    assert begin_with(fresh, str(large)) == begin_with(again, str(small))
    parted = load_model(small, threads=2, halved=True)
    assert isinstance(parted, Halved)
    np.testing.assert_allclose(parted.predict(light, hints=hints).chroma, two.chroma, atol=1e-4)
    for (name, value), other in zip(
        fresh.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert (value - other).abs().max() <= value.abs().max() / 100, name


@pytest.mark.usefixtures("traced")
def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "alpha", size=64)  # its weights are not those of the graph
    with pytest.raises(ModelError, match="CIE units from torch's"):
        export_run(run)
    assert not list(run.glob("*.onnx*"))


@pytest.mark.usefixtures("traced")
def test_weights_stay_float32_where_rounding_would_show(
    alpha: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert properties(alpha / "model.onnx")["storage"] == "float16"
    monkeypatch.setattr(graph, "TOLERANCE", 1.0)
    monkeypatch.setattr(graph, "VISIBLE", 0.0)
    assert properties(export_run(alpha, tmp_path / "large.onnx"))["storage"] == "float32"


def test_what_float16_cannot_hold_is_left() -> None:
    values = {"small": np.full(300, 2.5, np.float32), "large": np.full(300, 1e6, np.float32)}
    tensors = [numpy_helper.from_array(value, name) for name, value in values.items()]
    outputs = [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [300])]
    node = helper.make_node("Add", list(values), ["sum"])
    model = helper.make_model(
        helper.make_graph([node], "g", [], outputs, tensors),
        ir_version=10,
        opset_imports=[helper.make_operatorsetid("", 18)],
    )
    graph.shrink_weights(model, bytewise=False)
    kinds = {each.name: each.data_type for each in model.graph.initializer}
    assert kinds == {"small.half": TensorProto.FLOAT16, "large": TensorProto.FLOAT}
    onnx.checker.check_model(model)
    session = onnxruntime().InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    np.testing.assert_array_equal(session.run(None, {})[0], np.full(300, 1e6 + 2.5, np.float32))


def a_row_with_an_outlier() -> graph.Exported:
    """Two 1x1 convolutions; in one of them a single number hides what the others add up to."""
    rng = np.random.default_rng(0)
    plain = rng.normal(0, 1, (64, 64, 1, 1)).astype(np.float32)
    outlier = np.full((64, 64, 1, 1), 0.4, np.float32)
    outlier[:, 0] = 127  # looks at a channel that is empty
    nodes = [
        helper.make_node("Conv", ["lightness", "plain"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["positive"]),
        helper.make_node("Mul", ["positive", "open"], ["shut"]),
        helper.make_node("Conv", ["shut", "outlier"], ["chroma"]),
    ]
    open_ = np.ones((1, 64, 1, 1), np.float32)
    open_[0, 0] = 0
    weights = {"plain": plain, "outlier": outlier, "open": open_}
    shape = [1, 64, 8, 8]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("lightness", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("chroma", TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        ir_version=10,
        opset_imports=[helper.make_operatorsetid("", 18)],
    )
    seen = torch.from_numpy(rng.normal(0, 0.01, shape).astype(np.float32))
    session = onnxruntime().InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    chroma = torch.from_numpy(session.run(["chroma"], {"lightness": seen.numpy()})[0])
    return graph.Exported(model, 0.0, graph.TOLERANCE, (seen,), chroma)


def test_a_weight_that_8_bits_would_harm_is_stored_as_float16() -> None:
    exported = a_row_with_an_outlier()
    assert graph.delicate(exported) == ("outlier",)
    small, rounding = graph.stored(exported, "int8", halves=("outlier",))
    names = {each.name for each in small.graph.initializer}
    assert {"plain.codes", "outlier.half"} <= names
    assert "outlier.codes" not in names
    assert rounding < graph.DELICATE
    harmed, rounding = graph.stored(exported, "int8")
    assert harmed is exported.graph or rounding > graph.DELICATE


@pytest.mark.usefixtures("traced")
def test_only_the_runs_own_model_is_replaced(
    alpha: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "TOLERANCE", 1.0)
    run = tmp_path / "run"
    shutil.copytree(alpha, run)
    (run / "model.onnx").write_text("old")
    other = tmp_path / "other.onnx"
    other.write_text("mine")
    export_run(run)
    assert properties(run / "model.onnx")["name"] == "alpha.run"
    with pytest.raises(OutputExists):
        export_run(run, other)
    assert other.read_text() == "mine"


def test_a_run_without_the_weights_asked_for_says_which_it_has(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="until the first validation"):
        export_run(tmp_path)
    run = make_run(tmp_path / "run", "alpha", which="last")
    with pytest.raises(ModelError, match=r"there is last\.safetensors: --weights last"):
        export_run(run)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"system": "gamma"}, "trained as 'gamma'"),
        ({"system": "beta"}, "not those of 'beta'"),
        ({"network": {"depth": 3}}, "not those of 'alpha'"),
    ],
)
def test_weights_of_another_network_are_refused(
    said: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", "alpha")
    tensors = SYSTEMS["alpha"].build().state_dict()
    description = {"system": "alpha", "network": {}, **said}
    save_file(dict(tensors), run / "best.safetensors", metadata={"tinct": json.dumps(description)})
    with pytest.raises(ModelError, match=complaint) as caught:
        export_run(run)
    assert caught.value.remedy


def test_damaged_or_foreign_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "best.safetensors"
    file.write_bytes(b"\x10\0\0\0\0\0\0\0nonsense")
    with pytest.raises(ModelError, match="holds no weights of a run"):
        export_run(tmp_path)
    save_file({"weight": torch.zeros(3)}, file)
    with pytest.raises(ModelError, match="holds no weights of a run"):
        export_run(tmp_path)
