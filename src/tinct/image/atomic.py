"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tinct.errors import OutputError, OutputExists, OutputUnwritable

if sys.platform != "win32":  # where nobody can remove a file that is open
    import fcntl

#: seconds after which a temporary file that nobody holds was left behind by a killed process
STALE_SECONDS = 60.0
_TEMPORARY = re.compile(r"\.tinct-[0-9a-f]{16}\.tmp")
#: folders that this process has looked through
swept: set[Path] = set()

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES}


@contextmanager
def write_atomic(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary file beside `target` that becomes `target` when the block ends well.

    The file is flushed to the disk before it is renamed, so a crash leaves the old file or the
    new one. When the block raises, whatever it raises, the temporary file is removed. A killed
    process leaves its temporary file to the next one that writes into the folder, see `sweep`.

    Args:
        target: the final path; its folder must exist.
        overwrite: whether a file already there is replaced. When False, a file that appears
            there while the block runs is not lost either.

    Yields:
        The path to write to; it exists already, is empty, and lies in the folder of `target`.

    Raises:
        OutputExists: something is at `target` and `overwrite` is False, or it is a folder.
        OutputUnwritable: no rights, no such folder, or no space.
    """
    with output_errors(target):
        there, folder = os.path.lexists(target), target.is_dir()
    if folder:
        raise OutputExists(
            "is a folder, not a file", where=str(target), remedy="give a file name inside it"
        )
    if there and not overwrite:
        raise exists_already(target)
    if target.parent not in swept:
        swept.add(target.parent)
        sweep(target.parent)
    with output_errors(target):
        temporary, descriptor = _create_beside(target, overwrite=overwrite)
    try:
        with output_errors(target):
            with named(temporary, target):
                yield temporary
            _flush(temporary)
            if overwrite:
                temporary.replace(target)
            else:
                _place(temporary, target)
            flush_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if descriptor is not None:
            os.close(descriptor)


def sweep(folder: Path, *, older_than: float = STALE_SECONDS) -> None:
    """Remove temporary files of processes that were killed.

    A living process holds a lock on its file, which the system takes from a dead one.

    Args:
        folder: where results were being written.
        older_than: seconds since the last change, for disks that keep locks to one computer.
    """
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    _remove_unless_held(path, older_than)


def _remove_unless_held(path: Path, older_than: float) -> None:
    folder = path.is_dir() and not path.is_symlink()
    if time.time() - _changed(path, folder=folder) < older_than:
        return
    if sys.platform == "win32":
        _remove(path, folder=folder)
        return
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path, folder=folder)
    finally:
        os.close(descriptor)


def _changed(path: Path, *, folder: bool) -> float:
    """When something in a temporary file or folder was last changed; tiles lie two folders deep."""
    times = [path.stat().st_mtime]
    if folder:
        times += [below.stat().st_mtime for below in (*path.glob("*/"), *path.glob("*/*/"))]
    return max(times)


def _remove(path: Path, *, folder: bool) -> None:
    if folder:
        import shutil  # most runs have none to remove, and start sooner

        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def output_errors(target: Path | str) -> Iterator[None]:
    """Turn the operating system's errors about an output into ours."""
    try:
        yield
    except OSError as error:
        raise unwritable(error, target) from error


@contextmanager
def named(temporary: Path, target: Path) -> Iterator[None]:
    """Let errors about a temporary file name the result that it was to become."""
    try:
        yield
    except OutputError as error:
        if error.where == str(temporary):
            error.where = str(target)
        raise


def unwritable(error: OSError, target: Path | str) -> OutputError:
    """What an error of the operating system means for an output."""
    if error.errno in _NO_SPACE:
        return OutputUnwritable(
            "no space left to write the result", where=str(target), remedy="free some space"
        )
    if error.errno == errno.ENOENT:
        return OutputUnwritable(
            "its folder does not exist", where=str(target), remedy="create the folder first"
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return OutputUnwritable(
            "is a file where a folder is needed", where=str(target), remedy="choose another folder"
        )
    if error.errno == errno.ENAMETOOLONG:
        return OutputUnwritable(
            "the name is too long", where=str(target), remedy="give a shorter name"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputUnwritable(
            "no rights to write there", where=str(target), remedy="choose another folder"
        )
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    return OutputUnwritable(
        f"cannot be written: {reason}", where=str(target), remedy="choose another folder"
    )


def _create_beside(target: Path, *, overwrite: bool) -> tuple[Path, int | None]:
    """An empty file in the target's folder, and the descriptor that holds the lock on it."""
    # a short name of its own: the target's name plus a suffix might be too long for the disk
    while True:
        temporary = target.parent / f".tinct-{os.urandom(8).hex()}.tmp"
        try:
            # 0o666 lets the user's umask decide, as for any file a program creates
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        held = hold(descriptor)
        if held is not None and not os.fstat(held).st_nlink:
            os.close(held)  # somebody swept it before the lock was there
            continue
        if overwrite:
            with contextlib.suppress(OSError):
                temporary.chmod(target.stat().st_mode & 0o7777)
        return temporary, held


def hold(descriptor: int) -> int | None:
    """Lock a temporary file for as long as it is open; None where that is not to be had."""
    if sys.platform == "win32":
        os.close(descriptor)
        return None
    with contextlib.suppress(OSError):  # a disk without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _place(temporary: Path, target: Path) -> None:
    """Give the file its name, unless somebody else took the name meanwhile."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise exists_already(target) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # a disk without hard links (FAT, some network shares): hold the name, then replace
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            raise exists_already(target) from None
        temporary.replace(target)


def exists_already(target: Path) -> OutputExists:
    """What it means that something is at a target."""
    return OutputExists(
        "exists already",
        where=str(target),
        remedy="choose another name, or --on-exists skip, overwrite or rename",
    )


def check_replaceable(file: Path, mark: str, *, where: str, what: str) -> None:
    """See before any work whether a report can take a place: a free one, or that of an earlier one.

    Args:
        file: the place.
        mark: what such a report holds among its first 2048 bytes.
        where: the option, for messages.
        what: `report`, for messages.

    Raises:
        OutputError: something else lies there, or nothing can be written there.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(2048).decode("utf-8", "replace")
    except FileNotFoundError:
        head = None
    except OSError as error:
        raise OutputUnwritable(
            f"cannot be written: {error.strerror}", where=where, remedy="give another name"
        ) from error
    if head and mark not in head:
        raise OutputExists(
            f"exists already, and is no {what} of Tinct", where=where, remedy="give another name"
        )
    if file.parent.is_dir() and not os.access(file.parent, os.W_OK):
        raise OutputUnwritable(
            "no rights to write there", where=where, remedy="choose another folder"
        )


def _flush(path: Path) -> None:
    # opened for writing: Windows flushes no other kind
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    # the rename itself; not every system can open a folder, and the file is safe by then
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sole_user(lock: BinaryIO, *, where: Path, at_work: str, remedy: str) -> None:
    """Hold an open file until it is closed, or say that another process does.

    A disk without locks lets everybody in.

    Args:
        lock: the file.
        where: what it stands for.
        at_work: what the other process does there.
        remedy: how to get past it.

    Raises:
        OutputError: another process holds it.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(f"another tinct is {at_work}", where=str(where), remedy=remedy) from None
    except OSError:
        pass
