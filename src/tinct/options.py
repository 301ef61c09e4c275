"""What a user may choose when colouring: the one source for the command line, files and docs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from tinct.errors import UsageError

if TYPE_CHECKING:
    from tinct.hints import Hints
    from tinct.reference import Palette

Toned = Literal["keep", "neutral"]
IfColor = Literal["skip", "recolor", "fail"]
Format = Literal["same", "jpeg", "png", "tiff", "webp", "avif"]
Depth = Literal["same", "8", "16"]
Effort = Literal["normal", "best"]
OnExists = Literal["fail", "skip", "overwrite", "rename"]

#: shorter sides, in pixels, that a network can be asked to see
SIZES = range(64, 2049)


@dataclass(frozen=True, kw_only=True)
class ColorizeOptions:
    """How pictures are coloured; every field is also an option of `tinct colorize`."""

    model: str | None = None
    """Name of the model (see `tinct models list`), an ONNX file of `tinct export`, or the folder of
    an exported run."""
    vividness: float = 1.0
    """How bold the colours are that the model chooses, 0 to 2: below 1 it settles for the mean of
    what it holds possible, above it dares the likeliest."""
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
    effort: Effort = "normal"
    """`best` looks at the picture four times, mirrored and at two sizes, and takes as much
    longer."""
    variants: int = 0
    """Colour the picture in so many other plausible ways, 1 to 12, instead of the likeliest."""
    variant: int = 0
    """Only this one of them, from 1, the likeliest, to `variants`; 0 makes all."""
    seed: int = 0
    """Other variants come of another number."""
    hints: Any = None
    """Known colours of the picture: a JSON file of points, strokes, and places to keep as they are,
    or a PNG layer, painted where it is not transparent."""
    palette: Any = None
    """Colours that the picture should have, such as `#8a2b1d,#d9b36c,#31506e`."""
    reference: Any = None
    """A picture in colour whose palette the result should have."""
    style: str | None = None
    """An artist or a period whose mean palette the result should have, such as `monet` or
    `baroque`; `tinct styles` lists them."""
    confidence: str | Path | None = None
    """Also write a small grey PNG of how sure the model is of its colours: white where it is."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: a value is out of range; `where` names the option.
        """
        if str(self.depth) in get_args(Depth):  # 8 and 16 are numbers to anybody but a parser
            object.__setattr__(self, "depth", str(self.depth))
        for field in ("vividness", "saturation", "quality", "size", "variants", "variant", "seed"):
            value = getattr(self, field)
            if not (isinstance(value, int | float) or (field == "size" and value is None)):
                raise _out_of_range(field, value, "a number")
        choices = {
            "effort": Effort,
            "toned": Toned,
            "if_color": IfColor,
            "format": Format,
            "depth": Depth,
        }
        for field, kind in choices.items():
            value, allowed = getattr(self, field), get_args(kind)
            if value not in allowed:
                raise _out_of_range(field, value, f"one of {', '.join(allowed)}")
        if not (math.isfinite(self.saturation) and 0 <= self.saturation <= 4):
            raise _out_of_range("saturation", self.saturation, "a number from 0 to 4")
        if not (math.isfinite(self.vividness) and 0 <= self.vividness <= 2):
            raise _out_of_range("vividness", self.vividness, "a number from 0 to 2")
        if not 0 <= self.variants <= 12:
            raise _out_of_range("variants", self.variants, "a whole number from 0 to 12")
        if not 0 <= self.variant <= self.variants:
            raise _out_of_range("variant", self.variant, "a whole number from 0 to --variants")
        if self.seed < 0:
            raise _out_of_range("seed", self.seed, "a whole number from 0 on")
        if not 1 <= self.quality <= 100:
            raise _out_of_range("quality", self.quality, "a whole number from 1 to 100")
        if self.size is not None and self.size not in SIZES:
            raise _out_of_range(
                "size", self.size, f"a whole number from {SIZES[0]} to {SIZES[-1]}, or nothing"
            )
        self._read_given()

    def _read_given(self) -> None:
        """Open the files of hints and palettes: what is wrong with them shows at once."""
        if self.hints is not None:
            from tinct.hints import as_hints

            object.__setattr__(self, "hints", as_hints(self.hints))
        asked = [n for n in ("palette", "reference", "style") if getattr(self, n) is not None]
        if len(asked) > 1:
            raise UsageError(
                "only one thing can say what colours the picture should have",
                where=", ".join(map(flag, asked)),
                remedy=f"leave all but {flag(asked[0])} out",
            )
        if self.style is not None:
            from tinct.styles import find_style

            object.__setattr__(self, "style", find_style(self.style).name)
        if isinstance(self.palette, str):
            from tinct.reference import palette_of_colors

            object.__setattr__(self, "palette", palette_of_colors(self.palette))
        if isinstance(self.reference, str | Path):
            from tinct.reference import palette_of_file

            object.__setattr__(self, "reference", palette_of_file(self.reference))

    def known_colours(self) -> Hints | None:
        """The hints, read."""
        return cast("Hints | None", self.hints)

    def known_palette(self) -> Palette | None:
        """What the palette, the reference or the style asks for."""
        if self.style is not None:
            from tinct.styles import find_style

            return find_style(self.style).palette
        return cast("Palette | None", self.palette or self.reference)

    def record(self) -> dict[str, str]:
        """What differs from the defaults and shapes the result, as text, for history and sidecar.

        `if_color`, `sidecar`, `drop_credentials` and `confidence` decide whether something is
        done, not what.
        """
        default = ColorizeOptions()
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(ColorizeOptions)
            if field.name not in ("model", "if_color", "sidecar", "drop_credentials", "confidence")
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
