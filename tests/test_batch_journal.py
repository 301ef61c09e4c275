"""Journals: the same command goes on where it stopped, and results of other runs are told apart."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tinct.batch import run
from tinct.batch.entries import Settings, as_line, entry_of, settings_of
from tinct.batch.events import Several, Summary
from tinct.batch.inputs import expand
from tinct.batch.journal import NAME, Journal
from tinct.batch.plan import Task, make_plan
from tinct.batch.terminal import Terminal
from tinct.batch.workers import ColourFile
from tinct.errors import OutputError, OutputUnwritable, TinctError
from tinct.models import DEFAULT, find_model
from tinct.options import ColorizeOptions, OnExists

PLAIN = Settings("tiny.test", "0" * 64, {}, "skip")
BOLD = Settings("tiny.test", "0" * 64, {"saturation": "2.0"}, "skip")


class Batch:
    """A folder of made-up pictures, and runs that colour it."""

    def __init__(self, root: Path) -> None:
        self.source, self.out = root / "in", root / "out"
        self.source.mkdir()
        self.coloured: Counter[str] = Counter()
        self.hook: Callable[[Path], None] = lambda source: None

    def write(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.source / f"{name}.jpg").write_text(text)

    def plan(
        self,
        settings: Settings = PLAIN,
        *,
        on_exists: OnExists = "fail",
        shard: tuple[int, int] | None = None,
        journal: Path | None = None,
    ) -> tuple[list[Task], Journal]:
        noted = Journal(journal or self.out / NAME, settings, shard=shard)
        sources = expand([str(self.source)], exclude=self.out)
        return make_plan(sources, output=self.out, on_exists=on_exists, journal=noted), noted

    def run(self, settings: Settings = PLAIN, **how: Any) -> Summary:
        tasks, noted = self.plan(settings, **how)
        self.coloured.clear()
        return run(tasks, make=self._make, reporter=Several(noted, Terminal(verbosity=-1)))

    def _make(self) -> ColourFile:
        def colour(source: Path, target: Path, *, overwrite: bool, variant: int = 0) -> Any:
            self.coloured[source.stem] += 1
            self.hook(source)
            return tiny.colour(source, target, overwrite=overwrite)

        return colour

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / NAME).read_text().splitlines()]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path)


def test_what_is_done_is_not_done_again(batch: Batch) -> None:
    batch.write(a="one", b="bad", c="colours", d="two")
    first = batch.run()
    assert (first.done, first.skipped, len(first.failures)) == (2, 1, 1)
    again = batch.run()
    assert (again.done, again.skipped, again.before, len(again.failures)) == (0, 3, 2, 1)
    assert batch.coloured == {"b": 1}  # failures are tried again
    batch.write(b="good", e="new")
    last = batch.run()
    assert (last.done, last.before, last.exit_code) == (2, 2, 0)
    done = Counter(line["output"] for line in batch.lines if line["event"] == "done")
    assert set(done.values()) == {1}
    assert len(done) == 4


@pytest.mark.parametrize("on_exists", ["fail", "skip", "overwrite", "rename"])
def test_going_on_is_the_same_whatever_happens_to_results_that_exist(
    batch: Batch, on_exists: OnExists
) -> None:
    batch.write(a="one", b="two")
    batch.out.mkdir()
    (batch.out / "b.colorized.jpg").write_text("of somebody else")
    batch.run(on_exists=on_exists)
    before = sorted((path.name, path.read_bytes()) for path in batch.out.glob("*.jpg"))
    batch.run(on_exists=on_exists)
    assert not batch.coloured
    assert sorted((path.name, path.read_bytes()) for path in batch.out.glob("*.jpg")) == before
    kept = (batch.out / "b.colorized.jpg").read_text() == "of somebody else"
    assert kept is (on_exists != "overwrite")
    assert (batch.out / "b.colorized-2.jpg").exists() is (on_exists == "rename")


def test_other_options_and_changed_inputs_are_told_apart(batch: Batch) -> None:
    batch.write(a="one", b="two")
    batch.run()
    tasks, _ = batch.plan(BOLD)
    assert all(task.problem and "other options" in task.problem.message for task in tasks)
    batch.write(b="changed")
    tasks, _ = batch.plan()
    assert [task.action for task in tasks] == ["skip", "fail"]
    assert tasks[1].problem is not None
    assert "another state of the input" in tasks[1].problem.message
    assert batch.run(on_exists="overwrite").done == 1
    assert batch.coloured == {"b": 1}
    assert batch.run(BOLD, on_exists="overwrite").done == 2


def test_a_touched_input_is_the_same_by_its_content(batch: Batch, tmp_path: Path) -> None:
    from tinct.provenance import sha256_of

    batch.write(a="one")
    entry = entry_of(
        json.dumps(
            {
                **{"v": 1, "event": "done", "output": "a", "input": "a", "settings": "s"},
                **{"size_in": 3, "mtime_in": 1, "sha256_in": sha256_of(b"one")},
            }
        ).encode()
    )
    assert entry is not None
    assert entry.is_of(batch.source / "a.jpg")
    batch.write(a="two")
    assert not entry.is_of(batch.source / "a.jpg")


def test_results_that_were_changed_or_taken_away(batch: Batch) -> None:
    batch.write(a="one", b="two")
    batch.run()
    (batch.out / "a.colorized.jpg").unlink()
    (batch.out / "b.colorized.jpg").write_text("retouched by hand")
    summary = batch.run()
    assert batch.coloured == {"a": 1}
    assert (
        summary.failures[0][1].message == "exists already, but it was changed after it was coloured"
    )
    assert (batch.out / "b.colorized.jpg").read_text() == "retouched by hand"


def test_the_folder_may_be_moved(batch: Batch, tmp_path: Path) -> None:
    batch.write(a="one", b="two")
    batch.run()
    batch.out = batch.out.rename(tmp_path / "elsewhere")
    assert batch.run().before == 2


def test_passed_over_pictures_are_looked_at_when_they_are_to_be_coloured(batch: Batch) -> None:
    batch.write(a="colours")
    batch.run()
    batch.run()
    assert not batch.coloured
    batch.run(Settings("tiny.test", "0" * 64, {}, "recolor"))
    assert batch.coloured == {"a": 1}


@pytest.mark.parametrize(
    "tail", [b'{"v": 1, "event": "do', b"\0" * 4096, b"\xff\xfe junk\n", b'{"v": 1}\n[]\n']
)
def test_damage_costs_no_more_than_what_it_hit(batch: Batch, tail: bytes) -> None:
    batch.write(a="one", b="two")
    batch.run()
    with (batch.out / NAME).open("ab") as file:
        file.write(tail)
    batch.write(c="three")
    assert batch.run().before == 2
    assert batch.run().before == 3
    assert batch.coloured == {}


def test_a_line_that_was_cut_in_the_middle_is_known(batch: Batch) -> None:
    batch.write(a="one", b="two")
    batch.run()
    lines = (batch.out / NAME).read_bytes().splitlines(keepends=True)
    lines[0] = lines[0][:9] + b"\n"
    lines[-1] = lines[-1][: len(lines[-1]) // 2]
    (batch.out / NAME).write_bytes(b"".join(lines))
    tasks, noted = batch.plan()
    assert noted.damaged == 1  # the last may be in the making
    assert [task.action for task in tasks] == ["skip", "fail"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xd8\xff\xe0 a picture", "is no journal"),
        (b'{"name": "somebody else"}\n', "is no journal"),
        (b'{"v": 2, "event": "journal"}\n', "of a newer Tinct"),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_kept(
    batch: Batch, content: bytes, message: str, tmp_path: Path
) -> None:
    batch.write(a="one")
    file = tmp_path / "notes.jsonl"
    file.write_bytes(content)
    with pytest.raises(OutputError, match=message):
        batch.run(journal=file)
    assert file.read_bytes() == content


def test_only_one_run_at_a_time_writes_into_a_folder(batch: Batch) -> None:
    batch.write(a="one")
    _, noted = batch.plan()
    noted.open()
    summary = batch.run()
    assert isinstance(summary.aborted, OutputError)
    assert "another tinct is colouring" in str(summary.aborted)
    assert not batch.coloured
    noted.finished(summary)
    assert batch.run(shard=(1, 1)).done == 1  # parts have journals of their own


def test_what_another_run_did_since_the_plan_is_seen(batch: Batch) -> None:
    batch.write(a="one")
    tasks, noted = batch.plan()
    batch.run()
    with pytest.raises(OutputError, match="run the same command again"):
        noted.planned(tasks)


def test_a_folder_that_vanishes_ends_the_run(batch: Batch, tmp_path: Path) -> None:
    batch.write(a="one", b="two", c="three")

    def move(source: Path) -> None:
        shutil.move(batch.out, tmp_path / "moved")

    batch.hook = move
    summary = batch.run()
    assert isinstance(summary.aborted, OutputUnwritable)
    assert "vanished" in summary.aborted.message
    assert sum(batch.coloured.values()) == 1
    assert summary.exit_code == 4


def test_a_full_disk_ends_the_run_in_one_line(batch: Batch, small_disk: Path) -> None:
    batch.out = small_disk / "out"
    batch.write(**{f"p{number}": "one" for number in range(20)})
    batch.out.mkdir()

    def fill(source: Path) -> None:
        if source.stem == "p11":
            with (small_disk / "filler").open("wb") as file:
                while file.write(b"\0" * 1024):
                    file.flush()

    batch.hook = fill
    summary = batch.run()
    done = summary.done
    errors: list[TinctError] = [error for _, error in summary.failures]
    errors += [summary.aborted] if summary.aborted else []
    assert errors
    assert not [error for error in errors if error.code not in ("output-unwritable", "internal")]
    batch.hook = lambda source: None
    (small_disk / "filler").unlink()
    again = batch.run()
    assert again.exit_code == 0
    assert again.done + again.before == 20
    assert again.before >= done - 1
    assert len(list(batch.out.glob("*.jpg"))) == 20


def test_a_folder_that_cannot_be_written_is_said_at_once(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.write(a="one")
    batch.out.write_text("a file where the folder should be")
    summary = batch.run()
    assert isinstance(summary.aborted, OutputUnwritable)
    assert not batch.coloured


def test_plans_write_nothing(batch: Batch) -> None:
    batch.write(a="one")
    batch.plan()
    assert not batch.out.exists()


def test_a_batch_without_work_writes_nothing(batch: Batch) -> None:
    batch.write(a="one")
    batch.run()
    before = (batch.out / NAME).read_bytes()
    batch.run()
    assert (batch.out / NAME).read_bytes() == before


def test_claims_are_noted_before_the_work(batch: Batch) -> None:
    batch.write(**{f"p{number:03}": "one" for number in range(130)})
    seen: list[int] = []
    batch.hook = lambda source: seen.append(sum(line["event"] == "claim" for line in batch.lines))
    batch.run()
    assert seen == [64] * 64 + [128] * 64 + [130] * 2


def test_lines_are_read_as_they_were_written(batch: Batch) -> None:
    batch.source = batch.source.parent / os.fsdecode(b"\xff\n")
    batch.source.mkdir()
    batch.write(a="warn")
    batch.run()
    (done,) = [line for line in batch.lines if line["event"] == "done"]
    entry = entry_of(json.dumps(done).encode())
    assert entry is not None
    assert entry.warnings == ("w",)
    assert {"v": 1, **as_line(entry), "warnings": list(entry.warnings)} == done
    assert batch.run().before == 1


@pytest.mark.parametrize(
    "change", [{"size_in": "3"}, {"variant": None}, {"event": "made"}, {"output": 1}, {"there": 2}]
)
def test_entries_of_the_wrong_kind_are_none(change: dict[str, object]) -> None:
    line = {"v": 1, "event": "done", "output": "a", "input": "b", "settings": "c"}
    assert entry_of(json.dumps(line).encode()) is not None
    assert entry_of(json.dumps({**line, **change}).encode()) is None


def test_settings_are_what_shapes_a_result(tmp_path: Path) -> None:
    spec = find_model(DEFAULT)

    def digest(**options: Any) -> str:
        return settings_of(ColorizeOptions(**options), spec).digest

    plain = digest()
    assert digest(if_color="recolor") == digest(drop_credentials=True) == plain
    others = [
        digest(saturation=1.1),
        digest(format="png"),
        digest(sidecar=True),
        digest(variants=3),
        digest(variants=3, seed=1),
        digest(palette="#8a2b1d,#d9b36c"),
        digest(palette="#8a2b1d,#d9b36d"),
    ]
    for number in (0.25, 0.5):
        hints = tmp_path / "hints.json"
        hints.write_text(json.dumps({"points": [{"x": number, "y": 0.5, "color": "#8a2b1d"}]}))
        others.append(digest(hints=hints))
    assert len({plain, *others}) == len(others) + 1
