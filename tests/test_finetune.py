"""`tinct finetune`: one's own pictures in, one's own model out, and what is said on the way."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tinct
from tests.trainings import QUICK
from tinct import cli
from tinct.color import grid_bins
from tinct.models import DEFAULT, find_model
from tinct.systems import find_system
from tinct.systems.tinct import Tinct
from tinct.training.draws import Batch, Draws, Replayed
from tinct.training.finetune import FEW, finetune, steps_for
from tinct.training.losses import BinLoss
from tinct.training.objective import Supervised
from tinct.training.pictures import PictureSet, open_pictures
from tinct.training.recipe import Augmentation, Data
from tinct.training.setup import Bins
from tinct.training.start import begin_with

SMALL = [*QUICK, "data.size=32", "data.shorter=32", "data.final_size=0", "stop.steps=2"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return painted(tmp_path / "own", FEW + 4, seed=1)


@pytest.fixture
def generic(tmp_path: Path) -> Path:
    return painted(tmp_path / "generic", 8, seed=2)


def painted(folder: Path, count: int, *, seed: int) -> Path:
    """Colourful noise, large spots of it."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        spots = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
        spots.resize((50, 40), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def test_a_folder_becomes_a_model_that_colours(
    own: Path, generic: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "mine"
    words = ["finetune", str(own), "-o", str(run), "--replay", str(generic), "--json", *SMALL]
    assert cli.run(words) == 0
    out, err = capfd.readouterr()
    said = json.loads(out)
    assert said["event"] == "finetuned"
    assert said["step"] == 2
    assert said["model"] == str(run / "model.onnx")
    assert "warning" not in err
    recipe = (run / "recipe.toml").read_text()
    assert f'replay_from = "{generic}"' in recipe
    assert f'start = "{DEFAULT}"' in recipe
    made, shipped = find_model(run), find_model(DEFAULT)
    own_rows, rows = np.array(made.vividness), np.array(shipped.vividness)
    np.testing.assert_allclose(own_rows[:, :2], rows[:, :2], atol=1e-3)
    assert made.gain == shipped.gain
    np.testing.assert_allclose(own_rows[:, 2], rows[:, 2], rtol=1e-3)
    assert (made.working_size, made.largest_side) == (shipped.working_size, shipped.largest_side)
    grey = np.asarray(Image.open(own / "0.png").convert("L"))
    mine, theirs = tinct.colorize(grey, model=str(run)), tinct.colorize(grey)
    assert mine.shape == theirs.shape
    assert 0 < np.abs(mine.astype(int) - theirs).mean() < 20  # two small steps from the shipped one


def test_an_interrupted_one_is_resumed_and_exported_to_the_same_model(
    own: Path,
    generic: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole, broken = tmp_path / "whole" / "mine", tmp_path / "broken" / "mine"
    words = ["finetune", str(own), "--replay", str(generic), *SMALL, "-o"]
    assert cli.run([*words, str(whole)]) == 0
    step = Supervised.step

    def interrupted(self: Supervised, batches: list[Batch]) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        return step(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "step", interrupted)
        assert cli.run([*words, str(broken)]) == 130
    told = f"interrupted: `tinct resume {broken}` goes on, then `tinct export {broken}`"
    assert told in capfd.readouterr().err
    assert not (broken / "model.onnx").exists()
    assert cli.run(["resume", str(broken)]) == 0
    assert cli.run(["export", str(broken)]) == 0
    assert (broken / "model.onnx").read_bytes() == (whole / "model.onnx").read_bytes()


def test_few_pictures_and_no_generic_set_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TINCT_DATA", str(tmp_path / "nowhere"))
    asked: list[list[str]] = []

    def stop(name: str, settings: list[str]) -> None:
        asked.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("tinct.training.finetune.load_recipe", stop)
    few = painted(tmp_path / "few", 3, seed=3)
    with pytest.raises(KeyboardInterrupt):
        finetune(few, tmp_path / "run", warn=lambda text: print(text))
    out = capfd.readouterr().out
    assert f"3 pictures: a model learns little from fewer than {FEW}" in out
    assert "no generic set to replay" in out
    assert "data.replay=0" in asked[0]
    assert not (tmp_path / "run").exists()


def test_a_generic_set_that_is_not_there_and_grey_pictures_are_errors(
    own: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    words = ["finetune", str(own), "-o", str(run), "--replay", str(tmp_path / "no"), *SMALL]
    assert cli.run(words) == 3
    assert "no such file or folder" in capfd.readouterr().err
    grey = tmp_path / "grey"
    grey.mkdir()
    Image.new("L", (40, 40), 99).save(grey / "1.png")
    assert cli.run(["finetune", str(grey), "-o", str(run), *SMALL]) == 3
    assert "none of its 1 pictures is in colour" in capfd.readouterr().err
    assert cli.run(["finetune", str(own), "-o", str(run), "--start", "tinct-smal", *SMALL]) == 5
    assert "--start: there is no model" in capfd.readouterr().err
    assert not run.exists()


def test_a_share_of_what_is_drawn_comes_from_the_generic_set(own: Path, generic: Path) -> None:
    def draws(folder: Path) -> tuple[Draws, PictureSet]:
        found = open_pictures(folder, shorter=32, validation=0)
        return (
            Draws(
                found.cache,
                found.training,
                size=16,
                data=Data(size=16),
                augmentation=Augmentation(),
                group=4,
                seed=5,
            ),
            found,
        )

    (mine, _), (other, _) = draws(own), draws(generic)
    mixed = Replayed(mine, other, 0.25)
    numbers = range(400)
    alike = [
        (np.array_equal(mixed[n].rgb, mine[n].rgb), np.array_equal(mixed[n].rgb, other[n].rgb))
        for n in numbers
    ]
    assert all(one != two for one, two in alike)
    assert 60 <= sum(from_other for _, from_other in alike) <= 140
    assert np.array_equal(mixed.together([3, 4]).rgb[1], mixed[4].rgb)
    assert [bool(mixed[n].replayed) for n in numbers] == [other for _, other in alike]


def test_replayed_pictures_hold_the_network_to_what_it_said() -> None:
    generator = torch.Generator().manual_seed(0)
    before = find_system("tinct").build().eval()
    assert isinstance(before, Tinct)
    network = find_system("tinct").build().eval()
    assert isinstance(network, Tinct)
    assert network.classify.bias is not None
    network.load_state_dict(before.state_dict())
    bins = grid_bins()
    loss = BinLoss(bins, np.full(len(bins), 1 / len(bins)))
    criterion, plain = Bins(loss, before=before, keep=2.0), Bins(loss)
    batch = Batch(
        lightness=torch.rand(4, 1, 32, 32, generator=generator) * 100,
        chroma=torch.rand(4, 2, 32, 32, generator=generator) * 60 - 30,
        embedding=None,
        replayed=torch.tensor([True, False, True, False]),
    )
    own = replace(batch, lightness=batch.lightness[1::2], chroma=batch.chroma[1::2], replayed=None)
    total, parts = criterion(network, batch)
    learned, _ = plain(network, own)
    assert parts["forgotten"] == pytest.approx(0, abs=1e-5)  # it is still the same network
    assert total.item() == pytest.approx(learned.item(), rel=1e-5)
    with torch.no_grad():
        network.classify.bias += torch.linspace(-2, 2, len(bins))
        changed, parts = criterion(network, batch)
        learned, _ = plain(network, own)
    assert parts["forgotten"] > 0.1
    assert changed.item() == pytest.approx(learned.item() + 2 * parts["forgotten"], rel=1e-5)
    for replayed in ([True] * 4, [False] * 4):
        _, logged = criterion(network, replace(batch, replayed=torch.tensor(replayed)))
        assert logged.keys() == parts.keys()  # which devices add up


def test_more_pictures_are_learned_from_for_longer() -> None:
    assert [steps_for(count) for count in (1, 20, 200, 20_000)] == [60, 60, 141, 1414]


def test_frozen_parts_stay_and_the_others_learn(own: Path, generic: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    frozen = ["encoder", "stages.1"]
    outcome = finetune(
        own,
        tmp_path / "run",
        replay=generic,
        overrides=[*SMALL, "data.apart=false", f"optimiser.frozen={json.dumps(frozen)}"],
    )
    before = find_system("tinct").build()
    begin_with(before, DEFAULT)
    after = load_file(outcome.outcome.run / "last.safetensors")
    moved = {
        name
        for name, value in before.state_dict().items()
        if not np.array_equal(value.numpy(), after[name])
    }
    assert not [name for name in moved if name.startswith((*(f"{one}." for one in frozen),))]
    assert {"stages.0.join.weight", "stages.2.join.weight", "context.weight"} <= moved
