"""Sweeps: every combination once, whatever happens between."""

from __future__ import annotations

import csv
import json
import math
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.trainings import OWN, QUICK, paint
from tinct.errors import ConfigError, InputError, OutputExists
from tinct.systems import SYSTEMS
from tinct.training import engine
from tinct.training.objective import Distance
from tinct.training.reading import read_table, recipe_of
from tinct.training.sweep import sweep

RATES = "optimiser.rate=[1e-3, 1e-2]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("sweep") / "pictures", 8)


@pytest.fixture(autouse=True)
def begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[str]]:
    """The trainings that are begun or gone on with."""
    calls: list[str] = []
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path_factory.getbasetemp() / "caches"))
    for name, system in OWN.items():
        monkeypatch.setitem(SYSTEMS, name, system)
    monkeypatch.setattr(engine, "_write_up", lambda run: None)
    launch = engine._launch

    def launched(recipe: Any, source: Path, run: Path, **options: Any) -> engine.Outcome:
        calls.append(("resume " if options["resumed"] else "train ") + run.name)
        return launch(recipe, source, run, **options)

    monkeypatch.setattr(engine, "_launch", launched)
    threads, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
    yield calls
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = deterministic


def swept(folder: Path, run: Path, *overrides: str) -> list[dict[str, Any]]:
    words = [*QUICK, "system=dot", "stop.steps=2", "run.sheet=0", *overrides]
    return sweep("alpha", words, folder, run, True)


