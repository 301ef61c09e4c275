"""What each format that Tinct writes can carry; the table in the documentation is made of this."""

from __future__ import annotations

from dataclasses import dataclass


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


SAVERS: dict[str, Saver] = {
    "jpeg": Saver((8,), False, False, "never", largest_side=65_500),
    "png": Saver((8, 16), True, False, "always"),
    "tiff": Saver((8, 16), True, True, "always"),
    "webp": Saver((8,), True, False, "as the source", largest_side=16_383),
    "avif": Saver((8, 16), True, False, "never", largest_side=16_384),
}
