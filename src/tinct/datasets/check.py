"""Whether a set is what its manifest says, and whether anything leaks between its splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from tinct.datasets.duplicates import find_copies, small_light
from tinct.datasets.lights import Lights
from tinct.datasets.manifest import (
    PARQUET,
    SPLITS,
    TSV,
    Row,
    escapes,
    find_manifest,
    read_manifest,
)
from tinct.datasets.options import By
from tinct.datasets.parallel import side_by_side
from tinct.datasets.pictures import Content, Pile, members
from tinct.datasets.split import leaks
from tinct.datasets.staging import FOLDER, recorded
from tinct.errors import InputError
from tinct.training.cache import decode

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Problem:
    """Something that does not hold."""

    kind: str
    """`unfinished`, `manifest`, `missing`, `changed`, `unreadable`, `surplus` or `leak`."""
    where: str
    """The picture, or what leaks."""
    reason: str
    """What is wrong."""


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    pictures: int
    splits: dict[str, int]
    problems: Sequence[Problem]


def check(
    source: Path,
    *,
    by: By | None = None,
    decoding: bool = False,
    copies: bool = False,
    progress: Progress | None = None,
) -> Checked:
    """Compare a set with its manifest.

    Args:
        source: manifest, or folder that holds one; also one that holds a set for each size.
        by: what may not stand on two sides of the split; None takes what the set was built by.
        decoding: open every picture too, rather than compare its hash alone.
        copies: look for near-duplicates on two sides of the split too; opens every picture.
        progress: told how many pictures are done.

    Raises:
        InputError: there is no manifest, or it is no table.
    """
    if source.is_dir() and (source / FOLDER).is_dir():
        reason = "a build was broken off here; the same command goes on with it"
        return Checked(0, {}, [Problem("unfinished", str(source), reason)])
    variants = _variants(source)
    if variants:
        found = [
            check(
                each,
                by=by or _built_by(source),
                decoding=decoding,
                copies=copies,
                progress=progress,
            )
            for each in variants
        ]
        problems = [problem for one in found for problem in one.problems]
        return Checked(sum(one.pictures for one in found), found[0].splits, problems)
    manifest = find_manifest(source)
    if not source.exists():
        raise InputError("no such file or folder", where=str(source), remedy="check the path")
    if manifest is None:
        raise InputError(
            "holds no manifest", where=str(source), remedy=f"name a {TSV}, or build a set first"
        )
    if not manifest.is_file():
        raise InputError("no such file", where=str(manifest), remedy="name a manifest")
    rows = read_manifest(manifest)
    problems = [*_rows(rows), *_twins(manifest, rows)]
    by = by or _built_by(manifest.parent)
    problems += [
        Problem("leak", what, f"is in {_sides(rows, found)}") for what, found in leaks(rows, by=by)
    ]
    problems += _pictures(manifest, rows, decoding=decoding, copies=copies, progress=progress)
    return Checked(len(rows), dict(Counter(row.split for row in rows if row.split)), problems)


def _variants(source: Path) -> list[Path]:
    """The sets of a build with several sizes."""
    if not source.is_dir() or find_manifest(source):
        return []
    sizes = recorded(source).get("settings", {}).get("form", {}).get("sizes", [])
    return [source / str(size) for size in sizes]


def _built_by(folder: Path) -> By:
    for place in (folder, folder.parent):  # of several sizes, the record is above
        by = recorded(place).get("settings", {}).get("by")
        if by in get_args(By):
            return by  # type: ignore[no-any-return] # it is one of them
    return "artist"


def _rows(rows: Sequence[Row]) -> Iterator[Problem]:
    ids = Counter(row.id for row in rows if row.id)
    for name, count in ids.items():
        if count > 1:
            yield Problem("manifest", name, f"{count} rows have this id")
    files = Counter(row.where for row in rows)
    for name, count in files.items():
        if count > 1:
            yield Problem("manifest", name, f"{count} rows name this file")
    for row in rows:
        if row.split and row.split not in SPLITS:
            yield Problem("manifest", row.where, f"{row.split!r} is none of {', '.join(SPLITS)}")
        if not row.file and not (row.id and row.shard):
            yield Problem("manifest", row.id, "has no file")


def _twins(manifest: Path, rows: Sequence[Row]) -> Iterator[Problem]:
    """Where there is a TSV and a Parquet, they must say the same."""
    other = manifest.with_name(PARQUET if manifest.name == TSV else TSV)
    if manifest.name not in (TSV, PARQUET) or not other.is_file():
        return
    if sorted(map(repr, read_manifest(other))) != sorted(map(repr, rows)):
        yield Problem("manifest", other.name, f"differs from {manifest.name}")


def _sides(rows: Sequence[Row], found: Sequence[int]) -> str:
    sides: dict[str, list[str]] = {}
    for at in found:
        sides.setdefault(rows[at].split, []).append(rows[at].where)
    return " and ".join(f"{side} ({names[0]})" for side, names in sides.items())


def _pictures(
    manifest: Path,
    rows: Sequence[Row],
    *,
    decoding: bool,
    copies: bool,
    progress: Progress | None,
) -> Iterator[Problem]:
    pile = Pile(manifest, manifest.parent, [row for row in rows if row.file or row.shard], manifest)
    seen: list[Row] = []

    def work(content: Content) -> tuple[Content, Problem | None, object]:
        where = content.row.where
        try:
            data = content.read()
        except InputError as error:
            return content, Problem("missing", where, error.message), None
        known = content.row.sha256.lower()
        if known and hashlib.sha256(data).hexdigest() != known:
            return (
                content,
                Problem("changed", where, "its sha256 is not that of the manifest"),
                None,
            )
        if not (decoding or copies):
            return content, None, None
        try:
            pixels = decode(data, shorter=None if decoding else 256, name=where)
        except InputError as error:
            return content, Problem("unreadable", where, error.message), None
        return content, None, small_light(pixels)

    with Lights() as lights:
        found = side_by_side(work, pile.contents())
        for done, (content, problem, light) in enumerate(found, start=1):
            if problem is not None:
                yield problem
            if isinstance(light, np.ndarray) and content.row.split in SPLITS:
                lights.add(light)
                seen.append(content.row)
            if progress is not None:
                progress(done, len(rows))
        yield from _surplus(manifest, rows)
        if copies:
            yield from _copies(lights, seen)


def _copies(lights: Lights, seen: Sequence[Row]) -> Iterator[Problem]:
    """Near-duplicates on two sides of the split."""
    for copy in find_copies(lights.all()):
        one, other = seen[copy.first], seen[copy.second]
        if one.split != other.split:
            how = ", mirrored" if copy.mirrored else ""
            yield Problem(
                "leak",
                one.where,
                f"in {one.split}, shows what {other.where} in {other.split} does "
                f"(likeness {copy.likeness:.2f}{how})",
            )


def _surplus(manifest: Path, rows: Sequence[Row]) -> Iterator[Problem]:
    """Members of the shards that no row names: those that read shards alone would learn them."""
    known: dict[str, set[str]] = {}
    for row in rows:
        if row.shard and not escapes(row.shard):
            known.setdefault(row.shard, set()).update((row.file, row.id))
    for shard, names in known.items():
        try:
            for name, _ in members(manifest.with_name(shard)):
                if name not in names and Path(name).stem not in names:
                    yield Problem("surplus", f"{shard}/{name}", "is in no row")
        except InputError:
            pass  # said of its pictures already