def table(run: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((run / "sweep.json").read_text())["trainings"]
    return rows


def poison(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    """Let losses on that scale be no numbers."""
    original = Distance.between

    def between(self: Distance, coloured: Tensor, truth: Tensor) -> Tensor:
        loss = original(self, coloured, truth)
        return loss * math.nan if self.scale == scale and loss.requires_grad else loss

    monkeypatch.setattr(Distance, "between", between)


def test_every_combination_is_trained_from_a_fresh_network(
    folder: Path, tmp_path: Path, begun: list[str]
) -> None:
    run = tmp_path / "sweep"
    rows = swept(folder, run, RATES, "data.batch=[2, 4]")
    names = {
        "1-data.batch=2,optimiser.rate=0.001",
        "2-data.batch=2,optimiser.rate=0.01",
        "3-data.batch=4,optimiser.rate=0.001",
        "4-data.batch=4,optimiser.rate=0.01",
    }
    assert {row["folder"] for row in rows} == names
    assert set(begun) == {f"train {name}" for name in names}
    losses = [row["loss"] for row in rows]
    assert losses == sorted(losses)
    assert len(set(losses)) == 4
    for row in rows:
        recipe = read_table(run / row["folder"] / "recipe.toml")
        assert recipe["data"]["batch"] == row["data.batch"]
        assert recipe["optimiser"]["rate"] == row["optimiser.rate"]
        assert (row["step"], row["ended"]) == (2, "all steps done")
        assert 0 < row["tint"] < row["grey"]
        assert row["seconds"] > 0
    last = read_table(run / "4-data.batch=4,optimiser.rate=0.01" / "recipe.toml")
    alone = recipe_of(last, where="")
    outcome = engine.train(alone, folder, tmp_path / "alone", quiet=True)
    (row,) = [row for row in rows if row["folder"].startswith("4-")]
    assert outcome.best["loss"] == pytest.approx(row["loss"], rel=1e-5)


def test_the_tables_hold_a_row_for_each(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "sweep"
    rows = swept(folder, run, RATES)
    with (run / "sweep.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["folder"] for row in found] == [row["folder"] for row in rows]
    assert {"network.loss", "grey.ciede2000", "tint.psnr", "best_step", "ended"} <= found[0].keys()
    assert float(found[0]["network.loss"]) == rows[0]["loss"]
    assert [row["folder"] for row in table(run)] == [row["folder"] for row in rows]
    assert table(run)[0]["settings"] == {"optimiser.rate": rows[0]["optimiser.rate"]}
    lines = (run / "sweep.md").read_text().splitlines()
    assert lines[0] == "# sweep"
    assert lines[4].startswith("| folder | optimiser.rate | step | loss | ciede2000 | grey | tint")
    assert len(lines) == 8


def test_what_is_finished_is_not_trained_again_and_new_values_join(
    folder: Path, tmp_path: Path, begun: list[str]
) -> None:
    run = tmp_path / "sweep"
    rows = swept(folder, run, RATES)
    assert swept(folder, run, RATES) == rows
    assert len(begun) == 2
    more = swept(folder, run, "optimiser.rate=[1e-3, 3e-3, 1e-2]")
    assert begun[2:] == ["train 3-optimiser.rate=0.003"]
    assert len(more) == 3
    assert [row for row in more if row["optimiser.rate"] != 0.003] == rows


def test_an_interrupt_stops_the_whole_and_the_next_call_goes_on(
    folder: Path, tmp_path: Path, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, whole = tmp_path / "sweep", tmp_path / "whole"
    expected = swept(folder, whole, RATES, "seed=[1, 2]")
    del begun[:]
    between, calls = Distance.between, iter(range(1, 99))

    def interrupted(self: Distance, coloured: Tensor, truth: Tensor) -> Tensor:
        if coloured.requires_grad and next(calls) == 3:  # the second training's first step
            signal.raise_signal(signal.SIGINT)
        return between(self, coloured, truth)

    with monkeypatch.context() as context:
        context.setattr(Distance, "between", interrupted)
        with pytest.raises(KeyboardInterrupt):
            swept(folder, run, RATES, "seed=[1, 2]")
    first, second = begun
    assert sorted(row["ended"] for row in table(run)) == ["all steps done", "interrupted"]
    rows = swept(folder, run, RATES, "seed=[1, 2]")
    assert begun[2] == second.replace("train", "resume")
    assert len(begun) == 5
    assert first not in begun[1:]
    assert [row["loss"] for row in rows] == [row["loss"] for row in expected]


def test_one_that_diverges_is_recorded_and_the_sweep_goes_on(
    folder: Path, tmp_path: Path, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, scale=64.0)
    rows = swept(folder, tmp_path, "loss.scale=[64, 128]")
    assert [row["loss.scale"] for row in rows] == [128, 64]
    assert rows[1]["ended"].startswith("diverged: the loss is not finite at step 1")
    assert rows[1]["loss"] is None
    assert swept(folder, tmp_path, "loss.scale=[64, 128]") == rows
    assert len(begun) == 2


def test_losses_of_different_kinds_are_not_compared(folder: Path, tmp_path: Path) -> None:
    rows = swept(folder, tmp_path, "loss.scale=[1000, 10]")
    assert json.loads((tmp_path / "sweep.json").read_text())["sorted_by"] == "ciede2000"
    assert rows[0]["ciede2000"] <= rows[1]["ciede2000"]


def test_lists_of_names_and_keywords_of_the_network_are_tried_out(
    folder: Path, tmp_path: Path
) -> None:
    judges = 'adversarial.discriminators=[["plain"], ["plain", "keen"]]'
    options = ("system=judged", "adversarial.kind=least-squares", judges)
    rows = swept(folder, tmp_path / "judges", *options)
    tried = {row["adversarial.discriminators"] for row in rows}
    assert tried == {"plain", "plain+keen"}
    rows = swept(folder, tmp_path / "network", "network.channels=[2, 4]")
    assert {row["network.channels"] for row in rows} == {2, 4}


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("seed=3", "offers nothing to try"),
        ("seed=[]", "is an empty list"),
        ("optimiser.rate=[1e-3, fast]", "optimiser.rate=fast: 'optimiser.rate' must be a number"),
        ("optimiser.rat=[1, 2]", "did you mean 'rate'"),
        ("run.devices=[1, 2]", "one device"),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_is_trained(
    folder: Path, tmp_path: Path, begun: list[str], override: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        swept(folder, tmp_path / "sweep", override)
    assert not begun
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_is_not_mixed_with_another(folder: Path, tmp_path: Path) -> None:
    swept(folder, tmp_path / "sweep", "seed=[1, 2]")
    with pytest.raises(OutputExists, match="other pictures"):
        swept(paint(tmp_path / "others", 5), tmp_path / "sweep", "seed=[1, 2]")
    (tmp_path / "sweep" / "sweep.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        swept(folder, tmp_path / "sweep", "seed=[1, 2]")


def test_a_recipe_itself_may_hold_lists(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("system = 'dot'\nseed = [1, 2]\n", encoding="utf-8")
    rows = sweep(str(file), [*QUICK, "stop.steps=1"], folder, tmp_path / "sweep", True)
    assert [row["seed"] for row in rows] in ([1, 2], [2, 1])
    assert read_table(tmp_path / "sweep" / "1-seed=1" / "recipe.toml")["name"] == "mine"
