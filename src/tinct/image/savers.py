"""What each format that Tinct writes can carry; the table in the documentation is made of this."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Saver:
    """The abilities of one output format.

    Attributes:
        depths: bits of a value; AVIF stores 16 bits as 12.
        alpha: transparency.
        pages: several pages.
        lossless: "always", "never", or "as the source" (lossless from lossless WebP only).
        exif: EXIF block.
        xmp: XMP packet.
        iptc: IPTC records; where the format has no place of its own, within EXIF.
        icc: colour profile.
        dpi: resolution.
        largest_side: in pixels.
        afterwards: its encoder begins when all pixels are there.
    """

    depths: tuple[int, ...]
    alpha: bool
    pages: bool
    lossless: str
    exif: bool = True
    xmp: bool = True
    iptc: bool = True
    icc: bool = True
    dpi: bool = True
    largest_side: int = 10_000_000
    afterwards: bool = False


@dataclass(frozen=True)
class Layout:
    """How the parts of a picture lie in its file or files.

    Attributes:
        pyramid: smaller copies in a TIFF: "same" as the source, "flat", "pages" or "subifds".
        tile_size: side of the tiles of a pyramid; None leaves it to the source and the format.
        tile_format: "jpeg" or "png", of the tiles that are files.
    """

    pyramid: str = "same"
    tile_size: int | None = None
    tile_format: str = "jpeg"


SAVERS: dict[str, Saver] = {
    "jpeg": Saver((8,), False, False, "never", largest_side=65_500),
    "png": Saver((8, 16), True, False, "always"),
    "tiff": Saver((8, 16), True, True, "always"),
    "webp": Saver((8,), True, False, "as the source", largest_side=16_383, afterwards=True),
    "avif": Saver((8, 16), True, False, "never", largest_side=16_384, afterwards=True),
}

#: suffix of a tile by its format
TILE_SUFFIXES = {"jpeg": ".jpg", "png": ".png"}
#: formats that are folders of tiles; what a tile can carry is for `tiling` to say
TILINGS = ("dzi", "iiif")


def tiling(tile_format: str) -> Saver:
    """The abilities of a folder of tiles; its label lies in the folder."""
    tile = SAVERS[tile_format]
    return replace(tile, exif=False, xmp=False, iptc=False, dpi=False, largest_side=10_000_000)


def saver_of(name: str, layout: Layout) -> Saver:
    """The abilities of a format.

    Raises:
        KeyError: there is no such format.
    """
    return tiling(layout.tile_format) if name in TILINGS else SAVERS[name]
