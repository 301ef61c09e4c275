"""Watched folders: pictures are coloured when they are complete, and nothing bad ends the watch."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from tests.test_batch_journal import PLAIN
from tinct import cli
from tinct.batch.events import Several, Summary
from tinct.batch.inputs import Source
from tinct.batch.journal import NAME, Journal
from tinct.batch.plan import Task, make_plan
from tinct.batch.terminal import Terminal
from tinct.batch.watch import Scanner, watch

HERE = str(Path(__file__).parent)
PATIENCE = 60


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(HERE)
    yield import_module("tiny")
    sys.modules.pop("tiny", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


def names(sources: list[Source]) -> list[str]:
    return [str(source.relative) for source in sources]


def test_a_file_is_complete_when_it_stays_the_same(folder: Path) -> None:
    scanner, file = Scanner(folder / "in"), folder / "in" / "a.jpg"
    file.write_text("half")
    assert scanner.look() == []
    file.write_text("half and more")
    assert scanner.look() == []
    assert names(scanner.look()) == ["a.jpg"]
    assert scanner.look() == []
    file.write_text("another picture")
    assert scanner.look() == []
    assert names(scanner.look()) == ["a.jpg"]


def test_empty_files_and_others_are_waited_for(folder: Path) -> None:
    scanner = Scanner(folder / "in")
    (folder / "in" / "a.jpg").touch()
    (folder / "in" / "b.jpg.part").write_text("on its way")
    (folder / "in" / ".c.jpg").write_text("hidden")
    assert scanner.look() == scanner.look() == []
    (folder / "in" / "b.jpg.part").rename(folder / "in" / "b.jpg")
    assert scanner.look() == []
    assert names(scanner.look()) == ["b.jpg"]


def test_a_file_that_is_taken_away_and_comes_back_is_new(folder: Path) -> None:
    scanner, file = Scanner(folder / "in"), folder / "in" / "a.jpg"
    file.write_text("one")
    assert [len(scanner.look()) for _ in range(3)] == [0, 1, 0]
    file.unlink()
    assert scanner.look() == []
    file.write_text("one")
    assert [len(scanner.look()) for _ in range(2)] == [0, 1]


def test_sub_folders_are_searched_on_demand_but_for_the_results(folder: Path) -> None:
    for place in ("in/sub/a.jpg", "in/out/b.jpg"):
        (folder / place).parent.mkdir()
        (folder / place).write_text("one")
    plain, deep = Scanner(folder / "in"), Scanner(folder / "in", True, folder / "in/out")
    assert [len(plain.look()) for _ in range(2)] == [0, 0]
    assert [names(deep.look()) for _ in range(2)] == [[], ["sub/a.jpg"]]


def carry_out(folder: Path, make: object, until: Callable[[], bool], **how: object) -> Summary:
    """Watch until something is so, then press Ctrl-C."""
    out = folder / "out"
    journal = Journal(out / NAME, PLAIN)

    def plan(arrived: object) -> list[Task]:
        return make_plan(arrived, output=out, journal=journal)  # type: ignore[arg-type]

    def press() -> None:
        deadline = time.monotonic() + PATIENCE
        while not until() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        return watch(
            Scanner(folder / "in"),
            plan=plan,
            make=make,  # type: ignore[arg-type]
            reporter=Several(journal, Terminal(verbosity=-1, endless=True)),
            interval=0.02,
            **how,  # type: ignore[arg-type]
        )
    finally:
        thread.join()


def test_what_arrives_is_coloured_and_nothing_bad_ends_the_watch(
    tiny: ModuleType, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = {"a": "one", "b": "bad", "c": "kill", "d": "crash", "e": "colours", "f": "memory"}
    for name, text in texts.items():
        (folder / "in" / f"{name}.jpg").write_text(text)

    def until() -> bool:
        if (folder / "out/a.colorized.jpg").exists() and not (folder / "in/late.jpg").exists():
            (folder / "in/late.jpg").write_text("late")
        return (folder / "out/late.colorized.jpg").exists()

    summary = carry_out(folder, tiny.make, until)
    assert (summary.done, summary.skipped, summary.total) == (2, 1, 7)
    assert {path.stem for path, _ in summary.failures} == {"b", "c", "d", "f"}
    assert summary.aborted is None
    assert capfd.readouterr().err.count("error: ") == 4
    begun = time.monotonic()
    again = carry_out(folder, tiny.make, lambda: time.monotonic() > begun + 0.3)
    assert again.done == 0


def test_a_folder_that_goes_and_comes_back(
    tiny: ModuleType, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "in/a.jpg").write_text("one")
    steps = iter(range(10**9))

    def until() -> bool:
        away = folder / "away"
        if (folder / "out/a.colorized.jpg").exists() and not away.exists():
            (folder / "in").rename(away)
            (away / "b.jpg").write_text("two")
        elif away.exists() and next(steps) > 20:
            shutil.copytree(away, folder / "in", dirs_exist_ok=True)
        return (folder / "out/b.colorized.jpg").exists()

    summary = carry_out(folder, tiny.make, until)
    assert (summary.done, summary.failures) == (2, [])
    text = capfd.readouterr().err
    assert text.count("waiting for it") == 1
    assert text.count("is back") == 1


def test_results_of_one_name_spoil_nothing_but_each_other(tiny: ModuleType, folder: Path) -> None:
    for name in ("a.jpg", "a.bmp", "a.png", "b.jpg"):
        (folder / "in" / name).write_text("one")  # a BMP becomes a PNG
    summary = carry_out(folder, tiny.make, lambda: (folder / "out/b.colorized.jpg").exists())
    assert summary.done == 3
    assert [path.name for path, _ in summary.failures] == ["a.png"]


def test_a_model_that_cannot_be_loaded_ends_the_watch(tiny: ModuleType, folder: Path) -> None:
    (folder / "in/a.jpg").write_text("one")
    out = folder / "out"
    summary = watch(
        Scanner(folder / "in"),
        plan=lambda arrived: make_plan(arrived, output=out),
        make=tiny.make_fails,
        reporter=Terminal(verbosity=-1),
        interval=0.02,
    )
    assert summary.aborted is not None
    assert summary.exit_code == 5


def test_waiting_costs_no_time_of_the_processor(tiny: ModuleType, folder: Path) -> None:
    looks = []

    class Counting(Scanner):
        def look(self) -> list[Source]:
            looks.append(time.monotonic())
            return super().look()

    def press() -> None:
        time.sleep(0.6)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=press)
    thread.start()
    watch(
        Counting(folder / "in"),
        plan=lambda arrived: [],
        make=tiny.make,
        reporter=Terminal(verbosity=-1),
        interval=0.25,
    )
    thread.join()
    assert 1 <= len(looks) <= 3


def test_the_command_colours_for_real_and_ends_cleanly(folder: Path) -> None:
    Image.linear_gradient("L").resize((60, 50)).save(folder / "in/a.png")
    command = [sys.executable, "-c", "from tinct.cli import main; main()", "watch", "--json"]
    command += [str(folder / "in"), "-o", str(folder / "in/out"), "--interval", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "done":
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert json.loads(rest.splitlines()[-1])["event"] == "summary"
    assert (folder / "in/out/a.colorized.png").exists()
    assert not list((folder / "in/out").glob("*.tmp"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none", "-o", "out"], 3, "no such folder"),
        (["in", "-o", "in"], 2, "results would arrive where pictures do"),
        (["in"], 2, "-o"),
        (["in", "-o", "out", "--interval", "0"], 2, "not possible"),
        (["in", "-o", "out", "--name", "{nobody}"], 2, "--name"),
        (["in", "-o", "out", "--variants", "2", "--name", "{stem}{ext}"], 2, "{variant}"),
        (["in", "-o", "in/file"], 4, "-o in/file: is a file where a folder"),
        (["in/file", "-o", "out"], 2, "is no folder"),
    ],
)
def test_what_cannot_be_watched(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    (folder / "in/file").touch()
    assert cli.run(["watch", *words]) == code
    assert message in capfd.readouterr().err
