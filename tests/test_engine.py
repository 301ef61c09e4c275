"""The engine: what a run leaves behind, and that it can be broken off anywhere."""

from __future__ import annotations

import contextlib
import json
import math
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from tests.trainings import OWN, history, paint, quick, scene, state, tensors, weights
from tinct.errors import ConfigError, InputError, OutputExists, OutputUnwritable
from tinct.systems import SYSTEMS
from tinct.training import engine
from tinct.training.adversarial import Contest
from tinct.training.draws import Batch
from tinct.training.engine import Outcome, TrainingError, resume, train
from tinct.training.log import read_history
from tinct.training.objective import Distance, Supervised
from tinct.training.reading import load_recipe, read_table, to_toml

JUDGED = (
    "system=judged",
    "loss.kind=l1",
    "optimiser.name=adam",
    "adversarial.kind=least-squares",
    'adversarial.discriminators=["plain", "keen"]',
    "adversarial.features=1.0",
    "adversarial.own_batches=true",
)
AVERAGED = ("run.average=0.9", "optimiser.name=adamw", "schedule.kind=cosine", "data.workers=2")
#: drawing takes longer than these trainings
write_up = engine._write_up
written: list[Path] = []
CUT = ("schedule.kind=plateau", "schedule.patience=1", "optimiser.rate=0.1", "stop.steps=12")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("engine") / "pictures", 12)


@pytest.fixture(autouse=True)
def quick_and_clean(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path_factory.getbasetemp() / "caches"))
    for name, system in OWN.items():
        monkeypatch.setitem(SYSTEMS, name, system)
    monkeypatch.setattr(engine, "_write_up", written.append)
    threads, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
    yield
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = deterministic


class Steps:
    """Hears of every step, and may do something in one."""

    def __init__(self) -> None:
        self.losses: list[dict[str, float]] = []
        self.shapes: list[tuple[int, ...]] = []
        self.during: dict[int, Callable[[], object]] = {}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    heard = Steps()

    def listen(kind: type[Supervised | Contest]) -> None:
        original: Any = kind.step

        def step(self: Any, batches: list[Batch]) -> dict[str, float]:
            heard.shapes.append(tuple(batches[0].lightness.shape))
            losses: dict[str, float] = original(self, batches)
            heard.losses.append(losses)
            heard.during.get(len(heard.losses), lambda: None)()
            return losses

        monkeypatch.setattr(kind, "step", step)

    listen(Supervised)
    listen(Contest)
    return heard


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def interrupt_twice() -> None:
    interrupt()
    interrupt()


def test_a_run_leaves_everything_behind(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    outcome = train(quick("system=alpha", "run.every=3"), folder, run)
    assert outcome == Outcome(run, 6, outcome.best, "all steps done")
    assert {path.name for path in run.iterdir()} == {
        "recipe.toml",
        "environment.json",
        "data.json",
        "history.jsonl",
        "last.pt",
        "best.safetensors",
        "last.safetensors",
        "sheets",
    }
    assert [path.name for path in sorted((run / "sheets").iterdir())] == [
        "00000003.png",
        "00000006.png",
    ]
    data = json.loads((run / "data.json").read_text())
    assert (data["pictures"], data["grey"], data["unreadable"]) == (12, 0, [])
    assert data["training"] + data["validation"] <= 12
    with safe_open(run / "best.safetensors", "pt") as file:
        said = json.loads(file.metadata()["tinct"])
    assert (said["system"], said["size"], said["network"]) == ("alpha", 16, {})
    assert said["recipe"]["optimiser"]["rate"] == 1e-3
    validations = history(run, "validation")
    assert [one["step"] for one in validations] == [3, 6]
    assert validations[0]["measures"].keys() == {"network", "grey", "tint", "oracle"}
    assert validations[0]["measures"]["tint"]["ciede2000"] < 30
    assert [one["step"] for one in history(run, "train")] == [3, 6]
    best = min(one["measures"]["network"]["loss"] for one in validations)
    assert outcome.best["loss"] == pytest.approx(best, rel=1e-5)
    assert "validation at step 6" in capfd.readouterr().err
    assert written[-1] == run
    write_up(run)
    assert (run / "loss.png").is_file()
    assert "CIEDE2000" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "options", [(), AVERAGED, JUDGED, CUT, ("run.accumulate=2",)], ids=lambda one: "".join(one[:1])
)
def test_a_resumed_run_is_the_uninterrupted_run_to_the_bit(
    folder: Path, tmp_path: Path, steps: Steps, options: tuple[str, ...]
) -> None:
    recipe = quick(*options)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(recipe, folder, whole, quiet=True)
    expected = steps.losses
    steps.losses = []
    steps.during = {3: interrupt}
    assert train(recipe, folder, broken, quiet=True).stopped == "interrupted"
    assert state(broken)["progress"]["step"] == 3
    steps.during = {}
    torch.manual_seed(99)  # what happens between may not matter
    assert resume(broken, quiet=True).stopped == "all steps done"
    assert steps.losses == expected
    assert tensors(state(broken)) == tensors(state(whole))
    for name in ("best", "last"):
        assert tensors(weights(broken, name)) == tensors(weights(whole, name))
    measures = [[one["measures"] for one in history(run, "validation")] for run in (broken, whole)]
    assert measures[0] == measures[1]
    assert (state(whole)["progress"]["plateau"]["share"] < 1) == (options == CUT)


