"""Where training pictures come from: a folder, a manifest with shards, or a single file.

A manifest is a tab-separated table with the column `id`, and `shard` or `file`, and optionally
`category`, `artist` and `split`. Shards are tar files beside it whose members are named
`<id>.<extension>`; files are named from the manifest's folder; a file `exclude.txt` beside it lists
ids to leave out.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinct.errors import InputError
from tinct.naming import PICTURE_SUFFIXES
from tinct.training.cache import Encoded, members

MANIFEST = "manifest.tsv"
EXCLUDE = "exclude.txt"
Row = Mapping[str, str]


@dataclass(frozen=True)
class Listing:
    """The pictures of a source, none of them decoded yet."""

    source: Path
    """What the user named."""
    stamp: str
    """Changes when a file of the source does."""
    count: int
    """How many pictures there are."""
    files: Sequence[tuple[str, Path]] = ()
    """Id and file of each picture, where they lie in files of their own."""
    shards: Sequence[Path] = ()
    """Tar files, where they lie in those."""
    rows: Mapping[str, Row] = field(default_factory=dict)
    """Id to row of the manifest, where there is one."""

    def encoded(self) -> Iterator[Encoded]:
        """All pictures, in a stable order.

        Raises:
            InputError: a tar file is damaged.
        """
        for name, path in self.files:
            alone = {"category": name.rpartition("/")[0]}
            yield Encoded(name, path, _size(path), *_known(self.rows.get(name, alone)))
        seen: set[str] = set()
        for shard in self.shards:
            for name, data in members(shard):
                row = self.rows.get(name)
                if row is not None and name not in seen:
                    seen.add(name)
                    yield Encoded(name, data, len(data), *_known(row))


def _known(row: Row) -> tuple[str, str, str]:
    """Category, artist and split, as far as a manifest says."""
    return row.get("category") or "", row.get("artist") or "", row.get("split") or ""


def list_pictures(source: Path) -> Listing:
    """What there is at `source`, without opening a picture.

    Raises:
        InputError: no such file or folder, no pictures in it, or a manifest that does not hold.
    """
    try:
        if source.is_dir():
            manifest = source / MANIFEST
            return _manifest(source, manifest) if manifest.is_file() else _folder(source)
        if source.suffix.lower() == ".tsv":
            return _manifest(source, source)
        return Listing(source, _stamp([source]), 1, files=[(source.name, source)])
    except FileNotFoundError as error:
        raise InputError(
            "no such file or folder",
            where=str(error.filename or source),
            remedy="name a folder of pictures, a manifest or a picture",
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            where=str(error.filename or source),
            remedy="check its permissions and the disk",
        ) from error


def _folder(source: Path) -> Listing:
    files = sorted((path.relative_to(source).as_posix(), path) for path in _walk(source))
    if not files:
        raise InputError(
            "holds no pictures",
            where=str(source),
            remedy=f"files named {', '.join(sorted(PICTURE_SUFFIXES))}, or a {MANIFEST}, are taken",
        )
    return Listing(source, _stamp(path for _, path in files), len(files), files=files)


def _walk(source: Path) -> Iterator[Path]:
    """Files with a picture's name; hidden ones, and linked folders, are passed over."""

    def fail(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(source, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            named_so = path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith(".")
            if named_so and (path.is_file() or path.is_symlink()):
                yield path


def _manifest(source: Path, manifest: Path) -> Listing:
    rows = _rows(manifest)
    exclude = manifest.with_name(EXCLUDE)
    left_out = set(exclude.read_text(encoding="utf-8").split()) if exclude.exists() else set()
    kept = {row["id"]: row for row in rows if row["id"] not in left_out}
    if not kept:
        raise InputError("names no pictures", where=str(manifest), remedy="see docs/training.md")
    shards = sorted({manifest.with_name(row["shard"]) for row in kept.values() if row["shard"]})
    files = [(n, manifest.parent / row["file"]) for n, row in kept.items() if not row["shard"]]
    for shard in shards:
        if not shard.is_file():
            raise InputError(
                f"the shard {shard.name} that it names is not beside it",
                where=str(manifest),
                remedy="put the tar files into the manifest's folder",
            )
    listed = [manifest, *([exclude] if exclude.exists() else []), *shards]
    stamp = _stamp([*listed, *(path for _, path in files if path.exists())])
    return Listing(source, stamp, len(kept), files=files, shards=shards, rows=kept)


def _rows(manifest: Path) -> list[dict[str, str]]:
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", restval="")
            names = set(table.fieldnames or ())
            missing = {"id"} - names or (set() if names & {"shard", "file"} else {"shard", "file"})
            rows = [{"shard": "", "file": "", **row} for row in table] if not missing else []
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"not a table: {error}", where=str(manifest), remedy="save it as tab-separated UTF-8"
        ) from error
    if missing:
        raise InputError(
            f"has no column {' or '.join(sorted(missing, reverse=True))}",
            where=str(manifest),
            remedy="a manifest has the columns id and shard, or id and file, separated by tabs",
        )
    return [row for row in rows if row["id"] and (row["shard"] or row["file"])]


def _stamp(files: Iterable[Path]) -> str:
    """A hash of the names, sizes and times of files; one that is gone counts as empty."""
    digest = hashlib.sha256()
    for path in files:
        try:
            known = path.stat()
            size, time = known.st_size, known.st_mtime_ns
        except FileNotFoundError:
            if not path.is_symlink():
                raise
            size = time = 0
        digest.update(os.fsencode(path.resolve()) + f"\0{size}\0{time}\n".encode())
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
