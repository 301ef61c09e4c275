"""The verbs of who gathers pictures: parsing and printing only."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinct.datasets.get import Outcome
    from tinct.datasets.journal import Entry

INTERRUPTED = 130
_REASONS = 5  # that are told, the commonest
_WORDS = {
    "saved": "saved",
    "there": "there already",
    "duplicate": "the same as others",
    "failed": "failed",
    "refused": "refused",
    "lost": "failed for good before (--again tries them)",
    "removed": "removed since they were saved (--again gets them)",
}


def sources_list(*, as_json: bool) -> int:
    """All sources of pictures that have a name."""
    from tinct.datasets.sources import SOURCES

    width = max(map(len, SOURCES))
    for source in SOURCES.values():
        if as_json:
            _print_json("source", asdict(source))
        else:
            print(f"{source.name:<{width}}  {source.title}")
    return 0


def sources_show(*, name: str, as_json: bool) -> int:
    """All that is known about a source: licence, size, citation, how to get it, checksum."""
    from tinct.datasets.sources import find_source

    source = find_source(name)
    if as_json:
        _print_json("source", asdict(source))
        return 0
    print(f"{source.name}: {source.title}\n")
    for key in ("licence", "size", "citation", "homepage", "access", "url", "sha256", "checksum"):
        if value := getattr(source, key):
            print(f"{'how to get it' if key == 'access' else key}: {value}")
    if source.words:
        print(f"--query: {'needed' if source.words == 'must' else 'taken'}")
    if source.keys:
        print(f"keys: {', '.join(source.keys)}")
    if source.usual:
        print(f"taken where no --limit is given: {source.usual}")
    for host, pace in source.hosts.items():
        pause = f", {pace.pause:g} s between them" if pace.pause else ""
        print(f"requests to {host}: {pace.at_once} at once{pause}")
    return 0


def get(
    *,
    what: str,
    folder: Path,
    query: str,
    archive: Path | None,
    enlarge: int,
    limit: int | None,
    skip: int,
    again: bool,
    jobs: int,
    per_host: int,
    pause: float,
    contact: str | None,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Get pictures from a source, a list of addresses or an archive; a second run goes on."""
    from tinct.datasets.get import Options
    from tinct.datasets.get import get as fetch
    from tinct.datasets.listing import find_origin

    origin = find_origin(what, query=query, archive=archive, enlarge=enlarge)
    options = Options(
        limit=limit,
        skip=skip,
        jobs=jobs,
        per_host=per_host,
        pause=pause,
        contact=os.environ.get("TINCT_CONTACT", "") if contact is None else contact,
        again=again,
    )
    with _telling(as_json=as_json, quiet=quiet) as told:
        outcome = fetch(
            origin, folder, options, progress=told, say=lambda text: None if quiet else _say(text)
        )
    if as_json:
        counts = {name: outcome.counts[name] for name in _WORDS}
        _print_json("got", {"folder": str(folder), **counts, "interrupted": outcome.interrupted})
    else:
        print(folder)
    if not quiet:
        _summarise(outcome, folder)
    if outcome.interrupted:
        return INTERRUPTED
    return 1 if outcome.counts["failed"] else 0


def _summarise(outcome: Outcome, folder: Path) -> None:
    from tinct.batch.events import printable

    counts = [f"{outcome.counts[name]:,} {text}" for name, text in _WORDS.items()]
    nothing = "nothing yet" if outcome.interrupted else "nothing to get"
    _say(", ".join(text for text in counts if not text.startswith("0 ")) or nothing)
    for reason, count in outcome.reasons.most_common(_REASONS):
        _say(printable(f"  {count:,} x {reason}"))
    told = sum(count for _, count in outcome.reasons.most_common(_REASONS))
    if rest := outcome.reasons.total() - told:
        _say(f"  {rest:,} for other reasons")
    if outcome.reasons:
        _say(f"which: see {folder / 'report.tsv'}")
    if outcome.interrupted:
        _say("interrupted; the same command goes on")


@contextmanager
def _telling(*, as_json: bool, quiet: bool) -> Iterator[Callable[[Entry], None]]:
    """Lines of JSON for programs, one line that counts on a terminal, nothing elsewhere."""
    from tinct.batch.events import printable

    counts: dict[str, int] = {}
    shown = 0.0
    counting = not (as_json or quiet) and sys.stderr.isatty()

    def told(entry: Entry) -> None:
        nonlocal shown
        if as_json:
            file = entry.row.file if entry.row else None
            about = {"url": entry.key, "outcome": entry.outcome, "reason": entry.reason}
            _print_json("picture", {**about, "file": file})
        counts[entry.outcome] = counts.get(entry.outcome, 0) + 1
        if counting and time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            text = ", ".join(f"{count:,} {name}" for name, count in counts.items())
            print(f"\r\033[K{printable(text)}", end="", file=sys.stderr, flush=True)

    try:
        yield told
    finally:
        if counting and shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _print_json(event: str, record: Mapping[str, object]) -> None:
    print(json.dumps({"v": 1, "event": event, **record}, ensure_ascii=False), flush=True)
