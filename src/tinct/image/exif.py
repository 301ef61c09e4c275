"""EXIF blocks: reading the few tags that matter here, and changing them without moving the rest.

A block is bytes beginning with a TIFF header. Maker notes hold offsets that count from there, so
nothing in a block may move: changed directories are appended, and the header led to them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from tinct.image.ifd import (
    EXIF_IFD,
    Directory,
    Entry,
    Header,
    in_order,
    numbers,
    ratio,
    rational,
    read_directory,
    read_header,
    reader,
    short,
    text,
    write_directory,
)
from tinct.jpeg.segments import EXIF as PREFIX
from tinct.jpeg.segments import without_thumbnail

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, SOFTWARE = 274, 282, 283, 296, 305
IPTC, MAKER_NOTE, COLOUR_SPACE, UNIQUE_ID = 33723, 37500, 40961, 42016
SRGB, UNCALIBRATED = 1, 65535
_INCH, _CENTIMETRE = 2, 3


def parse(block: bytes | None) -> tuple[Directory, str] | None:
    """The directories of a block and its byte order; None where it is none."""
    header = read_header((block or b"")[:16])
    if block is None or header is None or header.big:
        return None
    found = read_directory(reader(block), header.first, header)
    return (found[0], header.order) if found else None


def build(directory: Directory, order: str) -> bytes:
    """A block from directories."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return start + write_directory(directory, 8, order=order)


def orientation(block: bytes | None) -> int:
    """The orientation a block states, 1 to 8; 1 where it states none."""
    found = parse(block)
    values = numbers(found[0].entries.get(ORIENTATION), found[1]) if found else ()
    return values[0] if values and 1 <= values[0] <= 8 else 1


def dpi(directory: Directory, order: str) -> tuple[float, float] | None:
    """Dots an inch, across and down, as a directory states them; None where it has no unit."""
    across, down = (ratio(directory.entries.get(t), order) for t in (X_RESOLUTION, Y_RESOLUTION))
    units = numbers(directory.entries.get(RESOLUTION_UNIT), order) or (_INCH,)
    factor = {_INCH: 1.0, _CENTIMETRE: 2.54}.get(units[0])
    if not across or not down or factor is None:
        return None
    return across * factor, down * factor


def resolution_entries(value: tuple[float, float], order: str) -> dict[int, Entry]:
    """The three tags that state dots an inch."""
    return {
        X_RESOLUTION: rational(value[0], order),
        Y_RESOLUTION: rational(value[1], order),
        RESOLUTION_UNIT: short(_INCH, order),
    }


def renewed(
    block: bytes | None,
    *,
    orientation: int,
    srgb: bool,
    software: str = "",
    dpi: tuple[float, float] | None = None,
    iptc: bytes | None = None,
) -> bytes | None:
    """The block for a coloured copy: true where it speaks of the pixels, otherwise untouched.

    The thumbnail goes; orientation, software and colour space are stated as they are; a unique
    id is replaced. A block that cannot be parsed comes back as it is.

    Args:
        block: of the source; None makes a small new block where one is needed.
        orientation: of the pixels as they will be stored, 1 to 8.
        srgb: whether the coloured pixels are sRGB.
        software: who wrote the file; "" leaves that tag alone.
        dpi: stated where the block states none; None adds nothing.
        iptc: IPTC records to put into the block, for formats with no place of their own.

    Returns:
        The new block; None where there was none and none is needed.
    """
    if block is not None:
        block = without_thumbnail(block.removeprefix(PREFIX))
    found = parse(block)
    if block is not None and found is None:
        return block
    directory, order = found or (Directory(), "<")
    main: dict[int, Entry] = {}
    if orientation != 1 or ORIENTATION in directory.entries:
        main[ORIENTATION] = short(orientation, order)
    if dpi is not None and (found is None or X_RESOLUTION not in directory.entries):
        main |= resolution_entries(dpi, order)
    if iptc:
        main[IPTC] = Entry(7, len(iptc), iptc)
    if software and (block is not None or main):
        main[SOFTWARE] = text(software)
    if block is None:
        return build(Directory(main), order) if main else None
    inner: dict[int, Entry] = {}
    child = directory.children.get(EXIF_IFD, Directory()).entries
    if COLOUR_SPACE in child:
        inner[COLOUR_SPACE] = short(SRGB if srgb else UNCALIBRATED, order)
    if UNIQUE_ID in child:
        name = hashlib.sha256(child[UNIQUE_ID].data + software.encode()).hexdigest()[:32]
        inner[UNIQUE_ID] = text(name)
    return _changed(block, main, inner)


def without_entries(block: bytes, limit: int) -> tuple[bytes, list[int]]:
    """A block of at most `limit` bytes, its largest values left out, and the tags of those."""
    found = parse(block)
    dropped: list[int] = []
    if found is None:
        return (block, []) if len(block) <= limit else (b"", [0])
    directory, order = found
    while len(block) > limit:
        places = [(len(e.data), t, d) for d in _all(directory) for t, e in d.entries.items()]
        _, tag, holder = max(places, key=lambda place: place[0])
        del holder.entries[tag]
        dropped.append(tag)
        block = build(directory, order)
    return block, dropped


def as_directory(block: bytes | None, order: str) -> Directory:
    """The directories of a block in the given byte order; empty where it cannot be parsed."""
    found = parse(block)
    return in_order(found[0], found[1], order) if found else Directory()


def _all(directory: Directory) -> list[Directory]:
    return [directory, *(d for child in directory.children.values() for d in _all(child))]


def _changed(block: bytes, main: Mapping[int, Entry], inner: Mapping[int, Entry]) -> bytes:
    """The block with new values in its first directory and in the EXIF directory below it."""
    header = read_header(block[:16])
    if header is None:
        return block
    result = bytearray(block)
    rows = _rows(block, header.first, header)
    if inner and EXIF_IFD in rows:
        (below,) = struct.unpack_from(header.order + "I", rows[EXIF_IFD], 8)
        exif_rows = _rows(block, below, header)
        place = _append(result, exif_rows, inner, header)
        rows[EXIF_IFD] = rows[EXIF_IFD][:8] + struct.pack(header.order + "I", place)
    first = _append(result, rows, main, header)
    struct.pack_into(header.order + "I", result, 4, first)
    return bytes(result)


def _rows(block: bytes, at: int, header: Header) -> dict[int, bytes]:
    """The 12-byte rows of a directory by tag, their values left where they are."""
    (count,) = struct.unpack_from(header.order + "H", block, at)
    rows = [block[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    return {struct.unpack_from(header.order + "H", row)[0]: row for row in rows}


def _append(
    result: bytearray, rows: Mapping[int, bytes], new: Mapping[int, Entry], header: Header
) -> int:
    """Write a directory of old rows and new values behind the block; returns its place."""
    order = header.order
    merged = dict(rows)
    for tag, entry in new.items():
        field = entry.data.ljust(4, b"\0")
        if len(entry.data) > 4:
            result += b"\0" * (len(result) % 2)
            field = struct.pack(order + "I", len(result))
            result += entry.data
        merged[tag] = struct.pack(order + "HHI", tag, entry.kind, entry.count) + field
    result += b"\0" * (len(result) % 2)
    place = len(result)
    result += struct.pack(order + "H", len(merged))
    result += b"".join(merged[tag] for tag in sorted(merged)) + bytes(4)
    return place
