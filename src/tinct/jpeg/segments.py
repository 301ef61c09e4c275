"""The marker segments of a JPEG: cutting a file into them, and carrying its metadata over.

A JPEG is SOI, segments (a marker, two bytes of length, a payload), scans (an SOS segment and
the entropy-coded bytes that follow it) and EOI; see ITU-T T.81, annex B.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from tinct.errors import Unreadable, Unsupported

SOI, EOI, SOS, DQT, DHT, DNL, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDC, 0xDD, 0xFE
APP0, APP1, APP2, APP11, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE
FRAMES = frozenset({*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC})

JFIF = b"JFIF\0"
EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
ICC = b"ICC_PROFILE\0"
PHOTOSHOP = b"Photoshop 3.0\0"
ADOBE = b"Adobe"
LARGEST_PAYLOAD = 65533
#: bytes of a main XMP packet
ROOM_FOR_XMP = LARGEST_PAYLOAD - len(XMP)

# A marker ends the entropy-coded bytes: 0xFF followed neither by a stuffed zero nor by RSTn.
_SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xff]")
_PHOTOSHOP_IPTC, _PHOTOSHOP_IPTC_DIGEST = 0x0404, 0x0425
_PHOTOSHOP_THUMBNAILS = (0x0409, 0x040C)


@dataclass(frozen=True)
class Segment:
    """One marker segment; a scan (SOS) carries its entropy-coded bytes along."""

    marker: int
    payload: bytes
    entropy: bytes = b""

    def __bytes__(self) -> bytes:
        length = (len(self.payload) + 2).to_bytes(2, "big")
        return b"".join((b"\xff", bytes([self.marker]), length, self.payload, self.entropy))

    @property
    def is_metadata(self) -> bool:
        """Whether this is an APPn or a comment: nothing that decoding the pixels needs."""
        return self.marker == COM or 0xE0 <= self.marker <= 0xEF


def cut(data: bytes) -> list[Segment]:
    """The segments of a JPEG in file order, without SOI and EOI; what follows EOI is left out.

    Raises:
        Unreadable: not a JPEG, or cut short, or with bytes between the segments.
    """
    if data[:2] != b"\xff\xd8":
        raise Unreadable("not a JPEG")
    segments: list[Segment] = []
    at = 2
    while True:
        at, marker = _marker(data, at)
        if marker == EOI:
            return segments
        if marker == SOI or marker == 0x01 or 0xD0 <= marker <= 0xD7:
            raise Unreadable("damaged JPEG: a marker where none may be")
        length = int.from_bytes(data[at : at + 2], "big")
        payload = data[at + 2 : at + length]
        if length < 2 or len(payload) != length - 2:
            raise Unreadable("the JPEG is cut short")
        at += length
        entropy = b""
        if marker == SOS:
            end = _SCAN_END.search(data, at)
            if end is None:
                raise Unreadable("the JPEG is cut short")
            entropy = data[at : end.start()]
            at = end.start()
        segments.append(Segment(marker, payload, entropy))


def leading(file: BinaryIO) -> Iterator[Segment]:
    """The segments before the first scan, read no farther; ends quietly at damage."""
    if file.read(2) != b"\xff\xd8":
        return
    while True:
        byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        length = int.from_bytes(file.read(2), "big")
        if not byte or length < 2 or byte[0] in (SOS, EOI):
            return
        payload = file.read(length - 2)
        if len(payload) < length - 2:
            return
        yield Segment(byte[0], payload)


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Position after the marker at `at` (fill bytes skipped), and the marker."""
    if at >= len(data):
        raise Unreadable("the JPEG is cut short")
    if data[at] != 0xFF:
        raise Unreadable("damaged JPEG: no marker where one must be")
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at >= len(data):
        raise Unreadable("the JPEG is cut short")
    return at + 1, data[at]


# ---- reading metadata ---------------------------------------------------------------------


def read_exif(segments: Iterable[Segment]) -> bytes | None:
    """The EXIF block, beginning with its TIFF header."""
    return _first(segments, APP1, EXIF)


def read_xmp(segments: Iterable[Segment]) -> bytes | None:
    """The main XMP packet (extended XMP apart)."""
    return _first(segments, APP1, XMP)


def read_extended_xmp(segments: Sequence[Segment]) -> bytes | None:
    """What the main packet says is kept apart from it; None where any of it is missing.

    Each segment holds a digest (32), the full length (4), the place of its part (4) and the part.
    """
    packet, head = read_xmp(segments) or b"", len(EXTENDED_XMP)
    parts = {}
    full = 0
    for segment in _extension(segments, packet):
        body = segment.payload
        if len(body) >= head + 40:
            full, place = struct.unpack_from(">II", body, head + 32)
            parts[place] = body[head + 40 :]
    whole = b"".join(parts[place] for place in sorted(parts))
    return whole if whole and len(whole) == full else None


