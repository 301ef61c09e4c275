"""The command: parsing, exit codes, and that stdout carries data alone."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tinct import cli
from tinct.cli import verbs
from tinct.models import DEFAULT
from tinct.version import __version__

HERE = str(Path(__file__).parent)
TINCT = [sys.executable, "-c", "from tinct.cli import main; main()"]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The command with a colouring function that is quick; for what the command itself does."""
    monkeypatch.syspath_prepend(HERE)
    tiny = import_module("tiny")
    monkeypatch.setattr(verbs, "make_colour", lambda options, threads: tiny.colour)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("tiny", None)


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.jpg").write_text(text)


def lines(text: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_version_costs_no_import() -> None:
    script = (
        "import sys\nfrom tinct.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit as leave:\n    assert leave.code == 0\n"
        "assert not {'argparse', 'rich', 'numpy', 'tinct.cli.verbs'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert done.stdout.decode().strip() == f"tinct {__version__}"


def test_help_and_plans_import_nothing_heavy() -> None:
    script = (
        "import sys\nfrom tinct.cli import run\nassert run(['--help']) == 0\n"
        "assert run(['colorize', '--help']) == 0\n"
        "heavy = {'numpy', 'onnxruntime', 'pyvips', 'PIL', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    for verb in (b"colorize", b"verify", b"models", b"doctor"):
        assert verb in done.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["colorise", "x"], "Did you mean 'colorize'?"),
        (["colorize", "--saturatoin", "2", "x"], "Did you mean --saturation?"),
        (["colorize", "--toned", "sepia", "x"], "'keep', 'neutral'"),
        (["colorize", "--saturation", "9", "x"], "--saturation: 9.0 is not possible"),
        (["colorize", "--jobs", "-1", "x"], "--jobs"),
        (["colorize"], "name a picture"),
        (["colorize", "--name", "{nobody}", __file__], "--name"),
        (["models", "shwo"], "Did you mean 'show'?"),
        ([__file__], "tinct colorize"),
        (["verify", "one"], "COLOURED"),
    ],
)
def test_usage_errors_are_one_line_with_a_hint_and_exit_2(
    arguments: list[str], hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert hint in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_no_arguments_show_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    assert "Usage: tinct" in capfd.readouterr().err


def test_one_file(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tiny, a="one")
    assert cli.run(["colorize", "a.jpg"]) == 0
    assert (tiny / "a.colorized.jpg").exists()
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "a.jpg -> a.colorized.jpg" in captured.err


def test_quiet_says_nothing_but_errors(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tiny, a="one", b="bad", c="warn")
    assert cli.run(["colorize", "-q", "a.jpg", "c.jpg"]) == 0
    assert capfd.readouterr() == ("", "")
    assert cli.run(["colorize", "-q", "b.jpg"]) == 3
    assert capfd.readouterr().err.startswith("error: b.jpg: not a picture")


def test_verbose_says_a_line_for_each_file(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tiny, a="one", b="colours")
    assert cli.run(["colorize", "-v", "a.jpg", "b.jpg"]) == 0
    text = capfd.readouterr().err
    assert "a.jpg -> a.colorized.jpg" in text
    assert "skipped: b.jpg" in text
    assert "1 coloured, 1 skipped" in text


def test_some_of_many_failing_is_a_table_and_exit_1(
    tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tiny, a="one", b="bad")
    assert cli.run(["colorize", "a.jpg", "b.jpg", "none.jpg"]) == 1
    text = capfd.readouterr().err
    assert "2 failed" in text
    assert "no such file" in text


def test_json_lines_alone_are_on_stdout(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tiny, a="one", b="bad", c="colours")
    assert cli.run(["colorize", "--json", "."]) == 1
    captured = capfd.readouterr()
    found = lines(captured.out)
    assert {line["v"] for line in found} == {1}
    assert [line["event"] for line in found if line["event"] not in ("plan", "progress")] == [
        "done",
        "error",
        "skip",
        "summary",
    ]
    error = next(line for line in found if line["event"] == "error")
    assert error["code"] == "unreadable"
    assert error["exit_code"] == 3
    assert {"message", "remedy", "docs", "input", "output"} <= set(error)


def test_errors_before_the_work_are_json_too(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["colorize", "--json", "--model", "none", "a.jpg"]) == 5
    (error,) = lines(capfd.readouterr().out)
    assert (error["event"], error["code"], error["exit_code"]) == ("error", "model", 5)


def test_a_dry_run_prints_the_plan_and_does_nothing(
    tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tiny, a="one", b="two")
    (tiny / "b.colorized.jpg").write_text("old")
    arguments = ["colorize", "--dry-run", "-o", "out", "a.jpg", "b.jpg"]
    assert cli.run(arguments) == 0
    assert capfd.readouterr().out == (
        "a.jpg -> out/a.colorized.jpg\nb.jpg -> out/b.colorized.jpg\n"
    )
    assert not (tiny / "out").exists()
    assert cli.run(["colorize", "--dry-run", "--json", "a.jpg", "b.jpg"]) == 1
    plan = lines(capfd.readouterr().out)
    assert [line["action"] for line in plan] == ["colour", "fail"]
    assert not (tiny / "a.colorized.jpg").exists()


def test_a_trailing_slash_makes_a_folder(tiny: Path) -> None:
    write(tiny, a="one")
    assert cli.run(["colorize", "-q", "-o", "scans.v2/", "a.jpg"]) == 0
    assert (tiny / "scans.v2/a.colorized.jpg").exists()


def test_inputs_are_never_written_to(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tiny, a="one")
    arguments = ["colorize", "--on-exists", "overwrite", "--name", "{stem}{ext}", "a.jpg"]
    assert cli.run(arguments) == 4
    assert "inputs are never written to" in capfd.readouterr().err
    assert (tiny / "a.jpg").read_text() == "one"


class Bytes(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


def test_stdin_to_stdout(
    tiny: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Bytes(b"one"))
    assert cli.run(["colorize", "-", "--format", "png"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out.startswith(b"coloured one")
    assert b"- -> -" in captured.err


def test_a_file_to_stdout_and_stdin_to_a_file(
    tiny: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tiny, a="one")
    assert cli.run(["colorize", "-q", "a.jpg", "-o", "-", "--format", "jpeg"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out.startswith(b"coloured one")
    assert captured.err == b""
    monkeypatch.setattr(sys, "stdin", Bytes(b"two"))
    assert cli.run(["colorize", "--json", "-", "-o", "b.png"]) == 0
    assert (tiny / "b.png").read_text().startswith("coloured two")
    done = next(line for line in lines(capfdbinary.readouterr().out) if line["event"] == "done")
    assert (done["input"], done["output"]) == ("-", "b.png")
    monkeypatch.setattr(sys, "stdin", Bytes(b"three"))
    assert cli.run(["colorize", "-", "-o", "b.png"]) == 4
    assert (tiny / "b.png").read_text().startswith("coloured two")


def test_a_picture_with_colours_passes_through_a_pipe(
    tiny: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Bytes(b"colours"))
    assert cli.run(["colorize", "-", "--format", "png"]) == 0
    assert capfdbinary.readouterr().out == b"colours"


@pytest.mark.parametrize(
    ("data", "arguments", "code", "text"),
    [
        (b"bad", ["-", "--format", "png"], 3, b"standard input: not a picture"),
        (b"", ["-"], 3, b"standard input is empty"),
        (b"x", ["-", "--json"], 2, b"--json and the picture"),
        (b"x", ["-", "a.jpg"], 2, b"exactly one input"),
        (b"x", ["-", "--dry-run"], 2, b"--dry-run"),
        (b"x", ["a.jpg", "b.jpg", "-o", "-"], 2, b"exactly one input"),
    ],
)
def test_bad_streams(
    tiny: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    arguments: list[str],
    code: int,
    text: bytes,
) -> None:
    monkeypatch.setattr(sys, "stdin", Bytes(data))
    assert cli.run(["colorize", *arguments]) == code
    assert text in capfdbinary.readouterr().err


def test_a_defect_is_one_line_and_its_traceback_comes_with_debug(
    tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tiny, a="crash")
    assert cli.run(["colorize", "a.jpg"]) == 70
    text = capfd.readouterr().err
    assert "ValueError: unforeseen" in text
    assert "--debug" in text
    assert "Traceback" not in text
    assert cli.run(["colorize", "--debug", "a.jpg"]) == 70
    assert "Traceback" in capfd.readouterr().err


def test_ctrl_c_within_a_module_that_is_being_loaded_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def load(_: list[str]) -> int:
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("tinct.cli.grammar.carry_out", load)
    assert cli.run(["colorize", "a.jpg"]) == 130
    assert capfd.readouterr().err == "interrupted\n"


def test_models(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "list"]) == 0
    assert f"* {DEFAULT}" in capfd.readouterr().out
    assert cli.run(["models", "list", "--json"]) == 0
    first = lines(capfd.readouterr().out)[0]
    assert first["name"] == DEFAULT
    assert {"sha256", "licence", "trained_on", "card", "path", "default"} <= set(first)
    assert cli.run(["models", "show", DEFAULT]) == 0
    assert "licence: " in capfd.readouterr().out
    assert cli.run(["models", "path"]) == 0
    assert capfd.readouterr().out.strip().endswith(".onnx")
    assert cli.run(["models", "show", DEFAULT[:-1]]) == 5
    assert f"did you mean '{DEFAULT}'" in capfd.readouterr().err


def test_verify_exits_0_or_9(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (8, 8), 100).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8), (100, 100, 100)).save(tmp_path / "b.png")
    Image.new("RGB", (8, 8), (110, 100, 100)).save(tmp_path / "c.png")
    first, same, other = (str(tmp_path / name) for name in ("a.png", "b.png", "c.png"))
    assert cli.run(["verify", first, same]) == 0
    captured = capfd.readouterr()
    assert captured.out == "max dL* 0, mean 0, within the rounding of 8 bits\n"
    assert captured.err == ""
    assert cli.run(["verify", first, other]) == 9
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "the light differs" in captured.err
    assert cli.run(["verify", "--json", first, other]) == 9
    (verdict,) = lines(capfd.readouterr().out)
    assert verdict["ok"] is False
    assert verdict["max_delta_L"] > 0.25
    assert cli.run(["verify", first, str(tmp_path / "none.png")]) == 3


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_the_whole_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    Image.linear_gradient("L").resize((90, 70)).save(f"a{suffix}")
    before = Path(f"a{suffix}").read_bytes()
    result = f"a.colorized{suffix}"
    assert cli.run(["colorize", "--json", "--sidecar", f"a{suffix}"]) == 0
    done = next(line for line in lines(capfd.readouterr().out) if line["event"] == "done")
    assert Path(f"a{suffix}").read_bytes() == before
    record = json.loads(Path(f"{result}.json").read_text())
    assert record["output"] == {"name": result, "sha256": done["sha256_out"]}
    assert record["input"]["sha256"] == done["sha256_in"]
    if suffix in (".jpg", ".png", ".tif"):  # the others are lossy
        assert cli.run(["verify", f"a{suffix}", result]) == 0
    assert cli.run(["colorize", result]) == 7
    assert "Tinct coloured this picture before" in capfd.readouterr().err
    assert cli.run(["colorize", f"a{suffix}", "-o", f"again{suffix}"]) == 0
    assert Path(f"again{suffix}").read_bytes() == Path(result).read_bytes()


def test_a_folder_that_is_its_own_output_is_gone_on_with(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        Image.linear_gradient("L").resize((60 + number, 50)).save(tmp_path / f"{number}.png")
    words = ["colorize", str(tmp_path), "-o", str(tmp_path)]
    assert cli.run(words) == 0
    made = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("*.colorized.png")}
    assert set(made) == {"0.colorized.png", "1.colorized.png"}
    Image.linear_gradient("L").resize((70, 50)).save(tmp_path / "new.png")
    assert cli.run(words) == 0, capfd.readouterr().err
    found = {file.name: file.stat().st_mtime_ns for file in tmp_path.glob("*.colorized*.png")}
    assert found.pop("new.colorized.png")
    assert found == made
    capfd.readouterr()
    (tmp_path / "0.colorized.png").write_bytes((tmp_path / "new.png").read_bytes())
    assert cli.run(words) == 1  # somebody's own picture lies there now
    assert "is an input" in capfd.readouterr().err


def test_a_map_of_confidence_keeps_to_its_own_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture, sure, out = tmp_path / "a.png", tmp_path / "sure.png", tmp_path / "out.png"
    Image.linear_gradient("L").resize((90, 70)).save(picture)
    words = ["colorize", str(picture), "--confidence"]
    for name in (out, picture):
        assert cli.run([*words, str(name), "-o", str(out)]) == 2
        assert "is the picture itself" in capfd.readouterr().err
        assert not out.exists()
    folder = tmp_path / "variants/"
    assert cli.run([*words, str(sure), "--variants", "3", "-o", f"{folder}/"]) == 0
    assert len(list(folder.glob("*.png"))) == 3
    with Image.open(sure) as opened:
        assert opened.mode == "L"
    assert cli.run([*words, str(sure), "-o", str(out)]) == 4
    assert "give the map another name" in capfd.readouterr().err
    assert not out.exists()


def test_workers_colour_for_real(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        Image.linear_gradient("L").resize((60 + number, 50)).save(tmp_path / f"{number}.png")
    (tmp_path / "text.jpg").write_text("no picture")
    out = tmp_path / "out"
    assert cli.run(["colorize", "-j", "2", str(tmp_path), "-o", str(out)]) == 1
    assert len(list(out.glob("*.png"))) == 3
    assert "not a picture" in capfd.readouterr().err


def test_a_reader_that_leaves_is_no_defect(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.jpg").write_text("x")
    process = subprocess.Popen(
        [*TINCT, "colorize", "--dry-run", "--json", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    _, error = process.communicate()
    assert b"Traceback" not in error
    assert b"defect" not in error


def test_names_that_are_not_unicode_go_through(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(name)).write_text("x")
    done = subprocess.run(
        [*TINCT, "colorize", "--dry-run", "--json", os.fsdecode(name)],
        capture_output=True,
        check=True,
    )
    assert os.fsencode(lines(done.stdout.decode())[0]["input"]) == name