def test_the_average_is_what_is_kept(folder: Path, tmp_path: Path) -> None:
    train(quick(*AVERAGED), folder, tmp_path / "run", quiet=True)
    saved = state(tmp_path / "run")
    kept = weights(tmp_path / "run", "last")
    torch.testing.assert_close(kept["first.weight"], saved["average"]["module.first.weight"])
    assert not torch.equal(kept["first.weight"], saved["networks"]["network"]["first.weight"])


def test_one_seed_is_one_run_and_another_is_another(
    folder: Path, tmp_path: Path, steps: Steps
) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(quick(f"seed={seed}", *JUDGED), folder, tmp_path / name, quiet=True)
    first, second, other = steps.losses[:6], steps.losses[6:12], steps.losses[12:]
    assert first == second
    assert first != other
    assert tensors(weights(tmp_path / "a")) == tensors(weights(tmp_path / "b"))


def test_batches_added_up_are_one_larger_batch(folder: Path, tmp_path: Path, steps: Steps) -> None:
    train(quick("data.batch=4"), folder, tmp_path / "one", quiet=True)
    train(quick("data.batch=2", "run.accumulate=2"), folder, tmp_path / "two", quiet=True)
    for one, two in zip(steps.losses[:6], steps.losses[6:], strict=True):
        assert one == pytest.approx(two, rel=1e-4)


@pytest.mark.parametrize("at", [2, 6, 7, 9])
def test_a_recipe_that_goes_on_from_another_trains_both_wherever_it_is_broken_off(
    folder: Path, tmp_path: Path, steps: Steps, at: int
) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(to_toml(quick("seed=8")), encoding="utf-8")
    second.write_text(to_toml(quick(f"after={first}", "stop.steps=4")), encoding="utf-8")
    train(load_recipe(first), folder, tmp_path / "one", quiet=True)
    train(load_recipe(second, [f"start={tmp_path / 'one'}", "after="]), folder, tmp_path / "two")
    expected, steps.losses = steps.losses, []
    run = tmp_path / "run"
    steps.during = {at: interrupt}
    if (outcome := train(load_recipe(second), folder, run, quiet=True)).stopped == "interrupted":
        steps.during = {}
        outcome = resume(run, quiet=True)
    assert (outcome.run, outcome.step) == (run, 4)
    assert steps.losses == expected
    for kept, apart in (("", "two"), ("before", "one")):
        assert tensors(weights(run / kept)) == tensors(weights(tmp_path / apart))
    with pytest.raises(OutputExists):
        train(load_recipe(second), folder, run, quiet=True)


