"""What a file says about its picture, apart from the pixels, in one form for all formats."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from tinct.image import chunks, exif
from tinct.image.ifd import Directory
from tinct.jpeg import segments as jpeg_segments
from tinct.jpeg.segments import resources

if TYPE_CHECKING:
    from tinct.image.tiff import TiffPage

_IPTC_RESOURCE, _IPTC_DIGEST = 0x0404, 0x0425
_RESOLUTION_RESOURCE = 0x03ED
_STALE_RESOURCES = (0x0409, 0x040C)  # thumbnails
_INCH, _CENTIMETRE = 1, 2
#: what an APP1 segment of JPEG has room for, and what WebP and AVIF readers expect at most
_LARGEST_EXIF = 65_000


@dataclass(frozen=True)
class Metadata:
    """The blocks of metadata of one page; None where the file has none.

    Attributes:
        icc: the profile that gives the pixels their meaning. None: sRGB.
        exif: the EXIF block, beginning with its TIFF header. The tags of a TIFF are here too.
        xmp: the main XMP packet.
        xmp_extension: extended XMP, which only a JPEG keeps apart.
        iptc: IPTC-IIM records, bare.
        dpi: dots an inch, across and down, of the stored rows.
        photoshop: Photoshop's image resources but IPTC and thumbnails (paths, guides, ...).
        native: records only the same format can carry: JPEG segments, PNG chunks (kind, body).
        signed: whether content credentials (C2PA) vouch for the file as it is.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    xmp_extension: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    photoshop: bytes | None = None
    native: tuple[tuple[bytes, bytes], ...] = ()
    signed: bool = False


def renewed(
    metadata: Metadata,
    *,
    orientation: int,
    icc: bytes | None,
    software: str,
    xmp: bytes | None,
    blocks_for_iptc: bool = True,
) -> Metadata:
    """The metadata of a coloured copy: all of the source's, true where it speaks of the pixels.

    Args:
        metadata: of the source.
        orientation: of the pixels as they will be stored, 1 to 8.
        icc: profile of the coloured pixels.
        software: who wrote the file.
        xmp: the new packet; None keeps the source's.
        blocks_for_iptc: whether the format has a place for IPTC; False puts it into EXIF.
    """
    return replace(
        metadata,
        icc=icc,
        exif=exif.renewed(
            metadata.exif,
            orientation=orientation,
            srgb=is_srgb(icc),
            software=software,
            dpi=metadata.dpi if not blocks_for_iptc else None,
            iptc=metadata.iptc if not blocks_for_iptc else None,
        ),
        xmp=metadata.xmp if xmp is None else xmp,
    )


def fitting_exif(block: bytes | None) -> tuple[bytes | None, tuple[str, ...]]:
    """A block made to fit formats other than TIFF, and a warning where that cost some tags."""
    if block is None or len(block) <= _LARGEST_EXIF:
        return block, ()
    block, dropped = exif.without_entries(block, _LARGEST_EXIF)
    names = ", ".join(str(tag) for tag in dropped)
    return block or None, (f"EXIF is too large for the format; left out are the tags {names}",)


def is_srgb(icc: bytes | None) -> bool:
    """Whether pixels with this profile are sRGB, going by the profile's name."""
    return icc is None or b"sRGB" in icc or b"s\0R\0G\0B" in icc


# ---- Photoshop resources ------------------------------------------------------------------


def split_resources(block: bytes | None) -> tuple[bytes | None, bytes | None]:
    """IPTC records, and every other resource that stays true of a coloured copy."""
    iptc, rest = None, b""
    for kind, name, content in resources(block or b""):
        if kind == _IPTC_RESOURCE:
            iptc = content
        elif kind not in (*_STALE_RESOURCES, _IPTC_DIGEST):
            rest += _resource(kind, name, content)
    return iptc or None, rest or None


def joined_resources(metadata: Metadata) -> bytes | None:
    """Photoshop resources with the IPTC records in them; None where there is neither."""
    block = metadata.photoshop or b""
    if metadata.iptc:
        digest = hashlib.md5(metadata.iptc, usedforsecurity=False).digest()
        block += _resource(_IPTC_RESOURCE, b"\0\0", metadata.iptc)
        block += _resource(_IPTC_DIGEST, b"\0\0", digest)
    return block or None


def _resource(kind: int, name: bytes, content: bytes) -> bytes:
    head = b"8BIM" + struct.pack(">H", kind) + name + struct.pack(">I", len(content))
    return head + content + b"\0" * (len(content) % 2)


# ---- reading, format by format ------------------------------------------------------------


