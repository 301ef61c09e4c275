"""One contract for every published network."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tinct.errors import UsageError
from tinct.models.runtime import onnxruntime
from tinct.systems import SYSTEMS, System, find_system
from tinct.systems.blocks import Fusion, crop, pad
from tinct.systems.gan32 import Generator as Gan32
from tinct.systems.pix2pix import Attention
from tinct.systems.pix2pix import Discriminator as PatchDiscriminator
from tinct.systems.pix2pixhd import Generator as Pix2PixHD
from tinct.systems.steering import Spread
from tinct.systems.tinct import Stage, Tinct

#: too big to run by default; the others do
HEAVY = {"pix2pix", "pix2pixhd"}
EVERY = list(SYSTEMS)
LIGHT_FIRST = [
    pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else []) for name in EVERY
]
NOT_HD = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "pix2pixhd" else []) for name in EVERY
]


@pytest.fixture(autouse=True)
def one_thread_and_one_seed() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(threads)


def inputs(system: System, height: int, width: int, *, number: int = 2) -> tuple[Tensor, ...]:
    lightness = torch.rand(number, 1, height, width) * 100
    if system.embedding is None:
        return (lightness,)
    vector = torch.randn(number, system.embedding) * 3
    return lightness, torch.softmax(vector, dim=1) if system.kind == "probabilities" else vector


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def tinct() -> Tinct:
    axis = torch.arange(-40.0, 41, 20)
    return Tinct(torch.cartesian_prod(axis, axis)).eval()


# what the registry says


def test_reading_the_registry_does_not_import_torch() -> None:
    script = "import sys, tinct.systems\nassert 'torch' not in sys.modules\n"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("name", EVERY)
def test_an_entry_is_complete(name: str) -> None:
    system = SYSTEMS[name]
    assert system.name == name
    assert system.mended
    assert system.settings
    assert (system.embedding is None) == (system.kind is None)
    assert system.repository.startswith("https://github.com/")


def test_an_unknown_system_is_met_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="alpha, beta"):
        find_system("gamma")


# the contract


@pytest.mark.parametrize("name", EVERY)
def test_parameters_are_the_published_number(name: str) -> None:
    system = SYSTEMS[name]
    assert parameters(system.build()) == system.parameters
    if system.half_size:
        assert parameters(system.build(faithful=True)) == system.parameters


PUBLISHED = {
    "alpha": 32_202,
    "beta": 3_892_194,
    "full": 6_541_202,
    "koalarization": 6_574_050,
    "paintings": 4_696_098,
    "gan32": 16_654_722,
    "colorit": 6_219_410,
    "pix2pix": 41_778_563,
}


def test_the_registry_has_the_published_numbers() -> None:
    assert {name: SYSTEMS[name].parameters for name in PUBLISHED} == PUBLISHED
    gan32, pix2pix = SYSTEMS["gan32"].discriminators, SYSTEMS["pix2pix"].discriminators
    assert (gan32["batch"].parameters, gan32["spectral"].parameters) == (2_766_529, 2_764_737)
    assert [pix2pix[scale].parameters for scale in ("full", "medium", "low")] == [
        2_785_378,
        2_769_938,
        2_769_938,
    ]


@pytest.mark.parametrize("name", NOT_HD)
def test_any_size_comes_back_as_it_went_in(name: str) -> None:
    system = SYSTEMS[name]
    network = system.build().eval()
    for height, width in ((1, 1), (5, 3), (33, 50), (system.multiple, system.multiple)):
        given = inputs(system, height, width)
        with torch.no_grad():
            chroma = network(*given)
        assert chroma.shape == (2, 2, height, width)
        assert chroma.dtype == torch.float32
        assert torch.isfinite(chroma).all()


@pytest.mark.parametrize("name", NOT_HD)
def test_units_go_in_and_out(name: str) -> None:
    """L* of 0..100 makes a difference, a*b* fill the published range and do not leave it."""
    system = SYSTEMS[name]
    network = system.build().eval()
    lightness, *rest = inputs(system, 32, 32, number=1)
    with torch.no_grad():
        chroma = network(lightness, *rest)
        darker = network(lightness * 0.5, *rest)
        last = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1]
        if last.bias is None:
            raise AssertionError("the last layer has a bias in every one of them")
        last.bias.copy_(torch.tensor([60.0, -60.0]))
        extreme = network(lightness, *rest)
    assert (chroma - darker).abs().max() > 1e-3
    assert chroma.abs().max() > 0.05
    if system.bound is None:
        assert extreme.abs().max() > 128 * 59
    else:
        assert chroma.abs().max() <= system.bound
        torch.testing.assert_close(extreme[:, 0], torch.full((1, 32, 32), system.bound))
        torch.testing.assert_close(extreme[:, 1], torch.full((1, 32, 32), -system.bound))


@pytest.mark.parametrize("name", NOT_HD)
def test_every_weight_gets_a_finite_gradient(name: str) -> None:
    system = SYSTEMS[name]
    network = system.build().train()
    given = inputs(system, 40, 48)
    loss = network(*given).square().mean()
    if isinstance(network, Pix2PixHD):  # trained in two stages
        loss = loss + network.coarse(torch.rand(2, 1, 256, 256) * 100).square().mean()
    loss.backward()
    for weight_name, weight in network.named_parameters():
        assert weight.grad is not None, weight_name
        assert torch.isfinite(weight.grad).all(), weight_name
    assert any(weight.grad is not None and weight.grad.any() for weight in network.parameters())


@pytest.mark.parametrize("name", NOT_HD)
def test_a_picture_does_not_see_its_neighbours_in_the_batch(name: str) -> None:
    system = SYSTEMS[name]
    network = system.build().eval()
    given = inputs(system, 32, 40, number=3)
    order = torch.tensor([2, 0, 1])
    with torch.no_grad():
        together = network(*given)
        shuffled = network(*(value[order] for value in given))
        again = network(*given)
    torch.testing.assert_close(together[order], shuffled, rtol=0, atol=1e-3)
    assert torch.equal(together, again), "eval mode must not change the network"


@pytest.mark.parametrize("name", NOT_HD)
def test_weights_survive_a_file(name: str, tmp_path: Path) -> None:
    system = SYSTEMS[name]
    first, second = system.build().eval(), system.build().eval()
    given = inputs(system, 32, 32, number=1)
    save_file(first.state_dict(), tmp_path / "weights.safetensors")
    second.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    with torch.no_grad():
        assert torch.equal(first(*given), second(*given))


@pytest.mark.parametrize("name", LIGHT_FIRST)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_onnx_equals_torch_at_any_size(name: str, tmp_path: Path) -> None:
    system = SYSTEMS[name]
    network = system.build().eval()
    any_size = torch.export.Dim.DYNAMIC
    shapes = {"lightness": {0: any_size, 2: any_size, 3: any_size}}
    if system.embedding is not None:
        shapes["embedding"] = {0: any_size}
    program = torch.onnx.export(
        network,
        inputs(system, 22, 27),
        input_names=list(shapes),
        output_names=["chroma"],
        dynamic_shapes=shapes,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    file = tmp_path / "network.onnx"
    program.save(file, external_data=False)
    options = onnxruntime().SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime().InferenceSession(file, options, providers=["CPUExecutionProvider"])
    for height, width in ((32, 32), (19, 41)):
        given = inputs(system, height, width, number=1)
        feed = {name: value.numpy() for name, value in zip(shapes, given, strict=True)}
        exported = torch.from_numpy(np.asarray(session.run(None, feed)[0]))
        with torch.no_grad():
            expected = network(*given)
        if name == "pix2pixhd":
            # Thirty instance norms, some over four places, magnify rounding: untrained, the
            # network in float32 is further from itself in float64 than any tolerance. The export
            # must be as near to the exact result as torch is.
            with torch.no_grad():
                exact = copy.deepcopy(network).double()(*(value.double() for value in given))
            own = (expected - exact).abs().mean()
            assert (exported - exact).abs().mean() <= 2 * own + 1e-3
        else:
            torch.testing.assert_close(exported, expected, rtol=0, atol=1e-3)


def test_the_shipped_network_keeps_the_contract_where_it_applies(tmp_path: Path) -> None:
    """It takes sides of 32 and gives a*b* at a quarter of the size, by a temperature."""
    network, other = tinct(), tinct()
    lightness, one = torch.rand(3, 1, 64, 96) * 100, torch.tensor(1.0)
    order = torch.tensor([2, 0, 1])
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    with torch.no_grad():
        chroma, distribution = network(lightness, one)
        shuffled, _ = network(lightness[order], one)
        loaded, _ = other(lightness, one)
    assert chroma.shape == (3, 2, 16, 24)
    assert distribution.shape == (3, 25, 16, 24)
    assert chroma.abs().max() <= 40
    assert torch.equal(chroma, loaded)
    torch.testing.assert_close(chroma[order], shuffled, rtol=0, atol=1e-3)
    hints, palette = steered(network, lightness)
    network(lightness, one, hints, palette)[0].square().mean().backward()
    for weight in network.parameters():
        assert weight.grad is not None
        assert torch.isfinite(weight.grad).all()


def steered(network: Tinct, lightness: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Hints and a palette for each picture, and weights by which they tell."""
    hinted = [stage.hinted for stage in network.stages if isinstance(stage, Stage)]
    weights = [network.prior.weight, network.palette.give.weight, *(one.weight for one in hinted)]
    for weight in weights:
        torch.nn.init.normal_(weight, std=0.1)
    count, _, height, width = lightness.shape
    hints = torch.zeros(count, 3, height // 4, width // 4)
    hints[:, :, 3, 5] = torch.tensor([40.0, 20.0, 1.0])
    return hints, torch.rand(count, len(network.bins)).softmax(1)


def test_an_unsteered_network_gives_what_it_gives_with_no_hints_and_no_palette() -> None:
    network = tinct()
    lightness, one = torch.rand(2, 1, 64, 96) * 100, torch.tensor(1.0)
    hints, palette = steered(network, lightness)
    with torch.no_grad():
        alone, _ = network(lightness, one)
        empty, _ = network(lightness, one, hints * 0, palette * 0)
        told, _ = network(lightness, one, hints, palette)
    torch.testing.assert_close(alone, empty, rtol=0, atol=1e-4)
    assert (told - alone).abs().max() > 0.1


def test_a_point_spreads_to_what_is_alike_and_near() -> None:
    spread = Spread(4)
    features = torch.zeros(1, 4, 8, 8)
    features[:, 0, :, 4:] = 30.0  # the right half is something else
    hints = torch.zeros(1, 3, 32, 32)
    hints[:, :, 16, 4] = torch.tensor([50.0, -25.0, 1.0])
    with torch.no_grad():
        a, b, known = spread(features, hints)[0].unflatten(0, (-1, 3)).unbind(1)
    torch.testing.assert_close(a, known)
    torch.testing.assert_close(b, -known / 2)
    assert (known[:, 4, 1] > 0.9).all()
    assert (known[:, 4, 1] >= known[:, 7, 3]).all()
    assert known[:, 4, 4:].max() < 0.05


# discriminators

JUDGES = [(name, judge) for name in ("gan32", "pix2pix") for judge in SYSTEMS[name].discriminators]


@pytest.mark.parametrize(("name", "judge"), JUDGES)
def test_a_discriminator_keeps_the_contract(name: str, judge: str, tmp_path: Path) -> None:
    entry = SYSTEMS[name].discriminators[judge]
    network, other = entry.build(), entry.build().eval()
    assert parameters(network) == entry.parameters
    lightness, chroma = torch.rand(2, 1, 32, 64) * 100, torch.randn(2, 2, 32, 64) * 20
    result = network(lightness, chroma)
    score = result[0] if isinstance(result, tuple) else result
    features = result[1] if isinstance(result, tuple) else torch.zeros(1)
    (score.square().mean() + features.square().mean()).backward()
    for weight in network.parameters():
        assert weight.grad is not None
        assert torch.isfinite(weight.grad).all()
    network.eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    with torch.no_grad():
        first, second = network(lightness, chroma), other(lightness, chroma)
        swapped = network(lightness.flip(0), chroma.flip(0))
    for mine, theirs, turned in zip(
        *((value if isinstance(value, tuple) else (value,)) for value in (first, second, swapped)),
        strict=True,
    ):
        assert torch.equal(mine, theirs)
        torch.testing.assert_close(mine.flip(0), turned, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("scale", "patches", "features"),
    [("full", 256, 589_824), ("medium", 64, 147_456), ("low", 16, 36_864)],
)
def test_patches_and_features_have_the_published_number(
    scale: str, patches: int, features: int
) -> None:
    network = PatchDiscriminator(scale).eval()
    with torch.no_grad():
        score, found = network(torch.full((1, 1, 128, 128), 50.0), torch.zeros(1, 2, 128, 128))
    assert score.numel() == patches
    assert found.shape == (1, features)


def test_gan32_judges_a_32_pixel_picture_by_one_number() -> None:
    network = SYSTEMS["gan32"].discriminators["batch"].build().eval()
    with torch.no_grad():
        score = network(torch.full((3, 1, 32, 32), 50.0), torch.zeros(3, 2, 32, 32))
    assert score.shape == (3, 1, 1, 1)


# particulars


@pytest.mark.parametrize("name", [name for name in EVERY if SYSTEMS[name].half_size])
def test_faithful_repeats_pixels_and_the_mended_network_does_not(name: str) -> None:
    system = SYSTEMS[name]
    mended, faithful = system.build().eval(), system.build(faithful=True).eval()
    faithful.load_state_dict(mended.state_dict(), strict=True)
    given = inputs(system, 32, 32, number=1)
    with torch.no_grad():
        smooth, blocky = mended(*given), faithful(*given)
    assert torch.equal(blocky[..., ::2, ::2], blocky[..., 1::2, 1::2])
    assert not torch.equal(smooth[..., ::2, ::2], smooth[..., 1::2, 1::2])
    torch.testing.assert_close(
        nn.functional.avg_pool2d(smooth, 2).mean(), blocky[..., ::2, ::2].mean(), rtol=0.1, atol=0.1
    )


def test_gan32_at_32_pixels_is_the_published_network() -> None:
    """The picture at 35 x 35 through the layers as published, nothing padded and nothing cut."""
    network = Gan32().eval()
    lightness = torch.rand(2, 1, 32, 32) * 100
    with torch.no_grad():
        hidden = nn.functional.interpolate(
            lightness / 50 - 1, size=(35, 35), mode="bilinear", align_corners=True
        )
        maps = []
        for layer in (network.down1, network.down2, network.down3, network.down4):
            hidden = layer(hidden)
            maps.append(hidden)
        hidden = network.down5(hidden)
        assert [value.shape[-1] for value in maps] == [32, 16, 8, 4]
        assert hidden.shape[-1] == 2
        for layer in (network.up1, network.up2, network.up3, network.up4):
            hidden = torch.cat([layer(hidden), maps.pop()], dim=1)
        expected = torch.tanh(network.final(hidden)) * 127
        assert torch.equal(network(lightness), expected)


def test_spectral_norm_bounds_every_layer_of_its_discriminator() -> None:
    network = PatchDiscriminator().train()
    lightness, chroma = torch.rand(1, 1, 32, 32) * 100, torch.randn(1, 2, 32, 32) * 20
    with torch.no_grad():
        for _ in range(20):
            network(lightness, chroma)
        for layer in network.convs:
            assert isinstance(layer.weight, Tensor)
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert float(largest) == pytest.approx(1.0, abs=0.1)


def test_attention_starts_as_nothing_and_looks_everywhere() -> None:
    layer = Attention(16)
    features = torch.randn(1, 16, 6, 5)
    with torch.no_grad():
        assert torch.equal(layer(features), features)
        layer.strength.fill_(1.0)
        changed = features.clone()
        changed[..., 0, 0] += 5
        assert (layer(changed) - layer(features))[..., 5, 4].abs().max() > 1e-4


def test_fusion_is_the_published_concatenation() -> None:
    fusion = Fusion(7, width=4)
    features, vector = torch.randn(2, 4, 5, 6), torch.randn(2, 7)
    repeated = vector[:, :, None, None].expand(-1, -1, 5, 6)
    expected = torch.relu(fusion.join(torch.cat([features, repeated], dim=1)))
    torch.testing.assert_close(fusion(features, vector), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("multiple", [1, 8, 16])
def test_padding_repeats_the_border_and_cropping_undoes_it(multiple: int) -> None:
    for height, width in itertools.product((1, 7, 8, 17), repeat=2):
        plane = torch.rand(1, 1, height, width)
        padded = pad(plane, multiple)
        assert all(side % multiple == 0 for side in padded.shape[-2:])
        assert torch.equal(crop(padded, plane), plane)
        assert padded[0, 0, -1, -1] == plane[0, 0, -1, -1]
    assert pad(torch.rand(1, 1, 9, 40), 8, least=32).shape == (1, 1, 32, 40)
