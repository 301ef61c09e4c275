"""The chunks of PNG and WebP files: reading the metadata in them, and putting it in.

PNG: W3C PNG third edition; XMP in an iTXt chunk, EXIF in eXIf, IPTC in the text chunk that
ImageMagick and ExifTool use. WebP: RFC 9649; EXIF, XMP and ICCP chunks announced by VP8X.
"""

from __future__ import annotations

import binascii
import contextlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tinct.errors import Unreadable
from tinct.jpeg.segments import EXIF as EXIF_PREFIX

PNG = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_IPTC = b"Raw profile type iptc"
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
#: chunks of PNG that are copied as they are: text, time, physical and colour statements
PNG_KEPT = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"oFFs", b"sCAL", b"pCAL")
PNG_COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
PNG_CREDENTIALS = b"caBX"
_LARGEST = 64 * 1024 * 1024
_INCH = 0.0254


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk but the pixels'; ends quietly where the file is damaged."""
    if file.read(8) != PNG:
        return
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IDAT" or size > _LARGEST:
            file.seek(size + 4, 1)
            continue
        body = file.read(size)
        if len(body) < size or kind == b"IEND":
            return
        file.seek(4, 1)
        yield kind, body


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_icc(body: bytes) -> bytes | None:
    """The profile in an iCCP chunk."""
    _, _, packed = body.partition(b"\0")
    return inflated(packed[1:])


def png_xmp(body: bytes) -> bytes | None:
    """The XMP packet in an iTXt chunk; None where the chunk holds other text."""
    keyword, _, rest = body.partition(b"\0")
    if keyword != XMP_KEYWORD or len(rest) < 2:
        return None
    content = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return inflated(content) if rest[0] else content


def png_raw_profile(kind: bytes, body: bytes) -> tuple[str, bytes] | None:
    """EXIF or IPTC in the hexadecimal text chunks of ImageMagick: ("exif"|"iptc", content)."""
    keyword, _, rest = body.partition(b"\0")
    name = "iptc" if keyword == _RAW_IPTC else "exif" if keyword in _RAW_EXIF else None
    if name is None or kind not in (b"tEXt", b"zTXt"):
        return None
    content = inflated(rest[1:]) if kind == b"zTXt" else rest
    if content is None:
        return None
    with contextlib.suppress(ValueError, binascii.Error):
        digits = b"".join(content.split(b"\n", 3)[3].split())
        return name, binascii.unhexlify(digits).removeprefix(EXIF_PREFIX)
    return None


def png_metadata(
    *,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    resources: bytes | None,
    dpi: tuple[float, float] | None,
    kept: Iterable[tuple[bytes, bytes]],
) -> bytes:
    """The chunks to put behind IHDR.

    Args:
        icc: profile.
        exif: block beginning with its TIFF header.
        xmp: packet.
        resources: Photoshop resource block holding the IPTC records.
        dpi: dots an inch, across and down.
        kept: further chunks (kind, body), copied.
    """
    parts = []
    if icc:
        parts.append(png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc)))
    parts += [png_chunk(kind, body) for kind, body in kept]
    if dpi:
        across, down = (min(round(value / _INCH), 0x7FFFFFFF) for value in dpi)
        parts.append(png_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if exif:
        parts.append(png_chunk(b"eXIf", exif))
    if xmp:
        parts.append(png_chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + xmp))
    if resources:
        digits = binascii.hexlify(resources)
        lines = b"\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
        content = b"\niptc\n%8d\n" % len(resources) + lines + b"\n"
        parts.append(png_chunk(b"zTXt", _RAW_IPTC + b"\0\0" + zlib.compress(content)))
    return b"".join(parts)


def png_dpi(body: bytes) -> tuple[float, float] | None:
    """Dots an inch in a pHYs chunk; None where it only states a ratio."""
    if len(body) != 9 or body[8] != 1:
        return None
    across, down = struct.unpack(">II", body[:8])
    if not across or not down:
        return None
    # whole metres hold no whole inches: 300 dpi is stored as 11811 a metre, which is 299.9994
    return round(across * _INCH, 2), round(down * _INCH, 2)


def inflated(packed: bytes) -> bytes | None:
    """Zlib content of at most 64 MiB; None where it is damaged or larger."""
    with contextlib.suppress(zlib.error):
        worker = zlib.decompressobj()
        content = worker.decompress(packed, _LARGEST)
        if worker.eof:
            return content
    return None


def webp_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of the chunks of a WebP file; bodies of pixels are cut to 32 bytes."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        return
    while len(start := file.read(8)) == 8:
        kind, size = start[:4], int.from_bytes(start[4:], "little")
        wanted = size if kind in (b"EXIF", b"XMP ", b"ICCP", b"VP8X") else min(size, 32)
        if wanted > _LARGEST:
            return
        body = file.read(wanted)
        if len(body) < wanted:
            return
        file.seek(size - wanted + size % 2, 1)
        yield kind, body


def webp_with_metadata(
    data: bytes,
    *,
    width: int,
    height: int,
    alpha: bool,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
) -> bytes:
    """A WebP of one picture with the given metadata and no other."""
    if not (icc or exif or xmp or alpha):
        return data
    pixels = []
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        stop = at + 8 + size + size % 2
        if data[at : at + 4] in (b"VP8 ", b"VP8L", b"ALPH"):
            pixels.append(data[at:stop])
        at = stop
    if not pixels:
        raise Unreadable("the WebP encoder gave no picture")
    flags = (bool(icc) << 5) | (alpha << 4) | (bool(exif) << 3) | (bool(xmp) << 2)
    size_fields = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = [_riff(b"VP8X", bytes([flags, 0, 0, 0]) + size_fields)]
    parts += [_riff(b"ICCP", icc)] if icc else []
    parts += pixels
    parts += [_riff(b"EXIF", exif)] if exif else []
    parts += [_riff(b"XMP ", xmp)] if xmp else []
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
