"""Archives of pictures, read member by member: nothing in them decides where anything is written.

Zip and tar are read here; RAR and 7z by bsdtar (libarchive), which Windows and macOS have, and
which hands them over as tar. What a member is called is only looked at, so no path can lead astray;
still, members with such paths are refused, as are links, and an archive that swells beyond reason.
"""

from __future__ import annotations

import lzma
import stat
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import which
from typing import IO

from tinct.datasets.manifest import escapes
from tinct.errors import InputError, Unreadable, UsageError

#: bytes of one member
LARGEST = 256 << 20
#: an archive may hold so much, whatever its size
HARMLESS = 1 << 30
#: and beyond that, so many times its size
SWELLING = 200
_MEMBERS = 5_000_000
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, NotImplementedError, RuntimeError),
)
_FOREIGN = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z"}


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    """As the archive has it, with `/` between folders."""
    read: Callable[[], bytes] = bytes
    """Its content; to be called before the next member is asked for."""
    refused: str = ""
    """Why it must not be read."""


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of a kind that can be read; its content decides."""
    try:
        return bool(_foreign(path)) or zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except OSError:
        return False


def members(
    path: Path, wanted: Callable[[str], bool], *, largest: int = LARGEST
) -> Iterator[Member]:
    """The files in an archive that `wanted` says yes to by name, and what had to be refused.

    Args:
        path: zip; tar, also compressed; RAR or 7z.
        wanted: told names; hidden files are passed over anyway.
        largest: bytes of one member.

    Raises:
        InputError: no archive, damaged, or larger inside than is reasonable.
        UsageError: it is RAR or 7z, and bsdtar is not installed.
    """
    kind = _foreign(path)
    try:
        if zipfile.is_zipfile(path) and not kind:
            yield from _zip(path, wanted, largest)
        else:
            with _stream(path, kind) as tar:
                yield from _tar(path, tar, wanted, largest)
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(path), remedy="check the name") from error
    except _DAMAGE as error:
        raise InputError(
            f"not a whole archive: {error}", where=str(path), remedy="get it again"
        ) from error


def _zip(path: Path, wanted: Callable[[str], bool], largest: int) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_reason(path, sum(entry.file_size for entry in entries), len(entries))
        for entry in entries:
            if entry.is_dir() or _hidden(entry.filename) or not wanted(entry.filename):
                continue
            refused = _refused(entry.filename, entry.file_size, largest)
            if stat.S_ISLNK(entry.external_attr >> 16):
                refused = "is a link"
            if entry.flag_bits & 1:
                refused = "is encrypted"

            def read(entry: zipfile.ZipInfo = entry) -> bytes:
                with _damage(entry.filename), archive.open(entry) as file:
                    return _content(file, entry.file_size)

            yield Member(entry.filename, read, refused)


def _tar(
    path: Path, tar: tarfile.TarFile, wanted: Callable[[str], bool], largest: int
) -> Iterator[Member]:
    total = 0
    for count, entry in enumerate(tar):
        total += entry.size
        _check_reason(path, total, count)
        if entry.isdir() or _hidden(entry.name) or not wanted(entry.name):
            continue
        refused = _refused(entry.name, entry.size, largest)
        if not entry.isfile():
            refused = "is a link or a device"

        def read(entry: tarfile.TarInfo = entry) -> bytes:
            file = tar.extractfile(entry)
            assert file is not None
            with _damage(entry.name), file:
                return _content(file, entry.size)

        yield Member(entry.name, read, refused)


@contextmanager
def _stream(path: Path, kind: str) -> Iterator[tarfile.TarFile]:
    if not kind:
        with tarfile.open(path, "r|*") as tar:
            yield tar
        return
    command = [_bsdtar(path, kind), "-cf", "-", f"@{path.resolve()}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                yield tar
            process.stdout.read()
            complaint = process.stderr.read().decode(errors="replace").strip()
            if process.wait():
                raise tarfile.ReadError(complaint.splitlines()[-1] if complaint else "damaged")
        finally:
            process.kill()


def _bsdtar(path: Path, kind: str) -> str:
    found = which("bsdtar") or (which("tar") if sys.platform in {"darwin", "win32"} else None)
    if found is None:
        raise UsageError(
            f"{kind} archives are read by bsdtar, which is not installed",
            where=str(path),
            remedy="install it (Debian: libarchive-tools), or unpack it and give the folder",
        )
    return found


def _foreign(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(8)
    return next((name for magic, name in _FOREIGN.items() if start.startswith(magic)), "")


def _check_reason(path: Path, size: int, count: int) -> None:
    """Leave archives that were made to fill disks."""
    if size > max(HARMLESS, SWELLING * path.stat().st_size) or count > _MEMBERS:
        raise InputError(
            f"refused: {size / 1e9:,.1f} GB come out of {path.stat().st_size / 1e6:,.1f} MB",
            where=str(path),
            remedy="such archives are made to fill disks; unpack it yourself if you trust it",
        )


def _refused(name: str, size: int, largest: int) -> str:
    if escapes(name):
        return "its path leads out of the archive"
    return f"is {size:,} bytes, more than {largest:,}" if size > largest else ""


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part == "__MACOSX" for part in parts) or (bool(parts) and parts[-1].startswith("."))


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise Unreadable(
            f"damaged in its archive: {error}", where=name, remedy="get the archive again"
        ) from error


def _content(file: IO[bytes], size: int) -> bytes:
    """What is read stops where the archive said it would, whatever follows."""
    data = file.read(size)
    if len(data) != size:
        raise EOFError("it ends in the middle of a member")
    return data
