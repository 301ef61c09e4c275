"""Getting pictures: many at once, each whole and checked, and none twice."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from tinct.datasets.answers import Failed
from tinct.datasets.archives import LARGEST
from tinct.datasets.examine import Examined, examine, is_picture_type
from tinct.datasets.hosts import Pace
from tinct.datasets.journal import JOURNAL, Collection, Entry
from tinct.datasets.listing import Origin
from tinct.datasets.wanted import Wanted
from tinct.datasets.web import Web
from tinct.errors import InputError, UsageError
from tinct.image.atomic import output_errors

#: seconds that one picture may take
LONGEST = 300.0
#: told what became of a picture
Progress = Callable[[Entry], None]


@dataclass(frozen=True)
class Options:
    """How pictures are got."""

    limit: int | None = None
    """At most so many of those that the origin names; None: all, or what is usual there."""
    skip: int = 0
    """So many of them are passed over first."""
    jobs: int = 8
    """Pictures worked on at once."""
    per_host: int = 4
    """Requests under way at one host, where its own rules are not known."""
    pause: float = 0.0
    """Seconds between two requests to such a host."""
    contact: str = ""
    """Mail or web address that servers are told."""
    again: bool = False
    """Try once more what failed for good, and what has been taken out of the folder."""


@dataclass
class Outcome:
    """What became of all of them."""

    counts: Counter[str] = field(default_factory=Counter)
    """Pictures by outcome; `there`: of earlier runs, or listed twice; `removed`: saved by an
    earlier run and taken out of the folder since; `lost`: failed for good in an earlier run."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why pictures failed or were refused."""
    interrupted: bool = False
    """The user stopped it."""


def get(
    origin: Origin,
    folder: Path,
    options: Options | None = None,
    *,
    progress: Progress = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    web: Callable[..., Web] = Web,
) -> Outcome:
    """Get the pictures of an origin into a folder.

    The folder then has each as `<first 16 hex digits of its sha256>.<suffix of its format>`; a
    `manifest.tsv` with what is known of them; a `report.tsv` with what became of every address; and
    a `.journal`, by which the next run goes on where this one ended, however it ended.

    Args:
        origin: where they come from, see `find_origin`.
        folder: where they go; made if it is not there.
        options: how.
        progress: told of each picture.
        say: told what a user wants to know besides.
        web: makes the client; for tests.

    Raises:
        InputError: the origin cannot be had or read. What came before stays.
        OutputError: the folder cannot be written to, or another process is at work there.
        UsageError: the origin is not used rightly, or something it needs is not installed.
    """
    options = options or Options()
    if origin.file is not None and folder.resolve().is_relative_to(origin.file.resolve()):
        raise UsageError(
            "pictures cannot be got into the folder they come from",
            where=str(folder),
            remedy="choose another folder",
        )
    paces = origin.source.hosts if origin.source else {}
    usual = Pace(options.per_host, options.pause)
    with (
        web(paces=paces, usual=usual, contact=options.contact)
        if origin.online
        else nullcontext() as client,
        Collection(folder) as collection,
    ):
        run = _Run(origin, collection, options, client, progress, say)
        run.all()
    return run.outcome


