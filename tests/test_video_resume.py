"""A film that is killed at any moment: nothing lost, nothing doubled, the same frames."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.films import Kind, Shown, film, reel, shown
from tests.networks import network
from tinct import cli
from tinct.errors import OutputError, OutputExists, OutputUnwritable
from tinct.video import scout
from tinct.video.segments import finished, opened, work_folder

#: the command with parts of a few frames, so that a small film has many
SCRIPT = (
    "from tinct.video import scout\n"
    "scout.SHORTEST, scout.LONGEST, scout.AHEAD = 3, 6, 4\n"
    "from tinct.cli import main; main()"
)
PATIENCE = 120


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SHORTEST", 3), ("LONGEST", 6), ("AHEAD", 4)):
        monkeypatch.setattr(scout, name, value)


def command(tmp_path: Path, *more: str) -> list[str]:
    model = network(tmp_path / "model" / "shares.onnx")
    return [
        "video",
        str(tmp_path / "in.mkv"),
        str(tmp_path / "out.mkv"),
        "--model",
        str(model),
        *more,
    ]


def same(one: Shown, other: Shown, *, exact: bool = True) -> None:
    """Frame for frame; lossy encoders themselves do not give quite the same twice."""
    assert one.times == other.times
    for kind in ("luma", "chroma"):
        for before, after in zip(getattr(one, kind), getattr(other, kind), strict=True):
            assert np.abs(before.astype(int) - after).mean() <= (0 if exact else 2)


def unbroken(tmp_path: Path) -> Shown:
    words = command(tmp_path, "-q")
    words[2] = str(tmp_path / "whole.mkv")
    assert cli.run(words) == 0
    return shown(tmp_path / "whole.mkv")


def kill(
    words: list[str], wait: float, signal_: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Begin, and end it so many seconds after the first part is there."""
    folder = work_folder(Path(words[2]))
    before = len(list(folder.glob("?????.npz")))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *words], stderr=subprocess.PIPE, text=True
    )
    with process:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(folder.glob("?????.npz"))) > before:
                break
            time.sleep(0.002)
        time.sleep(wait)
        process.send_signal(signal_)
        _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def check(tmp_path: Path, codec: str, kills: int) -> None:
    frames = reel(60, cut=25, exposure=0.05)
    film(tmp_path / "in.mkv", frames, Kind(pix_fmt="yuv420p", sound=True))
    words = command(tmp_path, "--codec", codec, "-q")
    chance, ended = random.Random(0), 0
    for _ in range(kills):
        code, _ = kill(words, chance.uniform(0, 0.1))
        ended += code == -signal.SIGKILL
        assert (tmp_path / "out.mkv").exists() == (code == 0)
        if code == 0:
            break
    assert ended >= kills - 1
    assert ended == kills or work_folder(tmp_path / "out.mkv").exists() is False
    done = len(finished(work_folder(tmp_path / "out.mkv")))
    assert done >= ended
    assert cli.run(words) == 0
    result = shown(tmp_path / "out.mkv")
    assert not work_folder(tmp_path / "out.mkv").exists()
    words[2] = str(tmp_path / "whole.mkv")
    assert cli.run(words) == 0
    same(result, shown(tmp_path / "whole.mkv"), exact=codec == "ffv1")
    assert len(result.times) == 60


@pytest.mark.usefixtures("short_parts")
def test_a_film_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    check(tmp_path, "ffv1", 2)


@pytest.mark.slow
@pytest.mark.usefixtures("short_parts")
@pytest.mark.parametrize("codec", ["ffv1", "libx264", "libx265"])
def test_a_film_survives_six_kills(tmp_path: Path, codec: str) -> None:
    check(tmp_path, codec, 6)


@pytest.mark.usefixtures("short_parts")
def test_half_a_part_is_made_again(tmp_path: Path) -> None:
    """As after a power cut: packets without their index, an index without its packets."""
    film(tmp_path / "in.mkv", reel(30), Kind(pix_fmt="yuv420p"))
    words = command(tmp_path, "-q")
    assert kill(words, 0)[0] == -signal.SIGKILL
    folder = work_folder(tmp_path / "out.mkv")
    whole = finished(folder)
    assert whole
    with whole[-1].packets.open("ab") as stream:
        stream.write(b"rest of another run")
    (folder / "00077.packets").write_bytes(b"half")
    assert len(finished(folder)) == len(whole) - 1
    assert cli.run(words) == 0
    same(shown(tmp_path / "out.mkv"), unbroken(tmp_path))


@pytest.mark.usefixtures("short_parts")
def test_control_c_says_how_to_go_on(tmp_path: Path) -> None:
    film(tmp_path / "in.mkv", reel(240), Kind(pix_fmt="yuv420p"))
    code, said = kill(command(tmp_path), 0, signal.SIGINT)
    assert code == 130
    assert "the same command goes on from there" in said
    assert str(work_folder(tmp_path / "out.mkv")) in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("short_parts")
def test_other_options_do_not_go_on_with_what_is_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    film(tmp_path / "in.mkv", reel(30), Kind(pix_fmt="yuv420p"))
    assert kill(command(tmp_path, "-q"), 0)[0] == -signal.SIGKILL
    words = command(tmp_path, "-q", "--saturation", "0.5")
    assert cli.run(words) == OutputExists.exit_code
    assert "another options is there" in capfd.readouterr().err
    assert cli.run([*words, "--restart"]) == 0
    assert len(shown(tmp_path / "out.mkv").times) == 30


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    with (
        opened(target, {"input": "1"}, restart=False),
        pytest.raises(OutputError, match="another tinct"),
        opened(target, {"input": "1"}, restart=False),
    ):
        pass


def test_a_full_disk_leaves_what_can_be_gone_on_from(
    tmp_path: Path, small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = reel(24, height=120, width=160, noise=25)
    film(tmp_path / "in.mkv", frames, Kind(pix_fmt="yuv420p"))
    words = command(tmp_path, "-q")
    words[2] = str(small_disk / "out.mkv")
    assert cli.run(words) == OutputUnwritable.exit_code
    assert "no space left" in capfd.readouterr().err
    assert not (small_disk / "out.mkv").exists()
