"""Sets of pictures to measure on: folders, folders of folders, and manifests.

A folder that holds pictures is one set, and its sub-folders are categories; a folder that holds
only folders is several sets. A manifest of `tinct data build` names files or members of shards,
with categories and artists; of one that is split, the test part counts. A plain `manifest.tsv` with
a column `path`, in the folder or beside it, says artists and categories of files found by looking.
"""

from __future__ import annotations

import csv
import hashlib
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tinct.datasets.manifest import TSV, Row
from tinct.datasets.pictures import Pile, open_pile
from tinct.errors import InputError, UsageError
from tinct.evaluation.protocol import Image8
from tinct.naming import PICTURE_SUFFIXES
from tinct.training.cache import decode

#: of a manifest that is split, the part that was held out to the end
HELD_OUT = "test"


@dataclass(frozen=True)
class Truth:
    """A picture in colour, not read yet."""

    id: str
    """Its name in the set: the path without suffix, or what a manifest calls it."""
    where: str
    """Its file, for messages."""
    read: Callable[[], bytes]
    """Gives the bytes of its file."""
    category: str = ""
    """What it shows, or where it comes from."""
    artist: str = ""
    """Who made it."""

    def picture(self) -> tuple[Image8, bytes]:
        """Its pixels, uint8 sRGB (H, W, 3), upright, and the bytes of its file.

        Raises:
            InputError: it cannot be read, or is no picture.
        """
        try:
            data = self.read()
        except OSError as error:
            raise InputError(
                f"cannot be read: {(error.strerror or str(error)).lower()}",
                where=self.where,
                remedy="put it there, or leave it out of the set",
            ) from error
        return decode(data, name=self.where, inferred=False), data


@dataclass(frozen=True)
class TruthSet:
    """Pictures in colour that are measured together."""

    name: str
    """What it is called: the folder's name."""
    truths: Sequence[Truth]
    """In a stable order."""
    part: str = ""
    """What was taken of it where that is not all: `test`, `40 of 250`."""


