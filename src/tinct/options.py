"""What a user may choose when colouring: the one source for the command line, files and docs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from tinct.errors import UsageError
from tinct.models.spec import USUAL

if TYPE_CHECKING:
    from tinct.hints import Hints
    from tinct.reference import Palette

Toned = Literal["keep", "neutral"]
IfColor = Literal["skip", "recolor", "fail"]
Format = Literal["same", "jpeg", "png", "tiff", "webp", "avif", "dzi", "iiif"]
Pyramid = Literal["same", "flat", "pages", "subifds"]
TileFormat = Literal["jpeg", "png"]
Depth = Literal["same", "8", "16"]
Effort = Literal["normal", "best", "fast"]
OnExists = Literal["fail", "skip", "overwrite", "rename"]

#: shorter sides, in pixels, that a network can be asked to see
SIZES = range(64, 2049)
#: sides, in pixels, that tiles can have
TILE_SIZES = range(64, 4097)


_OPTIONAL = ("size", "tile_size")
_NUMBERS = (
    *("vividness", "saturation", "quality", "variants", "variant", "seed", "max_megapixels"),
    *_OPTIONAL,
)
_UNRECORDED = (
    "model",
    "if_color",
    "sidecar",
    "drop_credentials",
    "confidence",
    "max_megapixels",
)


@dataclass(frozen=True, kw_only=True)
class ColorizeOptions:
    """How pictures are coloured; every field is also an option of `tinct colorize`."""

    model: str | None = None
    """Name of the model (see `tinct models list`), an ONNX file of `tinct export`, or the folder of
    an exported run."""
    vividness: float = USUAL
    """How bold the colours are that the model chooses, 0 to 2: 1 is as colourful as real pictures
    are, less settles for the mean of what it holds possible and errs less."""
    saturation: float = 1.0
    """Strength of the colours: 0 is none, 1 as the model sees them, at most 4."""
    toned: Toned = "neutral"
    """Sepia and other toned pictures: `neutral` colours them as if untoned, `keep` adds the colours
    to the tone."""
    if_color: IfColor = "skip"
    """Pictures that have colours: `skip` leaves them, `fail` reports them, `recolor` colours them
    anew."""
    format: Format = "same"
    """File format of the result; `dzi` and `iiif` are folders of tiles for viewers that zoom."""
    depth: Depth = "same"
    """Bits a channel of the result."""
    quality: int = 90
    """Quality of lossy results, 1 to 100; the light of a JPEG is copied, not encoded again."""
    pyramid: Pyramid = "same"
    """Smaller copies within a TIFF, for viewers that zoom: `same` makes them where the source has
    them, `pages` and `subifds` do so always, and `flat` never."""
    tile_size: int | None = None
    """Side, in pixels, of the tiles of a pyramid, 64 to 4096, in a TIFF a multiple of 16; the
    source's own, 256, or for `dzi` 254 and for `iiif` 512, if not given."""
    tile_format: TileFormat = "jpeg"
    """Of the tiles of `dzi` and `iiif`; `png` keeps every pixel."""
    tile_address: str | None = None
    """Where folders of `iiif` tiles will be served, such as `https://example.org/iiif`; it stands
    in them, followed by their name."""
    max_megapixels: float = 2000
    """Pictures that say they are larger are refused before they are decoded."""
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
    """`best` looks at the picture four times, mirrored and at two sizes, and takes as much longer;
    `fast` computes in 8 bits what it can, which takes the network about half the time and shifts
    colours a little: where nothing is said, commands for many pictures do that if the model was
    measured for it."""
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
        for field in _NUMBERS:
            value = getattr(self, field)
            if not (isinstance(value, int | float) or (field in _OPTIONAL and value is None)):
                raise _out_of_range(field, value, "a number")
        choices = {
            "effort": Effort,
            "toned": Toned,
            "if_color": IfColor,
            "format": Format,
            "depth": Depth,
            "pyramid": Pyramid,
            "tile_format": TileFormat,
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
        if not (math.isfinite(self.max_megapixels) and self.max_megapixels > 0):
            raise _out_of_range("max_megapixels", self.max_megapixels, "a number above 0")
        if self.tile_size is not None and self.tile_size not in TILE_SIZES:
            sides = f"a whole number from {TILE_SIZES[0]} to {TILE_SIZES[-1]}, or nothing"
            raise _out_of_range("tile_size", self.tile_size, sides)
        if self.tile_address is not None and not _is_address(self.tile_address):
            raise _out_of_range("tile_address", self.tile_address, "an address of http or https")
        if self.size is not None and self.size not in SIZES:
            raise _out_of_range(
                "size", self.size, f"a whole number from {SIZES[0]} to {SIZES[-1]}, or nothing"
            )
        if not (self.confidence is None or isinstance(self.confidence, str | Path)):
            raise _out_of_range("confidence", self.confidence, "the path of a file to write")
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

            if not isinstance(self.style, str):
                raise _out_of_range("style", self.style, "the name of a style")
            object.__setattr__(self, "style", find_style(self.style).name)
        if self.palette is not None:
            from tinct.reference import as_palette

            object.__setattr__(self, "palette", as_palette(self.palette))
        if self.reference is not None:
            from tinct.reference import as_reference

            object.__setattr__(self, "reference", as_reference(self.reference))

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

        Those of `_UNRECORDED` decide whether something is done, not what.
        """
        default = ColorizeOptions()
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(ColorizeOptions)
            if field.name not in _UNRECORDED
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


def _is_address(text: object) -> bool:
    return (
        isinstance(text, str)
        and re.fullmatch(r"https?://[^\s/?#\"<>]+[^\s?#\"<>]*", text) is not None
    )


def _out_of_range(field: str, value: object, allowed: str) -> UsageError:
    return UsageError(f"{value!r} is not possible", where=flag(field), remedy=f"give {allowed}")
