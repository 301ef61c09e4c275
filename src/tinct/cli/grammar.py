"""What can be typed: the verbs, and the options and inputs of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from tinct.cli import verbs
from tinct.cli.parsing import HELP, Parser, Section, number, one_of, positive, whole
from tinct.errors import UsageError
from tinct.options import (
    ColorizeOptions,
    Depth,
    Format,
    IfColor,
    OnExists,
    Toned,
    descriptions,
    flag,
)
from tinct.version import __version__

SHELLS = ("bash", "zsh", "tcsh")
VERSION = ("-V", "--version")


@dataclass(frozen=True)
class Verb:
    """Something that can be done, and what declares its options; they are described on demand."""

    work: Callable[..., int]
    declare: Callable[[Parser, bool], None]

    @property
    def summary(self) -> str:
        """What it does, from its docstring."""
        return (self.work.__doc__ or "").strip()


@dataclass(frozen=True)
class Group:
    """Several verbs behind one word."""

    summary: str
    members: Mapping[str, Verb | Group]


def carry_out(words: Sequence[str]) -> int:
    """Do what the words say and give the exit code; only the parser of one verb is built.

    Raises:
        TinctError: they make no sense, or what they say cannot be done.
    """
    node: Verb | Group = TINCT
    prog, rest = "tinct", list(words)
    while isinstance(node, Group):
        if not rest:
            print(described(prog, node).format_help(), end="", file=sys.stderr)
            return UsageError.exit_code
        word = rest.pop(0)
        if word in HELP:
            print(described(prog, node).format_help(), end="")
            return 0
        if word in VERSION and node is TINCT:
            print(f"tinct {__version__}")
            return 0
        if word not in node.members:
            raise _unknown(described(prog, node), word, node)
        prog, node = f"{prog} {word}", node.members[word]
    parser = Parser(prog)
    node.declare(parser, False)
    values = parser.read(rest)
    if values is None:
        print(described(prog, node).format_help(), end="")
        return 0
    return node.work(**values)


def _unknown(parser: Parser, word: str, group: Group) -> UsageError:
    if word.startswith("-"):
        return parser.unknown("option", word.partition("=")[0], parser.known)
    error = parser.unknown("command", word, group.members)
    if group is TINCT and os.path.lexists(word):
        error.remedy = f"did you mean `tinct colorize {word}`?"
    return error


def described(prog: str, node: Verb | Group) -> Parser:
    """A parser with all its texts and all below it: for help and completion."""
    parser = Parser(prog, description=node.summary)
    _describe(parser, node)
    return parser


def _describe(parser: Parser, node: Verb | Group) -> None:
    if isinstance(node, Verb):
        node.declare(parser, True)
        return
    parser.usage = f"{parser.prog} COMMAND ..."
    members = parser.add_subparsers(title="Commands", metavar="COMMAND", prog=parser.prog)
    for name, member in node.members.items():
        summary = member.summary
        _describe(members.add_parser(name, help=summary, description=summary), member)
    add = parser.section("Options")
    if node is TINCT:
        add(*VERSION, action="version", version="", help="Print the version and leave.")
    _add_help(add)


def _add_help(add: Section) -> None:
    add(*HELP, action="help", help="Show this message and leave.")


def _add_said(add: Section, *, json: bool = True, debug: bool = False) -> None:
    if json:
        add("--json", dest="as_json", action="store_true", help="Print JSON for programs.")
    if debug:
        add("--debug", action="store_true", help="Show where an error came from.")
    _add_help(add)


def _file(add: Section, *names: str, **settings: object) -> None:
    """An argument that a shell completes to a file's name."""
    add(*names, **settings).complete = "file"  # type: ignore[attr-defined] # read by shtab


