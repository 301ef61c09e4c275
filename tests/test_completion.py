"""`tinct completion`: scripts that a shell accepts and that name everything."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import need
from tinct import cli
from tinct.cli.grammar import SHELLS, TINCT, Group, Verb, described


def options(node: Verb | Group = TINCT) -> Iterator[str]:
    """Every option of every verb."""
    if isinstance(node, Group):
        for member in node.members.values():
            yield from options(member)
    else:
        yield from described("tinct", node).known


def words(node: Group = TINCT) -> Iterator[str]:
    """Every verb."""
    for name, member in node.members.items():
        yield name
        if isinstance(member, Group):
            yield from words(member)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def script(shell: str, capfd: pytest.CaptureFixture[str]) -> str:
    assert cli.run(["completion", shell]) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    return captured.out


def test_the_script_names_every_verb_and_option(shell: str, script: str) -> None:
    named = set(options())
    assert {"--output", "-o", "--if-color", "--json", "--help"} <= named
    for name in named:
        text = name.lstrip("-") if shell == "tcsh" else name  # which writes the hyphens once
        assert text in script, name
    assert {"colorize", "verify", "models", "show", "doctor", "completion"} <= set(words())
    for word in words():
        assert word in script, word


def test_the_script_offers_choices_and_files(shell: str, script: str) -> None:
    assert "skip recolor fail" in script
    assert "same jpeg png tiff webp avif" in script
    assert {"bash": "_COMPGEN=_shtab_compgen_files", "zsh": ":_files", "tcsh": "/f/"}[
        shell
    ] in script


def test_the_shell_accepts_the_script(shell: str, script: str, tmp_path: Path) -> None:
    need(shell, shell)
    file = tmp_path / "script"
    file.write_text(script)
    done = subprocess.run([shell, "-n", file], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["co"], ["colorize", "completion"]),
        (["models", "s"], ["show"]),
        (["colorize", "--sat"], ["--saturation"]),
        (["colorize", "a.jpg", "--on-exists", ""], ["fail", "skip", "overwrite", "rename"]),
        (["colorize", "pic"], ["picture.jpg"]),
        (["colorize", "a.jpg", "-o", "pic"], ["picture.jpg"]),
        (["verify", "a.jpg", "pic"], ["picture.jpg"]),
        (["completion", ""], list(SHELLS)),
    ],
)
def test_bash_completes(
    typed: list[str], offered: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "picture.jpg").touch()
    assert cli.run(["completion", "bash"]) == 0
    script = capfd.readouterr().out
    script += '\nCOMP_WORDS=(tinct "$@")\nCOMP_CWORD=$#\n_shtab_tinct\n'
    script += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *typed],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == offered


def test_other_shells_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completion", "bsh"]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "'bash', 'zsh', 'tcsh'. Did you mean 'bash'?" in captured.err


def test_the_page_tells_how_to_install_each() -> None:
    page = (Path(__file__).parent.parent / "docs" / "quick-start.md").read_text(encoding="utf-8")
    for name in SHELLS:
        assert f"tinct completion {name}" in page
