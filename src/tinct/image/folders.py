"""Folders that appear whole or not at all, as `atomic` has it for files."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinct.errors import OutputExists
from tinct.image.atomic import (
    exists_already,
    flush_folder,
    hold,
    named,
    output_errors,
    sweep,
    swept,
)
from tinct.naming import TILES_MARK


@contextmanager
def write_folder(target: Path, *, overwrite: bool, parts: dict[str, Path]) -> Iterator[Path]:
    """Give a temporary folder whose parts take their places when the block ends well.

    Everything is flushed to the disk before. The parts take their places one after the other, each
    at once, and `target` comes last: as long as it is not there, there is no result. What an
    earlier result leaves when it is replaced is moved aside first and removed last. When the block
    raises, the temporary folder is removed; a killed process leaves it to `atomic.sweep`.

    Args:
        target: the result's name; its folder must exist.
        overwrite: whether a result that is there already is replaced. A folder is replaced only
            where `TILES_MARK` lies in it.
        parts: by their names in the temporary folder, where they go, all beside `target`; the last
            is `target`. "" is the temporary folder itself.

    Yields:
        The temporary folder; it is empty.

    Raises:
        OutputExists: something is there and `overwrite` is False, or it is no result of Tinct.
        OutputUnwritable: no rights, no such folder, or no space.
    """
    with output_errors(target):
        _check(target, parts, overwrite=overwrite)
    if target.parent not in swept:
        swept.add(target.parent)
        sweep(target.parent)
    with output_errors(target):
        temporary, descriptor = _create(target.parent)
    aside = temporary.with_name(_name())
    try:
        with output_errors(target):
            with named(temporary, target):
                yield temporary
            if hasattr(os, "sync"):
                os.sync()  # thousands of files: one by one takes minutes
            _check(target, parts, overwrite=overwrite)
            _place(temporary, aside, parts)
            flush_folder(target.parent)
    finally:
        for rest in (temporary, aside):
            shutil.rmtree(rest, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _check(target: Path, parts: dict[str, Path], *, overwrite: bool) -> None:
    target.parent.stat()
    there = os.path.lexists(target)
    for place in reversed(parts.values()):
        if not os.path.lexists(place):
            continue
        if place.is_dir() and not (place / TILES_MARK).is_file():
            raise OutputExists(
                "is a folder that holds something else",
                where=str(place),
                remedy="choose another name, or move it away",
            )
        # without the result itself, its parts are the rest of a process that was killed
        if there and not overwrite:
            raise exists_already(place)


def _place(temporary: Path, aside: Path, parts: dict[str, Path]) -> None:
    old = [place for place in reversed(parts.values()) if os.path.lexists(place)]
    if old:
        aside.mkdir()
    moved: list[Path] = []
    placed: list[Path] = []
    try:
        for place in old:  # the result's own name goes first, and comes last
            place.rename(aside / place.name)
            moved.append(place)
        for name, place in parts.items():
            (temporary / name).rename(place)
            placed.append(place)
    except BaseException:
        with contextlib.suppress(OSError):
            for place in reversed(placed):
                shutil.rmtree(place) if place.is_dir() else place.unlink()
            for place in reversed(moved):
                (aside / place.name).rename(place)
        raise


def _create(folder: Path) -> tuple[Path, int | None]:
    while True:
        temporary = folder / _name()
        try:
            temporary.mkdir()
        except FileExistsError:
            continue
        if sys.platform == "win32":
            return temporary, None
        held = hold(os.open(temporary, os.O_RDONLY))
        if held is None or os.fstat(held).st_nlink:
            return temporary, held
        os.close(held)  # somebody swept it before the lock was there


def _name() -> str:
    return f".tinct-{os.urandom(8).hex()}.tmp"
