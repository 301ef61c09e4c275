"""The verbs of who prepares pictures to learn from: parsing and printing only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.errors import UsageError

if TYPE_CHECKING:
    from tinct.datasets.options import By, Fit, Kind, Layout

#: told what is being done, how much of it is, and how much there is
Progress = Callable[[str, int, int], None]
_TITLES = {
    "encode": "encoding",
    "compare": "comparing",
    "pack": "packing",
    "check": "checking",
    "look": "looking",
}


def build(
    *,
    source: Path,
    out: Path,
    sizes: tuple[int, ...],
    fit: Fit,
    kind: Kind,
    quality: int,
    grey: bool,
    layout: Layout,
    shard_megabytes: int,
    validation: float,
    test: float,
    by: By,
    seed: int,
    sample: int,
    least: int,
    cleaned: Path | None,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Build a set to train on: one size, split without leaks, in shards with a manifest."""
    from tinct.datasets.build import REPORT
    from tinct.datasets.build import build as make
    from tinct.datasets.options import BuildOptions, Form

    options = BuildOptions(
        form=Form(sizes=sizes, fit=fit, kind=kind, quality=quality, grey=grey),
        layout=layout,
        shard_megabytes=shard_megabytes,
        validation=validation,
        test=test,
        by=by,
        seed=seed,
        sample=sample,
        least=least,
    )
    with _telling(quiet=quiet) as progress:
        built = make(source, out, options, cleaned=cleaned, progress=progress)
    failed = sum(done.failed for done in built.left_out)
    if as_json:
        record = {"out": str(out), "pictures": built.pictures, "splits": dict(built.splits)}
        counts = {"left_out": len(built.left_out), "unreadable": failed, "anew": built.anew}
        _print_json("built", {**record, **counts})
    else:
        print(out)
    if not quiet:
        splits = ", ".join(f"{count:,} {name}" for name, count in sorted(built.splits.items()))
        _say(f"{built.pictures:,} pictures: {splits}" + ("" if built.anew else "; as it stood"))
        if built.left_out:
            left = f"{len(built.left_out):,} left out, {failed:,} of them unreadable"
            _say(f"{left}: see {out / REPORT}")
    return 1 if failed else 0


def check(
    *,
    source: Path,
    by: By | None,
    decoding: bool,
    copies: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Compare a set with its manifest: files, hashes, leaks between splits; exit code 0 or 1."""
    from tinct.batch.events import printable
    from tinct.datasets.check import check as compare

    with _telling(quiet=quiet) as progress:
        found = compare(
            source,
            by=by,
            decoding=decoding,
            copies=copies,
            progress=lambda done, total: progress("check", done, total),
        )
    for problem in found.problems:
        if as_json:
            record = {"kind": problem.kind, "where": problem.where, "reason": problem.reason}
            _print_json("problem", record)
        else:
            print(printable(f"{problem.kind}: {problem.where}: {problem.reason}"))
    if as_json:
        counts = {"pictures": found.pictures, "splits": found.splits}
        _print_json("checked", {**counts, "problems": len(found.problems)})
    elif not quiet:
        splits = ", ".join(f"{count:,} {name}" for name, count in sorted(found.splits.items()))
        verdict = "all is well"
        if found.problems:
            plural = "" if len(found.problems) == 1 else "s"
            verdict = f"{len(found.problems):,} problem{plural}"
        _say(f"{found.pictures:,} pictures{f' ({splits})' if splits else ''}: {verdict}")
    return 1 if found.problems else 0


def clean(
    *,
    source: Path,
    out: Path | None,
    only: tuple[str, ...],
    least: int,
    aspect: float,
    move: Path | None,
    undo: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Find pictures that are no good to learn from; writes a report, moves only if asked to."""
    from tinct.datasets.clean import PAGE, REPORT
    from tinct.datasets.clean import clean as find
    from tinct.datasets.moving import move as move_away
    from tinct.datasets.moving import undo as bring_back
    from tinct.datasets.pictures import open_pile
    from tinct.datasets.rules import Limits

    if undo:
        back = bring_back(source)
        if as_json:
            _print_json("undone", {"pictures": back})
        elif not quiet:
            _say(f"{back:,} pictures are back")
        return 0
    if move is not None and (open_pile(source).manifest is not None or not source.is_dir()):
        raise UsageError(
            "moves files of a folder; those of a manifest stay",
            where="--move",
            remedy="give the report to `tinct data build --cleaned`",
        )
    out = out or _beside(source, "clean")
    with _telling(quiet=quiet) as progress:
        cleaned = find(
            source, out, limits=Limits(least=least, aspect=aspect), only=only, progress=progress
        )
        moved = 0 if move is None else move_away(source, cleaned.findings, move)
    if as_json:
        counts = {"pictures": cleaned.pictures, "flagged": cleaned.flagged, "moved": moved}
        _print_json("cleaned", {"out": str(out), **counts, "reasons": cleaned.counts})
        return 0
    print(out / REPORT)
    if not quiet:
        _say(f"{cleaned.flagged:,} of {cleaned.pictures:,} pictures flagged: see {out / PAGE}")
        for name, count in cleaned.counts.items():
            _say(f"  {name:<10}  {count:>7,}")
        if move is not None:
            _say(f"{moved:,} moved; `tinct data clean --undo {move}` brings them back")
    return 0


def stats(
    *,
    source: Path,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Count and measure a pile of pictures: artists, sizes, colours; writes a page."""
    from tinct.datasets.stats import PAGE
    from tinct.datasets.stats import as_json as figures_of
    from tinct.datasets.stats import stats as measure

    out = out or _beside(source, "stats")
    with _telling(quiet=quiet) as progress:
        known = measure(source, out, progress=progress)
    figures = figures_of(known)
    if as_json:
        _print_json("stats", {"out": str(out), **figures})
        return 0
    print(out / PAGE)
    if not quiet:
        unreadable = f", {len(known.unreadable):,} unreadable" if known.unreadable else ""
        _say(
            f"{len(known.pictures):,} pictures{unreadable}; {len(figures['artists']):,} artists, "
            f"median shorter side {figures['shorter_side']['median']:g}, "
            f"mean colourfulness {figures['colourfulness']['mean']:g}"
        )
    return 0


def _beside(source: Path, kind: str) -> Path:
    """A folder for a report beside what it is about, never in it."""
    whole = source.resolve()
    return source.parent / f"{whole.name}.{kind}" if source.name else Path(f"{whole.name}.{kind}")


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Progress]:
    """A bar for each stage on a terminal; nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        known: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(_TITLES.get(what, what), total=total)
            bars.update(known[what], completed=done, total=total)

        yield told


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _print_json(event: str, record: Mapping[str, object]) -> None:
    print(json.dumps({"v": 1, "event": event, **record}, ensure_ascii=False))
