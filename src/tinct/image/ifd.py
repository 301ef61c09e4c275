"""TIFF directories (IFDs): the lists of tags that TIFF files and EXIF blocks are made of.

Read leniently (what is damaged is left out), written in either flavour: classic with 32-bit
offsets, or BigTIFF with 64-bit ones. Values stay bytes in the byte order of their file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container
from dataclasses import dataclass, field

#: bytes a value of each TIFF type takes
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, 18: 8}
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, IFD, LONG8, IFD8 = 1, 2, 3, 4, 5, 7, 13, 16, 18
#: tags whose value is the place of another directory
EXIF_IFD, GPS_IFD, INTEROP_IFD = 34665, 34853, 40965
CHILDREN = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
LARGEST_VALUE = 64 * 1024 * 1024
_DEEPEST = 4

#: reads so many bytes at a place of the file; fewer where the file ends
Reader = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Entry:
    """The value of one tag: its TIFF type, how many, and the bytes."""

    kind: int
    count: int
    data: bytes


@dataclass
class Directory:
    """Tags with their values, and the directories some tags lead to."""

    entries: dict[int, Entry] = field(default_factory=dict)
    children: dict[int, Directory] = field(default_factory=dict)


@dataclass(frozen=True)
class Header:
    """Flavour of a file: byte order ("<" or ">"), whether BigTIFF, place of the first IFD."""

    order: str
    big: bool
    first: int


def read_header(start: bytes) -> Header | None:
    """What the first 16 bytes of a TIFF or EXIF block say; None where they are none."""
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 8:
        return None
    (version,) = struct.unpack_from(order + "H", start, 2)
    if version == 42:
        return Header(order, False, struct.unpack_from(order + "I", start, 4)[0])
    if version == 43 and len(start) >= 16:
        return Header(order, True, struct.unpack_from(order + "Q", start, 8)[0])
    return None


def reader(block: bytes) -> Reader:
    """A `Reader` over bytes in memory."""
    return lambda at, size: block[at : at + size]


def read_directory(
    read: Reader, at: int, header: Header, *, skip: Container[int] = (), depth: int = 0
) -> tuple[Directory, int] | None:
    """The directory at a place and the place of the next one (0: none); None where damaged.

    Args:
        read: gives bytes of the file.
        at: place of the directory.
        header: flavour of the file.
        skip: tags to leave out.
        depth: how many directories lead here; children end at a fixed depth.
    """
    order, word = header.order, 8 if header.big else 4
    size, head = (20, 8) if header.big else (12, 2)
    raw = read(at, head)
    if at < 8 or len(raw) < head:
        return None
    (count,) = struct.unpack(order + ("Q" if header.big else "H"), raw)
    if count > 65535:
        return None
    body = read(at + head, count * size + word)
    if len(body) < count * size:
        return None
    directory = Directory()
    for index in range(count):
        tag, kind = struct.unpack_from(order + "HH", body, index * size)
        if tag in skip:
            continue
        (number,) = struct.unpack_from(order + ("Q" if header.big else "I"), body, index * size + 4)
        value = body[index * size + size - word : index * size + size]
        length = number * SIZES.get(kind, 0)
        if not 0 < length <= LARGEST_VALUE:
            continue
        if length > word:
            value = read(_unsigned(value, order), length)
        data = value[:length]
        if len(data) < length:
            continue
        if tag in CHILDREN:
            child = (
                read_directory(read, _unsigned(data, order), header, depth=depth + 1)
                if depth < _DEEPEST and length in (4, 8)
                else None
            )
            if child is not None:
                directory.children[tag] = child[0]
        else:
            directory.entries[tag] = Entry(kind, number, data)
    following = body[count * size :]
    return directory, _unsigned(following, order) if len(following) == word else 0


def write_directory(
    directory: Directory, at: int, *, order: str, big: bool = False, following: int = 0
) -> bytes:
    """A directory with its values and children, to be placed at `at` (an even place).

    Args:
        directory: what to write, values already in `order`.
        at: where in the file the bytes will lie.
        order: byte order, "<" or ">".
        big: BigTIFF.
        following: place of the next directory in the chain.
    """
    word = 8 if big else 4
    size, head = (20, 8) if big else (12, 2)
    number = "Q" if big else "I"
    tags = sorted({*directory.entries, *directory.children})
    behind = at + head + len(tags) * size + word
    table = [struct.pack(order + ("Q" if big else "H"), len(tags))]
    values = bytearray()
    for tag in tags:
        values += b"\0" * ((behind + len(values)) % 2)
        place = behind + len(values)
        child = directory.children.get(tag)
        if child is not None:
            kind, count = (IFD8, 1) if big else (LONG, 1)
            field_ = struct.pack(order + number, place)
            values += write_directory(child, place, order=order, big=big)
        else:
            entry = directory.entries[tag]
            kind, count, field_ = entry.kind, entry.count, entry.data.ljust(word, b"\0")
            if len(entry.data) > word:
                field_ = struct.pack(order + number, place)
                values += entry.data
        table.append(struct.pack(order + "HH" + number, tag, kind, count) + field_)
    table.append(struct.pack(order + number, following))
    return b"".join(table) + bytes(values)


def in_order(directory: Directory, order: str, wanted: str) -> Directory:
    """The same directory with every number in another byte order."""
    if order == wanted:
        return directory
    return Directory(
        {tag: _swapped(entry) for tag, entry in directory.entries.items()},
        {tag: in_order(child, order, wanted) for tag, child in directory.children.items()},
    )


def numbers(entry: Entry | None, order: str) -> tuple[int, ...]:
    """The values of an unsigned whole-number entry; empty for any other."""
    code = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(entry.kind) if entry else None
    if entry is None or code is None:
        return ()
    return struct.unpack(f"{order}{entry.count}{code}", entry.data)


def ratio(entry: Entry | None, order: str) -> float | None:
    """The first value of a RATIONAL entry, None where there is none or it divides by zero."""
    if entry is None or entry.kind != RATIONAL:
        return None
    above, below = struct.unpack_from(order + "II", entry.data)
    return above / below if below else None


def short(value: int, order: str) -> Entry:
    """An entry of one SHORT."""
    return Entry(SHORT, 1, struct.pack(order + "H", value))


def text(value: str) -> Entry:
    """An ASCII entry (in UTF-8, as programs do since Exif 3)."""
    data = value.encode() + b"\0"
    return Entry(ASCII, len(data), data)


def rational(value: float, order: str) -> Entry:
    """A RATIONAL entry of a positive number."""
    whole = round(value)
    if abs(value - whole) < 1e-6:
        return Entry(RATIONAL, 1, struct.pack(order + "II", min(whole, 0xFFFFFFFF), 1))
    scaled = min(round(value * 10000), 0xFFFFFFFF)
    return Entry(RATIONAL, 1, struct.pack(order + "II", scaled, 10000))


def _unsigned(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "<" else "big")


def _swapped(entry: Entry) -> Entry:
    unit = {5: 4, 10: 4}.get(entry.kind, SIZES.get(entry.kind, 1))
    if unit == 1:
        return entry
    data = b"".join(entry.data[i : i + unit][::-1] for i in range(0, len(entry.data), unit))
    return Entry(entry.kind, entry.count, data)
