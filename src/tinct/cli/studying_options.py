"""What can be typed after `tinct study`; imported when one of its verbs is used."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from tinct.cli.data_options import _choice
from tinct.cli.grammar import _add_said, _file
from tinct.cli.parsing import Parser, number, positive, whole
from tinct.study.options import PER_PARTICIPANT, PICTURES, Mode, Protocol, Sample, StudyOptions

_DEFAULTS = StudyOptions()


def build(parser: Parser, _: bool) -> None:
    """`tinct study build`."""
    parser.usage = "tinct study build [OPTIONS] DIR --models NAME --data PATH"
    what = parser.section("What is shown")
    _file(what, "folder", type=Path, metavar="DIR", help="New folder for the study.")
    what(
        "--models",
        action="append",
        default=[],
        metavar="NAMES",
        help="Models, ONNX files or runs, with commas between them; NAME=MODEL names one.",
    )
    what(
        "--predictions",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="Pictures coloured by another tool, named as those of --data.",
    )
    _file(
        what,
        "--data",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="Folder or manifest of pictures in true colours; may be given several times.",
    )
    what(
        "--pictures",
        type=positive,
        metavar="NUMBER",
        help=f"So many, drawn by chance. [default: {PICTURES}, or all there are]",
    )
    _choice(what, "--sample", Sample, _DEFAULTS.sample, "Draw from all, or evenly by category.")
    what("--seed", type=whole, default=0, metavar="NUMBER", help="Draws them. [default: 0]")
    _choice(what, "--protocol", Protocol, _DEFAULTS.protocol, "Centre square, squashed, or all.")
    what(
        "--size",
        type=whole,
        default=_DEFAULTS.size,
        metavar="PIXELS",
        help=f"Shorter side. [default: {_DEFAULTS.size}]",
    )
    how = parser.section("What is asked")
    _choice(how, "--mode", Mode, _DEFAULTS.mode, "Real or coloured, which of two, or 1 to 5.")
    how(
        "--without-originals",
        dest="originals",
        action="store_false",
        help="Of pairs: compare the colourings alone.",
    )
    how(
        "--per-participant",
        type=positive,
        metavar="NUMBER",
        help=f"Pictures that each sees. [default: {PER_PARTICIPANT}, or all there are]",
    )
    how("--time-limit", type=number, metavar="SECONDS", help="Hide each picture then.")
    how(
        "--attention-checks",
        type=whole,
        default=_DEFAULTS.attention_checks,
        metavar="NUMBER",
        help=f"In plainly wrong colours, for each. [default: {_DEFAULTS.attention_checks}]",
    )
    how("--title", default=_DEFAULTS.title, metavar="TEXT", help="Heading of the page.")
    how("--contact", default="", metavar="TEXT", help="Whom participants can ask.")
    said = parser.section("What is said")
    said("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    _add_said(said, debug=True)


def serve(parser: Parser, _: bool) -> None:
    """`tinct study serve`."""
    what = parser.section("What to serve")
    _file(what, "folder", type=Path, metavar="DIR", help="Folder of a study.")
    what(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="To listen on; 0.0.0.0 lets others in. [default: 127.0.0.1]",
    )
    what("--port", type=_port, default=0, metavar="NUMBER", help="[default: 0, a free one]")
    said = parser.section("What is said")
    said("-q", "--quiet", action="store_true", help="Say nothing but the address and errors.")
    _add_said(said, debug=True)


def report(parser: Parser, _: bool) -> None:
    """`tinct study report`."""
    what = parser.section("What to report")
    _file(what, "folder", type=Path, metavar="DIR", help="Folder of a study.")
    what(
        "--allow-failed",
        type=whole,
        default=0,
        metavar="NUMBER",
        help="Attention checks that somebody counted may have failed. [default: 0]",
    )
    where = parser.section("Where it goes, but for the terminal")
    _file(where, "--html", type=Path, metavar="FILE", help="A page that holds everything.")
    _file(where, "--csv", type=Path, metavar="FILE", help="Every vote, without names.")
    _add_said(parser.section("What is said"), debug=True)


def _port(text: str) -> int:
    value = whole(text)
    if not 0 <= value <= 65535:
        raise ArgumentTypeError(f"{value} is no port, they go from 0 to 65535")
    return value
