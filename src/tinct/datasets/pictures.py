"""The pictures of a folder or manifest, one after another, none of them held."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tinct.datasets.archives import LARGEST
from tinct.datasets.manifest import EXCLUDE, Row, find_manifest, read_manifest
from tinct.errors import InputError
from tinct.training.sources import list_pictures


@dataclass(frozen=True)
class Pile:
    """Pictures and what is known of each."""

    source: Path
    """What the user named."""
    folder: Path
    """What the paths in the rows are relative to."""
    rows: Sequence[Row]
    """One for each picture; without an id where they were found by looking."""
    manifest: Path | None = None
    """Where the rows come from, if not from looking."""

    def contents(self, wanted: Callable[[Row], bool] = lambda _: True) -> Iterator[Content]:
        """All pictures, in a stable order: those in shards as the shards hold them.

        What is missing comes with a reason instead of data; a damaged shard ends early.
        """
        shards: dict[str, dict[str, list[Row]]] = {}
        for row in self.rows:
            if not wanted(row):
                continue
            if row.shard:
                name = row.file or row.id
                shards.setdefault(row.shard, {}).setdefault(name, []).append(row)
            else:
                yield Content(row, self.folder / row.file)
        for shard, rows in shards.items():
            yield from self._shard(shard, rows)

    def _shard(self, shard: str, wanted: dict[str, list[Row]]) -> Iterator[Content]:
        reason = f"not in {shard}"
        try:
            for name, data in members(self.folder / shard):
                known = wanted.pop(name, None) or wanted.pop(PurePosixPath(name).stem, None)
                for row in known or ():
                    yield Content(row, data)
        except InputError as error:
            reason = f"{shard}: {error.message}"
        for rows in wanted.values():
            for row in rows:
                yield Content(row, b"", reason)


@dataclass(frozen=True)
class Content:
    """One picture, still encoded."""

    row: Row
    data: Path | bytes
    """Its file, or that file's content."""
    problem: str = ""
    """Why there is none."""

    def read(self) -> bytes:
        """The bytes of the file.

        Raises:
            InputError: it is missing, or may not be read.
        """
        if self.problem:
            raise InputError(self.problem, where=self.row.where)
        if isinstance(self.data, bytes):
            return self.data
        try:
            return self.data.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"cannot be read: {reason}", where=self.row.where) from error


def members(shard: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of all files in a tar file.

    Raises:
        InputError: it is missing, no tar file, or cut short.
    """
    try:
        with tarfile.open(shard, "r|*") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    if member.size > LARGEST:
                        raise tarfile.ReadError(f"{member.name} is {member.size:,} bytes")
                    data = stream.read()
                    if len(data) != member.size:
                        raise EOFError("unexpected end of data")
                    yield member.name, data
    except FileNotFoundError as error:
        raise InputError(
            "is not there", where=str(shard), remedy="put it beside its manifest"
        ) from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(
            f"not a whole tar file: {error}", where=str(shard), remedy="get it again"
        ) from error


def open_pile(source: Path, *, excluded: bool = True) -> Pile:
    """The pictures of a folder (searched with its sub-folders), or of a manifest.

    Of a folder that holds a manifest, the manifest counts.

    Args:
        source: folder, manifest or picture.
        excluded: with those that an `exclude.txt` beside the manifest names.

    Raises:
        InputError: there is nothing, or no picture in it.
    """
    manifest = find_manifest(source)
    if manifest is None:
        listing = list_pictures(source)
        folder = source if source.is_dir() else source.parent
        rows = [
            Row(file=name, category=name.rpartition("/")[0], source=source.resolve().name)
            for name, _ in listing.files
        ]
        return Pile(source, folder, rows)
    exclude = manifest.with_name(EXCLUDE)
    left_out = set()
    if not excluded and exclude.is_file():
        left_out = set(exclude.read_text(encoding="utf-8").split())
    known = [row for row in read_manifest(manifest) if not row.id or row.id not in left_out]
    for row in known:
        if not row.file and not (row.shard and row.id):
            raise InputError(
                f"does not say where {row.id or 'a picture'} lies",
                where=str(manifest),
                remedy="give each row a file, or a shard and an id",
            )
    if not known:
        raise InputError("names no pictures", where=str(manifest), remedy="see docs/data.md")
    return Pile(source, manifest.parent, known, manifest)
