"""XMP too large for a JPEG, and signed content credentials, through the whole flow."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import tinct
from tests.judges import assert_same_coefficients
from tests.originals import GREY, XMP
from tinct.errors import AlreadyTinct, Signed

STANDARD = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
NOISE = hashlib.shake_256(b"seed").hexdigest(60_000).encode()


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(threads=1, size=128)


def packet(*properties: bytes) -> bytes:
    names = (b"One", b"Two", b"Three")
    body = b"".join(
        b"<n:%s>%s</n:%s>" % (name, value, name)
        for name, value in zip(names, properties, strict=False)
    )
    return XMP.replace(
        b'dc:source="Shelf 7"/>',
        b'dc:source="Shelf 7" xmlns:n="http://example.org/n/">' + body + b"</rdf:Description>",
    )


def app1(data: bytes) -> list[bytes]:
    """The APP1 segments of a JPEG, by the letter of the standard."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, at + 2)
        if data[at + 1] == 0xE1:
            found.append(data[at + 4 : at + 2 + size])
        at += 2 + size
    return found


def both(data: bytes) -> tuple[bytes, bytes]:
    """The main packet of a JPEG and its extension, put together as Adobe's specification says."""
    segments = app1(data)
    (main,) = (s[len(STANDARD) :] for s in segments if s.startswith(STANDARD))
    parts = [s[len(EXTENDED) :] for s in segments if s.startswith(EXTENDED)]
    whole = b"".join(part[40:] for part in sorted(parts, key=lambda part: part[36:40]))
    if parts:
        digest = hashlib.md5(whole).hexdigest().upper().encode()
        assert {part[:32] for part in parts} == {digest}
        assert {part[32:36] for part in parts} == {struct.pack(">I", len(whole))}
        assert re.search(rb"HasExtendedXMP[^0-9A-F]+" + digest, main)
    return main, whole


def extended_jpeg() -> bytes:
    """A JPEG whose extended XMP has 120 kB, in two segments."""
    extension = packet(NOISE)
    digest = hashlib.md5(extension).hexdigest().upper().encode()
    main = XMP.replace(
        b'dc:source="Shelf 7"',
        b'dc:source="Shelf 7" xmlns:note="http://ns.adobe.com/xmp/note/" '
        b'note:HasExtendedXMP="' + digest + b'"',
    )
    segments = [STANDARD + main] + [
        EXTENDED + digest + struct.pack(">II", len(extension), at) + extension[at : at + 65_400]
        for at in range(0, len(extension), 65_400)
    ]
    out = io.BytesIO()
    Image.fromarray(GREY).save(out, "JPEG")
    added = b"".join(b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments)
    return b"\xff\xd8" + added + out.getvalue()[2:]


def grey_jpeg(xmp: bytes) -> bytes:
    out = io.BytesIO()
    Image.fromarray(GREY).save(out, "JPEG", xmp=xmp)
    return out.getvalue()


def assert_refused(colorizer: tinct.Colorizer, target: Path) -> None:
    with pytest.raises(AlreadyTinct):
        colorizer.file(target, target.with_name("again.jpg"))


def test_padding_gives_way_to_the_label(tmp_path: Path, colorizer: tinct.Colorizer) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source.write_bytes(grey_jpeg(b"%s%s" % (XMP, b" " * (65_000 - len(XMP)))))
    assert colorizer.file(source, target).warnings == ()
    main, extension = both(target.read_bytes())
    assert b"Shelf 7" in main
    assert b"compositeWithTrainedAlgorithmicMedia" in main
    assert extension == b""


