"""What was learned is for pictures like those learned from; others come out as before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.trainings import QUICK
from tinct import cli
from tinct.color import grid_bins
from tinct.errors import ConfigError, ModelError
from tinct.models import DEFAULT, load_model, weights_path
from tinct.models.exported import properties
from tinct.systems.gated import Gated, gated
from tinct.systems.mobilenet import POOLED
from tinct.systems.tinct import Tinct
from tinct.training.export import export_run
from tinct.training.finetune import finetune
from tinct.training.forms import _described, _network_of
from tinct.training.gate import fitted, with_gate
from tinct.training.parity import compared, torch_form
from tinct.training.reading import load_recipe
from tinct.training.start import begin_with

#: a part that stays the same in both decoders: the exporter keeps one of two equal weights
FROZEN = ["encoder", "stages.1"]
SMALL = [*QUICK, "data.size=32", "data.shorter=32", "data.final_size=0", "stop.steps=3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of three steps on loud red pictures, told from dull noise."""
    place = tmp_path_factory.mktemp("gate")
    rng = np.random.default_rng(0)
    for name, count in (("own", 24), ("generic", 12)):
        (place / name).mkdir()
        for number in range(count):
            if name == "own":
                ramp = np.linspace(0, 255, 48)[None, :, None] * rng.uniform(0.5, 1, (40, 1, 3))
                pixels = (ramp * [1, 0.3, 0.2]).astype(np.uint8)
            else:
                pixels = rng.integers(60, 200, (40, 48, 3), np.uint8)
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    outcome = finetune(
        place / "own",
        place / "run",
        replay=place / "generic",
        overrides=[*SMALL, "optimiser.rate=0.003", f"optimiser.frozen={json.dumps(FROZEN)}"],
    )
    assert outcome.model is not None
    return place / "run"


def decoders(seed: int = 0) -> tuple[Tinct, Tinct]:
    """Two networks of one encoder."""
    torch.manual_seed(seed)
    bins = torch.from_numpy(grid_bins())
    one, other = Tinct(bins).eval(), Tinct(bins).eval()
    other.encoder.load_state_dict(one.encoder.state_dict())
    return one, other


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    light = torch.rand(1, 1, 64, 64, generator=generator) * 100
    hints = torch.zeros(1, 3, 16, 16)
    hints[0, :, 4, 5] = torch.tensor([20.0, -10.0, 1.0])
    palette = torch.rand(1, len(grid_bins()), generator=generator).softmax(1)
    return light, hints, palette


@pytest.mark.parametrize("bias", [-60.0, 60.0])
def test_the_gate_chooses_one_or_the_other(bias: float) -> None:
    learned, before = decoders()
    both = gated(learned, before, torch.zeros(POOLED), bias)
    chosen = learned if bias > 0 else before
    light, hints, palette = inputs()
    with torch.no_grad():
        for steering in ((), (hints,), (hints, palette)):
            torch.testing.assert_close(
                both.logits(light, *steering), chosen.logits(light, *steering)
            )


def test_in_doubt_both_are_listened_to() -> None:
    learned, before = decoders()
    both = gated(learned, before, torch.zeros(POOLED), 0.0)
    light, *_ = inputs()
    with torch.no_grad():
        middle = (learned.logits(light) + before.logits(light)) / 2
        torch.testing.assert_close(both.logits(light), middle)


def test_networks_of_other_encoders_are_not_put_together() -> None:
    learned, before = decoders()
    with torch.no_grad():
        next(learned.encoder.parameters()).add_(0.1)
    with pytest.raises(ValueError, match="encoders differ"):
        gated(learned, before, torch.zeros(POOLED), 0.0)


def test_two_kinds_are_told_apart_however_many_there_are_of_each() -> None:
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(40, generator=generator)
    own = torch.randn(30, 40, generator=generator) + 0.7 * direction
    others = torch.randn(400, 40, generator=generator) - 0.7 * direction
    weight, bias = fitted(own[:20], others[:300])
    assert (own[20:] @ weight + bias > 0).all()
    assert ((others[300:] @ weight + bias) > 0).float().mean() < 0.05


def test_a_finetuned_model_holds_both_and_says_so(run: Path) -> None:
    said = properties(run / "model.onnx")
    assert "views of its own pictures" in said["gate"]
    made, shipped = load_model(str(run)), load_model(DEFAULT)
    assert made.spec.gain == shipped.spec.gain
    assert made.spec.vividness == shipped.spec.vividness
    alone = run.parent / "alone.onnx"
    recipe = run / "recipe.toml"
    text = recipe.read_text()
    try:
        recipe.write_text(text.replace("apart = true", "apart = false"))
        export_run(run, alone)
    finally:
        recipe.write_text(text)
    learned = load_model(alone)
    rng = np.random.default_rng(9)
    noise = rng.uniform(30, 70, (64, 64)).astype(np.float32)
    apart = [
        float(np.abs(one.predict(noise).chroma - shipped.predict(noise).chroma).mean())
        for one in (made, learned)
    ]
    assert apart[0] < 0.5 * apart[1], apart  # noise is what it is told from


def test_its_network_can_be_read_back_for_other_forms(run: Path) -> None:
    source = _described(run / "model.onnx", None)
    network = _network_of(source)
    assert isinstance(network, Gated)
    light, hints, palette = inputs()
    case = {
        "lightness": light.numpy(),
        "temperature": np.array(0.7, np.float32),
        "hints": hints.numpy(),
        "palette": palette.numpy(),
    }
    from tinct.training.forms import onnx_form

    assert compared(torch_form(network), onnx_form(run / "model.onnx"), [case]).largest < 0.1
    pairs = zip(network.stages[1].parameters(), network.before.stages[1].parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)  # frozen, and equal in the file
    assert not torch.equal(network.classify.weight, network.before.classify.weight)


def test_it_cannot_learn_a_second_kind(run: Path) -> None:
    for start in (str(run), str(run / "model.onnx")):
        with pytest.raises(ConfigError, match="learned one kind of pictures"):
            begin_with(Tinct(torch.from_numpy(grid_bins())), start)
    begin_with(Tinct(torch.from_numpy(grid_bins())), str(weights_path(DEFAULT)))


def test_an_encoder_that_learned_is_refused(run: Path) -> None:
    with pytest.raises(ConfigError, match="frozen encoder"):
        load_recipe("finetune", ["optimiser.frozen=[]"])
    with pytest.raises(ConfigError, match="needs pictures to tell others by"):
        load_recipe("finetune", ["data.replay=0"])
    other = Tinct(torch.from_numpy(grid_bins()))
    begin_with(other, DEFAULT)
    with torch.no_grad():
        next(other.encoder.parameters()).add_(0.01)
    with pytest.raises(ModelError, match="learned with its encoder"):
        with_gate(other.eval(), run)


def test_the_command_says_what_to_start_from_instead(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["finetune", str(run.parent / "own"), "-o", str(tmp_path / "again")]
    given = ["--replay", str(run.parent / "generic"), "--start", str(run), *SMALL]
    assert cli.run([*words, *given]) == 8
    assert "with the pictures of both" in capfd.readouterr().err
    assert json.dumps(DEFAULT) in (run / "recipe.toml").read_text()