def read_jpeg(segments: Sequence[jpeg_segments.Segment]) -> Metadata:
    """Metadata of a JPEG; its segments up to the first scan are enough."""
    block = jpeg_segments.read_exif(segments)
    raw = b"".join(
        s.payload[len(jpeg_segments.PHOTOSHOP) :]
        for s in segments
        if s.marker == jpeg_segments.APP13 and s.payload.startswith(jpeg_segments.PHOTOSHOP)
    )
    iptc, rest = split_resources(raw)
    jfif = next((s.payload[5:] for s in segments if s.payload.startswith(jpeg_segments.JFIF)), b"")
    return _completed(
        Metadata(
            icc=jpeg_segments.read_icc(segments),
            exif=block,
            xmp=jpeg_segments.read_xmp(segments),
            xmp_extension=jpeg_segments.read_extended_xmp(segments),
            iptc=iptc,
            dpi=_density(jfif),
            photoshop=rest,
            native=tuple((bytes([s.marker]), s.payload) for s in segments if s.is_metadata),
            signed=jpeg_segments.is_signed(segments),
        )
    )


def read_png(file: BinaryIO) -> Metadata:
    """Metadata of a PNG."""
    found: dict[str, bytes | None] = {}
    dpi, kept, signed = None, [], False
    for kind, body in chunks.png_chunks(file):
        raw = chunks.png_raw_profile(kind, body)
        packet = chunks.png_xmp(body) if kind == b"iTXt" else None
        if kind == b"iCCP":
            found["icc"] = chunks.png_icc(body)
        elif kind == b"eXIf":
            found["exif"] = body.removeprefix(jpeg_segments.EXIF)
        elif packet is not None:
            found["xmp"] = packet
        elif raw is not None:
            found.setdefault(*raw)
        elif kind == b"pHYs":
            dpi = chunks.png_dpi(body)
        elif kind in (*chunks.PNG_KEPT, *chunks.PNG_COLOUR):
            kept.append((kind, body))
        signed = signed or kind == chunks.PNG_CREDENTIALS
    iptc = found.get("iptc")
    rest = None
    if iptc and iptc.startswith(b"8BIM"):
        iptc, rest = split_resources(iptc)
    return _completed(
        Metadata(
            icc=found.get("icc"),
            exif=found.get("exif"),
            xmp=found.get("xmp"),
            iptc=iptc,
            dpi=dpi,
            photoshop=rest,
            native=tuple(kept),
            signed=signed,
        )
    )


def read_webp(file: BinaryIO) -> Metadata:
    """Metadata of a WebP."""
    found = dict(chunks.webp_chunks(file))
    block = found.get(b"EXIF", b"").removeprefix(jpeg_segments.EXIF)
    return _completed(
        Metadata(
            icc=found.get(b"ICCP"),
            exif=block or None,
            xmp=found.get(b"XMP ") or None,
            signed=b"C2PA" in found,
        )
    )


def read_tiff(page: TiffPage) -> Metadata:
    """Metadata of one page of a TIFF."""
    from tinct.image.tiff import ICC, IPTC, PHOTOSHOP, XMP

    inner, rest = split_resources(page.blocks.get(PHOTOSHOP))
    iptc = page.blocks.get(IPTC, b"").rstrip(b"\0") or inner
    own = page.directory
    block = exif.build(own, page.order) if own.entries or own.children else None
    return Metadata(
        icc=page.blocks.get(ICC),
        exif=block,
        xmp=page.blocks.get(XMP),
        iptc=iptc,
        dpi=exif.dpi(own, page.order),
        photoshop=rest,
        signed=page.signed,
    )


def from_blocks(
    *,
    icc: bytes | None,
    block: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None = None,
    iptc: bytes | None = None,
    signed: bool = False,
) -> Metadata:
    """Metadata of a format whose decoder gave the blocks."""
    block = (block or b"").removeprefix(jpeg_segments.EXIF)
    return _completed(
        Metadata(
            icc=icc or None,
            exif=block or None,
            xmp=xmp or None,
            iptc=iptc or None,
            dpi=dpi,
            signed=signed,
        )
    )


def _completed(metadata: Metadata) -> Metadata:
    """Resolution and IPTC taken from EXIF where the format states none itself."""
    directory, order = exif.parse(metadata.exif) or (Directory(), "<")
    if metadata.dpi is None:
        metadata = replace(metadata, dpi=exif.dpi(directory, order))
    if metadata.iptc is None and exif.IPTC in directory.entries:
        metadata = replace(metadata, iptc=directory.entries[exif.IPTC].data or None)
    return metadata


def _density(jfif: bytes) -> tuple[float, float] | None:
    if len(jfif) < 7:
        return None
    unit, across, down = struct.unpack(">BHH", jfif[2:7])
    factor = {_INCH: 1.0, _CENTIMETRE: 2.54}.get(unit)
    return (across * factor, down * factor) if factor and across and down else None
