"""Answers: on the disk before they are confirmed, and none counts twice."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.studies import believer, make_study, slots, take_part
from tinct.cli import run
from tinct.errors import InputError, TinctError
from tinct.study.folder import ANSWERS
from tinct.study.options import ORIGINAL
from tinct.study.store import OutOfTurn, Store, Unknown


def test_the_first_answer_counts_and_any_other_changes_nothing(tmp_path: Path) -> None:
    store = Store(make_study(tmp_path))
    token = secrets.token_hex(16)
    first = store.join(token).trial
    assert first is not None
    after = store.answer(token, first.id, 1, 800)
    assert after.done == 1
    again = store.answer(token, first.id, 0, 900)
    assert (again.done, again.trial) == (1, after.trial)
    assert store.join(token) == again
    (vote,) = store.votes()
    assert (vote.choice, vote.response_ms, vote.late) == (1, 800, False)
    with pytest.raises(sqlite3.IntegrityError):
        store._base.execute("INSERT INTO answer VALUES (?, 0, 1, 0)", (first.id,))


def test_answers_are_those_of_who_is_asked_now(tmp_path: Path) -> None:
    store = Store(make_study(tmp_path))
    token, other = secrets.token_hex(16), secrets.token_hex(16)
    store.join(token)
    mine = store.state(token).trial
    theirs = store.join(other).trial
    assert mine is not None
    assert theirs is not None
    with pytest.raises(Unknown):
        store.answer(token, theirs.id, 1, 5)
    with pytest.raises(Unknown):
        store.answer("0" * 32, mine.id, 1, 5)
    with pytest.raises(Unknown):
        store.state("0" * 32)
    with pytest.raises(OutOfTurn, match="no such answer"):
        store.answer(token, mine.id, 2, 5)
    (later,) = store._base.execute(
        "SELECT trial.id FROM trial JOIN participant ON participant.id = participant"
        " WHERE token = ? AND position = 3",
        (token,),
    ).fetchone()
    with pytest.raises(OutOfTurn, match="not asked yet"):
        store.answer(token, later, 1, 5)
    with pytest.raises(OutOfTurn):
        store.show(token, later)
    assert store.votes() == []


def test_late_answers_count_with_a_flag(tmp_path: Path) -> None:
    store = Store(make_study(tmp_path, time_limit=2.0))
    take_part(store, lambda _: 1, response_ms=2001)
    take_part(store, lambda _: 1, response_ms=1999)
    votes = store.votes()
    assert [vote.late for vote in votes] == [True] * 10 + [False] * 10


def test_participants_together_see_everything_alike(tmp_path: Path) -> None:
    store = Store(make_study(tmp_path))
    for _ in range(24):
        take_part(store, lambda _: 0)
    scored = [vote for vote in store.votes() if not vote.slot.check]
    shown = Counter((vote.slot.picture, vote.slot.ways[0]) for vote in scored)
    originals = [count for (_, way), count in shown.items() if way == ORIGINAL]
    assert sum(originals) == len(scored) / 2
    assert max(originals) - min(originals) <= 3
    others = [count for (_, way), count in shown.items() if way != ORIGINAL]
    assert max(others) - min(others) <= 3
    assert len(others) == 32
    views = store._base.execute("SELECT first_view FROM trial").fetchall()
    assert len(set(views)) == len(views) == 240


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each participant answers every question twice, from two threads, through two stores."""
    study = make_study(tmp_path)
    stores = [Store(study), Store(study)]
    problems: list[BaseException] = []

    def answer(token: str, store: Store) -> None:
        try:
            state = store.join(token)
            while state.trial is not None:
                state = store.answer(token, state.trial.id, 1, 5)
        except BaseException as error:
            problems.append(error)

    tokens = [secrets.token_hex(16) for _ in range(5)]
    threads = [
        threading.Thread(target=answer, args=(token, store)) for token in tokens for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(stores[0].votes()) == 5 * 10
    assert stores[1].participants() == 5


def test_durability_is_asked_of_the_database(tmp_path: Path) -> None:
    store = Store(make_study(tmp_path))
    assert store._base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._base.execute("PRAGMA synchronous").fetchone() == (2,)
    columns = {
        row[1]
        for table in ("participant", "trial", "answer")
        for row in store._base.execute(f"PRAGMA table_info({table})")
    }
    assert not {name for name in columns if "address" in name or "agent" in name or name == "ip"}


def test_a_damaged_database_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(tmp_path)
    store = Store(study)
    for _ in range(12):
        take_part(store, believer({ORIGINAL: 0.8, "way-0": 0.5, "way-1": 0.5}))
    store.close()
    file = study.folder / ANSWERS
    whole = file.read_bytes()
    for broken in (
        b"no database at all" * 99,
        whole[:5000],
        whole[:8192] + bytes(len(whole) - 8192),
    ):
        file.write_bytes(broken)
        for verb in ("report", "serve"):
            assert run(["study", verb, str(study.folder)]) == 3
            out, err = capsys.readouterr()
            assert not out
            assert len(err.splitlines()) == 1
            assert "answers are damaged" in err
    file.write_bytes(whole)
    assert run(["study", "report", str(study.folder)]) == 0


def test_answers_belong_to_their_study(tmp_path: Path) -> None:
    one = make_study(tmp_path / "a")
    other = make_study(tmp_path / "b", seed=8)
    store = Store(one)
    take_part(store, lambda _: 1)
    store.close()
    shutil.copy(one.folder / ANSWERS, other.folder / ANSWERS)
    with pytest.raises(InputError, match="another study"):
        Store(other)


def test_a_database_of_something_else_is_not_touched(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    with sqlite3.connect(study.folder / ANSWERS) as base:
        base.execute("CREATE TABLE mine (precious TEXT)")
    base.close()
    with pytest.raises(TinctError, match="holds no answers"):
        Store(study)


def test_no_answers_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(tmp_path)
    for _ in range(2):
        assert run(["study", "report", str(study.folder)]) == 3
        assert "no answers yet" in capsys.readouterr().err
        Store(study).close()
    assert slots(Store(study)) == {}
