"""Encoded pictures to their final place: tar files as WebDataset reads them, or plain files."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from tinct.datasets.manifest import SPLITS, Row
from tinct.errors import OutputUnwritable
from tinct.image.atomic import output_errors, write_atomic

#: a picture of the set that waits: its row, where, and its size in bytes
Waiting = tuple[Row, Path, int]
_BLOCK = 512


def pack(
    folder: Path,
    waiting: Sequence[Waiting],
    *,
    seed: int,
    limit: int,
    told: Callable[[int], None] = lambda _: None,
) -> list[Row]:
    """Write the pictures of each split into tar files of their own, in a drawn order.

    The same pictures and seed give the same bytes.

    Args:
        folder: where `train-00000.tar` and so on go.
        waiting: the pictures.
        seed: draws the order, so that what is read one after another is mixed.
        limit: bytes of a tar file, unless one picture is larger.
        told: how many pictures are done, after each tar file.

    Returns:
        The rows, each with its shard.

    Raises:
        OutputUnwritable: the disk is full, may not be written to, or lost what was written to it.
    """
    rows: list[Row] = []
    for name, some in _plan(waiting, seed, limit):
        target = folder / name
        with (
            write_atomic(target, overwrite=True) as temporary,
            tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            for row, path, size in some:
                tar.addfile(_member(row, size), BytesIO(_checked(row, path)))
        rows += [replace(row, shard=name) for row, _, _ in some]
        told(len(rows))
    _remove_others(folder, {row.shard for row in rows})
    return rows


def place(folder: Path, waiting: Sequence[Waiting]) -> list[Row]:
    """Move the pictures to the files that their rows name.

    Raises:
        OutputUnwritable: the disk may not be written to, or lost what was written to it.
    """
    for row, path, size in waiting:
        target = folder / row.file
        with output_errors(target):
            if path.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
            elif target.stat().st_size != size:
                raise _lost(path)
    return [row for row, _, _ in waiting]


def _plan(waiting: Sequence[Waiting], seed: int, limit: int) -> Iterator[tuple[str, list[Waiting]]]:
    for split in SPLITS:
        own = [item for item in waiting if item[0].split == split]
        own.sort(key=lambda item: hashlib.sha256(f"{seed} {item[0].id}".encode()).digest())
        number = size = 0
        some: list[Waiting] = []
        for item in own:
            taken = _BLOCK + -(-item[2] // _BLOCK) * _BLOCK
            if some and size + taken > limit:
                yield f"{split}-{number:05}.tar", some
                number, size, some = number + 1, 0, []
            some.append(item)
            size += taken
        if some:
            yield f"{split}-{number:05}.tar", some


def _member(row: Row, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(row.file)
    member.mode, member.size = 0o644, size
    return member


def _checked(row: Row, path: Path) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise _lost(path)
    return data


def _lost(path: Path) -> OutputUnwritable:
    return OutputUnwritable(
        "is not what was written there", where=str(path), remedy="remove it and build again"
    )


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Tar files of an attempt that was planned otherwise, before more pictures came."""
    for split in SPLITS:
        for path in folder.glob(f"{split}-[0-9]*.tar"):
            if path.name not in kept:
                path.unlink()
