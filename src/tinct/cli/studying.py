"""The verbs of who asks people: parsing and printing only."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.cli.data import _telling
from tinct.errors import UsageError

if TYPE_CHECKING:
    from tinct.study.options import Mode, Protocol, Sample


def build(
    *,
    folder: Path,
    models: list[str],
    predictions: list[str],
    data: list[Path],
    mode: Mode,
    originals: bool,
    pictures: int | None,
    sample: Sample,
    seed: int,
    per_participant: int | None,
    time_limit: float | None,
    attention_checks: int,
    protocol: Protocol,
    size: int,
    title: str,
    contact: str,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Build a study: draw pictures, colour them in every way, write a folder to serve."""
    from tinct.study.build import build as make
    from tinct.study.build import named
    from tinct.study.options import StudyOptions

    options = StudyOptions(
        mode=mode,
        pictures=pictures,
        sample=sample,
        seed=seed,
        per_participant=per_participant,
        time_limit=time_limit,
        attention_checks=attention_checks,
        protocol=protocol,
        size=size,
        originals=originals,
        title=title,
        contact=contact,
    )
    with _terminable(), _telling(quiet=quiet) as progress:
        built = make(
            folder,
            models=named(models, "--models"),
            predictions={
                name: Path(where) for name, where in named(predictions, "--predictions").items()
            },
            data=data,
            options=options,
            progress=progress,
        )
    if as_json:
        counts = {"pictures": built.pictures, "attention_checks": built.checks}
        record = {"ways": list(built.ways), "left_out": dict(built.left_out)}
        _print_json("built", {"out": str(folder), **counts, **record, "sha256": built.sha256})
        return 0
    print(folder)
    if not quiet:
        left = ", ".join(f"{count} {reason}" for reason, count in built.left_out.items())
        _say(
            f"{built.pictures} pictures in {len(built.ways)} ways ({', '.join(built.ways)})"
            + (f"; left out: {left}" if left else "")
        )
        _say(f"study {built.sha256[:16]}; `tinct study serve {folder}` shows it")
    return 0


def serve(
    *,
    folder: Path,
    host: str,
    port: int,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Serve a study as a page, until Ctrl-C; every answer is on the disk before it is confirmed."""
    from tinct.study.server import serve as run

    def told(address: str) -> None:
        if as_json:
            _print_json("serving", {"address": address})
        else:
            print(address, flush=True)
        if not quiet:
            _say("Ctrl-C ends it; answers are kept")

    run(folder, host=host, port=port, told=told)
    return 0


def report(
    *,
    folder: Path,
    html: Path | None,
    csv: Path | None,
    allow_failed: int,
    as_json: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Say what the answers of a study say, with intervals; a page and a table where asked for."""
    from tinct.study.findings import collect, figures
    from tinct.study.folder import open_study
    from tinct.study.report import COLUMNS, text, votes_csv

    study = open_study(folder)
    if html is not None:
        from tinct.study.page import GENERATOR, page

        _check_place(html, GENERATOR, option="--html")
    if csv is not None:
        _check_place(csv, ",".join(COLUMNS), option="--csv")
    if html is not None and csv is not None and html.resolve() == csv.resolve():
        raise UsageError(
            "one file for both", where=f"--html {html} --csv {csv}", remedy="give two names"
        )
    counted = collect(study, allow_failed=allow_failed)
    found = figures(study, counted)
    if html is not None:
        _write(html, page(study, found))
    if csv is not None:
        _write(csv, votes_csv(study, counted))
    if as_json:
        _print_json("study", found)
    else:
        print(text(found))
    return 0


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop what the block does as Ctrl-C would: nothing half-made is left."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_place(file: Path, mark: str, *, option: str) -> None:
    from tinct.image.atomic import check_replaceable

    check_replaceable(file, mark, where=f"{option} {file}", what="report")


def _write(file: Path, content: str) -> None:
    from tinct.image.atomic import write_atomic

    with write_atomic(file, overwrite=True) as temporary:
        temporary.write_text(content, "utf-8", "surrogateescape", newline="")


def _say(text: str) -> None:
    from tinct.batch.events import printable

    print(printable(text), file=sys.stderr)


def _print_json(event: str, record: Mapping[str, object]) -> None:
    print(json.dumps({"v": 1, "event": event, **record}, ensure_ascii=False), flush=True)