def test_where_to_begin_is_said_once(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="both say where to begin"):
        quick("after=alpha", "start=tinct-small.third")
    with pytest.raises(ConfigError, match="no such recipe"):
        train(quick("after=alfa"), folder, tmp_path / "run", quiet=True)
    with pytest.raises(ConfigError, match="on one device"):
        train(quick("after=alpha", "run.devices=2"), folder, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def poison(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Make the loss of a step no number."""
    original, calls = Distance.between, iter(range(1, 1000))

    def between(self: Distance, coloured: Tensor, truth: Tensor) -> Tensor:
        loss = original(self, coloured, truth)
        return loss * math.nan if loss.requires_grad and next(calls) == at else loss

    monkeypatch.setattr(Distance, "between", between)


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: Steps
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    train(quick(), folder, whole, quiet=True)
    with monkeypatch.context() as context:
        poison(context, at=4)
        with pytest.raises(TrainingError) as caught:
            train(quick(), folder, run, quiet=True)
    assert "not finite at step 4, learning rate 0.001; the weights of step 2 are kept" in str(
        caught.value
    )
    assert "lower optimiser.rate" in str(caught.value)
    assert state(run)["progress"]["step"] == 2
    resume(run, quiet=True)  # what was bad is not in the checkpoint
    assert tensors(weights(run, "last")) == tensors(weights(whole, "last"))


def test_a_run_that_ended_before_its_first_checkpoint_begins_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        poison(context, at=1)
        with pytest.raises(TrainingError, match=r"at step 1, .* no weights to keep yet"):
            train(quick(), folder, tmp_path / "run", quiet=True)
    assert resume(tmp_path / "run", quiet=True).step == 6


def test_a_full_disk_is_one_line_and_the_checkpoint_before_stands(
    folder: Path, small_disk: Path, steps: Steps
) -> None:
    run, filler = small_disk / "run", small_disk / "filler"

    def fill() -> None:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    steps.during = {3: fill}
    with pytest.raises(OutputUnwritable, match="no space left") as caught:
        train(quick("run.sheet=0"), folder, run, quiet=True)
    assert "\n" not in str(caught.value)
    assert state(run)["progress"]["step"] == 2
    assert not [path for path in run.iterdir() if path.suffix in {".tmp", ".partial"}]
    filler.unlink()
    assert resume(run, quiet=True).step == 6


def test_the_second_interrupt_is_the_usual_one(folder: Path, tmp_path: Path, steps: Steps) -> None:
    steps.during = {3: interrupt_twice}
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(quick(), folder, tmp_path / "run", quiet=True)
    assert signal.getsignal(signal.SIGINT) is before
    assert state(tmp_path / "run")["progress"]["step"] == 2


@pytest.mark.parametrize(
    ("limit", "why", "step"),
    [
        ("stop.epochs=2", "all steps done", 4),
        ("stop.minutes=1e-9", "minutes are over", 1),
        ("stop.core_minutes=1e-9", "minutes of processor time are over", 1),
        ("stop.patience=2", "no better for 2 validations", 6),
    ],
)
def test_a_run_stops_when_it_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, why: str, step: int
) -> None:
    """Two steps an epoch; validation every second step, which finds nothing better."""
    if "patience" in limit:
        monkeypatch.setattr(Supervised, "step", lambda self, batches: {"loss": 1.0})
    outcome = train(quick("stop.steps=0", limit), folder, tmp_path / "run", quiet=True)
    assert why in outcome.stopped
    assert outcome.step == step
    assert history(tmp_path / "run", "validation")[-1]["step"] == step


def test_a_finished_run_can_be_lengthened_and_else_stays_as_it_is(
    folder: Path, tmp_path: Path, steps: Steps
) -> None:
    run = tmp_path / "run"
    train(quick("stop.steps=3"), folder, run, quiet=True)
    before = tensors(state(run)), len(read_history(run))
    assert resume(run, quiet=True).step == 3
    assert (tensors(state(run)), len(read_history(run))) == before
    assert resume(run, ["stop.steps=6", "run.every=1"], quiet=True).step == 6
    assert [one["step"] for one in history(run, "validation")] == [2, 3, 4, 5, 6]
    assert len(steps.losses) == 6
    assert read_table(run / "recipe.toml")["stop"]["steps"] == 6


def test_without_a_held_out_share_it_validates_on_what_it_learns_from(
    folder: Path, tmp_path: Path
) -> None:
    train(quick("data.validation=0"), folder, tmp_path / "run", quiet=True)
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert data["training"] == 12
    assert history(tmp_path / "run", "validation")[-1]["pictures"] == 3


def test_one_single_picture_is_learned(folder: Path, tmp_path: Path) -> None:
    outcome = train(
        quick("data.batch=1", "data.checked=1", "optimiser.rate=0.01", "stop.steps=30"),
        folder / "03.png",
        tmp_path / "run",
        quiet=True,
    )
    losses = [one["measures"]["network"]["loss"] for one in history(outcome.run, "validation")]
    assert losses[-1] < losses[0] / 2


def test_grey_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    mixed = paint(tmp_path / "pictures", 5)
    for number in range(2):
        grey = np.repeat(scene(number)[..., :1], 3, 2)
        Image.fromarray(grey).save(mixed / f"grey-{number}.png")
    train(quick(), mixed, tmp_path / "run", quiet=True)
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert (data["pictures"], data["grey"]) == (7, 2)
    assert data["training"] + data["validation"] == 5


def test_other_pictures_are_refused_on_resuming(tmp_path: Path, steps: Steps) -> None:
    pictures = paint(tmp_path / "pictures", 6)
    steps.during = {3: interrupt}
    train(quick(), pictures, tmp_path / "run", quiet=True)
    (pictures / "00.png").rename(pictures / "moved.png")
    before = (tmp_path / "run" / "last.pt").read_bytes()
    with pytest.raises(InputError, match="no longer those the run began with"):
        resume(tmp_path / "run", quiet=True)
    assert (tmp_path / "run" / "last.pt").read_bytes() == before
    (pictures / "moved.png").rename(pictures / "00.png")
    assert resume(tmp_path / "run", quiet=True).step == 6


@pytest.mark.parametrize("override", ["optimiser.rate=1", "data.batch=2", "seed=3", "system=beta"])
def test_what_is_learned_cannot_change_on_resuming(tmp_path: Path, override: str) -> None:
    (tmp_path / "recipe.toml").write_text("[stop]\nsteps = 1\n")
    with pytest.raises(ConfigError, match="cannot change in a run that has begun"):
        resume(tmp_path, [override], quiet=True)


def test_a_run_is_not_overwritten_and_nothing_cannot_be_resumed(
    folder: Path, tmp_path: Path
) -> None:
    train(quick("stop.steps=1"), folder, tmp_path / "run", quiet=True)
    with pytest.raises(OutputExists, match="tinct resume"):
        train(quick(), folder, tmp_path / "run", quiet=True)
    with pytest.raises(InputError, match="holds no run"):
        resume(tmp_path / "none", quiet=True)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("system=gamma", "no such system"),
        ("network.layers=3", "layers"),
        ("loss.kind=bins", "does not fit"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_leaves_no_run_behind(
    folder: Path, tmp_path: Path, override: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        train(quick(override), folder, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    judges = ("adversarial.kind=bce", "adversarial.discriminators=[third]", "system=judged")
    with pytest.raises(ConfigError, match="no discriminator 'third'"):
        train(quick(*judges), folder, tmp_path / "run", quiet=True)


def test_a_network_that_listens_is_trained_with_its_classifier(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: Steps
) -> None:
    from tests.test_embeddings import tiny

    monkeypatch.setattr("tinct.training.setup.load_classifier", lambda *given, **named: tiny())
    recipe = quick("system=listening", "run.sheet=0")
    train(recipe, folder, tmp_path / "run", quiet=True)
    with safe_open(tmp_path / "run" / "best.safetensors", "pt") as file:
        said = json.loads(file.metadata()["tinct"])
        assert file.get_tensor("listen.weight").shape == (16, 4)
    assert (said["classifier"], said["kind"]) == ("tiny", "logits")
    assert said["network"] == {"embedding": 4}


def test_the_last_tenth_may_be_larger(folder: Path, tmp_path: Path, steps: Steps) -> None:
    recipe = quick("data.final_size=32", "stop.steps=10")
    train(recipe, folder, tmp_path / "run", quiet=True)
    assert steps.shapes == [(4, 1, 16, 16)] * 9 + [(1, 1, 32, 32)]
    with safe_open(tmp_path / "run" / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["tinct"])["pictures_seen"] == 37