def read_icc(segments: Iterable[Segment]) -> bytes | None:
    """The ICC profile put together from its numbered chunks; None where any is missing."""
    chunks: dict[int, bytes] = {}
    count = 0
    for segment in segments:
        if segment.marker == APP2 and segment.payload.startswith(ICC) and len(segment.payload) > 14:
            number, count = segment.payload[12], segment.payload[13]
            chunks[number] = segment.payload[14:]
    if not chunks or any(number not in chunks for number in range(1, count + 1)):
        return None
    return b"".join(chunks[number] for number in range(1, count + 1)) or None


def read_iptc(segments: Iterable[Segment]) -> bytes | None:
    """The IPTC-IIM records within the Photoshop resources."""
    for kind, _, content in resources(_photoshop(segments)):
        if kind == _PHOTOSHOP_IPTC:
            return content
    return None


def is_signed(segments: Iterable[Segment]) -> bool:
    """Whether a C2PA manifest (JUMBF boxes) signs the file: no change leaves it valid."""
    return any(s.marker == APP11 and b"jumb" in s.payload[:64] for s in segments)


def _first(segments: Iterable[Segment], marker: int, prefix: bytes) -> bytes | None:
    for segment in segments:
        if segment.marker == marker and segment.payload.startswith(prefix):
            return segment.payload[len(prefix) :] or None
    return None


def _photoshop(segments: Iterable[Segment]) -> bytes:
    return b"".join(
        s.payload[len(PHOTOSHOP) :]
        for s in segments
        if s.marker == APP13 and s.payload.startswith(PHOTOSHOP)
    )


def resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Photoshop's image resources as (id, padded name, content); ends at damage."""
    at = 0
    while block[at : at + 4] == b"8BIM" and at + 12 <= len(block):
        kind = int.from_bytes(block[at + 4 : at + 6], "big")
        named = at + 6 + (block[at + 6] + 2) // 2 * 2
        size = int.from_bytes(block[named : named + 4], "big")
        if named + 4 + size > len(block):
            return
        yield kind, block[at + 6 : named], block[named + 4 : named + 4 + size]
        at = named + 4 + (size + 1) // 2 * 2


# ---- writing metadata ---------------------------------------------------------------------


def replace_metadata(
    segments: Sequence[Segment],
    *,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    xmp_extension: bytes = b"",
    icc: bytes | None = None,
    iptc: bytes | None = None,
) -> list[Segment]:
    """The APPn and COM segments for a coloured copy.

    Order: JFIF, EXIF, XMP, ICC, Photoshop resources, then whatever else there is as it comes.
    Left out, because they would describe another picture: thumbnails (JFIF, EXIF, Photoshop),
    multi-picture indexes, C2PA signatures and the Adobe colour transform.

    Args:
        segments: of the source.
        exif: TIFF block; None keeps the source's, b"" leaves it out. The same for the rest.
        xmp: main packet. Extended XMP stays as long as the packet names its digest.
        xmp_extension: further extended XMP, whose digest the packet names.
        icc: profile.
        iptc: IPTC-IIM records, or a whole block of Photoshop resources.

    Raises:
        Unsupported: EXIF or XMP too large for a JPEG.
    """
    exif = read_exif(segments) if exif is None else exif.removeprefix(EXIF)
    packet = read_xmp(segments) if xmp is None else xmp
    profile = read_icc(segments) if icc is None else icc
    result = [_jfif(segments)]
    if exif:
        result.append(_fitting(APP1, EXIF + without_thumbnail(exif), "EXIF"))
    if packet:
        result += _xmp(segments, packet) + _extended(xmp_extension)
    if profile:
        size = LARGEST_PAYLOAD - len(ICC) - 2
        chunks = [profile[i : i + size] for i in range(0, len(profile), size)]
        if len(chunks) > 255:
            raise Unsupported("the ICC profile is too large for a JPEG")
        result += [
            Segment(APP2, ICC + bytes([number, len(chunks)]) + chunk)
            for number, chunk in enumerate(chunks, 1)
        ]
    resources = _renewed_resources(_photoshop(segments), iptc)
    size = LARGEST_PAYLOAD - len(PHOTOSHOP)
    result += [
        Segment(APP13, PHOTOSHOP + resources[i : i + size]) for i in range(0, len(resources), size)
    ]
    return result + [s for s in segments if s.is_metadata and not _is_rewritten(s)]


def _is_rewritten(segment: Segment) -> bool:
    prefixes = {
        APP0: (JFIF, b"JFXX\0"),
        APP1: (EXIF, XMP, EXTENDED_XMP),
        APP2: (ICC, b"MPF\0"),
        APP11: (b"JP",),
        APP13: (PHOTOSHOP,),
        APP14: (ADOBE,),
    }
    return segment.payload.startswith(prefixes.get(segment.marker, ()))


