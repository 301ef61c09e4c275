"""Answers in SQLite: what was acknowledged is on the disk, and nothing counts twice."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom

from tinct.errors import InputError, OutputUnwritable, TinctError, Unreadable
from tinct.study.folder import ANSWERS, Study
from tinct.study.plan import Slot, Ways, plan

#: seconds in which somebody who joined is thought to be still at it
_PRESENT = 3600
#: choices of each mode
CHOICES = {"real": (0, 1), "pair": (0, 1), "rate": (1, 2, 3, 4, 5)}
#: milliseconds beyond which nobody is thought to have looked at one picture
_DAY = 86_400_000
_SCHEMA = """
CREATE TABLE study (sha256 TEXT NOT NULL) STRICT;
CREATE TABLE participant (
  id INTEGER PRIMARY KEY,
  token TEXT NOT NULL UNIQUE,
  joined INTEGER NOT NULL
) STRICT;
CREATE TABLE trial (
  id TEXT PRIMARY KEY,
  participant INTEGER NOT NULL REFERENCES participant,
  position INTEGER NOT NULL,
  picture TEXT NOT NULL,
  first TEXT NOT NULL,
  second TEXT,
  first_view TEXT NOT NULL UNIQUE,
  second_view TEXT UNIQUE,
  is_check INTEGER NOT NULL,
  shown INTEGER,
  UNIQUE (participant, position),
  UNIQUE (participant, picture)
) STRICT;
CREATE TABLE answer (
  trial TEXT PRIMARY KEY REFERENCES trial,
  choice INTEGER NOT NULL,
  response_ms INTEGER NOT NULL,
  late INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True)
class Trial:
    """A question that a participant is asked."""

    id: str
    picture: str
    views: tuple[str, ...]
    """What the pictures are fetched by; they say nothing."""
    elapsed_ms: int | None
    """Since the picture was first seen; None if it was not yet."""


@dataclass(frozen=True)
class State:
    """How far a participant is."""

    done: int
    total: int
    trial: Trial | None
    """What is asked now; None when all is answered."""
    after: tuple[str, ...] = ()
    """Views of the question that follows, to be fetched in advance."""


@dataclass(frozen=True)
class Vote:
    """One answer."""

    participant: int
    position: int
    """From 0."""
    slot: Slot
    choice: int
    """`real`: 1 is real; `pair`: index of the way chosen; `rate`: 1 to 5."""
    response_ms: int
    late: bool
    """Whether the picture was hidden by then."""


class Unknown(LookupError):
    """No such participant, question or picture."""


class OutOfTurn(ValueError):
    """A question that is not asked yet, or an answer it does not have."""


