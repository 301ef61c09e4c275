"""Build a set to learn from: every picture brought to one form, split, in shards with a manifest.

Pictures are encoded one by one into a staging folder, so that none is held and a killed run goes
on where it stopped; then copies of one work are found, the split is drawn, and all is packed.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from tinct.datasets.cleaned import Verdict, read_verdicts
from tinct.datasets.duplicates import find_copies, small_light
from tinct.datasets.encode import variants_of
from tinct.datasets.manifest import (
    EXCLUDE,
    TSV,
    Row,
    find_manifest,
    read_manifest,
    require_pyarrow,
    write_manifest,
)
from tinct.datasets.options import SUFFIXES, BuildOptions
from tinct.datasets.parallel import side_by_side
from tinct.datasets.pictures import Content, Pile, open_pile
from tinct.datasets.shards import Waiting, pack, place
from tinct.datasets.split import balanced, split
from tinct.datasets.staging import Done, Staging, Variant, finish, recorded, staging, stands
from tinct.errors import InputError, UsageError
from tinct.image.atomic import output_errors, write_atomic

REPORT = "report.tsv"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")

#: told what is being done, how much of it is, and how much there is
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Built:
    """What came of it."""

    pictures: int
    splits: Mapping[str, int]
    left_out: Sequence[Done]
    """With the reasons; `failed` are those that cannot be read."""
    anew: bool = True
    """False where the set was there already."""


def build(
    source: Path,
    out: Path,
    options: BuildOptions,
    *,
    cleaned: Path | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> Built:
    """Build a set of the pictures of a folder or manifest.

    Args:
        source: folder of pictures or manifest, see `open_pile`.
        out: new folder, or one where the same build was broken off; it then goes on.
        options: how.
        cleaned: report of `tinct data clean` about `source`: what it flags is left out or cropped.
        progress: told how far it is.

    Raises:
        InputError: there are no pictures, or none can be used.
        OutputExists: `out` holds something else.
        OutputUnwritable: the disk is full, or may not be written to; a second run goes on.
        UsageError: options out of range, or pyarrow is not installed.
    """
    require_pyarrow()
    options = _checked(options)
    pile = open_pile(source, excluded=False)
    if pile.manifest is None and out.resolve().is_relative_to(pile.folder.resolve()):
        raise UsageError(
            "lies in the folder that pictures are taken from",
            where=str(out),
            remedy="choose a folder beside it",
        )
    verdicts = read_verdicts(cleaned) if cleaned else {}
    settings, stamp = _settings(source, options, verdicts), _stamp(pile)
    if stands(out, settings, stamp):
        return _as_it_stands(out)
    rows = pile.rows
    if options.sample:
        usable = [at for at, row in enumerate(rows) if not _dropped(verdicts, row)]
        drawn = balanced([rows[at] for at in usable], options.sample, seed=options.seed)
        rows = [rows[usable[at]] for at in drawn]
    with (
        output_errors(out),
        staging(out, settings, suffix=_suffix(options), sizes=options.form.sizes) as stage,
    ):
        _make_all(replace(pile, rows=rows), stage, options, verdicts, progress)
        known = {row.where: row for row in rows}
        made = [done for done in stage.done.values() if done.id and done.where in known]
        if not made:
            raise InputError(
                f"none of its {len(rows)} pictures can be used: {_reasons(stage.done.values())}",
                where=str(source),
                remedy="name a folder of pictures or a manifest",
            )
        made.sort(key=lambda done: done.id)
        sides = _sides(made, known, stage, options, progress)
        for index, size in enumerate(options.form.sizes):
            folder = out / str(size) if len(options.form.sizes) > 1 else out
            waiting = [
                _waiting(known[done.where], done, side, index, size, stage, options)
                for done, side in zip(made, sides, strict=True)
            ]
            _write_set(folder, waiting, options, progress)
        left_out = [done for done in stage.done.values() if not done.id]
        _write_report(out, left_out)
        counts = {"pictures": len(made), "splits": dict(Counter(sides)), "left_out": len(left_out)}
        finish(out, settings, stamp, counts)
    return Built(len(made), Counter(sides), left_out)


def _checked(options: BuildOptions) -> BuildOptions:
    sizes = tuple(sorted(set(options.form.sizes), reverse=True))
    if not sizes or sizes[-1] < 1:
        raise UsageError("no size", where="--size", remedy="give a number of pixels from 1")
    if not 0 <= options.form.quality <= 100:
        raise UsageError(
            f"a quality of {options.form.quality}", where="--quality", remedy="1 to 100 is possible"
        )
    split([], validation=options.validation, test=options.test)  # raises if the shares are wrong
    return replace(options, form=replace(options.form, sizes=sizes))


def _make_all(
    pile: Pile,
    stage: Staging,
    options: BuildOptions,
    verdicts: Mapping[str, Verdict],
    progress: Progress,
) -> None:
    """Encode all that is not encoded yet."""
    ids = {done.id: done.where for done in stage.done.values() if done.id}
    lights = 1 + max((done.light for done in stage.done.values()), default=-1)
    total = len(pile.rows)
    progress("encode", len(stage.done), total)

    def work(content: Content) -> tuple[Content, _Picture | Done]:
        return content, _make(content, options, verdicts.get(content.row.where))

    for content, found in side_by_side(
        work, pile.contents(lambda row: row.where not in stage.done)
    ):
        where = content.row.where
        if isinstance(found, Done):
            stage.keep(found, {}, None)
        elif found.id in ids:
            same = "id" if content.row.id else "file"
            stage.keep(Done(where, reason=f"the same {same} as {ids[found.id]}"), {}, None)
        else:
            done = Done(where, found.id, variants=found.variants, light=lights)
            stage.keep(done, found.data, found.light)
            ids[found.id] = where
            lights += 1
        progress("encode", len(stage.done), total)


@dataclass(frozen=True, eq=False)
class _Picture:
    id: str
    data: Mapping[int, bytes]
    variants: tuple[Variant, ...]
    light: Any


def _make(content: Content, options: BuildOptions, verdict: Verdict | None) -> _Picture | Done:
    where = content.row.where
    if verdict is not None and verdict.drop:
        return Done(where, reason=f"cleaned: {verdict.reason}")
    try:
        data = content.read()
        box = verdict.box if verdict else (0.0, 0.0, 1.0, 1.0)
        made = variants_of(data, options.form, box=box, name=where)
    except InputError as error:
        return Done(where, reason=error.message, failed=True)
    side = min(made[0].width, made[0].height)
    if side < options.least:
        return Done(where, reason=f"its shorter side is {side} pixels")
    largest = made[0].pixels
    light = small_light(largest if largest.shape[2] == 3 else largest.repeat(3, 2))
    return _Picture(
        _id(content.row, data),
        {size: one.data for size, one in zip(options.form.sizes, made, strict=True)},
        tuple(
            Variant(len(one.data), hashlib.sha256(one.data).hexdigest(), one.width, one.height)
            for one in made
        ),
        light,
    )


def _id(row: Row, data: bytes) -> str:
    """The id of the row where it can be a file's name, else one made of the content."""
    if _PLAIN.fullmatch(row.id):
        return row.id
    return hashlib.sha256(row.id.encode(errors="surrogateescape") or data).hexdigest()[:16]


