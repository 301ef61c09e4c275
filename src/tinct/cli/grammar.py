"""What can be typed: the verbs, and the options and inputs of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tinct.cli.parsing import HELP, Parser, Section, number, one_of, positive
from tinct.errors import UsageError
from tinct.version import __version__

SHELLS = ("bash", "zsh", "tcsh")
STORAGE = ("float16", "int8")
FORMS = ("onnx", "openvino", "tflite")
WEIGHTS = ("best", "last")
VERSION = ("-V", "--version")


@dataclass(frozen=True)
class Verb:
    """Something that can be done, and what declares its options; they are described on demand."""

    function: str
    """`module:name` in this package; imported when it is used, so that no verb pays for others."""
    declare: Callable[[Parser, bool], None]

    @property
    def work(self) -> Callable[..., int]:
        """What does it."""
        module, _, name = self.function.partition(":")
        work: Callable[..., int] = getattr(import_module(f"tinct.cli.{module}"), name)
        return work

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


def _verify(parser: Parser, _: bool) -> None:
    add = parser.section("Pictures")
    _file(add, "original", type=Path, metavar="ORIGINAL", help="The picture or film before.")
    _file(
        add, "coloured", type=Path, metavar="COLOURED", help="The same after; of tiles, their file."
    )
    add(
        "--max-megapixels",
        type=number,
        default=2000,
        metavar="NUMBER",
        help="Files that say they are larger are refused. [default: 2000]",
    )
    _add_said(parser.section("Options"), debug=True)


def _models_show(parser: Parser, _: bool) -> None:
    _file(parser.section("Model"), "name", metavar="NAME", help="Name, ONNX file or run.")
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


def _settings(add: Section) -> None:
    add("overrides", nargs="*", metavar="KEY=VALUE", help="Settings to change: data.size=64.")


def _trained(add: Section) -> None:
    add("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    _add_said(add, debug=True)


def _train(parser: Parser, _: bool) -> None:
    parser.usage = "tinct train [OPTIONS] RECIPE [KEY=VALUE ...]"
    what = parser.section("What to train")
    _file(what, "recipe", metavar="RECIPE", help="A TOML file, or the name of one that ships.")
    _settings(what)
    _file(
        what,
        "--data",
        type=Path,
        metavar="PATH",
        help="Folder of pictures, manifest or one picture. [default: train in TINCT_DATA]",
    )
    what(
        "--classifier",
        metavar="NAME",
        help="Backbone of systems that fuse one, as classifier=NAME; see `tinct systems fetch`.",
    )
    what("--sweep", action="store_true", help="Train once for each of several values of a key.")
    where = parser.section("Where it goes")
    _file(
        where,
        *("-o", "--out"),
        type=Path,
        metavar="RUN",
        help="New folder for the run. [default: runs/RECIPE-NUMBER]",
    )
    _trained(parser.section("What is said"))


def _finetune(parser: Parser, _: bool) -> None:
    parser.usage = "tinct finetune [OPTIONS] FOLDER [KEY=VALUE ...]"
    what = parser.section("What to learn from")
    _file(what, "data", type=Path, metavar="FOLDER", help="Pictures in colour, or a manifest.")
    _settings(what)
    what("--start", metavar="MODEL", help="Model to go on from. [default: the shipped one]")
    _file(
        what,
        "--replay",
        type=Path,
        metavar="PATH",
        help="Generic set that keeps older skills. [default: train in TINCT_DATA, if there]",
    )
    where = parser.section("Where it goes")
    _file(
        where,
        *("-o", "--out"),
        type=Path,
        metavar="RUN",
        help="New folder for the run and its model. [default: runs/FOLDER-NUMBER]",
    )
    _trained(parser.section("What is said"))


def _resume(parser: Parser, _: bool) -> None:
    parser.usage = "tinct resume [OPTIONS] RUN [KEY=VALUE ...]"
    what = parser.section("What to go on with")
    _file(what, "run", type=Path, metavar="RUN", help="Folder of a run.")
    _settings(what)
    _trained(parser.section("What is said"))


def _export(parser: Parser, _: bool) -> None:
    add = parser.section("What to export")
    _file(
        add,
        "run",
        type=Path,
        metavar="RUN",
        help="Folder of a run; for another form also a model's name or ONNX file.",
    )
    add(
        "--to",
        type=one_of(FORMS),
        choices=FORMS,
        default="onnx",
        help="onnx, which Tinct uses; openvino or tflite for other programs. [default: onnx]",
    )
    add(
        "--size",
        type=positive,
        metavar="PIXELS",
        help="Side of the squares that a tflite model sees. [default: the model's own]",
    )
    add(
        "--weights",
        type=one_of(WEIGHTS),
        choices=WEIGHTS,
        default="best",
        help="Those of the best or the last validation. [default: best]",
    )
    add(
        "--calibrate",
        action="store_true",
        help="Measure on validation pictures how bold it is to be, and what --effort fast asks for "
        "(system tinct).",
    )
    add(
        "--storage",
        type=one_of(STORAGE),
        choices=STORAGE,
        default="float16",
        help="Of the weights in the file; int8 is half as large. [default: float16]",
    )
    _file(
        parser.section("Where it goes"),
        *("-o", "--output"),
        type=Path,
        metavar="FILE",
        help="New file, or folder for openvino. [default: model.onnx in the run, or like it]",
    )
    _add_said(parser.section("What is said"), debug=True)


def _systems_show(parser: Parser, _: bool) -> None:
    parser.section("System")("name", metavar="NAME", help="Name of a system.")
    _add_said(parser.section("Options"))


def _systems_fetch(parser: Parser, _: bool) -> None:
    parser.section("Classifier")("name", metavar="CLASSIFIER", help="Name of a classifier.")
    _add_said(parser.section("Options"), json=False)


def _data(name: str, module: str = "data_options") -> Callable[[Parser, bool], None]:
    """Options of a verb that are declared in a module of their own, loaded when they are needed."""

    def declare(parser: Parser, with_texts: bool) -> None:
        getattr(import_module(f"tinct.cli.{module}"), name)(parser, with_texts)

    return declare


TINCT = Group(
    "Adds colour to black-and-white pictures and touches nothing else.",
    {
        "colorize": Verb("verbs:colorize", _data("declare", "colorize_options")),
        "watch": Verb("watching:watch", _data("watch", "colorize_options")),
        "video": Verb("filming:video", _data("declare", "video_options")),
        "verify": Verb("verifying:verify", _verify),
        "models": Group(
            "What models there are.",
            {
                "list": Verb("verbs:models_list", _said_alone),
                "show": Verb("verbs:models_show", _models_show),
                "path": Verb("verbs:models_path", _models_path),
            },
        ),
        "serve": Verb("serving:serve", _data("declare", "serving")),
        "train": Verb("learning:train", _train),
        "finetune": Verb("tuning:finetune", _finetune),
        "resume": Verb("learning:resume", _resume),
        "export": Verb("learning:export", _export),
        "styles": Verb("verbs:list_styles", _said_alone),
        "evaluate": Verb("evaluating:evaluate", _data("declare", "evaluating")),
        "systems": Group(
            "What networks can be trained.",
            {
                "list": Verb("learning:systems_list", _said_alone),
                "show": Verb("learning:systems_show", _systems_show),
                "fetch": Verb("learning:systems_fetch", _systems_fetch),
            },
        ),
        "data": Group(
            "Pictures to learn from.",
            {
                "sources": Group(
                    "Where pictures can be had.",
                    {
                        "list": Verb("getting:sources_list", _said_alone),
                        "show": Verb("getting:sources_show", _data("show", "getting_options")),
                    },
                ),
                "get": Verb("getting:get", _data("get", "getting_options")),
                "clean": Verb("data:clean", _data("clean")),
                "build": Verb("data:build", _data("build")),
                "stats": Verb("data:stats", _data("stats")),
                "check": Verb("data:check", _data("check")),
            },
        ),
        "study": Group(
            "Ask people: real or coloured, which of two, how natural.",
            {
                "build": Verb("studying:build", _data("build", "studying_options")),
                "serve": Verb("studying:serve", _data("serve", "studying_options")),
                "report": Verb("studying:report", _data("report", "studying_options")),
            },
        ),
        "doctor": Verb("verbs:doctor", _said_alone),
        "completion": Verb("grammar:completion", _completion),
    },
)
