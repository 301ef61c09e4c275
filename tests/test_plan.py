"""Plans: targets, collisions, what exists, and that no input is ever a target."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinct.batch.inputs import expand
from tinct.batch.plan import Task, make_plan
from tinct.errors import OutputExists, UsageError
from tinct.options import OnExists


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.jpg", "in/b.png", "in/sub/a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def targets(tasks: list[Task]) -> list[str]:
    return [str(task.target) for task in tasks]


def test_results_lie_beside_their_inputs(tree: Path) -> None:
    plan = make_plan(expand(["in"], recursive=True))
    assert targets(plan) == [
        "in/a.colorized.jpg",
        "in/b.colorized.png",
        "in/sub/a.colorized.jpg",
    ]


def test_sub_folders_are_mirrored(tree: Path) -> None:
    plan = make_plan(expand(["in"], recursive=True), output=Path("out"), format="tiff")
    assert targets(plan) == [
        "out/a.colorized.tif",
        "out/b.colorized.tif",
        "out/sub/a.colorized.tif",
    ]
    assert not (tree / "out").exists()


def test_a_template_may_place_results_itself(tree: Path) -> None:
    sources = expand(["in"], recursive=True)
    plan = make_plan(sources, output=Path("out"), name="{relative}/c/{stem}{ext}")
    assert targets(plan) == ["out/c/a.jpg", "out/c/b.png", "out/sub/c/a.jpg"]
    with pytest.raises(UsageError):
        make_plan(sources, name="{relative}/{stem}{ext}")


@pytest.mark.parametrize(
    ("output", "target"),
    [("x.jpg", "x.jpg"), ("x.png", "x.png"), ("out", "out/a.colorized.jpg")],
)
def test_one_file_may_go_to_a_file_or_a_folder(tree: Path, output: str, target: str) -> None:
    assert targets(make_plan(expand(["in/a.jpg"]), output=Path(output))) == [target]


def test_a_folder_that_looks_like_a_file(tree: Path) -> None:
    sources = expand(["in/a.jpg"])
    plan = make_plan(sources, output=Path("scans.v2"), output_is_folder=True)
    assert targets(plan) == ["scans.v2/a.colorized.jpg"]
    (tree / "old.jpg").mkdir()
    assert targets(make_plan(sources, output=Path("old.jpg"))) == ["old.jpg/a.colorized.jpg"]


@pytest.mark.parametrize(
    ("output", "name", "wanted"),
    [("x.gif", None, "same"), ("x.jpg", None, "png"), ("x.jpg", "{stem}{ext}", "same")],
)
def test_a_file_for_the_result_excludes_some_options(
    tree: Path, output: str, name: str | None, wanted: str
) -> None:
    with pytest.raises(UsageError):
        make_plan(expand(["in/a.jpg"]), output=Path(output), name=name, format=wanted)


def test_collisions_are_found_before_work_starts(tree: Path) -> None:
    sources = expand(["in/a.jpg", "in/sub/a.jpg"])
    with pytest.raises(UsageError, match=r"in/a\.jpg and in/sub/a\.jpg would both become"):
        make_plan(sources, output=Path("out"))
    plan = make_plan(sources, output=Path("out"), on_exists="rename")
    assert targets(plan) == ["out/a.colorized.jpg", "out/a.colorized-2.jpg"]


def test_collisions_through_a_linked_folder_are_found(tree: Path) -> None:
    (tree / "linked").symlink_to(tree / "in")
    with pytest.raises(UsageError, match="both become"):
        make_plan(expand(["in/a.jpg", "linked/a.jpg"]))


def test_what_exists_fails_is_skipped_replaced_or_renamed(tree: Path) -> None:
    sources = expand(["in/a.jpg", "in/b.png"])
    existing = tree / "in/a.colorized.jpg"
    existing.write_bytes(b"old")
    failed, good = make_plan(sources)
    assert isinstance(failed.problem, OutputExists)
    assert (failed.action, good.action) == ("fail", "colour")
    assert make_plan(sources, on_exists="skip")[0].action == "skip"
    assert make_plan(sources, on_exists="overwrite")[0].overwrite
    assert not make_plan(sources, on_exists="overwrite")[1].overwrite
    renamed = make_plan(sources, on_exists="rename")[0]
    assert renamed.target == Path("in/a.colorized-2.jpg")
    existing.unlink()
    existing.symlink_to("nowhere")
    assert isinstance(make_plan(sources)[0].problem, OutputExists)


@pytest.mark.parametrize("on_exists", ["fail", "skip", "overwrite"])
@pytest.mark.parametrize("link", ["itself", "hard", "symbolic", "folder"])
def test_no_input_is_ever_a_target(tree: Path, link: str, on_exists: OnExists) -> None:
    output, name = Path("out"), "{stem}{ext}"
    if link == "folder":
        (tree / "out").symlink_to(tree / "in")
    else:
        (tree / "out").mkdir()
    if link == "itself":
        output = Path("in")
    elif link == "hard":
        os.link(tree / "in/a.jpg", tree / "out/a.jpg")
    elif link == "symbolic":
        (tree / "out/a.jpg").symlink_to(tree / "in/a.jpg")
    (task,) = make_plan(expand(["in/a.jpg"]), output=output, name=name, on_exists=on_exists)
    assert isinstance(task.problem, OutputExists)
    assert "is an input" in task.problem.message


def test_another_input_is_no_target_either(tree: Path) -> None:
    (tree / "in/a.colorized.jpg").write_bytes(b"also an input")
    plan = make_plan(expand(["in/a.jpg", "in/a.colorized.jpg"]), on_exists="overwrite")
    assert "is an input" in (plan[0].problem.message if plan[0].problem else "")
    assert plan[1].problem is None


def test_problems_of_inputs_pass_through(tree: Path) -> None:
    missing, good = make_plan(expand(["none.jpg", "in/a.jpg"]))
    assert missing.action == "fail"
    assert missing.target is None
    assert good.action == "colour"


def test_a_folder_coloured_in_place_can_be_coloured_again(tmp_path: Path) -> None:
    """Results of the first run are no inputs of the second; `--on-exists` speaks of them."""
    import numpy as np
    from PIL import Image

    import tinct

    original = tmp_path / "a.png"
    Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))).save(original)
    tinct.Colorizer(size=64, threads=1).file(original, tmp_path / "a.colorized.png")
    mine = tmp_path / "b.colorized.png"  # only its name looks like a result
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(mine)
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(tmp_path / "b.png")
    tasks = make_plan(expand([str(tmp_path)]), on_exists="skip")
    actions = {task.source.name: task.action for task in tasks}
    assert actions == {"a.png": "skip", "b.png": "fail", "b.colorized.png": "colour"}


def test_one_file_cannot_take_several_results(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="one file cannot take 2 results"):
        make_plan(
            expand([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]), output=tmp_path / "one.jpg"
        )