def _sides(
    made: Sequence[Done],
    known: Mapping[str, Row],
    stage: Staging,
    options: BuildOptions,
    progress: Progress,
) -> list[str]:
    """The split of each picture."""
    alike: list[tuple[int, int]] = []
    if options.by != "none" and options.validation + options.test > 0:
        places = {done.light: at for at, done in enumerate(made)}
        copies = find_copies(
            stage.lights(), progress=lambda done, total: progress("compare", done, total)
        )
        alike = [
            (places[copy.first], places[copy.second])
            for copy in copies
            if copy.first in places and copy.second in places  # else of what is made anew
        ]
    rows = [replace(known[done.where], id=done.id, sha256=done.variants[0].sha256) for done in made]
    return split(
        rows,
        validation=options.validation,
        test=options.test,
        by=options.by,
        seed=options.seed,
        alike=alike,
    )


def _waiting(
    row: Row,
    done: Done,
    side: str,
    index: int,
    size: int,
    stage: Staging,
    options: BuildOptions,
) -> Waiting:
    variant, suffix = done.variants[index], _suffix(options)
    file = done.id + suffix
    if options.layout == "files" and row.file and row.file.isprintable():
        file = str(PurePosixPath(row.file).with_suffix(suffix))
    row = replace(
        row,
        id=done.id,
        file=file,
        shard="",
        sha256=variant.sha256,
        width=variant.width,
        height=variant.height,
        split=side,
    )
    return row, stage.path(size, done.id), variant.bytes


