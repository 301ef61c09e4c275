"""A batch that is killed: nothing lost, nothing done twice, nothing half-written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinct import cli
from tinct.batch.journal import NAME
from tinct.verify import verify

TINCT = [sys.executable, "-c", "from tinct.cli import main; main()"]
PATIENCE = 120


def pictures(folder: Path, count: int) -> None:
    for number in range(count):
        grey = np.random.default_rng(number).integers(60, 200, (12, 16)).astype(np.uint8)
        image = Image.fromarray(grey).resize((160 + number, 120), Image.Resampling.BICUBIC)
        path = folder / f"{number % 2}" / f"{number:02}.{('jpg', 'png', 'tif')[number % 3]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)


def results(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


def entries(out: Path, event: str) -> list[dict[str, Any]]:
    """Those of a journal that may have been cut."""
    found = []
    file = out / NAME
    for line in file.read_bytes().split(b"\n") if file.exists() else []:
        try:
            known = json.loads(line)
        except ValueError:
            continue
        if known["event"] == event:
            found.append(known)
    return found


def kill_after(command: list[str], done: int, wait: float, out: Path) -> bool:
    """Begin, and kill a moment after so many more results are noted; whether it was in time."""
    before = len(entries(out, "done"))
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            if len(entries(out, "done")) >= before + done:
                break
            time.sleep(0.002)
        time.sleep(wait)
        in_time = process.poll() is None
        process.kill()
    return in_time


def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, count: int, kills: int) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    source, out, whole = tmp_path / "in", tmp_path / "out", tmp_path / "whole"
    pictures(source, count)
    command = [*TINCT, "colorize", "-r", str(source), "-o", str(out), "--sidecar"]
    assert cli.run(["colorize", "-qr", str(source), "-o", str(whole), "--sidecar"]) == 0
    chance = random.Random(0)
    in_time = 0
    for kill in range(kills):
        settled = {
            e["output"]: (out / e["output"]).stat().st_mtime_ns for e in entries(out, "done")
        }
        jobs = ["-j", str(1 + kill % 2)]
        done = chance.randint(0, max(0, count // kills))
        in_time += kill_after(command + jobs, done, chance.uniform(0, 0.15), out)
        for name, changed in settled.items():
            assert (out / name).stat().st_mtime_ns == changed, "done twice"
        for path in (p for p in out.rglob("*.*") if p.suffix in (".jpg", ".png", ".tif")):
            Image.open(path).load()  # nothing is half-written, at no time
    assert in_time >= kills * 2 // 3
    # what a worker had begun when its parent was killed may take a moment to end
    assert subprocess.run([*command, "-q", "-j", "2"], check=False).returncode == 0
    found, expected = results(out), results(whole)
    found.pop(NAME)
    expected.pop(NAME)
    assert found == expected
    done_for = Counter(entry["output"] for entry in entries(out, "done"))
    assert len(done_for) == count
    assert set(done_for.values()) == {1}
    for path in source.rglob("*.jpg"):
        coloured = out / path.relative_to(source).with_suffix(".colorized.jpg")
        assert verify(path, coloured).ok


def test_a_batch_that_is_killed_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(tmp_path, monkeypatch, count=24, kills=2)


@pytest.mark.slow
def test_a_batch_survives_twenty_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, monkeypatch, count=80, kills=20)


def test_what_was_written_but_not_noted_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a power cut: the results are there, and the last lines of the journal are not."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    source, out = tmp_path / "in", tmp_path / "out"
    pictures(source, 3)
    command = ["colorize", "-qr", "--sidecar", str(source), "-o", str(out)]
    assert cli.run(command) == 0
    before = results(out)
    kept = [line for line in before[NAME].splitlines(True) if b'"event": "done"' not in line]
    (out / NAME).write_bytes(b"".join(kept))
    (out / "1" / "01.colorized.png.json").unlink()
    assert cli.run(command) == 0
    after = results(out)
    assert len(entries(out, "done")) == 3
    del before[NAME], after[NAME]
    assert after == before


def test_a_stranger_at_a_claimed_place_is_not_replaced(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    pictures(source, 1)
    command = ["colorize", "-r", str(source), "-o", str(out)]
    assert cli.run(command) == 0
    kept = [line for line in (out / NAME).read_bytes().splitlines(True) if b'"done"' not in line]
    (out / NAME).write_bytes(b"".join(kept))
    target = out / "0" / "00.colorized.jpg"
    Image.new("RGB", (9, 9)).save(target)
    stranger = target.read_bytes()
    assert cli.run(command) != 0
    assert "exists already" in capfd.readouterr().err
    assert target.read_bytes() == stranger


@pytest.mark.skipif(sys.platform == "win32", reason="signals are for POSIX")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / f"{name}.jpg").write_text("slow")
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import tiny\n"
        "from tinct.batch import run\n"
        "from tinct.batch.inputs import expand\n"
        "from tinct.batch.plan import make_plan\n"
        "from tinct.batch.terminal import Terminal\n"
        "if __name__ == '__main__':\n"
        "    tasks = make_plan(expand(['in']))\n"
        "    run(tasks, make=tiny.make, reporter=Terminal(), jobs=2)\n"
    )
    (tmp_path / "main.py").write_text(script)
    process = subprocess.Popen([sys.executable, "main.py"], cwd=tmp_path, start_new_session=True)
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "in" / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, signal.SIG_DFL)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    else:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("workers went on")
    assert not list((tmp_path / "in").glob("*.colorized.jpg"))