@pytest.mark.parametrize("kind", ["full jpeg", "extended jpeg", "png"])
def test_a_packet_too_large_goes_on_in_extended_xmp(
    kind: str, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    source, target = tmp_path / f"a.{kind[-4:].strip()}", tmp_path / "b.jpg"
    values: tuple[bytes, ...]
    if kind == "full jpeg":  # full to the last byte, so that no label fits in
        values = (NOISE[:64_000], b"small")
        source.write_bytes(grey_jpeg(packet(*values)))
    elif kind == "extended jpeg":
        values = (NOISE,)
        source.write_bytes(extended_jpeg())
    else:
        values = (NOISE[:90_000], b"small", NOISE[90_000:])
        chunk = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + packet(*values)
        Image.fromarray(GREY).save(source)
        data = source.read_bytes()
        size, check = len(chunk) - 4, zlib.crc32(chunk)
        source.write_bytes(
            data[:33] + struct.pack(">I", size) + chunk + struct.pack(">I", check) + data[33:]
        )
    result = colorizer.file(source, target)
    assert any("extended XMP" in warning for warning in result.warnings)
    main, extension = both(target.read_bytes())
    assert b"Shelf 7" in main
    assert b"compositeWithTrainedAlgorithmicMedia" in main
    assert b"Tinct / " in main
    for value in values:
        assert (value in main) != (value in extension)
    if kind != "png":
        assert_same_coefficients(source, target)
    assert_refused(colorizer, target)


def test_extended_xmp_is_one_packet_in_other_formats(
    tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.png"
    source.write_bytes(extended_jpeg())
    colorizer.file(source, target)
    with Image.open(target) as opened:
        whole = opened.info["xmp"]
    assert NOISE in whole
    assert b"HasExtendedXMP" not in whole
    assert b"Shelf 7" in whole


def test_extended_xmp_that_is_incomplete_is_left_alone(
    tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source.write_bytes(extended_jpeg().replace(NOISE[60_000:60_008], NOISE[60_000:60_007] + b"<"))
    assert any("damaged" in warning for warning in colorizer.file(source, target).warnings)
    assert b"compositeWithTrainedAlgorithmicMedia" in target.read_bytes()


def signed(name: str) -> tuple[str, bytes]:
    """A file with content credentials: their place alone, for nobody here checks signatures."""
    out = io.BytesIO()
    picture = Image.fromarray(GREY)
    box = b"\0\0\0\x18jumbc2pa-manifest\0\0\0"
    if name == "tiff":
        tifffile.imwrite(out, GREY, extratags=[(52545, "B", len(box), box, True)])
        return ".tif", out.getvalue()
    if name == "jpeg":
        picture.save(out, "JPEG")
        body = b"JP\0\1\0\0\0\1" + box
        data = out.getvalue()
        return ".jpg", data[:2] + b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if name == "png":
        picture.save(out, "PNG")
        data, chunk = out.getvalue(), b"caBX" + box
        added = struct.pack(">I", len(box)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return ".png", data[:33] + added + data[33:]
    if name == "webp":
        picture.save(out, "WEBP", lossless=True, xmp=XMP)  # further chunks need a VP8X
        data = out.getvalue() + b"C2PA" + struct.pack("<I", len(box)) + box
        return ".webp", data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    picture.save(out, "AVIF")
    uuid = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + box
    return ".avif", out.getvalue() + struct.pack(">I", len(uuid) + 8) + b"uuid" + uuid


@pytest.mark.parametrize("name", ["jpeg", "tiff", "png", "webp", "avif"])
def test_signed_pictures_are_refused_unless_the_signature_may_go(
    name: str, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    suffix, data = signed(name)
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    source.write_bytes(data)
    with pytest.raises(Signed) as caught:
        colorizer.file(source, target)
    assert caught.value.exit_code == 7
    assert "--drop-credentials" in str(caught.value)
    assert not target.exists()
    willing = tinct.Colorizer(threads=1, size=128, drop_credentials=True)
    result = willing.file(source, target)
    assert any("credentials" in warning for warning in result.warnings)
    assert b"c2pa-manifest" not in target.read_bytes()
    with Image.open(target) as coloured:
        assert np.ptp(np.asarray(coloured.convert("RGB")).astype(int), axis=2).max() > 20
