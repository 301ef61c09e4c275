"""Bad input through the real command: one clear line, the right code, nothing half-written."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.originals import GREY, KINDS
from tests.profiles import ADOBE
from tests.programs import PEAK
from tinct import colorize
from tinct.batch.journal import NAME as JOURNAL
from tinct.errors import Unreadable

TINCT = [sys.executable, "-c", "from tinct.cli import main; main()"]


def tinct(*arguments: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [*TINCT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )


def names(folder: Path) -> list[str]:
    """All that lies there but the journal."""
    return sorted(path.name for path in folder.iterdir() if path.name != JOURNAL)


def good() -> bytes:
    return KINDS["jpeg grey"].write(GREY, None, 1)


def cut_jpeg() -> bytes:
    return good()[:-400]


def bomb() -> bytes:
    """A PNG of 50,000 x 50,000 pixels, all black, whole and valid."""
    rows = zlib.compressobj(9)
    line = bytes(1 + 50_000 // 8)
    packed = b"".join(rows.compress(line * 500) for _ in range(100)) + rows.flush()
    twice = zlib.compress(packed, 9)  # to show how small it is; PNG itself packs once
    assert len(twice) < 20_000
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def nan_tiff() -> bytes:
    values = GREY.astype(np.float32) / 255
    values[30, 40] = np.nan
    out = io.BytesIO()
    tifffile.imwrite(out, values)
    return out.getvalue()


BAD: dict[str, tuple[Callable[[], bytes], int, str, str]] = {
    "truncated.jpg": (cut_jpeg, 3, "unreadable", "cut short"),
    "truncated.png": (lambda: KINDS["png grey"].write(GREY, None, 1)[:-900], 3, "unreadable", ""),
    "truncated.tif": (lambda: KINDS["tiff 16"].write(GREY, None, 1)[:-900], 3, "unreadable", ""),
    "empty.jpg": (lambda: b"", 3, "unreadable", "empty"),
    "text.jpg": (lambda: b"Dear Sir,\nplease find enclosed\n", 3, "unreadable", "not a picture"),
    "bomb.png": (bomb, 3, "too-large", "2,500 megapixels"),
    "nan.tif": (nan_tiff, 3, "unreadable", "NaN"),
    "film.mp4": (lambda: b"\0\0\0\x18ftypisom\0\0\0\0isommp42", 3, "unsupported", "a film"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_file_is_one_line_and_its_own_exit_code(name: str, tmp_path: Path) -> None:
    make, exit_code, _, reason = BAD[name]
    (tmp_path / name).write_bytes(make())
    done = tinct("colorize", name, folder=tmp_path)
    assert done.returncode == exit_code
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {name}: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert done.stderr.endswith(")\n"), "no remedy"
    assert names(tmp_path) == [name]


def test_bad_files_among_good_ones(tmp_path: Path) -> None:
    """All kinds of damage in one run: each is reported, the good ones are done, no memory blown."""
    for name, (make, *_) in BAD.items():
        (tmp_path / name).write_bytes(make())
    (tmp_path / "a.jpg").write_bytes(good())
    (tmp_path / "z.jpg").write_bytes(good())
    icc = bytearray(ADOBE)
    icc[128:140] = b"\xff" * 12
    (tmp_path / "profile.png").write_bytes(KINDS["png rgb"].write(GREY, bytes(icc), 1))
    script = (
        "import sys\nfrom tinct.cli import run\ncode = run(sys.argv[1:])\n"
        f"print({PEAK} // 1024, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    inputs = ["a.jpg", *BAD, "missing.jpg", ".", "profile.png", "z.jpg"]
    done = subprocess.run(
        [sys.executable, "-c", script, "colorize", "--json", *inputs, "-o", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert int(done.stderr) < 1024, "MB"
    events = [json.loads(line) for line in done.stdout.splitlines()]
    errors = {event["input"]: event for event in events if event["event"] == "error"}
    assert errors.keys() == {*BAD, "missing.jpg"}
    for name, (_, exit_code, code, reason) in BAD.items():
        assert (errors[name]["exit_code"], errors[name]["code"]) == (exit_code, code)
        assert reason in errors[name]["message"]
        assert errors[name]["remedy"]
    results = {event["input"]: event for event in events if event["event"] == "done"}
    assert results.keys() == {"a.jpg", "z.jpg", "profile.png"}
    assert "profile" in results["profile.png"]["warnings"][0]
    assert events[-1]["failed"] == len(BAD) + 1
    assert names(tmp_path / "out") == [
        "a.colorized.jpg",
        "profile.colorized.png",
        "z.colorized.jpg",
    ]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "hint"),
    [
        (["colorize", "a.jpg", "b.png"], 1, "-o b.png"),
        (["colorize", "a.jpg", "-o", "a.xyz"], 2, "end the name in .jpg"),
        (["colorize", "a.jpg", "-o", "missing/b.gif"], 2, "end the name in .jpg"),
        (["colorize", "a.jpg", "--format", "gif"], 2, "'jpeg', 'png'"),
        (["colorize", "a.jpg", "--quality", "0"], 2, "1 to 100"),
        (["colorize", "a.jpg", "--size", "9"], 2, "64 to 2048"),
        (["colorize", "a.jpg", "--model", "tinct"], 5, "tinct models list"),
        (["colorize", "a.jpg", "--depth", "16"], 2, "--depth 8"),
        (["colorize", "--files-from", "none.txt"], 2, "none.txt"),
        (["colorize", "*.bmp"], 3, "matches no file"),
        (["colorize", "-j", "2"], 2, "name a picture"),
        (["verify", "a.jpg", "none.jpg"], 3, "no such file"),
        (["colorize", ""], 3, "an empty name"),
        (["colorize", "a.jpg", "-o", ""], 2, "an empty name"),
        (["colorize", "/dev/zero"], 3, "is a device"),
        (["colorize", "a.jpg", "-o", "/dev/null"], 4, "is a file where a folder is needed"),
        (["colorize", "n" * 300 + ".jpg"], 3, "cannot be read"),
        (["colorize", "a.jpg", "-o", "n" * 300 + ".jpg"], 4, "cannot be written: File name"),
        (["colorize", "a.jpg", "-o", "a.jpg"], 4, "inputs are never written to"),
        (["colorize", "a.jpg", "-o", "hard.jpg", "--on-exists", "overwrite"], 4, "is an input"),
        (["colorize", "a.jpg", "-o", "soft.jpg", "--on-exists", "overwrite"], 4, "is an input"),
    ],
)
def test_wrong_use_is_one_line_with_the_way_out(
    arguments: list[str], exit_code: int, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(good())
    os.link(tmp_path / "a.jpg", tmp_path / "hard.jpg")
    (tmp_path / "soft.jpg").symlink_to("a.jpg")
    done = tinct(*arguments, folder=tmp_path)
    assert done.returncode == exit_code
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    if exit_code != 1:
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert names(tmp_path) == ["a.jpg", "hard.jpg", "soft.jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == good()
    assert (tmp_path / "soft.jpg").is_symlink()


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(good())
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = tinct("colorize", "a.jpg", "-o", "closed", folder=tmp_path)
    assert done.returncode == 4
    assert "no rights to write there" in done.stderr
    (tmp_path / "a.jpg").chmod(0)
    assert tinct("colorize", "a.jpg", folder=tmp_path).returncode == 3


def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900), dtype=np.uint8)
    for suffix in ("jpg", "png", "tif"):
        Image.fromarray(noise).save(tmp_path / f"large.{suffix}")
    (tmp_path / "small.jpg").write_bytes(good())
    inputs = ["large.jpg", "large.png", "large.tif", "small.jpg"]
    done = tinct("colorize", "--json", *inputs, "-o", "disk", folder=tmp_path)
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [event for event in events if event["event"] == "error"]
    assert [event["input"] for event in errors] == inputs[:3]
    assert {(event["code"], event["exit_code"]) for event in errors} == {("output-unwritable", 4)}
    assert all("no space left" in event["message"] for event in errors)
    assert names(small_disk) == ["small.colorized.jpg"]


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.005)


def test_a_killed_process_leaves_nothing_under_a_results_name(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (2500, 2500), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "large.tif", values)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*TINCT, "colorize", "large.tif", "-o", "out/"], cwd=tmp_path, stderr=subprocess.PIPE
    )
    until(lambda: any(out.glob(".tinct-*.tmp")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (left,) = (path for path in out.iterdir() if path.name != JOURNAL)
    assert left.name.startswith(".tinct-")
    os.utime(left, (0, 0))
    done = tinct("colorize", "large.tif", "-o", "out/", folder=tmp_path)
    assert done.returncode == 0
    assert names(out) == ["large.colorized.tif"], "the killed run's file is still there"


def test_ctrl_c_finishes_the_file_and_says_so(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (2500, 2500), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "1.tif", values)
    for number in range(2, 6):
        (tmp_path / f"{number}.tif").write_bytes((tmp_path / "1.tif").read_bytes())
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*TINCT, "colorize", ".", "-o", "out"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until(lambda: any(out.glob(".tinct-*.tmp")), process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert b"finishing the current file" in error
    assert b"interrupted: 1 coloured, 4 not begun" in error
    assert b"Traceback" not in error
    assert names(out) == ["1.colorized.tif"]
    assert tinct("verify", "1.tif", "out/1.colorized.tif", folder=tmp_path).returncode == 0


def test_any_name_goes_through_and_json_is_json(tmp_path: Path) -> None:
    odd = ["with space.jpg", "line\nbreak.jpg", os.fsdecode(b"\xff.jpg"), "é 絵.jpg", "-dash.jpg"]
    for name in [*odd, "\x1b[31m.jpg"]:
        (tmp_path / name).write_bytes(good())
    (tmp_path / "list").write_bytes(b"\0".join(os.fsencode(name) for name in odd))
    done = tinct(
        "colorize", "--json", "--sidecar", "--files-from", "list", "-o", "out", folder=tmp_path
    )
    assert done.returncode == 0
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["input"] for event in events if event["event"] == "done"] == odd
    for name in odd:
        target = f"{name[:-4]}.colorized.jpg"
        record = json.loads((tmp_path / "out" / f"{target}.json").read_text())
        assert record["input"]["name"] == name
        assert record["output"]["name"] == target
    again = tinct("colorize", "-v", *odd[:4], "\x1b[31m.jpg", folder=tmp_path)
    assert again.returncode == 0
    assert "\x1b" not in again.stderr
    assert again.stderr.count("\n") == 6


def test_a_picture_with_colours_is_said_once_and_not_when_quiet(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((90, 70)).save(tmp_path / "a.png")
    done = tinct("colorize", "a.png", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "skipped: a.png: has colours already\n"
    assert tinct("colorize", "-q", "a.png", folder=tmp_path).stderr == ""
    assert names(tmp_path) == ["a.png"]


def test_a_fatal_error_is_a_line_of_json_before_the_summary(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(good())
    script = (
        "import sys\nfrom tinct import models\nfrom tinct.cli import run\n"
        "def absent(*_, **__): raise models.ModelError('damaged', remedy='install it again')\n"
        "models.load_model = absent\nimport tinct.colorizer as c\nc.load_model = absent\n"
        "sys.exit(run(['colorize', '--json', 'a.jpg', 'a.jpg']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    *_, error, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert (error["event"], error["code"], error["remedy"]) == (
        "error",
        "model",
        "install it again",
    )
    assert (summary["event"], summary["exit_code"]) == ("summary", 5)
    assert done.stderr == "error: damaged (install it again)\n"


def test_what_decoders_say_of_odd_bytes_stays_inside(tmp_path: Path) -> None:
    """libvips warns of this profile by its name, which is no UTF-8."""
    body = b"\x80\xfe\0\0" + zlib.compress(ADOBE)
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body
    chunk += struct.pack(">I", zlib.crc32(b"iCCP" + body))
    data = KINDS["png grey"].write(GREY, None, 1)
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    done = tinct("colorize", "-q", "a.png", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_jpeg_in_three_channels_that_is_cut_short_is_one_line_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    grey = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (300, 2))).convert("RGB")
    grey.save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 2 // 3] + b"\xff\xd9")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [*TINCT, "colorize", str(tmp_path / "cut.jpg"), "-o", str(tmp_path / "out.jpg")],
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr  # nothing from the libraries below
    assert done.stderr.startswith("error: ")
    assert not list(scratch.iterdir())
    assert not (tmp_path / "out.jpg").exists()


def test_pictures_in_memory_that_cannot_be_read_are_errors_of_ours(tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(cut_jpeg())
    with Image.open(tmp_path / "cut.jpg") as cut, pytest.raises(Unreadable, match="truncated"):
        colorize(cut)
    with pytest.raises(Unreadable, match="an empty name"):
        colorize("")
