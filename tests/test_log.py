from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tinct.errors import OutputUnwritable, UsageError
from tinct.training import log as log_room
from tinct.training.log import RunLog, read_history

MEASURES = {
    "network": {"loss": 0.0123, "ciede2000": 10.92, "lab_accuracy_5": 0.5663},
    "grey": {"ciede2000": 13.31, "lab_accuracy_5": 0.2834},
    "tint": {"ciede2000": 12.2, "lab_accuracy_5": 0.3},
    "oracle": {"ciede2000": 9.1, "lab_accuracy_5": 0.6},
}


def steps(log: RunLog, *numbers: int, loss: float = 0.02) -> None:
    for step in numbers:
        log.train(
            step=step,
            epoch=step / 100,
            losses={"loss": loss, "adversarial": 0.7},
            rates={"network": 1e-3},
            images_per_second=24.5,
            waiting=0.02,
        )


def test_every_event_is_one_line_with_all_that_was_said(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run", total=100, quiet=True) as log:
        steps(log, 50)
        log.validation(step=50, epoch=0.5, measures=MEASURES, pictures=12, best=True)
        log.note(step=50, text="learning rate halved\nafter 3 validations")
    train, validation, note = read_history(tmp_path / "run")
    assert all(event.pop("seconds") >= 0 for event in (train, validation, note))
    assert train == {
        "event": "train",
        "step": 50,
        "epoch": 0.5,
        "losses": {"loss": 0.02, "adversarial": 0.7},
        "rates": {"network": 0.001},
        "images_per_second": 24.5,
        "waiting": 0.02,
    }
    assert validation == {
        "event": "validation",
        "step": 50,
        "epoch": 0.5,
        "best": True,
        "pictures": 12,
        "measures": MEASURES,
    }
    assert note["text"] == "learning rate halved\nafter 3 validations"


def test_a_resumed_run_drops_later_lines_and_counts_its_seconds_on(tmp_path: Path) -> None:
    with RunLog(tmp_path, total=200, quiet=True) as log:
        steps(log, 50, 100, 150)
    file = tmp_path / "history.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    earlier = [json.loads(line) | {"seconds": 1000.0} for line in lines]
    # the process was killed in the middle of a line
    text = "\n".join(map(json.dumps, earlier)) + '\n{"event":"train","st'
    file.write_text(text, encoding="utf-8")
    with RunLog(tmp_path, total=200, step=100, quiet=True) as log:
        steps(log, 150, 200)
    events = read_history(tmp_path)
    assert [event["step"] for event in events] == [50, 100, 150, 200]
    assert [event["seconds"] >= 1000 for event in events] == [True] * 4
    RunLog(tmp_path, total=200, quiet=True).close()
    assert read_history(tmp_path) == []


def test_numbers_that_are_not_finite_leave_valid_json(tmp_path: Path) -> None:
    with RunLog(tmp_path, total=None, quiet=True) as log:
        steps(log, 1, loss=float("nan"))
        measures = {"network": {"psnr": float("inf"), "ciede2000": np.float32(3)}}
        log.validation(step=1, epoch=0, measures=measures, pictures=1, best=False)  # type: ignore[arg-type]
    train, validation = read_history(tmp_path)
    assert train["losses"]["loss"] is None
    assert validation["measures"]["network"] == {"psnr": None, "ciede2000": 3.0}


def test_lines_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunLog(tmp_path, total=100) as log:
        steps(log, 10, 20, 30)
        log.validation(step=30, epoch=0.3, measures=MEASURES, pictures=12, best=True)
        log.note(step=30, text="rate\x1b[31m halved")
    out, err = capsys.readouterr()
    assert out == ""
    first, validation, note = err.splitlines()  # training speaks at most every half minute
    assert first.startswith("step 10/100, epoch 0.1: loss 0.02, rate 0.001, 24.5 images/s, 0:0")
    assert validation == (
        "validation at step 30, epoch 0.3: loss 0.0123; "
        "CIEDE2000 10.92 (grey 13.31, tint 12.20); "
        "LAB accuracy (5 %) 56.63 % (grey 28.34 %, tint 30.00 %) - best so far"
    )
    assert note == "step 30: rate [31m halved"
    with RunLog(tmp_path, total=100, quiet=True) as log:
        steps(log, 10)
        log.note(step=30, text="halved")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    with RunLog(tmp_path, total=100, step=40) as log:
        steps(log, 60)
        log.validation(step=60, epoch=0.6, measures=MEASURES, pictures=12, best=False)
        log.train(
            step=80,
            epoch=0.8,
            losses={"generator": 0.5},
            rates={},
            images_per_second=2,
            waiting=0,
        )
        assert log._progress is not None
        log._progress.refresh()
    drawn = screen.getvalue()
    assert " 80/100" in drawn
    assert "loss 0.5, rate nan, 2.0 images/s" in drawn
    assert "0:00 left" in drawn
    assert "CIEDE2000 10.92 (grey 13.31" in drawn


def test_tensorboard_holds_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with RunLog(tmp_path, total=100, tensorboard=True, quiet=True) as log:
        steps(log, 10, 20)
        log.validation(step=20, epoch=0.2, measures=MEASURES, pictures=12, best=True)
        log.note(step=20, text="halved")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert round(events.Scalars("ciede2000/grey")[0].value, 2) == 13.31
    with RunLog(tmp_path, total=100, step=10, tensorboard=True, quiet=True) as log:
        steps(log, 30, loss=0.01)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    losses = [(entry.step, round(entry.value, 4)) for entry in events.Scalars("training/loss")]
    assert losses == [(10, 0.02), (30, 0.01)]  # what the resumed run did again is gone


def test_tensorboard_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"not installed \(pip install"):
        RunLog(tmp_path / "run", total=100, tensorboard=True)
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable, match="file where a folder is needed"):
        RunLog(tmp_path / "file", total=1)
    assert log_room.BETWEEN_LINES >= 10
