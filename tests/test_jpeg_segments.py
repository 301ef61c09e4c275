"""The metadata of a coloured JPEG: kept, replaced, and what is stale left out."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tinct import jpeg
from tinct.errors import Unsupported
from tinct.jpeg import segments as seg


def sample(**options: Any) -> bytes:
    target = io.BytesIO()
    Image.linear_gradient("L").resize((50, 33)).save(target, "JPEG", **options)
    return target.getvalue()


def coloured(data: bytes, **options: Any) -> bytes:
    plane = np.full((17, 25), 110, np.uint8)
    return jpeg.colour(data, plane, plane, **options)


def with_segments(data: bytes, *segments: seg.Segment) -> bytes:
    return data[:2] + b"".join(map(bytes, segments)) + data[2:]


def exif_with_thumbnail() -> tuple[bytes, bytes]:
    """EXIF of a camera, big-endian: the orientation, a maker note, a thumbnail."""
    thumbnail = sample(quality=40)
    first = struct.pack(">HHHIIHHIII", 2, 0x0112, 3, 1, 6 << 16, 0x927C, 7, 6, 38, 44)
    second = struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, 74, 0x0202, 4, 1, len(thumbnail), 0)
    return b"MM\0\x2a\0\0\0\x08" + first + b"note\0\0" + second + thumbnail, thumbnail


def test_metadata_are_carried_over() -> None:
    icc = b"\0" * 16 + b"RGB " + bytes(range(256)) * 300
    photoshop = b"8BIM\x04\x04\0\0\0\0\0\x05\x1c\x02\x78\0\0\0"
    chunks = [icc[i : i + 60000] for i in range(0, len(icc), 60000)]
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    data = with_segments(
        sample(dpi=(300, 300), comment=b"hello"),
        seg.Segment(seg.APP1, seg.EXTENDED_XMP + guid + b"\0\0\0\1\0\0\0\0x"),
        seg.Segment(seg.APP1, seg.XMP + b"<x:xmpmeta>" + guid + b"</x:xmpmeta>"),
        *(
            seg.Segment(seg.APP2, seg.ICC + bytes([i, len(chunks)]) + c)
            for i, c in reversed(list(enumerate(chunks, 1)))
        ),
        seg.Segment(seg.APP13, seg.PHOTOSHOP + photoshop),
        seg.Segment(0xEC, b"Ducky\0"),
        seg.Segment(seg.APP14, b"Adobe\0\x64\0\0\0\0\0"),
    )
    file = jpeg.parse(coloured(data))
    assert file.icc == icc
    assert file.xmp == b"<x:xmpmeta>" + guid + b"</x:xmpmeta>"
    assert file.iptc == b"\x1c\x02\x78\0\0"
    assert file.adobe_transform is None
    assert file.color == "ycbcr"
    payloads = [s.payload for s in file.segments]
    assert b"Ducky\0" in payloads
    assert b"hello" in payloads
    assert sum(p.startswith(seg.EXTENDED_XMP) for p in payloads) == 1
    assert Image.open(io.BytesIO(coloured(data))).info["dpi"] == (300, 300)


def test_metadata_are_replaced() -> None:
    data = sample(exif=b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0", xmp=b"<old/>")
    exif = b"II\x2a\0\x08\0\0\0\0\0\0\0\0\0"
    icc = b"\0" * 16 + b"RGB \0"
    file = jpeg.parse(coloured(data, exif=exif, xmp=b"<new/>", icc=icc, iptc=b"\x1c\x02\0"))
    assert (file.exif, file.xmp, file.icc, file.iptc) == (exif, b"<new/>", icc, b"\x1c\x02\0")
    bare = jpeg.parse(coloured(coloured(data, icc=icc), exif=b"", xmp=b"", icc=b"", iptc=b""))
    assert (bare.exif, bare.xmp, bare.icc, bare.iptc) == (None, None, None, None)


def test_orientation_stays() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    result = coloured(sample(exif=exif))
    assert Image.open(io.BytesIO(result)).getexif()[0x0112] == 6


def test_stale_thumbnails_go() -> None:
    exif, thumbnail = exif_with_thumbnail()
    jfif = seg.Segment(seg.APP0, b"JFIF\0\1\2\0\0\1\0\1\1\1" + b"rgb")
    jfxx = seg.Segment(seg.APP0, b"JFXX\0\x10" + thumbnail)
    resource = b"8BIM\x04\x0c\0\0" + struct.pack(">I", len(thumbnail)) + thumbnail
    photoshop = seg.Segment(seg.APP13, seg.PHOTOSHOP + resource + b"\0" * (len(thumbnail) % 2))
    app1 = seg.Segment(seg.APP1, seg.EXIF + exif)
    result = coloured(with_segments(sample(), jfif, jfxx, app1, photoshop))
    assert thumbnail[:40] not in result
    assert result.count(b"JFIF\0") == 1
    kept = jpeg.parse(result).exif
    assert kept is not None
    assert len(kept) == 44
    assert kept[38:44] == b"note\0\0"
    read = Image.open(io.BytesIO(result)).getexif()
    assert read[0x0112] == 6
    assert not read.get_ifd(1)


def test_a_thumbnail_before_other_data_is_blanked() -> None:
    exif, thumbnail = exif_with_thumbnail()
    kept = seg.without_thumbnail(exif + b"tail")
    assert len(kept) == len(exif) + 4
    assert kept.endswith(b"tail")
    assert thumbnail[:40] not in kept


@given(st.binary(max_size=80))
def test_any_exif_survives(block: bytes) -> None:
    for head in (b"", b"II\x2a\0", b"MM\0\x2a\0\0\0\x08"):
        assert len(seg.without_thumbnail(head + block)) <= len(head + block)


def test_signatures_and_other_pictures_in_the_file_go() -> None:
    box = seg.Segment(seg.APP11, b"JP\0\1\0\0\0\1\0\0\0\x20jumb" + b"c2pa" * 4)
    index = seg.Segment(seg.APP2, b"MPF\0MM")
    data = with_segments(sample(), box, index) + sample()
    assert jpeg.parse(data).signed
    result = coloured(data)
    assert not jpeg.parse(result).signed
    assert b"MPF\0" not in result
    assert result.count(b"\xff\xd8\xff") == 1


def test_padding_of_xmp_gives_way() -> None:
    padded = b"<x/>" + b" " * 70000 + b"<?xpacket end='w'?>"
    assert jpeg.parse(coloured(sample(), xmp=padded)).xmp == b"<x/>\n<?xpacket end='w'?>"
    with pytest.raises(Unsupported, match="XMP"):
        coloured(sample(), xmp=b"<x>" + b"y" * 70000 + b"</x>")


def test_a_grey_profile_must_be_replaced() -> None:
    data = sample(icc_profile=b"\0" * 16 + b"GRAY" + b"\0" * 100)
    with pytest.raises(ValueError, match="grey ICC"):
        coloured(data)
    assert jpeg.parse(coloured(data, icc=b"")).icc is None
