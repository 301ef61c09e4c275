"""Feeding rows from Python to libvips' encoders without holding the picture.

libvips reads raw pixels only from files, but uncompressed TIFF also from a stream that knows where
it is. Rows are given as such a file: no checksums, and few calls from libvips, each of which would
wait for a Python that is busy colouring.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinct.errors import ResourceError, TinctError, Unsupported
from tinct.image import ifd
from tinct.image.vips import Pixels, Sink, first_line, vips

_IN_MEMORY = 2 * 1024 * 1024
_STRIP = 1 << 20  # bytes that libvips asks for at a time
_DIRECTORY = 16  # bytes before it


@dataclass
class Feed:
    """A libvips image made of rows that Python gives, and the error those rows ended with."""

    image: Any = None
    error: list[BaseException] = field(default_factory=list)
    source: Any = None  # libvips calls back into this; Python must not collect it


def image_of(rows: Iterator[Pixels], width: int, height: int, bands: int, depth: int) -> Feed:
    """A libvips image to be read once from top to bottom.

    Args:
        rows: strips (h, width, bands) of uint8 or uint16, `height` rows in all.
        width: in pixels.
        height: in pixels.
        bands: 3, or 4 with alpha.
        depth: 8 or 16.
    """
    pyvips = vips()
    feed = Feed()
    if width * height * bands * depth // 8 <= _IN_MEMORY:
        whole = np.ascontiguousarray(np.concatenate(list(rows)))
        image = pyvips.Image.new_from_array(whole)
        feed.image = image.copy(interpretation="srgb" if depth == 8 else "rgb16")
        return feed
    stream = _Stream(_head(width, height, bands, depth), rows, feed.error)
    source = pyvips.SourceCustom()
    source.on_read(stream.read)
    source.on_seek(stream.seek)
    feed.source = source
    try:
        feed.image = pyvips.Image.tiffload_source(source, access="sequential", fail_on="error")
    except pyvips.Error:
        if feed.error:
            raise feed.error[0] from None
        raise
    return feed


def encode(
    feed: Feed,
    operation: str,
    file: Any,
    options: Mapping[str, Any],
    *,
    base: int = 0,
    seekable: bool = False,
    orientation: int = 1,
    blocks: Mapping[str, bytes | None] | None = None,
) -> None:
    """Run one of libvips' savers, and raise whatever really went wrong.

    Args:
        feed: the pixels.
        operation: name of the saver.
        file: where bytes go; needs `write`, and `seek` and `read` for TIFF.
        options: of the saver.
        base: where in the file the picture starts.
        seekable: whether the saver has to go back in the file.
        orientation: pixels are turned upright from this, which takes all of them in memory.
        blocks: metadata for the saver to write, by libvips' names; None values are left out.
    """
    pyvips = vips()
    sink = Sink(file, base=base, seekable=seekable)
    given = {name: block for name, block in (blocks or {}).items() if block}
    try:
        image = feed.image
        if orientation != 1:
            image = upright_image(image.copy_memory(), orientation)
        if given:
            image = image.copy()
            for name, block in given.items():
                image.set_type(pyvips.GValue.blob_type, name, block)
        getattr(image, operation)(sink.target, keep=_keep(given), **options)
    except pyvips.Error as error:
        cause = sink.error or (feed.error[0] if feed.error else None)
        if cause is not None:
            raise cause from None
        raise encoder_error(error) from error
    if sink.error or feed.error:  # some savers end without a word
        raise sink.error or feed.error[0]


def _keep(blocks: Mapping[str, bytes]) -> str:
    """The blocks a saver is to write; told to keep all, libvips makes up an EXIF block."""
    return ",".join(name.removesuffix("-data").split("-")[0] for name in blocks) or "none"


def encoder_error(error: Exception) -> TinctError:
    """What a failure of one of libvips' savers means."""
    line = first_line(error)
    if "memory" in line.lower():
        return ResourceError(f"not enough memory to encode the result: {line}")
    return Unsupported(f"cannot be encoded: {line}", remedy="choose another format")


def upright_image(image: Any, orientation: int) -> Any:
    """As `orientation.upright`, by libvips."""
    if orientation in (5, 6, 7, 8):
        image = image.rot90().fliphor()  # transposed
    if orientation in (2, 3, 6, 7):
        image = image.fliphor()
    return image.flipver() if orientation in (3, 4, 7, 8) else image


class _Stream:
    """A file whose head is known, and whose rows are made as they are read, once and in order."""

    def __init__(self, head: bytes, rows: Iterator[Pixels], errors: list[BaseException]) -> None:
        """Begin.

        Args:
            head: what comes before the rows.
            rows: strips of pixels.
            errors: gets what the rows end with, if that is an error.
        """
        self._head, self._rows, self._errors = head, rows, errors
        self._at, self._reached = 0, len(head)
        self._waiting = memoryview(b"")

    def read(self, size: int) -> bytes | memoryview | None:
        """At most so many bytes; None at the end, or where the rows failed."""
        part: bytes | memoryview
        if self._at < len(self._head):
            part = self._head[self._at : self._at + size]
            self._at += len(part)
            return part
        try:
            if self._at != self._reached:
                raise OSError(f"rows were read out of order, at {self._at}")
            while not self._waiting:
                self._waiting = np.ascontiguousarray(next(self._rows)).data.cast("B")
        except StopIteration:
            return None
        except BaseException as error:
            self._errors.append(error)
            return None
        part, self._waiting = self._waiting[:size], self._waiting[size:]
        self._at = self._reached = self._reached + len(part)
        return part

    def seek(self, offset: int, whence: int) -> int:
        """Where reading goes on; nobody can know the end before it is there."""
        if whence == os.SEEK_END:
            return -1
        self._at = offset + (self._at if whence == os.SEEK_CUR else 0)
        return self._at


def _head(width: int, height: int, bands: int, depth: int) -> bytes:
    """All of an uncompressed BigTIFF that comes before its pixels (TIFF 6.0; strips in order)."""
    order = "<" if sys.byteorder == "little" else ">"
    row = width * bands * depth // 8
    deep = min(height, max(1, _STRIP // row))
    tops = range(0, height, deep)

    def entry(kind: int, letter: str, values: Sequence[int]) -> ifd.Entry:
        return ifd.Entry(kind, len(values), struct.pack(f"{order}{len(values)}{letter}", *values))

    def written(start: int) -> bytes:
        tags = {
            256: entry(ifd.LONG, "I", [width]),
            257: entry(ifd.LONG, "I", [height]),
            258: entry(ifd.SHORT, "H", [depth] * bands),
            259: ifd.short(1, order),  # no compression
            262: ifd.short(2, order),  # RGB
            273: entry(ifd.LONG8, "Q", [start + top * row for top in tops]),
            277: ifd.short(bands, order),
            278: entry(ifd.LONG, "I", [deep]),
            279: entry(ifd.LONG8, "Q", [min(deep, height - top) * row for top in tops]),
        }
        if bands == 4:
            tags[338] = ifd.short(2, order)  # alpha by which nothing was multiplied
        return ifd.write_directory(ifd.Directory(tags), _DIRECTORY, order=order, big=True)

    head = struct.pack(
        order + "2sHHHQ", b"II" if order == "<" else b"MM", 43, 8, 0, _DIRECTORY
    )  # 43: BigTIFF
    return head + written(_DIRECTORY + len(written(0)))
