"""What can be typed in which order, and what is said to a word that means nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from tinct import cli
from tinct.cli import grammar, verbs
from tinct.cli.grammar import TINCT, Group, Verb, described
from tinct.cli.parsing import WIDTH, Parser
from tinct.errors import UsageError
from tinct.options import ColorizeOptions, descriptions, flag


def read(*words: str, verb: str = "colorize") -> dict[str, Any]:
    parser = Parser(f"tinct {verb}")
    node = TINCT.members[verb]
    assert isinstance(node, Verb)
    node.declare(parser, False)
    values = parser.read(words)
    assert values is not None
    return values


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a", "-q", "b"], {"inputs": ["a", "b"], "quiet": True}),
        (["-q", "a", "b", "-r"], {"inputs": ["a", "b"], "quiet": True, "recursive": True}),
        (["a", "-o", "-", "-"], {"inputs": ["a", "-"], "output": "-"}),
        (["-o-", "a"], {"inputs": ["a"], "output": "-"}),
        (["-rqo", "out", "a"], {"recursive": True, "quiet": True, "output": "out"}),
        (["-rqoout", "a"], {"recursive": True, "quiet": True, "output": "out"}),
        (["-vv", "-v", "a"], {"verbose": 3}),
        (["-j", "3", "a"], {"jobs": 3}),
        (["-j3", "a"], {"jobs": 3}),
        (["--jobs=3", "a"], {"jobs": 3}),
        (["--saturation", "-1", "a"], {"saturation": -1.0}),
        (["--name", "-{stem}{ext}", "a"], {"name": "-{stem}{ext}"}),
        (["--name=a = b", "a"], {"name": "a = b"}),
        (["--name", "", "a"], {"name": ""}),
        (["-o", "=x.jpg", "a"], {"output": "=x.jpg"}),
        (["-o", "-x.jpg", "a"], {"output": "-x.jpg"}),
        (["-q", "--", "-1.jpg", "--quiet", "-"], {"inputs": ["-1.jpg", "--quiet", "-"]}),
        (["a", "--", "--", "-o"], {"inputs": ["a", "./--", "-o"], "output": None}),
        (["@list", "a b", "\udcff.jpg", "ä"], {"inputs": ["@list", "a b", "\udcff.jpg", "ä"]}),
        (["--depth", "16", "a"], {"depth": "16"}),
        (["-q", "--toned", "keep", "--toned", "neutral", "a"], {"toned": "neutral"}),
        ([], {"inputs": []}),
    ],
)
def test_words_become_values(words: list[str], expected: dict[str, Any]) -> None:
    values = read(*words)
    assert {name: values[name] for name in expected} == expected


def test_two_pictures_may_have_any_names() -> None:
    values = read("--json", "--", "-a.jpg", "-b.jpg", verb="verify")
    assert (values["original"], values["coloured"]) == (Path("-a.jpg"), Path("-b.jpg"))
    values = read("--", "-a.jpg", "--", verb="verify")
    assert (values["original"], values["coloured"]) == (Path("-a.jpg"), Path("--"))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["colorize", "--satur", "2", "x"], "No such option: --satur. Did you mean --saturation?"),
        (["colorize", "--jsn"], "Did you mean --json?"),
        (["colorize", "--if-colour=skip", "x"], "Did you mean --if-color?"),
        (["colorize", "-recursive", "x"], "Did you mean --recursive?"),
        (["colorize", "-1"], "No such option: -1 (see"),
        (["colorize", "--xyzzy"], "No such option: --xyzzy (see `tinct colorize --help`)"),
        (["colorize", "--toned", "netural", "x"], "--toned: 'netural' is not one of"),
        (["colorize", "--toned", "netural", "x"], "Did you mean 'neutral'?"),
        (["colorize", "--format", "jpg", "x"], "Did you mean 'jpeg'?"),
        (["colorize", "--on-exists", "overwrit", "x"], "Did you mean 'overwrite'?"),
        (["colorize", "--quiet=yes", "x"], "--quiet: takes no value"),
        (["colorize", "x", "-o"], "-o: needs a value"),
        (["colorize", "-o", "--", "x"], "-o: needs a value"),
        (["colorize", "--quality", "best", "x"], "--quality: 'best' is not a whole number"),
        (["colorize", "--saturation", "much", "x"], "--saturation: 'much' is not a number"),
        (["colorize", "-j", "-1", "x"], "the least is 1; auto keeps all cores busy"),
        (["verify"], "ORIGINAL, COLOURED"),
        (["verify", "a", "b", "c"], "c"),
        (["verfy", "a", "b"], "No such command 'verfy'. Did you mean 'verify'?"),
        (["--versoin"], "No such option: --versoin. Did you mean --version?"),
        (["models", "--jsno"], "No such option: --jsno"),
        (["models", "pth"], "Did you mean 'path'?"),
        (["models", "list", "--jso"], "Did you mean --json?"),
        (["xyzzy"], "No such command 'xyzzy' (see `tinct --help`)"),
        ([""], "No such command ''"),
        ([__file__], f"did you mean `tinct colorize {__file__}`?"),
        ([str(Path(__file__).parent)], "did you mean `tinct colorize"),
    ],
)
def test_what_means_nothing_is_said_with_what_may_be_meant(
    words: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(words) == UsageError.exit_code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert complaint in captured.err


def test_usage_errors_are_json_and_have_tracebacks_on_demand(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["colorize", "--json", "--debug", "--nonsense"]) == 2
    captured = capfd.readouterr()
    assert '"code": "usage"' in captured.out
    assert "Traceback" in captured.err


def nodes(node: Verb | Group = TINCT, *path: str) -> list[tuple[list[str], Verb | Group]]:
    below = node.members.items() if isinstance(node, Group) else ()
    found = [each for name, member in below for each in nodes(member, *path, name)]
    return [(list(path), node), *found]


@pytest.mark.parametrize(("path", "node"), nodes(), ids=lambda it: str(it)[:20])
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_fits_a_narrow_terminal(
    path: list[str], node: Verb | Group, word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*path, word]) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out.startswith(f"Usage: {' '.join(['tinct', *path])}")
    assert node.summary in " ".join(captured.out.split())
    assert max(map(len, captured.out.splitlines())) <= WIDTH
    for name in described("tinct", node).known:
        assert name in captured.out


def test_help_is_given_wherever_it_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["colorize", "-qh", "--toned", "sepia", "x"]) == 0
    assert "Usage: tinct colorize" in capfd.readouterr().out


@pytest.mark.parametrize("path", [[], ["models"]])
def test_a_group_alone_shows_its_help_and_is_an_error(
    path: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(path) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: tinct")


def test_options_of_colouring_have_one_source(capfd: pytest.CaptureFixture[str]) -> None:
    values, known = read("x"), described("tinct", TINCT.members["colorize"]).known
    kinds = get_type_hints(ColorizeOptions)
    assert cli.run(["colorize", "--help"]) == 0
    text = " ".join(capfd.readouterr().out.split())
    for field in fields(ColorizeOptions):
        # how much effort is right depends on how many pictures there are
        assert values[field.name] == (None if field.name == "effort" else field.default)
        if isinstance(field.default, str):
            assert known[flag(field.name)].choices == get_args(kinds[field.name])
        assert descriptions()[field.name] in text
    assert {field.name for field in fields(ColorizeOptions)} <= set(values)


def test_headings_group_the_options(capfd: pytest.CaptureFixture[str]) -> None:
    cli.run(["colorize", "--help"])
    lines = capfd.readouterr().out.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "What to colour:",
        "Where results go:",
        "How it is coloured:",
        "What you know of its colours:",
        "Many pictures:",
        "What is said:",
    ]


@pytest.mark.parametrize("module", [verbs, grammar])
def test_the_command_imports_little(module: Any) -> None:
    script = (
        f"import sys, {module.__name__}\n"
        "heavy = {'numpy', 'typer', 'click', 'rich', 'shtab', 'PIL', 'pyvips', 'onnxruntime',\n"
        "    'difflib', 'tempfile', 'multiprocessing', 'socket', 'logging'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_reading_words_needs_no_source_and_no_shell() -> None:
    script = (
        "import sys\nfrom tinct.cli import run\n"
        "assert run(['colorize', '--dry-run', '-q', sys.argv[1]]) == 0\n"
        "heavy = {'shtab', 'difflib', 'shutil', 'rich', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    picture = Path(__file__).parent.parent / "examples" / "portrait-02.jpg"
    subprocess.run([sys.executable, "-c", script, picture], check=True, capture_output=True)


def test_a_word_too_many_is_named_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "twice"]) == 2
    assert "too many words: twice (" in capsys.readouterr().err
