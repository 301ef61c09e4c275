"""Training on several devices through the real command, and of the real networks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.trainings import QUICK, history, paint, state, tensors, weights
from tinct.training.engine import resume, train
from tinct.training.reading import load_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("devices") / "pictures", 12)


@pytest.fixture(autouse=True)
def caches(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path_factory.getbasetemp() / "caches"))


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tinct", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def by_two(recipe: str, folder: Path, run: Path, *overrides: str) -> None:
    words: list[str | Path] = [
        "train",
        recipe,
        "--data",
        folder,
        "-o",
        run,
        "-q",
        *QUICK,
        *overrides,
    ]
    done = command(*words, "run.devices=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{run}\n"
    assert done.stderr == ""


def same_losses(one: Path, two: Path) -> None:
    for first, second in zip(history(one, "train"), history(two, "train"), strict=True):
        assert first["losses"] == pytest.approx(second["losses"], rel=1e-4)
    assert state(one)["progress"]["step"] == state(two)["progress"]["step"]


def test_two_processes_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    options = ("run.average=0.9", "run.accumulate=2", "optimiser.clip=1", "run.every=1")
    by_two("alpha", folder, tmp_path / "two", *options, "stop.steps=4")
    recipe = load_recipe("alpha", [*QUICK, *options, "stop.steps=4"])
    train(recipe, folder, tmp_path / "one", quiet=True)
    same_losses(tmp_path / "one", tmp_path / "two")
    for name, weight in weights(tmp_path / "one", "last").items():
        other = weights(tmp_path / "two", "last")[name]
        torch.testing.assert_close(weight, other, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_two_processes_stop_resume_and_fail_as_one(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "two"
    by_two("alpha", folder, run, "stop.steps=3")
    done = command("resume", run, "stop.steps=6", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert state(run)["progress"]["step"] == 6
    uneven = command(
        "train",
        "alpha",
        *QUICK,
        "run.devices=2",
        "data.batch=3",
        "-o",
        tmp_path / "x",
        "--data",
        folder,
    )
    assert uneven.returncode == 8
    assert "cannot be dealt to 2 devices evenly" in uneven.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_an_interrupt_ends_all_processes_and_is_written_up(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [*QUICK, "run.devices=2", "stop.steps=1000000", "--data", folder, "-o", run, "-q"]
    going = subprocess.Popen(
        [sys.executable, "-m", "tinct", "train", "alpha", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    while not (run / "last.pt").exists():
        assert going.poll() is None, going.communicate()[0]
        time.sleep(0.1)
    os.killpg(going.pid, signal.SIGINT)
    said, _ = going.communicate()
    assert (going.returncode, said) == (130, f"{run}\n".encode())
    assert (run / "report.html").exists()
    assert ends(going.pid)


def ends(group: int) -> bool:
    """Whether all processes of a group end, in a moment or now."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_two_processes_play_the_game_of_one(folder: Path, tmp_path: Path) -> None:
    """Spectral norm in the judge, but batch norm in the network, which sees half as much."""
    options = ("data.size=32", "data.shorter=32", "stop.steps=2", "run.every=1")
    by_two("gan32-spectral", folder, tmp_path / "two", *options)
    assert len(history(tmp_path / "two", "train")) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gan32", ("data.size=32", "data.shorter=32", "data.batch=2")),
        ("pix2pix", ("data.size=64", "data.shorter=64", "data.batch=1")),
        ("tinct-small.first", ("data.size=64", "data.final_size=96", "data.shorter=64")),
    ],
)
def test_a_real_network_resumes_to_the_bit(
    folder: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    recipe = load_recipe(name, [*QUICK, *options, "stop.steps=4", "schedule.kind=constant"])
    train(recipe, folder, tmp_path / "whole", quiet=True)
    short = load_recipe(name, [*QUICK, *options, "stop.steps=2", "schedule.kind=constant"])
    train(short, folder, tmp_path / "broken", quiet=True)
    resume(tmp_path / "broken", ["stop.steps=4"], quiet=True)
    assert tensors(state(tmp_path / "broken")) == tensors(state(tmp_path / "whole"))


@pytest.mark.slow
def test_the_shipped_recipe_learns(folder: Path, tmp_path: Path) -> None:
    options = ("data.size=64", "data.final_size=0", "data.shorter=64", "data.batch=8")
    recipe = load_recipe(
        "tinct-small.first", [*QUICK, *options, "stop.steps=60", "run.every=20", "run.average=0"]
    )
    train(recipe, folder, tmp_path / "run", quiet=True)
    validations = history(tmp_path / "run", "validation")
    losses = [one["measures"]["network"]["loss"] for one in validations]
    assert losses[-1] < losses[0]
