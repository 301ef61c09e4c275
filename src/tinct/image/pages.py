"""The records of an opened picture: its pages, and strips of their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from tinct.image.decode import PixelSource, content
from tinct.image.metadata import Metadata
from tinct.image.orientation import upright
from tinct.image.vips import Pixels

if TYPE_CHECKING:
    from tinct.image.tiff import TiffPage


@dataclass(frozen=True, eq=False)
class Strip:
    """Some rows of a page, in the order of the file.

    Attributes:
        top: number of the first row.
        pixels: (h, W) grey or (h, W, 3) RGB, uint8 or uint16.
        alpha: (h, W) of the same type; None where the page has none.
    """

    top: int
    pixels: Pixels
    alpha: Pixels | None


@dataclass(frozen=True)
class Page:
    """One page of a picture; its pixels are read anew at each call, in the order of the file.

    Attributes:
        width: of the stored pixels.
        height: of the stored pixels.
        depth: bits of a value. Floating point, and anything above 8 bits, counts as 16.
        bands: 1 grey or 3 RGB, alpha apart.
        alpha: whether there is transparency.
        orientation: 1 to 8, how a viewer has to turn the stored pixels.
        metadata: what the file says about this page; its profile is that of the pixels `rows`
            gives.
        source: where the pixels come from.
        tiff: how a TIFF stores the page; None for other formats.
    """

    width: int
    height: int
    depth: Literal[8, 16]
    bands: Literal[1, 3]
    alpha: bool
    orientation: int
    metadata: Metadata
    source: PixelSource
    tiff: TiffPage | None = None

    def rows(self) -> Iterator[Strip]:
        """All pixels from top to bottom, a few megapixels at a time.

        Raises:
            Unreadable: the file is damaged or cut short, or holds NaN.
            Unsupported: floating-point values outside 0..1.
        """
        for top, pixels in self.source.strips():
            yield Strip(top, self._colour(pixels), pixels[..., -1] if self.alpha else None)

    def preview(self, side: int) -> Pixels:
        """A small upright copy (h, w) or (h, w, 3) without alpha, in the page's own profile.

        Args:
            side: about how many pixels the shorter side gets; never more than the page has.

        Raises:
            Unreadable: the file is damaged or cut short, or holds NaN.
            Unsupported: floating-point values outside 0..1.
        """
        pixels = self.source.small(self.width, self.height, side)
        colour: NDArray[Any] = self._colour(pixels)
        return upright(colour, self.orientation)

    def _colour(self, pixels: Pixels) -> Pixels:
        return pixels[..., :3] if self.bands == 3 else pixels[..., 0]


@dataclass(frozen=True)
class Picture:
    """An opened file.

    Attributes:
        name: of the file, for messages; "" for bytes.
        format: "jpeg", "png", "tiff", "webp", "avif", "heic", "jp2", "bmp", "gif" or "pnm".
        pages: at least one.
        data: the file, or its content.
        lossless: whether the file's encoding kept every pixel.
        warnings: what was left out or not understood, one sentence each.
    """

    name: str
    format: str
    pages: tuple[Page, ...]
    data: Path | bytes
    lossless: bool = True
    warnings: tuple[str, ...] = ()

    def content(self) -> bytes:
        """The file as it is, byte for byte."""
        return content(self.data)