def _jfif(segments: Iterable[Segment]) -> Segment:
    """A JFIF header with the source's density: it also says that the colours are YCbCr."""
    body = _first(segments, APP0, JFIF)
    density = body[2:7] if body and len(body) >= 9 else b"\0\0\1\0\1"
    return Segment(APP0, JFIF + b"\1\2" + density + b"\0\0")


def _xmp(segments: Sequence[Segment], packet: bytes) -> list[Segment]:
    if len(packet) + len(XMP) > LARGEST_PAYLOAD:
        # Most of a packet is white space for editing in place, which may go.
        packet = re.sub(rb"\s+(<\?xpacket end=)", rb"\n\1", packet)
    return [_fitting(APP1, XMP + packet, "XMP"), *_extension(segments, packet)]


def _extension(segments: Iterable[Segment], packet: bytes) -> list[Segment]:
    """The segments of extended XMP that a packet names."""
    digest = slice(len(EXTENDED_XMP), len(EXTENDED_XMP) + 32)
    return [
        s
        for s in segments
        if s.marker == APP1
        and s.payload.startswith(EXTENDED_XMP)
        and len(s.payload) >= digest.stop
        and s.payload[digest] in packet
    ]


def extension_digest(extension: bytes) -> str:
    """By what a main packet names its extension."""
    return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()


def _extended(extension: bytes) -> list[Segment]:
    head = EXTENDED_XMP + extension_digest(extension).encode() + struct.pack(">I", len(extension))
    size = LARGEST_PAYLOAD - len(head) - 4
    return [
        Segment(APP1, head + struct.pack(">I", at) + extension[at : at + size])
        for at in range(0, len(extension), size)
    ]


def _renewed_resources(block: bytes, iptc: bytes | None) -> bytes:
    if iptc is not None and iptc.startswith((PHOTOSHOP, b"8BIM")):
        block, iptc = iptc.removeprefix(PHOTOSHOP), None
    stale = set(_PHOTOSHOP_THUMBNAILS)
    if iptc is not None:
        stale |= {_PHOTOSHOP_IPTC, _PHOTOSHOP_IPTC_DIGEST}
    kept = [r for r in resources(block) if r[0] not in stale]
    if iptc:
        kept.append((_PHOTOSHOP_IPTC, b"\0\0", iptc))
        kept.append((_PHOTOSHOP_IPTC_DIGEST, b"\0\0", hashlib.md5(iptc).digest()))  # noqa: S324
    return b"".join(
        b"8BIM"
        + struct.pack(">H", kind)
        + name
        + struct.pack(">I", len(content))
        + content
        + b"\0" * (len(content) % 2)
        for kind, name, content in kept
    )


def _fitting(marker: int, payload: bytes, what: str) -> Segment:
    if len(payload) > LARGEST_PAYLOAD:
        raise Unsupported(
            f"the {what} block of {len(payload)} bytes is too large for a JPEG",
            remedy="write TIFF or PNG instead",
        )
    return Segment(marker, payload)


def without_thumbnail(exif: bytes) -> bytes:
    """An EXIF block whose thumbnail directory (IFD1) and JPEG thumbnail are gone.

    Nothing else moves: maker notes hold offsets of their own. What is not a TIFF block comes
    back as it is.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 14:
        return exif
    (first,) = struct.unpack_from(order + "I", exif, 4)
    link, second, _ = _directory(exif, first, order)
    if link is None or not second:
        return exif
    result = bytearray(exif)
    struct.pack_into(order + "I", result, link, 0)
    end, _, entries = _directory(exif, second, order)
    start, size = entries.get(0x0201, 0), entries.get(0x0202, 0)
    if end is None or second <= first:
        return bytes(result)
    wiped = [(second, end + 4)]
    if start > first and exif[start : start + 2] == b"\xff\xd8":
        wiped.append((start, min(start + size, len(exif))))
    # From the back, so that a thumbnail at the end (the usual place) is cut off, not blanked.
    for begin, stop in sorted(wiped, reverse=True):
        if not any(result[stop:]):
            del result[begin:]
        else:
            result[begin:stop] = bytes(stop - begin)
    return bytes(result)


def _directory(exif: bytes, at: int, order: str) -> tuple[int | None, int, dict[int, int]]:
    """Of the TIFF directory at `at`: place of the link to the next, that link, tag -> value."""
    if not 8 <= at <= len(exif) - 6:
        return None, 0, {}
    (count,) = struct.unpack_from(order + "H", exif, at)
    link = at + 2 + 12 * count
    if link + 4 > len(exif):
        return None, 0, {}
    entries = {}
    for index in range(count):
        tag, _, _, value = struct.unpack_from(order + "HHII", exif, at + 2 + 12 * index)
        entries[tag] = value
    return link, struct.unpack_from(order + "I", exif, link)[0], entries
