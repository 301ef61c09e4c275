"""What can be typed after `tinct data`; imported when one of its verbs is used."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import get_args

from tinct.cli.grammar import _add_said, _file
from tinct.cli.parsing import Parser, Section, number, one_of, positive, whole
from tinct.datasets.options import QUALITIES, BuildOptions, By, Fit, Kind, Layout

_DEFAULTS = BuildOptions()


def build(parser: Parser, _: bool) -> None:
    """`tinct data build`."""
    parser.usage = "tinct data build [OPTIONS] SOURCE OUT"
    what = parser.section("What to build")
    _file(what, "source", type=Path, metavar="SOURCE", help="Folder of pictures, or manifest.")
    _file(what, "out", type=Path, metavar="OUT", help="New folder; an unfinished one goes on.")
    _file(
        what,
        "--cleaned",
        type=Path,
        metavar="REPORT",
        help="report.tsv of `tinct data clean`: leave out or crop what it names.",
    )
    what(
        "--sample",
        type=positive,
        default=0,
        metavar="NUMBER",
        help="So many, evenly among artists, none twice. [default: all]",
    )
    what(
        "--least",
        type=positive,
        default=0,
        metavar="PIXELS",
        help="Leave out pictures whose shorter side is less.",
    )
    form = parser.section("What each picture becomes")
    form(
        "--size",
        dest="sizes",
        type=_sizes,
        default=_DEFAULTS.form.sizes,
        metavar="PIXELS",
        help="Shorter side; 256,64 makes a set of each. None is enlarged. [default: 256]",
    )
    _choice(form, "--fit", Fit, "whole", "Keep the aspect, or cut a square: centre or content.")
    _choice(form, "--format", Kind, "avif", "What pictures are written as.", dest="kind")
    usual = ", ".join(f"{kind} {quality}" for kind, quality in QUALITIES.items() if kind != "png")
    form(
        "--quality",
        type=positive,
        default=0,
        metavar="NUMBER",
        help=f"1 to 100. [default: {usual}]",
    )
    form("--grey", action="store_true", help="Take the colours out.")
    where = parser.section("How it is laid out")
    _choice(where, "--layout", Layout, "shards", "Tar files, or files named as the originals.")
    where(
        "--shard-megabytes",
        type=positive,
        default=_DEFAULTS.shard_megabytes,
        metavar="NUMBER",
        help=f"Size of a tar file, at most. [default: {_DEFAULTS.shard_megabytes}]",
    )
    split = parser.section("How it is split")
    for name, text in (
        ("validation", "Share held out to watch a training."),
        ("test", "Share held out to the end."),
    ):
        default = getattr(_DEFAULTS, name)
        split(
            f"--{name}",
            type=number,
            default=default,
            metavar="SHARE",
            help=f"{text} [default: {default:g}]",
        )
    _choice(split, "--by", By, "artist", "What is never torn apart.")
    split("--seed", type=whole, default=0, metavar="NUMBER", help="Draws the split. [default: 0]")
    _said(parser)


def check(parser: Parser, _: bool) -> None:
    """`tinct data check`."""
    what = parser.section("What to check")
    _file(what, "source", type=Path, metavar="SET", help="Manifest, or folder that holds one.")
    what("--decode", dest="decoding", action="store_true", help="Open every picture too.")
    what("--copies", action="store_true", help="Look for near-duplicates across the split too.")
    what(
        "--by",
        type=one_of(get_args(By)),
        choices=get_args(By),
        help="What may not be on two sides. [default: as it was built]",
    )
    _said(parser)


def clean(parser: Parser, _: bool) -> None:
    """`tinct data clean`."""
    parser.usage = "tinct data clean [OPTIONS] SOURCE"
    what = parser.section("What to clean")
    _file(what, "source", type=Path, metavar="SOURCE", help="Folder of pictures, or manifest.")
    what(
        "--only",
        type=_rules,
        default=(),
        metavar="RULES",
        help="Some rules, with commas between them. [default: all]",
    )
    what(
        "--least",
        type=positive,
        default=200,
        metavar="PIXELS",
        help="Shorter sides below are too small. [default: 200]",
    )
    what(
        "--aspect",
        type=number,
        default=3.0,
        metavar="RATIO",
        help="Pictures longer than this are too long. [default: 3]",
    )
    where = parser.section("What becomes of it")
    _file(where, *("-o", "--out"), type=Path, metavar="FOLDER", help="[default: SOURCE.clean]")
    _file(where, "--move", type=Path, metavar="FOLDER", help="Move what should be left out there.")
    where("--undo", action="store_true", help="SOURCE was given to --move: bring all back.")
    _said(parser)


def stats(parser: Parser, _: bool) -> None:
    """`tinct data stats`."""
    what = parser.section("What to count")
    _file(what, "source", type=Path, metavar="SOURCE", help="Folder of pictures, or manifest.")
    _file(what, *("-o", "--out"), type=Path, metavar="FOLDER", help="[default: SOURCE.stats]")
    _said(parser)


def _choice(
    add: Section, flag: str, kind: object, default: str, text: str, **settings: object
) -> None:
    add(
        flag,
        type=one_of(get_args(kind)),
        choices=get_args(kind),
        default=default,
        help=f"{text} [default: {default}]",
        **settings,
    )


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise ArgumentTypeError(f"{text!r} is not a size, or sizes with commas between them")
    return sizes


def _rules(text: str) -> tuple[str, ...]:
    from tinct.datasets.clean import names

    try:
        return names(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _said(parser: Parser) -> None:
    add = parser.section("What is said")
    add("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    _add_said(add, debug=True)
