"""Feeding rows from Python to libvips' encoders without holding the picture.

libvips reads raw pixels only from files, but PNG also from a stream. So rows are framed as an
uncompressed PNG, which costs a copy and a checksum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinct.errors import ResourceError, TinctError, Unsupported
from tinct.image.chunks import PNG, png_chunk
from tinct.image.vips import Pixels, Sink, first_line, vips

_IN_MEMORY = 16 * 1024 * 1024


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
    stream = _png(rows, width, height, bands, depth)
    waiting = memoryview(b"")

    def read(size: int) -> bytes | None:
        nonlocal waiting
        try:
            while not waiting:
                waiting = memoryview(next(stream))
        except StopIteration:
            return None
        except BaseException as error:
            feed.error.append(error)
            return None
        part, waiting = waiting[:size], waiting[size:]
        return bytes(part)

    source = pyvips.SourceCustom()
    source.on_read(read)
    feed.source = source
    try:
        feed.image = pyvips.Image.pngload_source(
            source, access="sequential", fail_on="error", unlimited=True
        )
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


def _png(
    rows: Iterator[Pixels], width: int, height: int, bands: int, depth: int
) -> Iterator[bytes]:
    kind = 2 if bands == 3 else 6
    yield PNG + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    stored = zlib.compressobj(0)
    length = width * bands * depth // 8
    for strip in rows:
        raw = strip.astype(">u2") if depth == 16 else strip
        lines = np.zeros((len(strip), 1 + length), np.uint8)  # the first byte: no filter
        lines[:, 1:] = np.ascontiguousarray(raw).view(np.uint8).reshape(len(strip), length)
        yield png_chunk(b"IDAT", stored.compress(lines.tobytes()))
    yield png_chunk(b"IDAT", stored.flush()) + png_chunk(b"IEND", b"")
