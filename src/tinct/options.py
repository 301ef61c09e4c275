"""What a user may choose when colouring: the one source for the command line, files and docs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from tinct.errors import UsageError

Toned = Literal["keep", "neutral"]
IfColor = Literal["skip", "recolor", "fail"]
Format = Literal["same", "jpeg", "png", "tiff", "webp", "avif"]
Depth = Literal["same", "8", "16"]
OnExists = Literal["fail", "skip", "overwrite", "rename"]

#: shorter sides, in pixels, that a network can be asked to see
SIZES = range(64, 2049)


@dataclass(frozen=True, kw_only=True)
class ColorizeOptions:
    """How pictures are coloured; every field is also an option of `tinct colorize`."""

    model: str | None = None
    """Name of the model (see `tinct models list`), an ONNX file of `tinct export`, or the folder of
    an exported run."""
    saturation: float = 1.0
    """Strength of the colours: 0 is none, 1 as the model sees them, at most 4."""
    toned: Toned = "neutral"
    """Sepia and other toned pictures: `neutral` colours them as if untoned, `keep` adds the colours
    to the tone."""
    if_color: IfColor = "skip"
    """Pictures that have colours: `skip` leaves them, `fail` reports them, `recolor` colours them
    anew."""
    format: Format = "same"
    """File format of the result."""
    depth: Depth = "same"
    """Bits a channel of the result."""
    quality: int = 90
    """Quality of lossy results, 1 to 100; the light of a JPEG is copied, not encoded again."""
    sidecar: bool = False
    """Write a full record beside each result; always done where a format cannot carry
    the label."""
    drop_credentials: bool = False
    """Colour pictures that carry signed content credentials (C2PA) too, and leave those out: they
    vouch for the file as it was."""
    size: int | None = None
    """Shorter side, in pixels, at which the model sees the picture; the model's own if not
    given."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: a value is out of range; `where` names the option.
        """
        if str(self.depth) in get_args(Depth):  # 8 and 16 are numbers to anybody but a parser
            object.__setattr__(self, "depth", str(self.depth))
        for field in ("saturation", "quality", "size"):
            value = getattr(self, field)
            if not (isinstance(value, int | float) or (field == "size" and value is None)):
                raise _out_of_range(field, value, "a number")
        choices = {"toned": Toned, "if_color": IfColor, "format": Format, "depth": Depth}
        for field, kind in choices.items():
            value, allowed = getattr(self, field), get_args(kind)
            if value not in allowed:
                raise _out_of_range(field, value, f"one of {', '.join(allowed)}")
        if not (math.isfinite(self.saturation) and 0 <= self.saturation <= 4):
            raise _out_of_range("saturation", self.saturation, "a number from 0 to 4")
        if not 1 <= self.quality <= 100:
            raise _out_of_range("quality", self.quality, "a whole number from 1 to 100")
        if self.size is not None and self.size not in SIZES:
            raise _out_of_range(
                "size", self.size, f"a whole number from {SIZES[0]} to {SIZES[-1]}, or nothing"
            )

    def record(self) -> dict[str, str]:
        """What differs from the defaults and shapes the result, as text, for history and sidecar.

        `if_color`, `sidecar` and `drop_credentials` decide whether something is done, not what.
        """
        default = ColorizeOptions()
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(ColorizeOptions)
            if field.name not in ("model", "if_color", "sidecar", "drop_credentials")
            and getattr(self, field.name) != getattr(default, field.name)
        }


def flag(field: str) -> str:
    """The command-line option that sets a field."""
    return "--" + field.replace("_", "-")


def descriptions(kind: type | None = None) -> Mapping[str, str]:
    """The text under each field of `ColorizeOptions`, on one line; empty without the source.

    Args:
        kind: another class whose fields are described in the same way.
    """
    import ast
    import inspect
    from itertools import pairwise

    try:
        tree = ast.parse(inspect.getsource(kind or ColorizeOptions))
    except OSError:
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        name.target.id: " ".join(text.value.value.split())
        for name, text in pairwise(body)
        if isinstance(name, ast.AnnAssign)
        and isinstance(name.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _out_of_range(field: str, value: object, allowed: str) -> UsageError:
    return UsageError(f"{value!r} is not possible", where=flag(field), remedy=f"give {allowed}")
