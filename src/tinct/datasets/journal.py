"""A folder that pictures are collected in, and its journal: what a killed run had done is known."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tinct.datasets.manifest import COLUMNS, TSV, Row, as_tsv, read_manifest
from tinct.errors import OutputError
from tinct.image.atomic import output_errors, sweep, write_atomic

if sys.platform != "win32":
    import fcntl

JOURNAL = ".journal"
REPORT = "report.tsv"
#: saved: new in the folder; duplicate: the same bytes as one there; failed: could not be had, or is
#: no picture; refused: must not be had
OUTCOMES = ("saved", "duplicate", "failed", "refused")
_EVERY_SECONDS = 30.0
_LOG, _LOCK = "log.jsonl", "lock"


@dataclass(frozen=True)
class Entry:
    """What became of one picture."""

    key: str
    """Its address, or what else names it."""
    outcome: str
    """One of `OUTCOMES`."""
    reason: str = ""
    """Why it failed or was refused; of a duplicate, the file that has it already."""
    passing: bool = False
    """Another run may have more luck."""
    row: Row | None = None
    """What is known of it, where it was saved."""


class Collection:
    """Adds pictures to a folder, one process at a time.

    Outcomes go to a journal at once; `manifest.tsv` and `report.tsv` are written anew from time to
    time and at the end, whole or not at all.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder, which is made if it is not there.

        Raises:
            OutputError: another process collects there, or it cannot be written to.
            InputError: there is a manifest in it that cannot be read.
        """
        self.folder = folder
        self.parts = folder / JOURNAL / "parts"
        self._made = not folder.exists()
        with output_errors(folder):
            self.parts.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            sweep(folder)
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def _open(self) -> None:
        log = self.folder / JOURNAL / _LOG
        self._entries = {entry.key: entry for entry in _read(log)}
        manifest = self.folder / TSV
        rows = read_manifest(manifest) if manifest.is_file() else []
        self._rows = {row.id: row for row in rows}
        for entry in self._entries.values():  # of a run that was killed before it wrote them
            if entry.row is not None and self._there(entry.row):
                self._rows.setdefault(entry.row.id, entry.row)
        with output_errors(log):
            self._log = log.open("ab", buffering=0)
            if log.stat().st_size and not _ends_line(log):
                self._log.write(b"\n")
        self._written = time.monotonic()
        self._dirty = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is not None and self._made and self._is_empty():
                shutil.rmtree(self.folder / JOURNAL, ignore_errors=True)
                with contextlib.suppress(OSError):
                    self.folder.rmdir()
                return
            # the first error counts: where the disk is full, this meets it again
            with contextlib.suppress(OutputError) if error else contextlib.nullcontext():
                self.write()
        finally:
            self._log.close()
            self._lock.close()

    def known(self, key: str) -> Entry | None:
        """What became of a picture in this or an earlier run."""
        return self._entries.get(key)

    def gone(self, entry: Entry) -> bool:
        """Whether a picture was saved, and has been taken away since."""
        return entry.row is not None and not self._there(entry.row)

    def holder(self, row: Row) -> Row | None:
        """The row of the picture with the same content, if it lies in the folder."""
        held = self._rows.get(row.id)
        return held if held is not None and self._there(held) else None

    def settle(self, entry: Entry) -> None:
        """Note what became of a picture.

        Raises:
            OutputUnwritable: the disk is full.
        """
        known = asdict(entry)
        if entry.row is not None:
            known["row"] = {name: value for name, value in asdict(entry.row).items() if value}
            self._rows[entry.row.id] = entry.row
        line = json.dumps({name: value for name, value in known.items() if value})
        with output_errors(self.folder / JOURNAL / _LOG):
            self._log.write(line.encode() + b"\n")
        self._entries[entry.key] = entry
        self._dirty = True
        if time.monotonic() - self._written > _EVERY_SECONDS:
            self.write()

    def write(self) -> None:
        """Bring manifest and report up to date.

        Raises:
            OutputUnwritable: the disk is full.
        """
        if not self._dirty:
            return
        for name, text in ((TSV, as_tsv(self._rows.values())), (REPORT, self._report())):
            with write_atomic(self.folder / name, overwrite=True) as temporary:
                temporary.write_text(text, "utf-8", errors="surrogateescape", newline="")
        self._written, self._dirty = time.monotonic(), False

    def clear_parts(self) -> None:
        """Forget what came of files that were not whole."""
        shutil.rmtree(self.parts, ignore_errors=True)

    def _is_empty(self) -> bool:
        """Whether nothing came, not even a part of a file."""
        files = (path.name for path in (self.folder / JOURNAL).rglob("*") if path.is_file())
        return not self._entries and not set(files) - {_LOCK, _LOG}

    def _there(self, row: Row) -> bool:
        return (self.folder / row.file).is_file()

    def _report(self) -> str:
        text = io.StringIO()
        table = csv.writer(text, delimiter="\t", lineterminator="\n")
        table.writerow(("url", "outcome", "reason"))
        for entry in self._entries.values():
            reason = entry.row.file if entry.row is not None else entry.reason
            table.writerow((entry.key, entry.outcome, " ".join(reason.split())))
        return text.getvalue()


def _read(log: Path) -> list[Entry]:
    """All whole lines; the last may have been cut when the disk was full or the process killed."""
    try:
        lines = log.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            known = json.loads(line)
            row = known.pop("row", None)
            entries.append(Entry(**known, row=None if row is None else _row(row)))
    return entries


def _row(known: Mapping[str, object]) -> Row:
    return Row(**{name: known[name] for name in COLUMNS if name in known})  # type: ignore[arg-type]


def _ends_line(log: Path) -> bool:
    with log.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _locked(folder: Path) -> io.BufferedWriter:
    lock = (folder / JOURNAL / _LOCK).open("ab")
    if sys.platform != "win32":
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise OutputError(
                "another `tinct data get` is at work there",
                where=str(folder),
                remedy="wait until it is done, or choose another folder",
            ) from None
        except OSError:
            pass  # a disk without locks
    return lock