def _write_set(
    folder: Path, waiting: Sequence[Waiting], options: BuildOptions, progress: Progress
) -> None:
    folder.mkdir(exist_ok=True)
    if options.layout == "files":
        rows = place(folder, _named_once(waiting))
    else:
        rows = pack(
            folder,
            waiting,
            seed=options.seed,
            limit=options.shard_megabytes * 1_000_000,
            told=lambda done: progress("pack", done, len(waiting)),
        )
    held = sorted(row.id for row in rows if row.split == "test")
    if held:
        with write_atomic(folder / EXCLUDE, overwrite=True) as temporary:
            temporary.write_text("\n".join(held) + "\n", encoding="utf-8")
    write_manifest(folder, sorted(rows, key=lambda row: row.id))


def _named_once(waiting: Sequence[Waiting]) -> list[Waiting]:
    """Of files that differ in their suffix alone, the later ones get their id into the name."""
    taken: set[str] = set()
    named = []
    for row, path, size in waiting:
        file = PurePosixPath(row.file)
        if row.file.casefold() in taken:
            row = replace(row, file=str(file.with_name(f"{file.stem}-{row.id}{file.suffix}")))
        taken.add(row.file.casefold())
        named.append((row, path, size))
    return named


def _suffix(options: BuildOptions) -> str:
    return SUFFIXES[options.form.kind]


def _dropped(verdicts: Mapping[str, Verdict], row: Row) -> bool:
    return row.where in verdicts and verdicts[row.where].drop


def _settings(
    source: Path, options: BuildOptions, verdicts: Mapping[str, Verdict]
) -> dict[str, Any]:
    said = asdict(options)
    said["form"]["sizes"] = list(options.form.sizes)
    digest = hashlib.sha256(repr(sorted(map(str, verdicts.values()))).encode()).hexdigest()
    return {"source": str(source.resolve()), **said, "cleaned": digest if verdicts else ""}


def _stamp(pile: Pile) -> str:
    """Changes when pictures come, go, are said to be others or are written anew."""
    digest = hashlib.sha256()
    for row in pile.rows:
        digest.update(repr(row).encode(errors="surrogateescape"))
    for name in sorted({row.shard or row.file for row in pile.rows}):
        with suppress(OSError):
            known = (pile.folder / name).stat()
            digest.update(f"{known.st_size} {known.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _as_it_stands(out: Path) -> Built:
    """What was built before.

    Raises:
        InputError: some of its files are gone.
    """
    manifest = find_manifest(out)
    files = {row.shard or row.file for row in read_manifest(manifest)} if manifest else {TSV}
    lost = sorted(name for name in files if not (out / name).is_file())
    if lost:
        more = f" and {len(lost) - 1} more of its files" if len(lost) > 1 else ""
        raise InputError(
            f"{lost[0]}{more} are gone" if more else f"{lost[0]} is gone",
            where=str(out),
            remedy="remove the folder and build it anew",
        )
    counts = recorded(out)["counts"]
    return Built(counts["pictures"], counts["splits"], (), anew=False)


def _reasons(left_out: Any) -> str:
    counts = Counter(done.reason for done in left_out)
    return "; ".join(f"{reason} ({count})" for reason, count in counts.most_common(3))


def _write_report(out: Path, left_out: Sequence[Done]) -> None:
    with (
        write_atomic(out / REPORT, overwrite=True) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("file", "outcome", "reason"))
        writer.writerows(
            (done.where, "unreadable" if done.failed else "left out", done.reason)
            for done in left_out
        )
