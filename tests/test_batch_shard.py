"""Parts of a batch are disjoint and complete, and the same on every machine."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinct.batch.inputs import expand
from tinct.batch.order import Order
from tinct.batch.shard import part_of
from tinct.errors import UsageError
from tinct.options import ColorizeOptions

NAMES = st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=20)


@settings(max_examples=200)
@given(names=st.sets(NAMES, max_size=30), parts=st.integers(1, 12))
def test_each_picture_belongs_to_exactly_one_part(names: set[str], parts: int) -> None:
    taken = [
        name
        for part in range(1, parts + 1)
        for name in names
        if part_of(PurePath("folder", name), parts) == part
    ]
    assert sorted(taken) == sorted(names)


def test_parts_do_not_change() -> None:
    """A picture that moved to another part with a new version would be done twice, or never."""
    places = ["a.jpg", "sub/a.jpg", "ä.tif", "a\u0308.tif", "\udcff.png"]
    assert [part_of(PurePath(place), 1000) for place in places] == [450, 691, 403, 403, 68]


def test_parts_are_about_equal() -> None:
    counts = [0] * 8
    for number in range(8000):
        counts[part_of(PurePath(f"scan-{number:05}.tif"), 8) - 1] += 1
    assert all(850 < count < 1150 for count in counts)


def order(output: Path, *, shard: tuple[int, int] | None = None, variants: int = 0) -> Order:
    return Order(
        output=output,
        output_is_folder=True,
        name=None,
        on_exists="fail",
        options=ColorizeOptions(format="png", variants=variants),
        model="tiny.test",
        shard=shard,
    )


@pytest.mark.parametrize("mount", ["here", "there/deep"])
def test_plans_of_all_parts_are_the_plan_of_the_whole(mount: str, tmp_path: Path) -> None:
    folder = tmp_path / mount
    for number in range(40):
        path = folder / str(number % 3) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    sources = expand([str(folder)], recursive=True)
    whole = order(tmp_path / "out", variants=2).tasks(sources, None)
    parts = [
        order(tmp_path / "out", shard=(part, 3), variants=2).tasks(sources, None)
        for part in (1, 2, 3)
    ]
    targets = [task.target for part in parts for task in part]
    assert len(targets) == len(set(targets)) == 80
    assert set(targets) == {task.target for task in whole}
    for part in parts:  # all variants of a picture are made by the same machine
        assert len({task.source for task in part}) * 2 == len(part)
    first = {str(task.relative) for task in parts[0]}
    assert first == {name for name in map(_relative, range(40)) if part_of(PurePath(name), 3) == 1}


def _relative(number: int) -> str:
    return f"{number % 3}/{number}.jpg"


def test_every_part_finds_a_collision(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.webp"):
        (tmp_path / name).write_bytes(b"x")
    sources = expand([str(tmp_path)])
    for part in (1, 2, 3):
        with pytest.raises(UsageError, match="would both become"):
            order(tmp_path / "out", shard=(part, 3)).tasks(sources, None)
