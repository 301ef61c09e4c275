"""Inputs: files, folders, patterns, lists; and names from templates."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path, PurePath

import pytest

from tinct.batch.inputs import Source, check_template, expand, fill_template
from tinct.errors import InputError, Unreadable, UsageError
from tinct.naming import DEFAULT_NAME, result_suffix, written_format


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def relatives(sources: list[Source]) -> list[str]:
    return [str(source.relative) for source in sources]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, "in/b.JPG", "in/a.png", "in/notes.txt", "in/.hidden.jpg", "in/sub/c.tif")
    make(tmp_path, "in/sub/deep/d.webp", "in/.git/e.jpg")
    return tmp_path


def test_a_file_is_taken_whatever_its_name(tree: Path) -> None:
    (source,) = expand(["in/notes.txt"])
    assert source == Source(Path("in/notes.txt"), PurePath("notes.txt"), named=True)


def test_a_folder_gives_its_pictures_in_order(tree: Path) -> None:
    sources = expand(["in"])
    assert relatives(sources) == ["a.png", "b.JPG"]
    assert not any(source.named for source in sources)


def test_sub_folders_are_searched_on_demand_and_keep_their_place(tree: Path) -> None:
    assert relatives(expand(["in"], recursive=True)) == [
        "a.png",
        "b.JPG",
        "sub/c.tif",
        "sub/deep/d.webp",
    ]


def test_the_folder_of_results_is_not_searched(tree: Path) -> None:
    assert relatives(expand(["in"], recursive=True, exclude=Path("in/sub"))) == ["a.png", "b.JPG"]


def test_linked_folders_are_not_followed_round_in_circles(tree: Path) -> None:
    (tree / "in/sub/loop").symlink_to(tree / "in")
    assert len(expand(["in"], recursive=True)) == 4


def test_patterns_that_the_shell_left(tree: Path) -> None:
    assert relatives(expand(["in/*.png", "in/sub/**/*.webp"])) == ["a.png", "d.webp"]
    (source,) = expand(["in/*.bmp"])
    assert isinstance(source.problem, Unreadable)


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tree: Path) -> None:
    make(tree, "in/[1].png", "in/1.png")
    assert relatives(expand(["in/[1].png"])) == ["[1].png"]


def test_nothing_is_taken_twice(tree: Path) -> None:
    assert len(expand(["in/a.png", "in", "./in/../in/a.png"])) == 2


def test_what_is_not_there_is_a_problem_of_that_input_alone(tree: Path) -> None:
    missing, good = expand(["in/none.jpg", "in/a.png"])
    assert isinstance(missing.problem, Unreadable)
    assert good.problem is None


@pytest.mark.parametrize("name", ["x\0y", "n" * 5000])
def test_names_no_system_takes_are_problems(tree: Path, name: str) -> None:
    (source,) = expand([name])
    assert isinstance(source.problem, Unreadable)


def test_a_folder_without_pictures_says_so(tree: Path) -> None:
    (tree / "empty").mkdir()
    (source,) = expand(["empty"])
    assert isinstance(source.problem, InputError)
    assert "--recursive" in (source.problem.remedy or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_rights_leaves_the_others(tree: Path) -> None:
    (tree / "in/sub").chmod(0)
    sources = expand(["in"], recursive=True)
    (tree / "in/sub").chmod(0o700)
    assert [source.problem is None for source in sources] == [True, True, False]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_a_list_of_files_mirrors_relative_folders(tree: Path, separator: str) -> None:
    lines = ["in/a.png", "in/sub/c.tif", str(tree / "in/b.JPG")]
    (tree / "list").write_text(separator.join(lines) + separator)
    sources = expand([], files_from="list")
    assert relatives(sources) == ["in/a.png", "in/sub/c.tif", "b.JPG"]
    assert all(source.named for source in sources)


def test_a_list_from_standard_input_takes_any_bytes(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"in/\xff.png")
    make(tree, name)
    stdin = io.TextIOWrapper(io.BytesIO(os.fsencode(name) + b"\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    (source,) = expand([], files_from="-")
    assert source.path == Path(name)


def test_no_input_and_no_list_are_usage_errors(tree: Path) -> None:
    with pytest.raises(UsageError):
        expand([])
    with pytest.raises(UsageError):
        expand([], files_from="absent")


@pytest.mark.parametrize(
    ("name", "wanted", "suffix"),
    [
        ("a.jpg", "same", ".jpg"),
        ("a.JPEG", "same", ".JPEG"),
        ("a.tiff", "same", ".tiff"),
        ("a.tiff", "tiff", ".tiff"),
        ("a.tiff", "jpeg", ".jpg"),
        ("a.heic", "same", ".png"),
        ("a.gif", "same", ".png"),
        ("a", "same", ".png"),
        ("a.bmp", "avif", ".avif"),
    ],
)
def test_the_suffix_of_a_result(name: str, wanted: str, suffix: str) -> None:
    assert result_suffix(PurePath(name), format=wanted) == suffix
    assert written_format(suffix)


def test_templates_are_filled(tree: Path) -> None:
    source = Source(Path("in/sub/c.tif"), PurePath("sub/c.tif"), named=False)
    text = "{relative}/{parent}-{stem}-{model}-{sha256:.8}{ext}"
    check_template(text)
    filled = fill_template(text, source, suffix=".png", model="m")
    assert filled == PurePath("sub/sub-c-m-2d711642.png")
    assert fill_template(DEFAULT_NAME, source, suffix=".tif", model="m") == PurePath(
        "c.colorized.tif"
    )


@pytest.mark.parametrize(
    "template",
    [
        *("{nobody}", "{stem.__class__}", "{stem[0]}", "{0}", "{}", "{stem", "a}", "{stem:d}"),
        *("", "../{stem}", "/{stem}", "{stem}/", "{stem}/../../x", "{stem:{ext}}{model.x}"),
    ],
)
def test_bad_templates_are_usage_errors(template: str) -> None:
    with pytest.raises(UsageError):
        check_template(template)


def test_no_input_name_leads_out_of_the_output_folder() -> None:
    source = Source(Path("...jpg"), PurePath("...jpg"), named=True)
    assert source.path.stem == ".."
    with pytest.raises(UsageError):
        fill_template("{stem}/x{ext}", source, suffix=".jpg", model="m")
