"""Options of `tinct video`; loaded when it is asked for."""

from __future__ import annotations

from pathlib import Path

from tinct.cli.colorize_options import _Fields
from tinct.cli.grammar import _add_said, _file
from tinct.cli.parsing import Parser, number, one_of, whole
from tinct.options import Effort, IfColor, Toned
from tinct.video.options import VideoOptions

#: what can be done where the result exists already
ON_EXISTS = ("fail", "skip", "overwrite")


def declare(parser: Parser, with_texts: bool) -> None:
    """`tinct video`."""
    parser.usage = "tinct video [OPTIONS] IN OUT"
    what = parser.section("What to colour")
    _file(what, "source", type=Path, metavar="IN", help="A film.")
    fields, own = _Fields(with_texts), _Fields(with_texts, VideoOptions)
    fields.choice(what, "if_color", IfColor)
    fields.option(what, "drop_credentials", action="store_true")
    where = parser.section("Where the result goes")
    _file(
        where,
        "target",
        type=Path,
        metavar="OUT",
        help="Its name decides the container: .mp4, .mov, .mkv, .webm, .avi and others.",
    )
    where(
        "--on-exists",
        type=one_of(ON_EXISTS),
        choices=ON_EXISTS,
        default="fail",
        help="What to do where the result exists already. [default: fail]",
    )
    where(
        "--restart",
        action="store_true",
        help="Throw away what an unfinished run has done, instead of going on.",
    )
    own.option(where, "codec", metavar="NAME")
    own.option(where, "quality", type=whole, metavar="NUMBER")
    fields.option(where, "sidecar", action="store_true")
    how = parser.section("How it is coloured")
    fields.option(how, "model", "-m", metavar="NAME")
    parser.known["--model"].complete = "file"  # type: ignore[attr-defined] # or an ONNX file
    for name in ("vividness", "saturation"):
        fields.option(how, name, type=number, metavar="NUMBER")
    fields.choice(how, "toned", Toned)
    fields.option(how, "size", type=whole, metavar="PIXELS")
    fields.choice(how, "effort", Effort)
    own.option(how, "every", type=whole, metavar="FRAMES")
    own.option(how, "frame_by_frame", action="store_true")
    known = parser.section("What you know of its colours")
    fields.option(known, "palette", metavar="COLOURS")
    fields.option(known, "reference", metavar="PICTURE")
    parser.known["--reference"].complete = "file"  # type: ignore[attr-defined] # read by shtab
    fields.option(known, "style", metavar="NAME")
    output = parser.section("What is said")
    output("-q", "--quiet", action="store_true", help="Say nothing but errors.")
    _add_said(output, debug=True)
