"""The boxes of JPEG 2000 and AVIF files (ISO/IEC 15444-1 annex I, ISO/IEC 14496-12)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_UUID = b"JpgTiffExif->JP2"
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_METRE_TO_INCH = 0.0254
_HEADERS = 1 << 16
_LARGEST_SIDE = 1 << 20
_CODESTREAM = b"\xff\x4f\xff\x51"


@dataclass(frozen=True)
class Jp2:
    """What the headers of a JPEG 2000 file say."""

    width: int
    height: int
    bits: int
    components: int
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content of each box; ends quietly at damage."""
    stop = len(data) if stop is None else min(stop, len(data))
    at = start
    while at + 8 <= stop:
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = stop - at
        if size < head or at + size > stop:
            return
        yield kind, at + head, at + size
        at += size


def read_jp2(data: bytes) -> Jp2 | None:
    """The headers of a JPEG 2000 file or bare codestream; None where damaged."""
    found: dict[str, bytes] = {}
    dpi = None
    codestream = data if data[:4] == _CODESTREAM else b""
    for kind, begin, end in boxes(data):
        if kind == b"jp2h":
            for inner, first, last in boxes(data, begin, end):
                if inner == b"colr" and data[first : first + 1] in (b"\2", b"\3"):
                    found.setdefault("icc", data[first + 3 : last])
                elif inner == b"res ":
                    dpi = _resolution(data, first, last) or dpi
        elif kind == b"uuid":
            name = {_XMP_UUID: "xmp", _EXIF_UUID: "exif", _IPTC_UUID: "iptc"}.get(
                data[begin : begin + 16]
            )
            if name:
                found.setdefault(name, data[begin + 16 : end])
        elif kind == b"jp2c" and not codestream:
            codestream = data[begin : begin + 4096]
    # the SIZ segment follows SOC at once: sizes at 8, origin at 16, components at 40
    if codestream[:4] != _CODESTREAM or len(codestream) < 45:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", codestream, 8)
    (components,) = struct.unpack_from(">H", codestream, 40)
    depths = [codestream[at] for at in range(42, 42 + 3 * components, 3) if at < len(codestream)]
    if right <= left or bottom <= top or len(depths) != components or not depths:
        return None
    bits = max((depth & 0x7F) + 1 for depth in depths)
    return Jp2(right - left, bottom - top, bits, components, dpi=dpi, **found)


def is_signed(data: bytes) -> bool:
    """Whether content credentials (C2PA) vouch for the file."""
    return any(
        kind == b"uuid" and data[begin : begin + 16] == _C2PA_UUID for kind, begin, _ in boxes(data)
    )


def has_impossible_size(data: bytes) -> bool:
    """Whether an AVIF states a size that no picture has; libvips would be loud about it."""
    sides = (
        int.from_bytes(data[at : at + 4], "big")
        for found in re.finditer(b"ispe", data[:_HEADERS])
        for at in (found.end() + 4, found.end() + 8)  # behind version and flags
    )
    return any(side > _LARGEST_SIDE for side in sides)


def with_exif(data: bytes, block: bytes) -> bytes:
    """An AVIF whose EXIF item is replaced; unchanged where it has none.

    The new block goes to the end of the file, and the item's place and length are rewritten.
    """
    for kind, begin, end in boxes(data):
        if kind != b"meta":
            continue
        inner = {name: (first, last) for name, first, last in boxes(data, begin + 4, end)}
        if b"iinf" not in inner or b"iloc" not in inner:
            return data
        item = _exif_item(data, *inner[b"iinf"])
        fields = _extent(data, inner[b"iloc"][0], item) if item is not None else None
        if fields is None:
            return data
        content = struct.pack(">I", 6) + b"Exif\0\0" + block
        result = bytearray(data)
        # place = base + offset
        for (at, size), value in zip(fields, (0, len(data) + 8, len(content)), strict=True):
            result[at : at + size] = value.to_bytes(size, "big")
        return bytes(result) + struct.pack(">I", len(content) + 8) + b"mdat" + content
    return data


def _exif_item(data: bytes, begin: int, end: int) -> int | None:
    version = data[begin]
    start = begin + (6 if version == 0 else 8)
    for kind, first, _ in boxes(data, start, end):
        if kind == b"infe" and data[first] in (2, 3):
            wide = data[first] == 3
            number = int.from_bytes(data[first + 4 : first + (8 if wide else 6)], "big")
            name = first + (10 if wide else 8)
            if data[name : name + 4] == b"Exif":
                return number
    return None


def _extent(data: bytes, begin: int, item: int) -> tuple[tuple[int, int], ...] | None:
    """Place and size of the fields base, offset and length of an item's only extent."""
    version = data[begin]
    offset_size, length_size = data[begin + 4] >> 4, data[begin + 4] & 15
    base_size, index_size = data[begin + 5] >> 4, data[begin + 5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = int.from_bytes(data[begin + 6 : begin + 6 + wide], "big")
    at = begin + 6 + wide
    for _ in range(count):
        number = int.from_bytes(data[at : at + wide], "big")
        method = int.from_bytes(data[at + wide : at + wide + 2], "big") & 15 if version else 0
        at += wide + (2 if version else 0) + 2
        base = at
        at += base_size
        extents = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if number == item:
            if extents != 1 or method or not offset_size or not length_size:
                return None
            at += index_size
            return (base, base_size), (at, offset_size), (at + offset_size, length_size)
        at += extents * (index_size + offset_size + length_size)
    return None


def _resolution(data: bytes, begin: int, end: int) -> tuple[float, float] | None:
    """Dots an inch from the capture or display resolution."""
    for kind, first, last in boxes(data, begin, end):
        if kind in (b"resc", b"resd") and last - first == 10:
            up, up_by, along, along_by, up_ten, along_ten = struct.unpack_from(
                ">HHHHbb", data, first
            )
            if up and up_by and along and along_by and abs(up_ten) < 10 and abs(along_ten) < 10:
                down = up / up_by * 10.0**up_ten * _METRE_TO_INCH
                across = along / along_by * 10.0**along_ten * _METRE_TO_INCH
                return round(across, 2), round(down, 2)
    return None