def find_sets(
    source: Path, *, limit: int | None = None, seed: int = 0, test: bool = True
) -> list[TruthSet]:
    """The sets at `source`; nothing is decoded yet.

    Args:
        source: folder or manifest.
        limit: so many of each set at most, drawn at random.
        seed: draws them.
        test: of a manifest that is split, take the part held out to the end; else what is trained
            on.

    Raises:
        InputError: there is nothing, or no picture in it, or a manifest does not hold.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"{limit} pictures are too few", where="--limit", remedy="give 1 or more")
    if not source.exists():
        raise InputError(
            "no such file or folder",
            where=str(source),
            remedy="name a folder of pictures in colour, or a manifest",
        )
    if source.is_file() or says_where(source / TSV):
        sets = [_of_manifest(source, test=test)]
    elif _pictures(source) or not _folders(source):
        sets = [folder_set(source)]
    else:
        sets = [folder_set(folder) for folder in _folders(source)]
    return [one if limit is None else _some(one, limit, seed) for one in sets]


def digest(hashes: Iterator[bytes] | Sequence[bytes]) -> str:
    """What names the exact pictures of a set: sha256 of their files, one after another."""
    total = hashlib.sha256()
    for data in hashes:
        total.update(data)
    return total.hexdigest()


def _some(one: TruthSet, limit: int, seed: int) -> TruthSet:
    count = len(one.truths)
    if limit >= count:
        return one
    chosen = np.sort(np.random.default_rng(seed).permutation(count)[:limit])
    part = ", ".join(filter(None, (one.part, f"{limit} of {count}, drawn with seed {seed}")))
    return TruthSet(one.name, [one.truths[at] for at in chosen], part)


# ---- folders ------------------------------------------------------------------------------


def _pictures(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if _is_picture(path)]


def _is_picture(path: Path) -> bool:
    named_so = path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    return named_so and (path.is_file() or path.is_symlink())


def _folders(folder: Path) -> list[Path]:
    """Sub-folders with pictures somewhere in them."""
    inside = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return [path for path in inside if not path.name.startswith(".") and any(_below(path))]


def _below(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if _is_picture(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def folder_set(folder: Path) -> TruthSet:
    """All pictures in a folder and below it, whatever a table there says of where they lie.

    Raises:
        InputError: there is none.
    """
    files = {path.relative_to(folder).as_posix(): path for path in _below(folder)}
    if not files:
        raise InputError(
            "holds no pictures", where=str(folder), remedy="name a folder of pictures in colour"
        )
    stems = Counter(_stem(name) for name in files)
    known = _annotations(folder)
    truths = []
    for name, path in files.items():
        row = known.get(name, {})
        truths.append(
            Truth(
                id=_stem(name) if stems[_stem(name)] == 1 else name,
                where=str(path),
                read=path.read_bytes,
                category=name.rpartition("/")[0] or row.get("category") or row.get("source") or "",
                artist=row.get("artist") or "",
            )
        )
    return TruthSet(folder.resolve().name, truths)


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return folder + slash + Path(file).stem


def _annotations(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """What a table in the folder or beside it says of files, by their path from the folder."""
    for home, before in ((folder, ""), (folder.resolve().parent, f"{folder.resolve().name}/")):
        rows = _table(home / TSV)
        if rows and "path" in rows[0]:
            named = {row["path"]: row for row in rows if row["path"].startswith(before)}
            return {path.removeprefix(before): row for path, row in named.items()}
    return {}


def _table(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream, delimiter="\t", restval=""))
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"not a table: {error}", where=str(file), remedy="save it as tab-separated UTF-8"
        ) from error


# ---- manifests ----------------------------------------------------------------------------


def says_where(file: Path) -> bool:
    """Whether a table says where pictures lie, as those of `tinct data build` do.

    Raises:
        InputError: it is no table.
    """
    rows = _table(file)
    return bool(rows) and bool({"file", "shard"} & set(rows[0]))


def check_manifest(source: Path) -> None:
    """Raise InputError where a table with paths is named in place of its folder."""
    if source.suffix.lower() != Path(TSV).suffix or not source.is_file() or says_where(source):
        return
    rows = _table(source)
    if rows and "path" in rows[0] and "id" not in rows[0]:
        raise InputError(
            "says what pictures are, and not where they lie: it has no column id and none file",
            where=str(source),
            remedy=f"name its folder: {source.parent}",
        )


def held_out(rows: Iterable[Row]) -> list[Row]:
    """The rows of a manifest that were held out to the end; none where it is not split."""
    return [row for row in rows if row.split == HELD_OUT]


def _of_manifest(source: Path, *, test: bool) -> TruthSet:
    check_manifest(source)
    # `exclude.txt` names the test part, for trainings to leave it out: it is what is wanted here
    pile = open_pile(source)
    rows, part = held_out(pile.rows) if test else [], HELD_OUT
    if not rows:
        pile, part = open_pile(source, excluded=False), ""
        rows = [row for row in pile.rows if test or row.split in {"", "train"}]
        if not rows:
            raise InputError("has no part to train on", where=str(source))
    offsets: dict[str, dict[str, tuple[int, int]]] = {}
    truths = [
        Truth(
            row.id or _stem(row.file),
            row.where,
            _reader(pile, row, offsets),
            row.category,
            row.artist,
        )
        for row in rows
    ]
    folder = pile.folder.resolve()
    return TruthSet(folder.name, truths, part)


def _reader(
    pile: Pile, row: Row, offsets: dict[str, dict[str, tuple[int, int]]]
) -> Callable[[], bytes]:
    if not row.shard:
        return (pile.folder / row.file).read_bytes
    shard = pile.folder / row.shard
    if row.shard not in offsets:
        offsets[row.shard] = _offsets(shard)
    place = offsets[row.shard].get(row.file or row.id)
    if place is None:
        raise InputError(
            f"is not in {row.shard}", where=row.where, remedy="`tinct data check` finds all such"
        )
    return partial(_slice, shard, *place)


def _offsets(shard: Path) -> dict[str, tuple[int, int]]:
    """Where each member of a tar file begins and how long it is, by name and by stem."""
    try:
        with tarfile.open(shard) as tar:
            known = {one.name: (one.offset_data, one.size) for one in tar if one.isfile()}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"not a whole tar file: {error}", where=str(shard), remedy="get it again"
        ) from error
    return {**{Path(name).stem: place for name, place in known.items()}, **known}


def _slice(shard: Path, offset: int, length: int) -> bytes:
    with shard.open("rb") as stream:
        stream.seek(offset)
        return stream.read(length)
