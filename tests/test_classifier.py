"""The classifiers that some of the published networks listen to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tinct.color import lightness_from_grey
from tinct.errors import ModelError, UsageError
from tinct.systems.classifier import (
    Kind,
    build_classifier,
    grey_value,
    load_classifier,
    weights_file,
)
from tinct.systems.inception import InceptionResNetV2
from tinct.systems.mobilenet import MobileNetV2


@pytest.fixture(autouse=True)
def one_thread_and_one_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(threads)


def pictures() -> Tensor:
    """Lightness of two pictures as different as can be, with the same mean: a disc, and stripes."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 240), torch.linspace(-1, 1, 320), indexing="ij")
    disc = torch.where(x**2 + y**2 < 0.5, 90.0, 30.0) - 10 * y
    stripes = 50 + 45 * torch.sin(40 * x + 9 * y)
    return torch.stack([disc, stripes])[:, None]


def test_a_grey_value_is_that_of_the_scan() -> None:
    values = np.linspace(0, 1, 256, dtype=np.float32)[None]
    lightness = torch.from_numpy(lightness_from_grey(values))
    expected = torch.from_numpy(values)
    torch.testing.assert_close(grey_value(lightness), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet_v2", "inception_resnet_v2"])
def test_a_classifier_is_fed_the_range_it_was_trained_on(name: str) -> None:
    """-1..1, not the sliver beside -1 that the published notebooks gave it."""
    classifier = build_classifier(name)
    ramp = torch.linspace(0, 100, 400).expand(1, 1, 300, 400)
    picture = classifier.picture(ramp)
    assert picture.shape == (1, 3, classifier.side, classifier.side)
    assert picture.min() < -0.98
    assert picture.max() > 0.98
    assert picture.mean().abs() < 0.1
    assert classifier.train().training is False
    assert not any(weight.requires_grad for weight in classifier.parameters())


@pytest.mark.parametrize(
    ("kind", "background", "length"),
    [("logits", True, 1001), ("probabilities", True, 1001), ("probabilities", False, 1000)],
)
def test_a_vector_is_what_the_network_takes(kind: Kind, background: bool, length: int) -> None:
    classifier = build_classifier("mobilenet_v2", kind=kind, background=background)
    vector = classifier(torch.rand(2, 1, 50, 61) * 100)
    assert classifier.length == length
    assert vector.shape == (2, length)
    if kind == "probabilities":
        torch.testing.assert_close(vector.sum(dim=1), torch.ones(2))


def test_mobilenet_has_the_published_layers() -> None:
    network = build_classifier("mobilenet_v2").network
    assert {name for name in network.state_dict() if not name.startswith("classifier")} == set(
        MobileNetV2().state_dict()
    )
    found = sum(weight.numel() for weight in network.parameters())
    assert found == 3_489_097  # batch norm folded into the convolutions


def test_inception_resnet_has_the_published_layers() -> None:
    with torch.device("meta"):
        network = InceptionResNetV2()
        result = network(torch.empty(2, 3, 299, 299))
    assert sum(weight.numel() for weight in network.parameters()) == 55_843_464
    assert result.shape == (2, 1000)
    state = network.state_dict()
    for key, shape in {
        "conv2d_1a.conv.weight": (32, 3, 3, 3),
        "mixed_5b.branch3.1.conv.weight": (64, 192, 1, 1),
        "repeat.9.branch2.2.bn.running_var": (64,),
        "mixed_6a.branch1.2.conv.weight": (384, 256, 3, 3),
        "repeat_1.19.branch1.1.conv.weight": (160, 128, 1, 7),
        "mixed_7a.branch2.2.conv.weight": (320, 288, 3, 3),
        "repeat_2.8.conv2d.bias": (2080,),
        "block8.branch1.2.conv.weight": (256, 224, 3, 1),
        "conv2d_7b.bn.weight": (1536,),
        "classif.weight": (1000, 1536),
    }.items():
        assert state[key].shape == shape, key
    assert len(state) == 1306


@pytest.mark.slow
def test_inception_resnet_runs() -> None:
    classifier = build_classifier("inception_resnet_v2", classes=1001)
    vectors = classifier(pictures())
    assert vectors.shape == (2, 1001)
    assert torch.isfinite(vectors).all()


@pytest.mark.parametrize("name", ["mobilenet_v2", "inception_resnet_v2"])
def test_two_pictures_give_clearly_different_vectors(name: str) -> None:
    if not weights_file(name).is_file():
        pytest.skip(f"the weights of {name} were never fetched: `tinct systems fetch`")
    classifier = load_classifier(name)
    right = classifier(pictures())
    nearly_black = (classifier.picture(pictures()) + 1) / 2 / 127.5 - 1  # as the notebooks fed it
    wrong = classifier.network(nearly_black)

    def distance(vectors: Tensor) -> float:
        return float((vectors[0] - vectors[1]).norm() / vectors.std(dim=1).mean())

    assert right.argmax(dim=1).unique().numel() == 2
    assert distance(right) > 10
    assert distance(right) > 5 * distance(wrong)


def test_absent_or_foreign_weights_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mobilenet_v2"):
        load_classifier("resnet")
    with pytest.raises(ModelError, match="not there"):
        load_classifier("mobilenet_v2", weights=tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"classifier.bias": torch.zeros(1001)}, foreign)
    with pytest.raises(ModelError, match="other layers"):
        load_classifier("mobilenet_v2", weights=foreign)
    save_file({"else": torch.zeros(3)}, foreign)
    with pytest.raises(ModelError, match="no classifier layer"):
        load_classifier("mobilenet_v2", weights=foreign)
