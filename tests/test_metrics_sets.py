"""Distances between sets, LPIPS and steadiness."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.linalg import sqrtm

from tests.networks import network
from tests.test_metrics_picture import picture
from tinct.errors import ModelError, UsageError
from tinct.evaluation.consistency import flip_consistency, size_consistency
from tinct.evaluation.features import FeatureNetwork, frechet, kernel, squared_discrepancy
from tinct.evaluation.perceptual import PerceptualDistance, lpips_missing
from tinct.evaluation.protocol import grey
from tinct.models import load_model
from tinct.systems.classifier import FILES, MobileNetV2WithClasses, build_classifier
from tinct.systems.lpips import FILE, STAGES, convert, shapes
from tinct.systems.pooled import Pooled, load_pooled

Vectors = NDArray[np.float32]


def vectors(seed: int, count: int, length: int = 12, *, spread: float = 1.0) -> Vectors:
    """Gaussian, with a covariance that is not round."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(0, spread, (length, length))
    drawn = np.random.default_rng(seed + 1).normal(0, 1, (count, length)) @ mixed
    return (drawn + rng.normal(0, 1, length)).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tests run side by side: threads that wait for each other would take most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("first", "second"), [(300, 300), (200, 90), (13, 400)])
def test_frechet_distance_agrees_with_scipys_matrix_root(first: int, second: int) -> None:
    x, y = vectors(1, first), vectors(5, second)
    c_1, c_2 = (np.cov(one.astype(np.float64), rowvar=False) for one in (x, y))
    shift = x.astype(np.float64).mean(0) - y.astype(np.float64).mean(0)
    expected = shift @ shift + np.trace(c_1 + c_2 - 2 * sqrtm(c_1 @ c_2).real)
    assert frechet(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet(y, x) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_in_closed_form() -> None:
    x = vectors(2, 5, 40)  # fewer pictures than numbers: covariances without an inverse
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet(x, x + np.float32(2)) == pytest.approx(40 * 4, rel=1e-5)
    variances = x.astype(np.float64).var(0, ddof=1).sum()
    centred = x - x.mean(0)
    assert frechet(centred, 3 * centred) == pytest.approx(variances * (3 - 1) ** 2, rel=1e-5)


def test_kernel_distance_is_the_unbiased_estimate() -> None:
    """Against the sums of the paper, one pair of pictures at a time."""
    x, y = vectors(3, 9, 5), vectors(8, 7, 5)

    def k(a: Vectors, b: Vectors) -> float:
        return float((a.astype(np.float64) @ b.astype(np.float64) / 5 + 1) ** 3)

    def others(rows: Vectors) -> float:
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(k(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    across = np.mean([[k(a, b) for b in y] for a in x])
    expected = others(x) + others(y) - 2 * across
    assert squared_discrepancy(x, y, paired=False) == pytest.approx(expected)
    y = vectors(8, 9, 5)
    pairs = [(i, j) for i in range(9) for j in range(9) if i != j]
    gretton = sum(
        k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs
    ) / len(pairs)
    assert squared_discrepancy(x, y, paired=True) == pytest.approx(gretton)


def test_kernel_distance_finds_what_differs_and_only_that() -> None:
    x, alike = vectors(4, 200), vectors(4, 400)[200:]
    same = kernel(x, alike, paired=False)
    assert abs(same.value) < 4 * same.error * np.sqrt(same.subsets / 2)  # subsets share pictures
    other = kernel(x, alike + np.float32(1.5), paired=False)
    assert other.value > 20 * other.error > 0
    assert (same.subsets, same.size) == (100, 100)
    assert kernel(x, alike, paired=False) == same  # the draws are fixed
    assert kernel(x, alike, paired=False, seed=1) != same


def test_pairs_of_one_picture_do_not_pull_the_kernel_distance_below_nought() -> None:
    x = vectors(6, 60)
    assert kernel(x, x, paired=True).value == 0
    assert kernel(x, x, paired=False).value < 0  # as two sets that do not belong together
    with pytest.raises(UsageError, match="no pairs"):
        kernel(x, x[:50], paired=True)


def test_networks_and_lonely_pictures_are_refused() -> None:
    x = vectors(7, 6)
    for measure in (frechet, lambda a, b: kernel(a, b, paired=False)):
        with pytest.raises(UsageError, match="two pictures or more in each, and one has 1"):
            measure(x, x[:1])
        with pytest.raises(UsageError, match="12 and of 5 numbers are of two networks"):
            measure(x, vectors(7, 6, 5))


@pytest.fixture
def mobilenet(tmp_path: Path) -> Path:
    """Weights of a MobileNetV2 that was never trained, scaled so that a picture gets through."""
    torch.manual_seed(3)
    classifier = MobileNetV2WithClasses(7)
    with torch.no_grad():
        for name, values in classifier.named_parameters():
            if name.endswith("weight"):
                torch.nn.init.kaiming_normal_(values)
    file = tmp_path / "mobile.safetensors"
    save_file(classifier.state_dict(), file)
    return file


def test_features_are_what_goes_into_the_last_layer(mobilenet: Path) -> None:
    seeing = FeatureNetwork(weights=mobilenet, batch=1)
    assert (seeing.name, seeing.length) == ("mobilenet_v2", 1280)
    truths = [picture(1, 224, 224), picture(2, 60, 100)]
    found = seeing(truths)
    assert found.shape == (2, 1280)
    assert found.dtype == np.float32
    whole = build_classifier("mobilenet_v2", classes=7).network
    weights = load_file(mobilenet)
    whole.load_state_dict(weights)
    seen = torch.from_numpy(truths[0].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    logits = torch.from_numpy(found[:1]) @ weights["classifier.weight"].T
    with torch.inference_mode():
        assert torch.allclose(
            whole(seen), logits + weights["classifier.bias"], rtol=1e-3, atol=1e-4
        )
    turned = seeing([np.ascontiguousarray(truths[0][..., ::-1])])
    assert np.abs(turned - found[:1]).max() > 1e-3  # colour is seen, not grey


def test_inception_is_another_network_by_name(mobilenet: Path) -> None:
    with torch.device("meta"):
        classifier = build_classifier("inception_resnet_v2", classes=5)
    classifier.to_empty(device="cpu")
    classifier.side = 75
    with torch.no_grad():
        for values in classifier.parameters():
            values.zero_()
    other = Pooled(classifier)
    assert (other.name, other.length) == ("inception_resnet_v2", 1536)
    assert other([picture(1, 64, 64)]).shape == (1, 1536)
    with pytest.raises(ModelError, match="other layers"):
        load_pooled("inception_resnet_v2", weights=mobilenet)


def test_a_network_that_is_not_there_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINCT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match="no such classifier"):
        FeatureNetwork("vgg19")
    with pytest.raises(ModelError, match="inception_resnet_v2 are not there"):
        FeatureNetwork("inception_resnet_v2")
    assert FILES["inception_resnet_v2"]


@pytest.fixture(scope="module")
def lpips_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    weights = {}
    for name, shape in shapes().items():
        fan = int(np.prod(shape[1:])) or 1
        scale = 1.0 if name.startswith("lin") else (2 / fan) ** 0.5
        weights[name] = torch.randn(shape) * scale * (0.1 if name.endswith("bias") else 1)
        if name.startswith("lin"):
            weights[name] = weights[name].abs()
    return weights


def test_lpips_agrees_with_the_paper_written_out(
    tmp_path: Path, lpips_weights: dict[str, torch.Tensor]
) -> None:
    file = tmp_path / FILE
    save_file(lpips_weights, file)
    first, second = picture(1, 17, 33), picture(2, 17, 33)
    measure = PerceptualDistance(file)
    plain = {name: values.numpy() for name, values in lpips_weights.items()}
    expected = written_out(first, second, plain)
    assert measure(first, second) == pytest.approx(expected, rel=1e-3)
    assert measure(first, first) == 0
    with pytest.raises(UsageError, match="16 pixels or more"):
        measure(first[:15], second[:15])


def written_out(
    first: NDArray[np.uint8], second: NDArray[np.uint8], weights: dict[str, Any]
) -> float:
    """Channels last, windows summed by einsum: nothing in common with the other."""
    maps = []
    for one in (first, second):
        x = (one / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]  # the same, in 0..1
        found = []
        for stage, widths in enumerate(STAGES):
            if stage:
                height, width = x.shape[0] // 2, x.shape[1] // 2
                x = x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).max((1, 3))
            for layer in range(len(widths)):
                name = f"conv{stage + 1}_{layer + 1}"
                windows = sliding_window_view(np.pad(x, ((1, 1), (1, 1), (0, 0))), (3, 3), (0, 1))
                x = np.einsum("hwcij,ocij->hwo", windows, weights[f"{name}.weight"], optimize=True)
                x = np.maximum(x + weights[f"{name}.bias"], 0)
            found.append(x / np.linalg.norm(x, axis=2, keepdims=True))
        maps.append(found)
    total = 0.0
    for stage, (a, b) in enumerate(zip(*maps, strict=True)):
        total += float((((a - b) ** 2) @ weights[f"lin{stage}.weight"].ravel()).mean())
    return total


def test_lpips_is_made_of_the_two_published_files(
    tmp_path: Path, lpips_weights: dict[str, torch.Tensor]
) -> None:
    places = iter((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))  # of torchvision's VGG16
    vgg, heads = {}, {}
    for stage, widths in enumerate(STAGES):
        for layer in range(len(widths)):
            place = next(places)
            for part in ("weight", "bias"):
                vgg[f"features.{place}.{part}"] = lpips_weights[
                    f"conv{stage + 1}_{layer + 1}.{part}"
                ]
        heads[f"lin{stage}.model.1.weight"] = lpips_weights[f"lin{stage}.weight"]
    torch.save({**vgg, "classifier.0.bias": torch.zeros(3)}, tmp_path / "vgg.pth")
    torch.save(heads, tmp_path / "heads.pth")
    made = convert(tmp_path / "vgg.pth", tmp_path / "heads.pth", to=tmp_path / "made" / FILE)
    save_file(lpips_weights, tmp_path / FILE)
    pair = picture(3, 16, 20), picture(4, 16, 20)
    assert PerceptualDistance(made)(*pair) == PerceptualDistance(tmp_path / FILE)(*pair)
    with pytest.raises(ModelError, match=r"heads.pth: holds no 'conv1_1.weight'"):
        convert(tmp_path / "heads.pth", tmp_path / "vgg.pth", to=tmp_path / "never")
    assert not (tmp_path / "never").exists()
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(ModelError, match="not a checkpoint"):
        convert(tmp_path / "text.pth", tmp_path / "heads.pth", to=tmp_path / "never")


def test_lpips_is_left_out_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lpips_weights: dict[str, torch.Tensor]
) -> None:
    monkeypatch.setenv("TINCT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = lpips_missing()
    assert said is not None
    assert FILE in said
    with pytest.raises(ModelError, match="LPIPS are not there"):
        PerceptualDistance()
    folder = tmp_path / "weights"
    folder.mkdir()
    some = {name: values for name, values in lpips_weights.items() if "4_" not in name}
    save_file(some, folder / FILE)
    said = lpips_missing()
    assert said is not None
    assert "conv4_1.weight" in said
    save_file(lpips_weights, folder / FILE)
    assert lpips_missing() is None


def test_a_model_that_sees_single_pixels_is_steady(tmp_path: Path) -> None:
    """Its a*b* are shares of L*, so sizes change little and flips nothing."""
    model = load_model(network(tmp_path / "own.onnx"), threads=1)
    plain = grey(picture(5, 64, 96))
    assert flip_consistency(model, plain) < 0.05
    own = model.spec.working_size
    assert size_consistency(model, plain, sizes=[own]) == 0
    assert size_consistency(model, plain) > size_consistency(model, plain, sizes=[2 * own]) > 0
    with pytest.raises(UsageError, match="other working sizes"):
        size_consistency(model, plain, sizes=[])


def test_the_shipped_model_is_less_than_steady() -> None:
    model = load_model(threads=1)
    plain = grey(picture(6, 96, 128))
    assert flip_consistency(model, plain) > 0.1
    assert size_consistency(model, plain, sizes=[64, 128]) > 0.1
    even = np.full((64, 64), 128, np.uint8)
    assert flip_consistency(model, even) < 3
