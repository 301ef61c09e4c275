"""The verb of who measures models: parsing and printing only, as everywhere in this room."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinct.cli.grammar import _add_said, _file
from tinct.cli.parsing import Parser, number, one_of, positive, whole
from tinct.errors import UsageError

PROTOCOLS = ("crop", "stretch", "full")


def evaluate(
    *,
    models: list[str],
    data: Path | None,
    predictions: list[tuple[str, Path]],
    out: Path | None,
    protocol: Any,
    size: int,
    limit: int | None,
    seed: int,
    against: str,
    features: str,
    lpips: bool,
    trade_off: bool,
    equal_colourfulness: float | None,
    hints: tuple[int, ...],
    working_size: tuple[int, ...],
    consistency: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Measure models on pictures in colour, beside grey, one tint, an oracle and the truth."""
    with _needs():
        from tinct.evaluation.outputs import check_folder, write_outputs
        from tinct.evaluation.protocol import Protocol
        from tinct.evaluation.results import as_json as written
        from tinct.evaluation.run import EvaluateOptions
        from tinct.evaluation.run import evaluate as measure
        from tinct.evaluation.tables import markdown

        options = EvaluateOptions(
            protocol=Protocol(protocol, size),
            against=against,
            limit=limit,
            seed=seed,
            features=features,
            lpips=lpips,
            hints=hints,
            working_size=working_size,
            trade_off=trade_off,
            equal_colourfulness=equal_colourfulness,
            consistency=consistency,
        )
        if data is None:
            raise UsageError("no pictures to measure on", remedy="--data FOLDER or MANIFEST")
        named = dict(predictions)
        if len(named) < len(predictions):
            raise UsageError("two folders have the same name", where="--predictions")
        if out is not None:
            check_folder(out)
        with _telling(quiet=quiet) as (progress, say):
            found = measure(
                models, data, predictions=named, options=options, progress=progress, say=say
            )
            if out is not None:
                say("writing the report")
                write_outputs(found, out)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    print(written(found.record) if as_json else markdown(found.record), end="")
    if out is not None and not quiet:
        print(out / "report.html", file=sys.stderr)
    return 0


def declare(parser: Parser, _: bool) -> None:
    """Options of `tinct evaluate`."""
    parser.usage = "tinct evaluate [OPTIONS] MODEL ..."
    what = parser.section("What to measure")
    _file(what, "models", nargs="*", metavar="MODEL", help="Names, folders of runs, ONNX files.")
    _file(
        what,
        "--predictions",
        action="append",
        type=_named,
        default=[],
        metavar="NAME=FOLDER",
        help="Pictures that another tool coloured, named as the originals; may be repeated.",
    )
    on = parser.section("What on")
    _file(
        on,
        "--data",
        type=Path,
        metavar="PATH",
        help="Folder of pictures in colour, folder of such folders, or manifest.",
    )
    on(
        "--protocol",
        type=one_of(PROTOCOLS),
        choices=PROTOCOLS,
        default="crop",
        help="Cut a square, squash to one, or keep the whole picture. [default: crop]",
    )
    on("--size", type=whole, default=256, metavar="PIXELS", help="Shorter side. [default: 256]")
    on("--limit", type=positive, metavar="NUMBER", help="So many of each set, drawn at random.")
    on("--seed", type=whole, default=0, metavar="NUMBER", help="Draws. [default: 0]")
    how = parser.section("How they are compared")
    how(
        "--against",
        default="grey",
        metavar="NAME",
        help="Model or baseline that all others are compared with. [default: grey]",
    )
    how(
        "--features",
        default="auto",
        metavar="NETWORK",
        help="Network for Frechet and kernel distances; none for no such. "
        "[default: mobilenet_v2 where its weights are]",
    )
    how(
        "--lpips",
        action="store_true",
        help="Insist on LPIPS. [default: where its weights are]",
    )
    how("--trade-off", action="store_true", help="Also at other strengths of colour.")
    how(
        "--equal-colourfulness",
        type=number,
        metavar="RATIO",
        help="Also with all as colourful as this; 1 is the truth. Implies --trade-off.",
    )
    how(
        "--hints",
        type=_numbers,
        default=(),
        metavar="NUMBERS",
        help="Also with so many points of true colour: 0,1,3,10,30,100.",
    )
    how(
        "--working-size",
        type=_numbers,
        default=(),
        metavar="PIXELS",
        help="Also at these working sizes, with the time each takes: 128,256,384.",
    )
    how(
        "--consistency",
        action="store_true",
        help="Also how results move with the working size and under a flip.",
    )
    where = parser.section("Where it goes")
    _file(
        where,
        *("-o", "--out"),
        type=Path,
        metavar="FOLDER",
        help="New folder for report.html, results.json, pictures.csv and table.md.",
    )
    said = parser.section("What is said")
    said("-q", "--quiet", action="store_true", help="Say nothing but notes and errors.")
    _add_said(said, debug=True)


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (name.strip() and equals and folder):
        raise ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    return name.strip(), Path(folder)


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not whole numbers with commas between them") from None


@contextmanager
def _needs() -> Iterator[None]:
    """What measuring needs and a plain installation lacks is one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "tinct":
            raise
        raise UsageError(
            f"this needs {missing}, which is not installed", remedy='pip install "tinct[train]"'
        ) from error


@contextmanager
def _telling(
    *, quiet: bool
) -> Iterator[tuple[Callable[[str, int, int], None], Callable[[str], None]]]:
    """A bar for pictures and a line for what else is done, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield (lambda *_: None), (lambda _: None)
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        line = bars.add_task("", total=None, visible=False)

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)

        yield progress, lambda text: bars.update(line, description=text, visible=True)