class Store:
    """The answers of a study. Safe to share between threads, and between processes."""

    def __init__(self, study: Study, *, create: bool = True, chance: Random | None = None) -> None:
        """Open the answers.

        Args:
            study: whose.
            create: whether there may be none yet.
            chance: what draws the sets of participants; the system's own if not given.

        Raises:
            InputError: there are none, they belong to another study, or they are damaged.
            OutputUnwritable: the folder cannot be written to.
        """
        self._study = study
        self._chance = chance or SystemRandom()
        self._path = study.folder / ANSWERS
        self._lock = threading.Lock()
        if not create and not self._path.is_file():
            raise _none_yet(study.folder)
        with self._errors():
            # isolation_level None: transactions begin and end where this file says so
            self._base = sqlite3.connect(
                self._path, timeout=30, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors():
                self._prepare()
        except BaseException:
            self._base.close()
            raise

    def _prepare(self) -> None:
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")  # on the disk before it is acknowledged
        self._base.execute("PRAGMA foreign_keys = ON")
        with self._writing():
            if not self._base.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._base.execute(statement)
                self._base.execute("INSERT INTO study VALUES (?)", (self._study.sha256,))
        (problem,) = self._base.execute("PRAGMA quick_check(1)").fetchone()
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        row = self._base.execute("SELECT sha256 FROM study").fetchone()
        if row is None or row[0] != self._study.sha256:
            raise InputError(
                "holds the answers to another study",
                where=str(self._path),
                remedy="put them back beside the study.json they were given to",
            )

    def close(self) -> None:
        """Leave the file to others."""
        with self._lock:
            self._base.close()

    def join(self, token: str) -> State:
        """Take part under a token; who has it already goes on where they were."""
        with self._writing():
            row = self._base.execute("SELECT 1 FROM participant WHERE token = ?", (token,))
            if row.fetchone() is None:
                now = int(time.time())
                number = self._base.execute(
                    "INSERT INTO participant (token, joined) VALUES (?, ?)", (token, now)
                ).lastrowid
                slots = plan(self._study, self._shown(now), self._chance)
                self._base.executemany(
                    "INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                    [_row(number, position, slot) for position, slot in enumerate(slots)],
                )
            return self._state(token)

    def state(self, token: str) -> State:
        """How far a participant is.

        Raises:
            Unknown: nobody has the token.
        """
        with self._reading():
            return self._state(token)

    def show(self, token: str, trial: str) -> State:
        """Note that a participant sees the picture of a question; the first time counts."""
        with self._writing():
            self._current(token, trial)
            self._base.execute(
                "UPDATE trial SET shown = ? WHERE id = ? AND shown IS NULL",
                (time.time_ns() // 1_000_000, trial),
            )
            return self._state(token)

    def answer(self, token: str, trial: str, choice: int, response_ms: int) -> State:
        """Take an answer; the first one to a question counts, any other changes nothing.

        Args:
            token: whose.
            trial: to which question.
            choice: see `Vote`.
            response_ms: from the picture's appearance to the answer.

        Raises:
            Unknown: no such participant, or not their question.
            OutOfTurn: it is not asked yet, or has no such answer.
        """
        if choice not in CHOICES[self._study.options.mode]:
            raise OutOfTurn("there is no such answer")
        limit = self._study.options.time_limit
        late = limit is not None and response_ms > 1000 * limit
        with self._writing():
            self._current(token, trial)
            self._base.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?) ON CONFLICT (trial) DO NOTHING",
                (trial, choice, max(0, min(response_ms, _DAY)), int(late)),
            )
            return self._state(token)

    def view(self, view: str) -> tuple[str, str, int | None]:
        """Picture and way behind what a picture is fetched by, and for how long it was seen.

        Raises:
            Unknown: there is none.
        """
        with self._reading():
            row = self._base.execute(
                "SELECT picture, iif(first_view = ?1, first, second), shown FROM trial"
                " WHERE first_view = ?1 OR second_view = ?1",
                (view,),
            ).fetchone()
        if row is None:
            raise Unknown
        return row[0], row[1], _since(row[2])

    def votes(self) -> list[Vote]:
        """All answers, by participant and in the order of the questions."""
        with self._reading():
            rows = self._base.execute(
                "SELECT participant, position, picture, first, second, is_check,"
                " choice, response_ms, late FROM answer JOIN trial ON trial.id = answer.trial"
                " ORDER BY participant, position"
            ).fetchall()
        return [
            Vote(
                who,
                position,
                Slot(picture, _ways(first, second), bool(check)),
                choice,
                ms,
                late > 0,
            )
            for who, position, picture, first, second, check, choice, ms, late in rows
        ]

    def participants(self) -> int:
        """How many have joined, whether or not they answered anything."""
        with self._reading():
            (count,) = self._base.execute("SELECT count(*) FROM participant").fetchone()
        return int(count)

    def _shown(self, now: int) -> dict[tuple[str, Ways], int]:
        """What was shown, or will be to those who are still at it."""
        rows = self._base.execute(
            "SELECT picture, first, second, count(*) FROM trial"
            " JOIN participant ON participant.id = trial.participant"
            " WHERE is_check = 0 AND (shown IS NOT NULL OR joined > ?)"
            " GROUP BY picture, first, second",
            (now - _PRESENT,),
        )
        shown: dict[tuple[str, Ways], int] = {}
        order = {name: index for index, name in enumerate(self._study.names)}
        for picture, first, second, count in rows:
            ways = tuple(sorted(_ways(first, second), key=lambda way: order.get(way, 0)))
            shown[picture, ways] = shown.get((picture, ways), 0) + count
        return shown

    def _state(self, token: str) -> State:
        rows = self._base.execute(
            "SELECT trial.id, picture, first_view, second_view, shown, answer.trial FROM trial"
            " JOIN participant ON participant.id = trial.participant"
            " LEFT JOIN answer ON answer.trial = trial.id WHERE token = ? ORDER BY position",
            (token,),
        ).fetchall()
        if not rows:
            raise Unknown
        waiting = [
            Trial(name, picture, _ways(first, second), _since(shown))
            for name, picture, first, second, shown, answered in rows
            if answered is None
        ]
        now = waiting[0] if waiting else None
        after = waiting[1].views if len(waiting) > 1 else ()
        return State(len(rows) - len(waiting), len(rows), now, after)

    def _current(self, token: str, trial: str) -> None:
        """Raise unless the question is this participant's, and asked now or answered already."""
        row = self._base.execute(
            "SELECT EXISTS (SELECT 1 FROM trial AS before"
            " LEFT JOIN answer ON answer.trial = before.id"
            " WHERE before.participant = trial.participant AND before.position < trial.position"
            " AND answer.trial IS NULL)"
            " FROM trial JOIN participant ON participant.id = trial.participant"
            " WHERE trial.id = ? AND token = ?",
            (trial, token),
        ).fetchone()
        if row is None:
            raise Unknown
        if row[0]:
            raise OutOfTurn("this question is not asked yet")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, self._errors():
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, all of it or nothing; others wait."""
        with self._lock, self._errors():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _operational(error, self._path) from error
        except sqlite3.DatabaseError as error:
            raise Unreadable(
                f"the answers are damaged ({error})",
                where=str(self._path),
                remedy="keep a copy, and try `sqlite3 answers.sqlite .recover`",
            ) from error


def _operational(error: sqlite3.OperationalError, path: Path) -> TinctError:
    # the names of what is wrong are SQLite's own, see its list of result codes
    if getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR":
        return Unreadable(f"holds no answers of this version ({error})", where=str(path))
    return OutputUnwritable(
        f"the answers cannot be kept ({error})",
        where=str(path),
        remedy="the study's folder must be writable, with room on its disk",
    )


def _none_yet(folder: Path) -> InputError:
    return InputError(
        "there are no answers yet", where=str(folder), remedy="`tinct study serve` gathers them"
    )


def _row(participant: int | None, position: int, slot: Slot) -> tuple[object, ...]:
    first, second = slot.ways[0], slot.ways[1] if len(slot.ways) > 1 else None
    views = (secrets.token_hex(16), secrets.token_hex(16) if second else None)
    name = secrets.token_hex(16)
    check = int(slot.check)
    return (name, participant, position, slot.picture, first, second, *views, check)


def _ways(first: str, second: str | None) -> tuple[str, ...]:
    return (first,) if second is None else (first, second)


def _since(shown: int | None) -> int | None:
    return None if shown is None else max(0, time.time_ns() // 1_000_000 - shown)
