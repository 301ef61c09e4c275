"""Options of `tinct colorize` and `tinct watch`; loaded when one of them is asked for."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from pathlib import Path
from typing import get_args

from tinct.batch.engine import Engine, EngineOptions
from tinct.batch.places import is_url
from tinct.cli.grammar import _add_said, _file
from tinct.cli.parsing import Parser, Section, number, one_of, positive, whole
from tinct.options import (
    ColorizeOptions,
    Depth,
    Effort,
    Format,
    IfColor,
    OnExists,
    Pyramid,
    TileFormat,
    Toned,
    descriptions,
    flag,
)

#: seconds between two looks at a watched folder
INTERVAL = 2.0


def declare(parser: Parser, with_texts: bool) -> None:
    """`tinct colorize`."""
    parser.usage = "tinct colorize [OPTIONS] INPUT ..."
    what = parser.section("What to colour")
    _file(
        what,
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="Pictures, folders, patterns or URLs; - is standard input.",
    )
    fields = _Fields(with_texts)
    _what(what, fields)
    where = parser.section("Where results go")
    _file(
        where,
        *("-o", "--output"),
        metavar="PATH",
        help="Folder, file or s3:// URL; - is standard output.",
    )
    _where(where, fields)
    _how(parser, fields)
    _known(parser, fields)
    many = parser.section("Many pictures")
    _recursive(many)
    _file(
        many,
        "--files-from",
        metavar="FILE",
        help="File with a path or URL on each line (or NUL-separated); - is stdin.",
    )
    engines = _Fields(with_texts, EngineOptions)
    engines.choice(many, "engine", Engine)
    engines.option(many, "address", metavar="HOST:PORT")
    engines.option(many, "jobs", "-j", type=jobs, metavar="NUMBER")
    many(
        "--shard",
        type=shard,
        metavar="I/N",
        help="Only part I of N of the pictures, for one of N machines.",
    )
    _journal(many)
    _file(
        many,
        "--report",
        action="append",
        type=local,
        default=[],
        metavar="FILE",
        help="Write what became of each picture, as .html or .csv; may be given twice.",
    )
    many("--dry-run", action="store_true", help="Print what would be done, and do nothing.")
    _said(parser)


def watch(parser: Parser, with_texts: bool) -> None:
    """`tinct watch`."""
    parser.usage = "tinct watch [OPTIONS] FOLDER -o FOLDER"
    what = parser.section("What to colour")
    _file(what, "folder", type=local, metavar="FOLDER", help="Where pictures arrive.")
    fields = _Fields(with_texts)
    _recursive(what)
    what(
        "--interval",
        type=seconds,
        default=INTERVAL,
        metavar="SECONDS",
        help="Look so often; a file that stays the same from one look to the next is complete. "
        f"[default: {INTERVAL:g}]",
    )
    _what(what, fields)
    where = parser.section("Where results go")
    _file(
        where,
        *("-o", "--output"),
        type=local,
        required=True,
        metavar="FOLDER",
        help="Folder that mirrors the other.",
    )
    _where(where, fields)
    _how(parser, fields)
    _known(parser, fields, single=False)
    many = parser.section("Many pictures")
    _jobs(many)
    _journal(many)
    _said(parser)


class _Fields:
    """Adds fields of `ColorizeOptions` or `EngineOptions`, where defaults and texts are found."""

    def __init__(
        self, with_texts: bool, kind: type[ColorizeOptions | EngineOptions] = ColorizeOptions
    ) -> None:
        self._kind = kind
        self._texts = descriptions(kind) if with_texts else {}

    def option(self, add: Section, name: str, *short: str, **settings: object) -> None:
        default = getattr(self._kind, name)
        shown = "" if default is None or default is False else f" [default: {default}]"
        add(*short, flag(name), default=default, help=self.text(name) + shown, **settings)

    def text(self, name: str) -> str:
        return self._texts.get(name, "").replace("%", "%%")

    def choice(self, add: Section, name: str, kind: object) -> None:
        self.option(add, name, type=one_of(get_args(kind)), choices=get_args(kind))


def _what(what: Section, fields: _Fields) -> None:
    fields.choice(what, "if_color", IfColor)
    fields.option(what, "drop_credentials", action="store_true")
    fields.option(what, "max_megapixels", type=number, metavar="NUMBER")


def _where(where: Section, fields: _Fields) -> None:
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
    fields.choice(where, "format", Format)
    fields.choice(where, "depth", Depth)
    fields.option(where, "quality", type=whole, metavar="NUMBER")
    fields.choice(where, "pyramid", Pyramid)
    fields.option(where, "tile_size", type=whole, metavar="PIXELS")
    fields.choice(where, "tile_format", TileFormat)
    fields.option(where, "tile_address", metavar="URL")
    fields.option(where, "sidecar", action="store_true")


def _how(parser: Parser, fields: _Fields) -> None:
    how = parser.section("How it is coloured")
    fields.option(how, "model", "-m", metavar="NAME")
    parser.known["--model"].complete = "file"  # type: ignore[attr-defined] # or an ONNX file
    fields.option(how, "vividness", type=number, metavar="NUMBER")
    fields.option(how, "saturation", type=number, metavar="NUMBER")
    fields.choice(how, "toned", Toned)
    fields.option(how, "size", type=whole, metavar="PIXELS")
    how(
        "--effort",
        type=one_of(get_args(Effort)),
        choices=get_args(Effort),
        default=None,  # see `tinct.cli.verbs.effort_of`
        help=fields.text("effort") + " [default: normal for one picture]",
    )
    for name in ("variants", "variant", "seed"):
        fields.option(how, name, type=whole, metavar="NUMBER")


def _known(parser: Parser, fields: _Fields, *, single: bool = True) -> None:
    """What is known of colours; `single` adds what holds for one picture alone."""
    known = parser.section("What you know of its colours")
    if single:
        fields.option(known, "hints", metavar="FILE")
    fields.option(known, "palette", metavar="COLOURS")
    fields.option(known, "reference", metavar="PICTURE")
    fields.option(known, "style", metavar="NAME")
    if single:
        fields.option(known, "confidence", metavar="MAP")
    for name in ("--hints", "--reference", "--confidence"):
        if name in parser.known:
            parser.known[name].complete = "file"  # type: ignore[attr-defined] # read by shtab


def _recursive(add: Section) -> None:
    add("-r", "--recursive", action="store_true", help="Search sub-folders and mirror them.")


def _jobs(many: Section) -> None:
    many(
        *("-j", "--jobs"),
        type=jobs,
        metavar="NUMBER",
        default=1,
        help="Worker processes; auto keeps all cores busy, best for many pictures. [default: 1]",
    )


def _journal(many: Section) -> None:
    _file(
        many,
        "--journal",
        type=local,
        metavar="FILE",
        help="Where is kept what is done, so that the same command goes on where it stopped. "
        "[default: .tinct-journal.jsonl in the folder after -o]",
    )
    many("--no-journal", action="store_true", help="Keep none, and look at none.")


def _said(parser: Parser) -> None:
    output = parser.section("What is said")
    output("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    output(
        *("-v", "--verbose"),
        action="count",
        default=0,
        help="Say what becomes of each file.",
    )
    _add_said(output, debug=True)


def jobs(text: str) -> int:
    """Read a number of worker processes; `auto`, as many as keep all cores busy, is 0."""
    try:
        return 0 if text in ("auto", "0") else positive(text)
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"{error}; auto keeps all cores busy") from None


def local(text: str) -> Path:
    """Read a file or folder of this machine; a URL would become an odd name of one."""
    if is_url(text):
        raise ArgumentTypeError(f"{text!r} is a URL, and this is of this machine")
    return Path(text)


def shard(text: str) -> tuple[int, int]:
    """Read which part of how many, such as 2/5."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part <= parts:
        raise ArgumentTypeError(f"{text!r} is no part of a whole, such as 2/5")
    return part, parts


def seconds(text: str) -> float:
    """Read a time that something takes."""
    value = number(text)
    if not 0.1 <= value <= 86400:
        raise ArgumentTypeError(f"{text} is not possible, from 0.1 to 86400 seconds")
    return value