def _colorize(parser: Parser, with_texts: bool) -> None:
    parser.usage = "tinct colorize [OPTIONS] INPUT ..."
    texts = descriptions() if with_texts else {}

    def option(add: Section, name: str, *short: str, **settings: object) -> None:
        """A field of `ColorizeOptions`: its default and its text are found there."""
        default = getattr(ColorizeOptions, name)
        text = texts.get(name, "").replace("%", "%%")
        shown = "" if default is None or default is False else f" [default: {default}]"
        add(*short, flag(name), default=default, help=text + shown, **settings)

    def choice(add: Section, name: str, kind: object) -> None:
        option(add, name, type=one_of(get_args(kind)), choices=get_args(kind))

    what = parser.section("What to colour")
    _file(
        what,
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="Pictures, folders or patterns; - is standard input.",
    )
    choice(what, "if_color", IfColor)
    option(what, "drop_credentials", action="store_true")

    where = parser.section("Where results go")
    _file(where, "-o", "--output", metavar="PATH", help="Folder or file; - is standard output.")
    where(
        "--name",
        metavar="TEMPLATE",
        help="Name of results; default {stem}.colorized{ext}. See the docs.",
    )
    where(
        "--on-exists",
        type=one_of(get_args(OnExists)),
        choices=get_args(OnExists),
        default="fail",
        help="What to do where a result exists already. [default: fail]",
    )
    choice(where, "format", Format)
    choice(where, "depth", Depth)
    option(where, "quality", type=whole, metavar="NUMBER")
    option(where, "sidecar", action="store_true")

    how = parser.section("How it is coloured")
    option(how, "model", "-m", metavar="NAME")
    option(how, "saturation", type=number, metavar="NUMBER")
    choice(how, "toned", Toned)
    option(how, "size", type=whole, metavar="PIXELS")

    many = parser.section("Many pictures")
    many("-r", "--recursive", action="store_true", help="Search sub-folders and mirror them.")
    _file(
        many,
        "--files-from",
        metavar="FILE",
        help="File with a path on each line (or NUL-separated); - is stdin.",
    )
    many(
        *("-j", "--jobs"),
        type=positive,
        metavar="NUMBER",
        default=1,
        help="Worker processes. [default: 1]",
    )
    many("--dry-run", action="store_true", help="Print what would be done, and do nothing.")

    output = parser.section("What is said")
    output("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    output(
        *("-v", "--verbose"),
        action="count",
        default=0,
        help="Say what becomes of each file.",
    )
    _add_said(output, debug=True)


def _verify(parser: Parser, _: bool) -> None:
    add = parser.section("Pictures")
    _file(add, "original", type=Path, metavar="ORIGINAL", help="The picture before.")
    _file(add, "coloured", type=Path, metavar="COLOURED", help="The picture after.")
    _add_said(parser.section("Options"), debug=True)


def _models_show(parser: Parser, _: bool) -> None:
    parser.section("Model")("name", metavar="NAME", help="Name of a model.")
    _add_said(parser.section("Options"))


def _models_path(parser: Parser, _: bool) -> None:
    parser.section("Model")(
        "name", nargs="?", metavar="NAME", help="Name; the default if left out."
    )
    _add_said(parser.section("Options"), json=False)


def _said_alone(parser: Parser, _: bool) -> None:
    _add_said(parser.section("Options"))


def completion(shell: str) -> int:
    """Print a script that completes commands in a shell."""
    from shtab import complete

    print(complete(described("tinct", TINCT), shell=shell))
    return 0


def _completion(parser: Parser, _: bool) -> None:
    add = parser.section("Shell")
    add("shell", metavar="SHELL", type=one_of(SHELLS), choices=SHELLS, help=", ".join(SHELLS))
    _add_said(parser.section("Options"), json=False)


TINCT = Group(
    "Adds colour to black-and-white pictures and touches nothing else.",
    {
        "colorize": Verb(verbs.colorize, _colorize),
        "verify": Verb(verbs.verify, _verify),
        "models": Group(
            "What models there are.",
            {
                "list": Verb(verbs.models_list, _said_alone),
                "show": Verb(verbs.models_show, _models_show),
                "path": Verb(verbs.models_path, _models_path),
            },
        ),
        "doctor": Verb(verbs.doctor, _said_alone),
        "completion": Verb(completion, _completion),
    },
)
