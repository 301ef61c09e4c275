"""Moving flagged pictures out of a folder, with a journal that brings them back.

Every move is noted before it is made, so that a killed process can be undone too. Nothing is ever
overwritten, and nothing deleted.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tinct.datasets.cleaned import Finding
from tinct.errors import InputError, OutputError, OutputExists, UsageError
from tinct.image.atomic import output_errors

JOURNAL = "journal.jsonl"


def move(folder: Path, findings: Iterable[Finding], target: Path) -> int:
    """Move each picture that should be left out to `target`/<reason>/<its path>.

    Args:
        folder: what the findings' paths are relative to.
        findings: of several about one picture the first counts; advice to crop moves nothing.
        target: new folder, or one of earlier moves.

    Returns:
        How many were moved.

    Raises:
        UsageError: `target` lies in the folder itself.
        OutputError: the disk is full, may not be written to, or something is in the way.
    """
    if target.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            "lies in the folder that is cleaned", where=str(target), remedy="choose one beside it"
        )
    reasons: dict[str, str] = {}
    for one in findings:
        if one.action == "drop":
            reasons.setdefault(one.file, one.reason)
    moved = 0
    with output_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        with (target / JOURNAL).open("a", encoding="utf-8") as journal:
            if journal.tell():  # a line that a full disk cut short must not swallow the next one
                journal.write("\n")
            for file, reason in reasons.items():
                source, place = folder / file, target / reason / file
                if source.is_symlink() or not source.is_file():
                    continue  # a link would point elsewhere from there
                note = {"from": str(source.resolve()), "to": str(place.resolve())}
                journal.write(json.dumps(note) + "\n")
                journal.flush()
                os.fsync(journal.fileno())
                _move(source, place)
                moved += 1
    return moved


def undo(target: Path) -> int:
    """Bring all pictures back that were moved to `target`; those that are back already stay.

    Returns:
        How many were brought back.

    Raises:
        InputError: there is no journal.
        OutputError: something is in the way, or the disk may not be written to.
    """
    journal = target / JOURNAL
    try:
        lines = journal.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            "holds no journal of moves",
            where=str(target),
            remedy="name the folder that was given to --move",
        ) from error
    back = 0
    with output_errors(target):
        for line in reversed(lines):
            try:
                note = json.loads(line)
            except ValueError:  # blank, or cut short: nothing was moved for it
                continue
            source, place = Path(note["to"]), Path(note["from"])
            if source.is_file():
                _move(source, place)
                back += 1
        journal.unlink()
        for folder, _, _ in os.walk(target, topdown=False):
            if not any(Path(folder).iterdir()):
                Path(folder).rmdir()
    return back


def _move(source: Path, target: Path) -> None:
    if os.path.lexists(target):
        if target.is_file() and source.is_file() and source.samefile(target):
            source.unlink()  # linked by a process that was killed before it removed the first name
            return
        raise OutputExists("exists already", where=str(target), remedy="move it out of the way")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise OutputExists("exists already", where=str(target)) from error
        _copy(source, target)
    source.unlink()


def _copy(source: Path, target: Path) -> None:
    """To another disk: under another name until it is whole."""
    partial = target.with_name(f".{target.name}.part")
    try:
        shutil.copy2(source, partial)
        if partial.stat().st_size != source.stat().st_size:
            raise OutputError("changed while it was moved", where=str(source))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
