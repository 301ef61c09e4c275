"""The verbs of training: what they hand on and what they say. Nothing is trained here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.networks import SAID, network
from tinct import cli
from tinct.errors import OutputExists

Calls = list[tuple[Any, ...]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    """An engine that only notes what it is told; the working folder is an empty one."""
    calls: Calls = []

    def end(run: Path) -> SimpleNamespace:
        stopped = "interrupted" if "interrupt" in run.name else "all steps are done"
        return SimpleNamespace(run=run, step=12, best={"ciede2000": 9.87654}, stopped=stopped)

    def train(recipe: Any, data: Path | None, run: Path, *, quiet: bool = False) -> Any:
        calls.append((recipe, data, run, quiet))
        if (run / "recipe.toml").exists():
            raise OutputExists("holds a run already", where=str(run), remedy="`tinct resume`")
        run.mkdir(parents=True)
        (run / "recipe.toml").touch()
        return end(run)

    def resume(run: Path, overrides: list[str], *, quiet: bool = False) -> Any:
        calls.append((run, overrides, quiet))
        return end(run)

    stand_in(monkeypatch, "tinct.training.engine", train=train, resume=resume)
    monkeypatch.setenv("TINCT_RUN", "")
    monkeypatch.delenv("TINCT_RUN")  # and what a verb sets is undone
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.chdir(tmp_path)
    return calls


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, **functions: Callable[..., Any]) -> None:
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**functions))


def test_training_hands_on_the_recipe_and_says_where_the_run_is(
    told: Calls, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "alpha", "stop.steps=3", "--data", "pictures", "-o", "out", "seed=9"]
    assert cli.run(words) == 0
    ((recipe, data, run, quiet),) = told
    assert (recipe.system, recipe.stop.steps, recipe.seed) == ("alpha", 3, 9)
    assert (data, run, quiet) == (Path("pictures"), Path("out"), False)
    captured = capfd.readouterr()
    assert captured.out == "out\n"
    assert "step 12: all steps are done\nbest: ciede2000 9.877\n" in captured.err
    assert "`tinct export out`" in captured.err


def test_runs_are_numbered_and_never_mixed(told: Calls, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert cli.run(["train", "alpha", "-q"]) == 0
    assert [call[2] for call in told] == [Path("runs/alpha-1"), Path("runs/alpha-2")]
    assert capfd.readouterr() == ("runs/alpha-1\nruns/alpha-2\n", "")
    assert cli.run(["train", "alpha", "-o", "runs/alpha-1"]) == OutputExists.exit_code
    assert "`tinct resume`" in capfd.readouterr().err


def test_all_processes_of_a_training_share_its_folder(
    told: Calls, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["train", "alpha", "-q"]) == 0
    Path("runs/alpha-1/recipe.toml").unlink()
    Path("runs/alpha-1").rmdir()
    Path("runs").rmdir()
    capfd.readouterr()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert cli.run(["train", "alpha"]) == 0
    assert told[1][2] == Path("runs/alpha-1")
    assert capfd.readouterr() == ("", "")
    monkeypatch.delenv("TINCT_RUN")
    assert cli.run(["train", "alpha"]) == 2
    assert "--out" in capfd.readouterr().err


def test_an_interrupted_training_says_how_to_go_on(
    told: Calls, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["train", "alpha", "-o", "interrupt"]) == 130
    assert "`tinct resume interrupt` goes on" in capfd.readouterr().err
    assert cli.run(["resume", "interrupt", "stop.steps=30", "--json", "-q"]) == 130
    assert told[1] == (Path("interrupt"), ["stop.steps=30"], True)
    record = json.loads(capfd.readouterr().out)
    assert record == {
        "v": 1,
        "event": "trained",
        "run": "interrupt",
        "step": 12,
        "stopped": "interrupted",
        "best": {"ciede2000": 9.87654},
    }


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["train"], 2, "RECIPE"),
        (["train", "alhpa"], 8, "did you mean 'alpha'?"),
        (["train", "alpha", "stop"], 8, "key=value"),
        (["train", "alpha", "stop.stepz=3"], 8, "did you mean 'steps'?"),
        (["export", "run", "--weights", "worst"], 2, "'best', 'last'"),
        (["systems", "show", "gamma"], 2, "alpha, beta"),
    ],
)
@pytest.mark.usefixtures("told")
def test_what_cannot_be_done_is_one_line(
    words: list[str], code: int, complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(words) == code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert captured.err.count("\n") == 1


def test_a_sweep_is_a_table(
    told: Calls, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [{"seed": 1, "ciede2000": 9.5}, {"seed": 2, "ciede2000": 10.0}]

    def sweep(*given: Any) -> list[dict[str, float]]:
        told.append(given)
        return rows

    stand_in(monkeypatch, "tinct.training.sweep", sweep=sweep)
    words = ["train", "alpha", "seed=[1, 2]", "--sweep"]
    assert cli.run([*words, "--json"]) == 0
    assert told[0] == ("alpha", ["seed=[1, 2]"], None, Path("runs/alpha-sweep-1"), False)
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert found == [{"v": 1, "event": "swept", **row} for row in rows]
    assert cli.run(words) == 0
    assert [line.split() for line in capfd.readouterr().out.splitlines()] == [
        ["seed", "ciede2000"],
        ["1", "9.5"],
        ["2", "10"],
    ]


def test_an_exported_run_colours_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def export_run(
        run: Path, target: Path | None, *, weights: str, calibrate: bool, storage: str
    ) -> Path:
        assert (calibrate, storage) == (False, "float16")
        return network(target or run / "model.onnx", {"weights": weights})

    stand_in(monkeypatch, "tinct.training.export", export_run=export_run)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["export", "run", "--weights", "last"]) == 0
    captured = capfd.readouterr()
    assert captured.out == "run/model.onnx\n"
    assert "--model run\n" in captured.err
    assert cli.run(["export", "run", "-o", "other.onnx", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["path"] == "other.onnx"
    assert SAID.items() <= record.items()
    assert cli.run(["models", "show", "run"]) == 0
    shown = capfd.readouterr().out
    assert "name: alpha.test\n" in shown
    assert "weights: last\n" in shown
    Image.linear_gradient("L").save("grey.png")
    words = ["colorize", "--model", "run", "--name", "{stem}.{model}{ext}", "-q", "grey.png"]
    assert cli.run(words) == 0
    assert b"alpha.test" in Path("grey.alpha.test.png").read_bytes()


def test_systems_are_listed_and_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["systems", "list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["alpha", "32,202"]
    assert lines[-1].startswith("tinct ")
    assert cli.run(["systems", "list", "--json"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == len(lines)
    assert cli.run(["systems", "show", "alpha"]) == 0
    shown = capfd.readouterr().out
    assert "  loss: MSE of a*b* / 128\n" in shown
    assert "Conv2d 3 x 3, stride 2" in shown
    assert "8 x 200 x 200" in shown
    assert cli.run(["systems", "show", "alpha", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert sum(layer["parameters"] for layer in record["layers"]) == record["parameters"]


def test_fetching_prints_where_the_weights_are(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, "tinct.systems.weights", fetch_weights=lambda name: Path(name))
    assert cli.run(["systems", "fetch", "inception_resnet_v2"]) == 0
    assert capfd.readouterr().out == "inception_resnet_v2\n"


def test_without_torch_training_says_how_to_get_it_and_the_rest_works() -> None:
    script = (
        "import sys\nsys.modules['torch'] = None\n"
        "from tinct.cli import run\n"
        "assert run(['systems', 'list']) == 0\n"
        "assert run(['systems', 'show', 'alpha']) == 0\n"
        "for words in (['train', 'alpha'], ['resume', 'x'], ['export', 'x']):\n"
        "    assert run(words) == 2\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert b'pip install "tinct[train]"' in done.stdout
    for line in done.stderr.splitlines():
        assert line == (
            b'error: this needs torch, which is not installed (pip install "tinct[train]")'
        )
    assert len(done.stderr.splitlines()) == 3


def test_no_other_verb_pays_for_these() -> None:
    script = (
        "import sys\nfrom tinct.cli import run\n"
        "assert run(['models', 'list']) == 0\n"
        "assert run(['colorize', '--dry-run', '-q', sys.argv[1]]) == 0\n"
        "late = {'tinct.cli.learning', 'tinct.systems', 'tinct.models.exported'}\n"
        "assert not late & set(sys.modules)\n"
    )
    picture = Path(__file__).parent.parent / "examples" / "portrait-02.jpg"
    subprocess.run([sys.executable, "-c", script, picture], check=True, capture_output=True)
