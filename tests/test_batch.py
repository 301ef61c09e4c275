"""Batches: one bad file stops no other, interruptions leave nothing half-written."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tinct.batch import interruptible, run
from tinct.batch.events import JsonLines, Summary
from tinct.batch.inputs import expand
from tinct.batch.plan import Task, make_plan
from tinct.batch.terminal import Terminal
from tinct.batch.workers import DefectError
from tinct.errors import AlreadyTinct, ModelError, OutputExists, ResourceError, Unreadable

HERE = str(Path(__file__).parent)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(HERE)  # worker processes take the search path over
    yield import_module("tiny")
    sys.modules.pop("tiny", None)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def write(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name}.jpg").write_text(text)
        return tmp_path

    return write


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def carry_out(tiny: ModuleType, folder: Path, jobs: int) -> tuple[Summary, list[dict[str, Any]]]:
    stream = io.StringIO()
    tasks = make_plan(expand([str(folder)]))
    summary = run(tasks, make=tiny.make, reporter=JsonLines(stream), jobs=jobs)
    return summary, events(stream)


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_bad_file_stops_no_other(
    tiny: ModuleType, folder: Callable[..., Path], jobs: int
) -> None:
    place = folder(a="one", b="bad", c="crash", d="memory", e="five", f="colours", g="warn")
    summary, lines = carry_out(tiny, place, jobs)
    assert (summary.done, summary.skipped, summary.exit_code) == (3, 1, 1)
    kinds = {path.stem: type(error) for path, error in summary.failures}
    assert kinds == {"b": Unreadable, "c": DefectError, "d": ResourceError}
    assert sorted(path.name for path in place.glob("*.colorized.jpg")) == [
        "a.colorized.jpg",
        "e.colorized.jpg",
        "g.colorized.jpg",
    ]
    assert not list(place.glob(".tinct*"))
    assert [line["event"] for line in lines].count("progress") == 7
    assert lines[-1]["event"] == "summary"
    assert lines[-1]["failed"] == 3
    assert lines[-1]["exit_code"] == 1


def test_a_killed_worker_fails_its_file_and_the_others_go_on(
    tiny: ModuleType, folder: Callable[..., Path]
) -> None:
    texts = {f"x{number}": "kill" if number in (1, 4) else "good" for number in range(6)}
    summary, _ = carry_out(tiny, folder(**texts), 2)
    assert summary.done == 4
    assert {path.stem for path, _ in summary.failures} == {"x1", "x4"}
    assert all(isinstance(error, ResourceError) for _, error in summary.failures)
    assert all(error.remedy and "--jobs" in error.remedy for _, error in summary.failures)


def test_what_a_killed_worker_was_writing_is_removed(
    tiny: ModuleType, folder: Callable[..., Path]
) -> None:
    place = folder(a="kill while writing", b="good", c="good")
    summary, _ = carry_out(tiny, place, 2)
    assert summary.done == 2
    assert not list(place.glob(".tinct*"))


def test_workers_are_processes_that_are_used_again(
    tiny: ModuleType, folder: Callable[..., Path]
) -> None:
    place = folder(**{f"x{number}": "good" for number in range(6)})
    carry_out(tiny, place, 2)
    workers = {path.read_text().split()[-1] for path in place.glob("*.colorized.jpg")}
    assert 1 <= len(workers) <= 2
    assert str(os.getpid()) not in workers


@pytest.mark.parametrize("jobs", [1, 2])
def test_when_nothing_can_be_made_the_run_ends_at_once(
    tiny: ModuleType, folder: Callable[..., Path], jobs: int
) -> None:
    stream = io.StringIO()
    tasks = make_plan(expand([str(folder(a="one", b="two", c="three"))]))
    summary = run(tasks, make=tiny.make_fails, reporter=JsonLines(stream), jobs=jobs)
    assert isinstance(summary.aborted, ModelError)
    *_, error, last = events(stream)
    assert (error["event"], error["code"], error["input"]) == ("error", "model", None)
    assert (last["event"], last["exit_code"]) == ("summary", 5)


@pytest.mark.parametrize(
    ("text", "code"), [("one", 0), ("bad", 3), ("own", 7), ("crash", 70), ("memory", 6)]
)
def test_a_single_input_exits_with_its_own_code(
    tiny: ModuleType, folder: Callable[..., Path], text: str, code: int
) -> None:
    tasks = make_plan(expand([str(folder(a=text) / "a.jpg")]))
    assert run(tasks, make=tiny.make, reporter=Terminal(verbosity=-1)).exit_code == code


def test_our_own_results_are_passed_over_in_folders_and_refused_by_name(
    tiny: ModuleType, folder: Callable[..., Path]
) -> None:
    place = folder(a="one", b="own")
    summary, _ = carry_out(tiny, place, 1)
    assert (summary.done, summary.skipped, summary.exit_code) == (1, 1, 0)
    tasks = make_plan(expand([str(place / "b.jpg")]))
    summary = run(tasks, make=tiny.make, reporter=Terminal(verbosity=-1))
    assert isinstance(summary.failures[0][1], AlreadyTinct)


def test_results_that_exist_fail_alone(tiny: ModuleType, folder: Callable[..., Path]) -> None:
    place = folder(a="one", b="two")
    (place / "a.colorized.jpg").write_text("precious")
    tasks = make_plan(expand([str(place / "a.jpg"), str(place / "b.jpg")]))
    summary = run(tasks, make=tiny.make, reporter=Terminal(verbosity=-1))
    assert isinstance(summary.failures[0][1], OutputExists)
    assert summary.done == 1
    assert (place / "a.colorized.jpg").read_text() == "precious"


def test_folders_are_made_and_a_file_in_their_place_is_said(
    tiny: ModuleType, folder: Callable[..., Path], tmp_path: Path
) -> None:
    place = folder(a="one")
    (tmp_path / "taken").write_text("a file")
    good = make_plan(expand([str(place / "a.jpg")]), output=tmp_path / "x/y/z")
    assert run(good, make=tiny.make, reporter=Terminal(verbosity=-1)).done == 1
    bad = make_plan(expand([str(place / "a.jpg")]), output=tmp_path / "taken/deeper")
    assert run(bad, make=tiny.make, reporter=Terminal(verbosity=-1)).exit_code == 4


def interrupt(place: Path, times: int, number: int = signal.SIGINT) -> threading.Thread:
    """Press Ctrl-C as soon as the slow file is begun."""

    def press() -> None:
        deadline = time.monotonic() + 60
        while not (place / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(times):
            os.kill(os.getpid(), number)
            time.sleep(0.2)
        if times == 1 and number == signal.SIGINT:
            (place / "go").touch()

    thread = threading.Thread(target=press)
    thread.start()
    return thread


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_once_finishes_the_current_file(
    tiny: ModuleType, folder: Callable[..., Path], jobs: int
) -> None:
    texts = {"a": "slow", "b": "slow", **{f"c{number}": "good" for number in range(30)}}
    place = folder(**texts)
    thread = interrupt(place, 1)
    summary, lines = carry_out(tiny, place, jobs)
    thread.join()
    assert summary.exit_code == 130
    assert (place / "a.colorized.jpg").read_text().startswith("coloured slow")
    assert 1 <= summary.done < 32
    assert summary.done == len(list(place.glob("*.colorized.jpg")))
    assert not list(place.glob(".tinct*"))
    assert lines[-1]["interrupted"] is True


@pytest.mark.parametrize(("times", "number"), [(2, signal.SIGINT), (1, signal.SIGTERM)])
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_twice_stops_now_and_leaves_nothing_half_written(
    tiny: ModuleType, folder: Callable[..., Path], jobs: int, times: int, number: int
) -> None:
    place = folder(a="slow", b="slow", c="good")
    thread = interrupt(place, times, number)
    summary, _ = carry_out(tiny, place, jobs)
    thread.join()
    assert summary.exit_code == 130
    assert not (place / "a.colorized.jpg").exists()
    assert not list(place.glob(".tinct*"))


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptible(print):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_run_outside_the_main_thread_works(tiny: ModuleType, folder: Callable[..., Path]) -> None:
    place = folder(a="one")
    found: list[Summary] = []
    thread = threading.Thread(target=lambda: found.append(carry_out(tiny, place, 1)[0]))
    thread.start()
    thread.join()
    assert found[0].done == 1


def test_json_holds_any_file_name(
    tiny: ModuleType, folder: Callable[..., Path], tmp_path: Path
) -> None:
    name = tmp_path / os.fsdecode(b"\xff\n\x1b.jpg")
    name.write_text("good")
    stream = io.StringIO()
    run(make_plan(expand([str(name)])), make=tiny.make, reporter=JsonLines(stream))
    done = next(line for line in events(stream) if line["event"] == "done")
    assert done["input"] == str(name)
    assert done["v"] == 1


def test_people_read_a_table_of_failures_without_control_characters(
    tiny: ModuleType, folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(a="one", b="bad")
    (place / "\x1b[31mred.jpg").write_text("bad")
    run(make_plan(expand([str(place)])), make=tiny.make, reporter=Terminal())
    text = capsys.readouterr().err
    assert "2 failed" in text
    assert "unreadable" in text
    assert "1 coloured, 2 failed" in text
    assert "\x1b" not in text


def test_a_single_file_says_where_its_result_is(
    tiny: ModuleType, folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = folder(a="warn")
    task = Task(place / "a.jpg", place / "b.jpg", named=True)
    run([task], make=tiny.make, reporter=Terminal())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "b.jpg  0.5 MP" in captured.err
    assert "warning:" in captured.err