class _Run:
    """One run."""

    def __init__(
        self,
        origin: Origin,
        collection: Collection,
        options: Options,
        web: Web | None,
        progress: Progress,
        say: Callable[[str], None],
    ) -> None:
        self.origin, self.collection, self.options = origin, collection, options
        self.web, self.progress, self.say = web, progress, say
        self.outcome = Outcome()
        self._seen: set[str] = set()
        self._all_seen = False
        self._waiting: dict[Future[_Arrived | Entry], Wanted] = {}

    def all(self) -> None:
        keep = self.collection.folder / JOURNAL / "archives"
        pictures = self.origin.pictures(self.web, keep, self._settled, self.say)
        with ThreadPoolExecutor(self.options.jobs) as pool, self._stopping():
            for wanted in self._chosen(pictures):
                while len(self._waiting) >= 2 * self.options.jobs:
                    self._collect()
                if wanted.read is not None:
                    job = self._read(wanted)
                    if isinstance(job, Entry):
                        self._settle(job)
                        continue
                    self._waiting[pool.submit(self._keep, wanted, job)] = wanted
                else:
                    self._waiting[pool.submit(self._fetch, wanted)] = wanted
            while self._waiting:
                self._collect()
        if self._all_seen:  # else the next run has use for them
            shutil.rmtree(keep, ignore_errors=True)
            if not self.outcome.counts["failed"]:
                self.collection.clear_parts()

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Whatever ends the run early, ends the workers too."""
        try:
            yield
        except KeyboardInterrupt:
            self.outcome.interrupted = True
            self._abandon()
        except Failed as error:
            self._abandon()
            raise InputError(
                f"cannot be asked: {error}", where=self.origin.name, remedy="try again later"
            ) from error
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        if self.web is not None:
            self.web.stopped.set()
        for future in self._waiting:
            future.cancel()

    def _chosen(self, pictures: Iterator[Wanted]) -> Iterator[Wanted]:
        """Those that are within the limits, and not dealt with yet."""
        limit = self.options.limit
        if limit is None and self.origin.source:
            limit = self.origin.source.usual
        if limit == 0:
            return
        position = 0
        for wanted in pictures:
            known = self.collection.known(wanted.key)
            if wanted.refused or (known is not None and known.outcome == "refused"):
                if known is None:
                    self._settle(Entry(wanted.key, "refused", wanted.refused))
                continue
            position += 1
            if position > self.options.skip:
                if self._is_new(wanted, known):
                    yield wanted
                if limit is not None and position >= self.options.skip + limit:
                    return
        self._all_seen = True

    def _is_new(self, wanted: Wanted, known: Entry | None) -> bool:
        if wanted.key in self._seen or (known is not None and known.outcome == "duplicate"):
            self.outcome.counts["there"] += 1
            return False
        self._seen.add(wanted.key)
        if not self._settled(wanted.key):
            return True
        assert known is not None
        if known.outcome == "saved":
            kind = "removed" if self.collection.gone(known) else "there"
        else:
            kind = "lost"
        self.outcome.counts[kind] += 1
        return False

    def _settled(self, key: str) -> bool:
        """Whether a picture needs nothing more."""
        known = self.collection.known(key)
        if known is None or known.passing:
            return False
        if not self.options.again:
            return True
        return known.outcome == "duplicate" or (
            known.outcome == "saved" and not self.collection.gone(known)
        )

    def _collect(self) -> None:
        """Settle what is done, once something is."""
        done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        for future in done:
            wanted = self._waiting.pop(future)
            with output_errors(self.collection.folder):
                result = future.result()
            self._settle(result if isinstance(result, Entry) else self._place(wanted, result))

    def _settle(self, entry: Entry) -> None:
        self.collection.settle(entry)
        self.outcome.counts[entry.outcome] += 1
        if entry.outcome in {"failed", "refused"}:
            self.outcome.reasons[entry.reason] += 1
        self.progress(entry)

    def _place(self, wanted: Wanted, arrived: _Arrived) -> Entry:
        """Give a picture its name, unless the same one is there."""
        name = arrived.sha256[:16]
        source = wanted.row.source or wanted.url or wanted.key
        row = replace(
            wanted.row,
            id=name,
            file=f"{name}{arrived.examined.suffix}",
            sha256=arrived.sha256,
            source=source
            if source.startswith(self.origin.name)
            else f"{self.origin.name} {source}",
            width=arrived.examined.width,
            height=arrived.examined.height,
        )
        held = self.collection.holder(row)
        if held is not None:
            arrived.part.unlink(missing_ok=True)
            return Entry(wanted.key, "duplicate", f"the same as {held.file}")
        with output_errors(self.collection.folder / row.file):
            arrived.part.replace(self.collection.folder / row.file)
        return Entry(wanted.key, "saved", row=row)

    def _read(self, wanted: Wanted) -> bytes | Entry:
        """The content of a picture that is here; read before the archive goes on."""
        assert wanted.read is not None
        try:
            return wanted.read()
        except Failed as error:
            return Entry(wanted.key, "failed", str(error), passing=error.passing)
        except InputError as error:
            return Entry(wanted.key, "failed", error.message)
        except OSError as error:
            return Entry(wanted.key, "failed", f"cannot be read: {error.strerror}", passing=True)

    def _keep(self, wanted: Wanted, data: bytes) -> _Arrived | Entry:
        part = self._part(wanted)
        with _room(part):
            part.write_bytes(data)
        return _examined(part, wanted)

    def _fetch(self, wanted: Wanted) -> _Arrived | Entry:
        assert self.web is not None
        part = self._part(wanted)
        try:
            with _room(part):
                self.web.fetch(
                    wanted.url, part, largest=LARGEST, longest=LONGEST, check=_check_type
                )
        except Failed as error:
            if not error.passing:
                part.unlink(missing_ok=True)
            return Entry(wanted.key, "failed", str(error), passing=error.passing)
        return _examined(part, wanted)

    def _part(self, wanted: Wanted) -> Path:
        return (
            self.collection.parts
            / hashlib.sha256(wanted.key.encode(errors="replace")).hexdigest()[:32]
        )


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A picture that is whole, and has no name yet."""

    part: Path
    sha256: str
    examined: Examined


@contextmanager
def _room(part: Path) -> Iterator[None]:
    """Where the disk is full, room for the manifest counts for more than half a picture."""
    try:
        yield
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _examined(part: Path, wanted: Wanted) -> _Arrived | Entry:
    try:
        found = examine(part, wanted.key)
    except InputError as error:
        part.unlink(missing_ok=True)
        return Entry(wanted.key, "failed", error.message)
    with part.open("r+b") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return _Arrived(part, sha256, found)


def _check_type(kind: str) -> None:
    if not is_picture_type(kind):
        raise Failed(f"the server sent {kind}, not a picture")
