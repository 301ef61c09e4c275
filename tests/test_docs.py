"""The documentation says what the code does."""

from __future__ import annotations

import inspect
import json
import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

import tinct
from tinct.cli.grammar import TINCT, Group
from tinct.cli.parsing import Parser
from tinct.options import ColorizeOptions
from tinct.systems import SYSTEMS
from tinct.training.reading import load_recipe, shipped_recipes

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/*.md")])


def commands() -> list[list[str]]:
    """Every `tinct ...` of a console block, as words; recipes of the reader's own are left out."""
    found = []
    for page in PAGES:
        for block in re.findall(
            r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words[:1] == ["tinct"] and "|" not in words:
                    found.append(words[1:])
    return found


def test_generated_parts_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's tree, the tables of formats, errors, options, keys and models, the cards."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    stale = runpy.run_path(str(ROOT / "docs" / "generate.py"))["stale"]()
    assert not stale, f"run `python docs/generate.py`: {[path.name for path in stale]}"


def test_the_trees_name_every_room_and_every_source_file() -> None:
    readme, layout = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/layout.md")
    )
    for module in (ROOT / "src" / "tinct").rglob("*.py"):
        if module.name == "__init__.py" and module.parent.name != "tinct":
            assert f" {module.parent.name}/ " in readme, module
        elif not module.name.startswith("__"):
            assert f" {module.name} " in layout, module


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http", "mailto")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_documented_commands_can_be_typed(words: list[str]) -> None:
    """Verbs and options exist, recipes ship, and their keys are keys; nothing is carried out."""
    node, rest = TINCT.members[words[0]], words[1:]
    while isinstance(node, Group):
        node, rest = node.members[rest[0]], rest[1:]
    parser = Parser("tinct")
    node.declare(parser, False)
    values = parser.read(rest)
    assert values is not None
    if words[0] == "train" and not values["sweep"] and values["recipe"] in shipped_recipes():
        load_recipe(values["recipe"], values["overrides"])


def test_every_system_has_a_card_with_its_figures() -> None:
    cards = {file.stem for file in (ROOT / "docs" / "systems").glob("*.md")}
    assert cards == set(SYSTEMS)
    results = json.loads((ROOT / "benchmarks" / "results" / "systems.json").read_text("utf-8"))
    measured = {run["system"] for run in results["models"].values()} | {"alpha"}
    assert measured >= set(SYSTEMS)
    assert results["alpha"]["psnr"]["learned, square"]["alpha"] > 30
    for one in results["sets"]:
        assert {row["name"].split()[0] for row in one["baselines"]} == {"grey", "tint", "oracle"}


def test_the_sheet_of_the_systems_is_small() -> None:
    assert (ROOT / "docs" / "images" / "systems.jpg").stat().st_size <= 400_000


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_speak_of_the_product_alone(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|Users)/", text)


def test_every_promise_is_a_test_of_its_name() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    promises = set(re.findall(r"tests/test_promises\.py::(\w+)", readme))
    source = (ROOT / "tests" / "test_promises.py").read_text(encoding="utf-8")
    assert len(promises) >= 6
    for name in promises:
        assert f"def {name}(" in source


def test_the_readme_example_runs(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    script = f"import numpy\npicture = numpy.full((64, 80), 120, numpy.uint8)\n{code}\n"
    script += "assert coloured.shape == (64, 80, 3)\n"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_options_have_one_name_everywhere() -> None:
    names = [field.name for field in fields(ColorizeOptions)]
    parameters = inspect.signature(tinct.colorize).parameters
    assert list(parameters)[1:] == names
    for field in fields(ColorizeOptions):
        assert parameters[field.name].default == field.default
        assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
    assert [field.name for field in fields(tinct.Colorizer)][: len(names)] == names
    readme = subprocess.run(
        [sys.executable, "-m", "tinct", "colorize", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in names:
        assert f"--{name.replace('_', '-')}" in readme


def test_versions_agree() -> None:
    assert f"## [{tinct.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {tinct.__version__}\n" in citation


def test_the_package_is_small() -> None:
    for file in (ROOT / "src").rglob("*"):
        assert not file.is_file() or file.stat().st_size <= 12 * 2**20


def test_every_block_of_the_python_page_runs_as_it_is_printed(tmp_path: Path) -> None:
    """In a folder with the files that it names, each block by itself."""
    example = next((ROOT / "examples").glob("*.jpg"))
    with Image.open(example) as opened:
        small = opened.convert("L").resize((80, 60))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(), re.DOTALL)
    assert len(blocks) >= 4
    for number, block in enumerate(blocks):
        folder = tmp_path / str(number)
        (folder / "scans").mkdir(parents=True)
        small.save(folder / "grandmother.jpg")
        small.save(folder / "scan.tif")
        small.save(folder / "scans/1.tif")
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (block, done.stderr)
    assert (tmp_path / "0/grandmother.colorized.jpg").is_file()
    assert (tmp_path / "1/coloured/1.tif").is_file()
