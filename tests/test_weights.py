from __future__ import annotations

import hashlib
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tinct.errors import ModelError, UsageError
from tinct.systems import weights
from tinct.systems.classifier import FILES, load_classifier, weights_file
from tinct.systems.inception import InceptionResNetV2
from tinct.systems.weights import WEIGHTS, Source, convert, fetch_weights

NAME = "inception_resnet_v2"
#: as in the file of 2017: no counters, and another name for the last layer
SHAPES = {
    "mixed_5b.branch3.1.conv.weight": (64, 192, 1, 1),
    "repeat.9.branch2.2.bn.running_var": (64,),
    "repeat_1.19.branch1.1.conv.weight": (160, 128, 1, 7),
    "repeat_2.8.conv2d.bias": (2080,),
    "block8.branch1.2.conv.weight": (256, 224, 3, 1),
    "conv2d_7b.bn.running_mean": (1536,),
    "last_linear.weight": (1001, 1536),
    "last_linear.bias": (1001,),
}


def published() -> dict[str, torch.Tensor]:
    """Weights in the layout of the published conversion, every tensor another number."""
    with torch.device("meta"):
        layout = InceptionResNetV2(1001).state_dict()
    state = {
        key.replace("classif.", "last_linear."): torch.full(value.shape, float(number))
        for number, (key, value) in enumerate(layout.items())
        if not key.endswith("num_batches_tracked")
    }
    for key, shape in SHAPES.items():
        assert state[key].shape == shape
    return state


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer without weights; its cache."""
    monkeypatch.setenv("TINCT_DATA", str(tmp_path / "none" / "data"))
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path / "cache"))
    for name in ("TINCT_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_published_weights_are_fetched_and_converted(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = published()
    file = tmp_path / "there.pth"
    torch.save(state, file, _use_new_zipfile_serialization=False)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        sources = (Source(f"{base}/gone.pth", "00000000"), Source(f"{base}/there.pth", digits))
        entry = WEIGHTS[NAME]
        changed = type(entry)(sources, 1001, entry.renamed, entry.licence, entry.origin)
        monkeypatch.setitem(weights.WEIGHTS, NAME, changed)
        found = fetch_weights(NAME)
        server.shutdown()
    assert found == alone / "weights" / FILES[NAME] == weights_file(NAME) == fetch_weights(NAME)
    assert [path.name for path in found.parent.iterdir()] == [FILES[NAME]]
    with safe_open(found, "pt") as opened:
        assert opened.metadata()["licence"] == "Apache-2.0"
    classifier = load_classifier(NAME)
    assert classifier.length == 1001
    loaded = classifier.network.state_dict()
    for key, value in state.items():
        found_value = loaded[key.replace("last_linear.", "classif.")]
        assert found_value.shape == value.shape, key
        assert found_value.view(-1)[-1] == value.view(-1)[-1], key


def test_other_layers_are_refused(tmp_path: Path) -> None:
    state = published()
    foreign = tmp_path / "foreign.pth"
    state["last_linear.weight"] = state["last_linear.weight"][1:]
    torch.save(state, foreign)
    with pytest.raises(ModelError, match=r"the first of them 'classif\.weight'"):
        convert(NAME, foreign)
    foreign.write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="not a checkpoint"):
        convert(NAME, foreign)


class Evil:
    """What a hostile checkpoint holds."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def test_nothing_in_a_checkpoint_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="not a checkpoint"):
        convert(NAME, tmp_path / "evil.pth")
    assert not (tmp_path / "executed").exists()


def test_what_cannot_be_fetched_is_one_line(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCT_OFFLINE", "1")
    with pytest.raises(ModelError, match="TINCT_OFFLINE"):
        fetch_weights(NAME)
    with pytest.raises(ModelError, match="nowhere to be fetched"):
        fetch_weights("mobilenet_v2")
    with pytest.raises(UsageError, match="no such classifier"):
        fetch_weights("resnet")
    with pytest.raises(ModelError, match="systems fetch"):
        load_classifier(NAME)


def test_the_weights_recognise_what_is_on_a_picture() -> None:
    """Against the published network: a disc and stripes are sure to be no background."""
    if not weights_file(NAME).is_file():
        pytest.skip(f"the weights of {NAME} were never fetched: `tinct systems fetch`")
    torch.manual_seed(1)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 299), torch.linspace(-1, 1, 299), indexing="ij")
    stripes = 50 + 45 * torch.sin(40 * x + 9 * y)
    logits = load_classifier(NAME)(stripes[None, None])
    assert torch.softmax(logits, 1)[0, 0] < 0.01
    assert torch.softmax(logits, 1).max() > 0.1
