"""One picture, with all options named; for many, keep a `Colorizer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.colorizer import Anything, Colorizer
from tinct.models.spec import USUAL
from tinct.options import Depth, Effort, Format, IfColor, Pyramid, TileFormat, Toned

if TYPE_CHECKING:
    from tinct.hints import Hints
    from tinct.reference import Palette


def colorize(
    picture: Anything,
    *,
    model: str | None = None,
    vividness: float = USUAL,
    saturation: float = 1.0,
    toned: Toned = "neutral",
    if_color: IfColor = "skip",
    format: Format = "same",  # noqa: A002 - the option's name everywhere
    depth: Depth = "same",
    quality: int = 90,
    pyramid: Pyramid = "same",
    tile_size: int | None = None,
    tile_format: TileFormat = "jpeg",
    tile_address: str | None = None,
    max_megapixels: float = 2000,
    sidecar: bool = False,
    drop_credentials: bool = False,
    size: int | None = None,
    effort: Effort = "normal",
    variants: int = 0,
    variant: int = 0,
    seed: int = 0,
    hints: Hints | str | Path | Mapping[str, Any] | Sequence[Sequence[float]] | None = None,
    palette: Palette | str | None = None,
    reference: Palette | str | Path | None = None,
    style: str | None = None,
    confidence: str | Path | None = None,
) -> Anything:
    """Colour one picture: path, bytes, PIL image or array in, the same type out.

    Options are those of `tinct colorize` and the fields of `ColorizeOptions`. For many pictures
    keep a `Colorizer`, which loads the network once.

    Raises:
        TinctError: see `tinct.errors`.
    """
    return Colorizer(
        model=model,
        vividness=vividness,
        saturation=saturation,
        toned=toned,
        if_color=if_color,
        format=format,
        depth=depth,
        quality=quality,
        pyramid=pyramid,
        tile_size=tile_size,
        tile_format=tile_format,
        tile_address=tile_address,
        max_megapixels=max_megapixels,
        sidecar=sidecar,
        drop_credentials=drop_credentials,
        size=size,
        effort=effort,
        variants=variants,
        variant=variant,
        seed=seed,
        hints=hints,
        palette=palette,
        reference=reference,
        style=style,
        confidence=confidence,
    )(picture)
