"""Pyramids in TIFF: smaller copies of a picture behind it, for viewers that zoom.

Two layouts are in use. Copies are pages that say they are reduced, which libvips, IIP and
ImageMagick write; or they hang below their page as sub-directories (tag 330 of TIFF Technical
Note 1), as OME-TIFF has them. Both are read. libvips' saver keeps all smaller copies in memory, so
they are written here, each made of the one before, which is read back from the file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from tinct.errors import Unreadable
from tinct.image.feed import Feed, encode
from tinct.image.vips import vips

if TYPE_CHECKING:
    from tinct.image.tiff import TiffPage

#: side of tiles where nothing else says it
TILE = 256
#: how many times smaller a copy is than the one before, at most, if it has tiles, as thumbnails
#: have not; without tiles it is half as large
_MOST_REDUCED = 4


def is_level(page: TiffPage, above: TiffPage, whole: TiffPage) -> bool:
    """Whether a page that says it is reduced is the next smaller copy of a picture.

    Args:
        page: in question.
        above: the copy before it, or the picture itself.
        whole: the picture.
    """
    if (page.samples, page.bits) != (whole.samples, whole.bits):
        return False
    factor = round(whole.width / page.width)
    most = _MOST_REDUCED if page.tile else 2
    if not 2 <= round(above.width / page.width) <= most:
        return False
    sides = (whole.width, page.width), (whole.height, page.height)
    return all(small in (max(1, side // factor), -(-side // factor)) for side, small in sides)


def count_levels(whole: TiffPage, reduced: Sequence[TiffPage]) -> int:
    """How many of the reduced pages behind a picture are its pyramid; the rest are thumbnails."""
    above, found = whole, 0
    for page in reduced:
        if is_level(page, above, whole):
            above, found = page, found + 1
    return found


def write_levels(
    file: BinaryIO,
    base: int,
    size: tuple[int, int],
    options: Mapping[str, Any],
) -> Iterator[int]:
    """Append smaller and smaller copies of a picture, each half of the one before.

    Sizes round up, so that no pixel at an edge is lost; a pixel is the mean of four. The last
    fits into one tile.

    Args:
        file: open for reading and writing; holds the picture as libvips wrote it.
        base: where in the file that begins.
        size: width and height of the picture.
        options: of libvips' saver, with tiles.

    Yields:
        Where each copy begins.
    """
    width, height = size
    while width > options["tile_width"] or height > options["tile_height"]:
        width, height = -(-width // 2), -(-height // 2)
        file.flush()
        with _reading(file, base) as feed:
            feed.image = _halved(feed.image)
            base = aligned(file)
            encode(feed, "tiffsave_target", file, options, base=base, seekable=True)
        yield base


def aligned(file: BinaryIO) -> int:
    """The end of a file, at an even place, as the parts of a TIFF have to be."""
    end = file.seek(0, 2)
    if end % 2:
        file.write(b"\0")
    return end + end % 2


def _halved(image: Any) -> Any:
    kind = image.format
    alpha = image.hasalpha()
    if alpha:  # what nobody sees is not to shine through
        image = image.premultiply()
    image = image.shrink(2, 2, ceil=True)
    if alpha:
        image = image.unpremultiply().rint().cast(kind)
    return image


class _reading:  # noqa: N801 - a context, used as a function
    """A libvips image of a TIFF that lies within a file which is being written to behind it."""

    def __init__(self, file: BinaryIO, base: int) -> None:
        self._own: BinaryIO | None = None
        if sys.platform == "win32":  # no reading there without moving the place of writing
            self._own = open(file.name, "rb")  # noqa: SIM115, PTH123
        self._descriptor = file.fileno()
        self._base, self._at, self._end = base, 0, file.seek(0, 2) - base
        self._error: BaseException | None = None

    def __enter__(self) -> Feed:
        pyvips = vips()
        source = pyvips.SourceCustom()
        source.on_read(self._read)
        source.on_seek(self._seek)
        try:
            image = pyvips.Image.tiffload_source(
                source, access="sequential", fail_on="error", unlimited=True
            )
        except pyvips.Error as error:
            raise Unreadable("the TIFF encoder gave no picture") from error
        return Feed(image=image, source=(source, self))

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.close()

    def _read(self, size: int) -> bytes:
        size = max(0, min(size, self._end - self._at))
        if self._own is not None:
            self._own.seek(self._base + self._at)
            data = self._own.read(size)
        else:
            data = os.pread(self._descriptor, size, self._base + self._at)
        self._at += len(data)
        return data

    def _seek(self, offset: int, whence: int) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = start + offset
        return self._at
