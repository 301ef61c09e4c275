"""What can be typed after `tinct data get` and `sources`; imported when one of them is used."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from tinct.cli.grammar import _add_said, _file
from tinct.cli.parsing import Parser, number, positive, whole


def show(parser: Parser, _: bool) -> None:
    """`tinct data sources show`."""
    parser.section("Source")("name", metavar="NAME", help="Name of a source.")
    _add_said(parser.section("Options"))


def get(parser: Parser, _: bool) -> None:
    """`tinct data get`."""
    parser.usage = "tinct data get [OPTIONS] SOURCE|LIST|ARCHIVE|FOLDER|URL DIR"
    what = parser.section("What to get")
    _file(what, "what", metavar="WHAT", help="A source's name, or a list of addresses, an archive.")
    _file(what, "folder", type=Path, metavar="DIR", help="Where pictures go; a second run goes on.")
    what("--query", default="", metavar="WORDS", help="What museums and the like search for.")
    _file(
        what,
        "--archive",
        type=Path,
        metavar="FILE",
        help="The source's file, or a folder it was unpacked to, where you have it already.",
    )
    what("--limit", type=positive, metavar="NUMBER", help="At most so many.")
    what("--skip", type=_count, default=0, metavar="NUMBER", help="Pass over so many first.")
    what(
        "--again", action="store_true", help="Try what failed for good, or was removed, once more."
    )
    what(
        "--enlarge",
        type=positive,
        default=11,
        metavar="TIMES",
        help="Avatars, without smoothing. [default: 11, which gives 264 pixels]",
    )
    how = parser.section("How it is fetched")
    how(
        *("-j", "--jobs"),
        type=positive,
        default=8,
        metavar="NUMBER",
        help="Pictures at once. [default: 8]",
    )
    how(
        "--per-host",
        type=positive,
        default=4,
        metavar="NUMBER",
        help="Requests at once to one host; named sources have their own rule. [default: 4]",
    )
    how("--pause", type=_seconds, default=0.0, metavar="SECONDS", help="Between two of them.")
    how(
        "--contact",
        metavar="ADDRESS",
        help="Yours, for servers that want to complain. [default: TINCT_CONTACT]",
    )
    said = parser.section("What is said")
    said("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    _add_said(said, debug=True)


def _count(text: str) -> int:
    value = whole(text)
    if value < 0:
        raise ArgumentTypeError(f"{value} is not possible, the least is 0")
    return value


def _seconds(text: str) -> float:
    value = number(text)
    if not 0 <= value <= 3600:
        raise ArgumentTypeError(f"{text} is not possible, give seconds from 0 to 3600")
    return value
