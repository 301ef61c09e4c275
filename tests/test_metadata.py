"""What a file says about its picture arrives, in every format, byte for byte where it can."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.pictures import GREY, RGB, encoded, kinds, saved
from tinct.image import SAVERS, exif, load, metadata
from tinct.image.ifd import Directory, text
from tinct.image.metadata import Metadata

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><test/></x:xmpmeta>'
IPTC = b"\x1c\x02\x78\x00\x0bThe caption\x1c\x02\x50\x00\x05Maker"
NOTE = b"MakerNote\0" + bytes(range(200))
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_block(orientation: int = 1) -> bytes:
    block = Image.Exif()
    block[0x010E] = "Spring"
    block[0x010F] = "Maker"
    block[0x0112] = orientation
    block[0x0131] = "Camera 1.0"
    block[0x013B] = "An artist"
    block[0x8298] = "A right"
    inner = block.get_ifd(0x8769)
    inner[0x9003] = "1931:05:04 10:00:00"
    inner[0x927C] = NOTE
    inner[0xA001] = 1
    inner[0xA420] = "0123456789abcdef"
    block.get_ifd(0x8825)[1] = "N"
    return block.tobytes()


def resources(iptc: bytes) -> bytes:
    path = metadata._resource(2000, b"\4Path\0", b"a clipping path")
    thumbnail = metadata._resource(0x040C, b"\0\0", b"thumb" * 20)
    return path + metadata._resource(0x0404, b"\0\0", iptc) + thumbnail


@pytest.fixture(scope="module")
def source() -> bytes:
    """A JPEG with everything."""
    data = encoded(
        GREY, "JPEG", exif=exif_block(6), dpi=(300, 200), xmp=XMP, icc_profile=ICC, comment=b"Hi"
    )
    block = b"Photoshop 3.0\0" + resources(IPTC)
    return data[:2] + b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def test_a_jpeg_with_everything_is_read(source: bytes) -> None:
    page = load(source).pages[0]
    known = page.metadata
    assert page.orientation == 6
    assert (known.xmp, known.iptc, known.icc, known.dpi) == (XMP, IPTC, ICC, (300, 200))
    assert known.exif == exif_block(6).removeprefix(b"Exif\0\0")
    assert b"clipping path" in (known.photoshop or b"")
    assert b"thumb" not in (known.photoshop or b"")


@pytest.mark.parametrize("target", SAVERS)
def test_everything_survives_in_every_format(source: bytes, target: str) -> None:
    result = load(saved(load(source), target)).pages[0]
    known = result.metadata
    assert known.xmp == XMP
    assert known.iptc == IPTC
    assert known.icc == ICC
    assert known.dpi == pytest.approx((300, 200), abs=0.01)
    found = exif.parse(known.exif)
    assert found is not None
    main, inner = found[0].entries, found[0].children[0x8769].entries
    assert main[0x010E].data.rstrip(b"\0") == b"Spring"
    assert main[0x013B].data == b"An artist\0"
    assert main[0x0131].data == b"Tinct test\0"
    assert inner[0x927C].data == NOTE
    assert inner[0x9003].data == b"1931:05:04 10:00:00\0"
    assert inner[0xA420].data.strip(b"\0") not in (b"", b"0123456789abcdef")
    assert found[0].children[0x8825].entries[1].data == b"N\0"
    if target in ("jpeg", "tiff", "png"):
        assert b"clipping path" in (known.photoshop or b"")


@pytest.mark.parametrize("first", SAVERS)
@pytest.mark.parametrize("second", SAVERS)
def test_everything_survives_two_formats(source: bytes, first: str, second: str) -> None:
    result = load(saved(load(saved(load(source), first)), second)).pages[0].metadata
    assert (result.xmp, result.iptc, result.icc) == (XMP, IPTC, ICC)
    found = exif.parse(result.exif)
    assert found is not None
    assert found[0].children[0x8769].entries[0x927C].data == NOTE


def test_another_reader_sees_the_same(source: bytes) -> None:
    for target in SAVERS:
        picture = Image.open(io.BytesIO(saved(load(source), target)))
        picture.load()
        assert picture.info["icc_profile"] == ICC, target
        assert picture.getexif()[0x013B] == "An artist", target
        assert XMP in (
            picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp", "").encode()
        )


def test_maker_notes_do_not_move() -> None:
    block = exif_block().removeprefix(b"Exif\0\0")
    new = exif.renewed(block, orientation=3, srgb=False, software="x" * 100)
    assert new is not None
    assert new.find(NOTE) == block.find(NOTE) > 0
    assert exif.orientation(new) == 3


def test_colour_space_is_stated_as_it_is() -> None:
    for srgb, value in ((True, b"\0\1"), (False, b"\xff\xff")):
        found = exif.parse(exif.renewed(exif_block(), orientation=1, srgb=srgb))
        assert found is not None
        assert found[0].children[0x8769].entries[exif.COLOUR_SPACE].data == value


def test_thumbnails_are_removed() -> None:
    thumbnail = encoded(GREY[:8, :8], "JPEG")
    plain = bytearray(exif.build(Directory({0x010F: text("Maker")}), "<"))
    second = len(plain)
    plain[8 + 2 + 12 : 8 + 2 + 16] = second.to_bytes(4, "little")
    rows = b"\2\0"
    for tag, value in ((0x0201, second + 30), (0x0202, len(thumbnail))):
        rows += tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
    block = bytes(plain) + rows + bytes(4) + thumbnail
    assert thumbnail in block
    source = encoded(GREY, "JPEG", exif=b"Exif\0\0" + block)
    for target in SAVERS:
        result = load(saved(load(source), target)).pages[0].metadata.exif
        assert thumbnail[:20] not in (result or b""), target


def test_png_text_and_jpeg_comments_stay_in_their_format() -> None:
    words = PngInfo()
    words.add_text("Author", "Somebody")
    words.add_itxt("Title", "Fr\u00fchling", "de", "Titel")
    result = Image.open(io.BytesIO(saved(load(encoded(GREY, "PNG", pnginfo=words)), "png")))
    result.load()
    assert result.info["Author"] == "Somebody"
    assert result.info["Title"] == "Fr\u00fchling"
    again = Image.open(io.BytesIO(saved(load(encoded(GREY, "JPEG", comment=b"Hi")), "jpeg")))
    assert again.info["comment"] == b"Hi"


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_tags_survive(order: str) -> None:
    out = io.BytesIO()
    tifffile.imwrite(
        out,
        RGB,
        byteorder=order,
        photometric="rgb",
        description="What it shows",
        resolution=(600, 600),
        metadata=None,
        extratags=[
            (315, 2, None, "An artist", True),
            (33432, 2, None, "A right", True),
            (65000, 3, 3, (1, 2, 3), True),
            (700, 1, len(XMP), XMP, True),
            (33723, 7, len(IPTC), IPTC, True),
        ],
    )
    result = saved(load(out.getvalue()), "tiff")
    with tifffile.TiffFile(io.BytesIO(result)) as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert tags[270] == "What it shows"
    assert tags[315] == "An artist"
    assert tags[33432] == "A right"
    assert tags[65000] == (1, 2, 3)
    assert tags[305] == "Tinct test"
    assert tags[282] == (600, 1)
    assert tags[700] == XMP
    known = load(saved(load(out.getvalue()), "jpeg")).pages[0].metadata
    assert known.iptc == IPTC
    assert known.dpi == (600, 600)


def test_exif_too_large_for_jpeg_is_cut_with_a_warning() -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, GREY, extratags=[(65000, 7, 90_000, bytes(90_000), True)])
    picture = load(out.getvalue())
    from tests.pictures import coloured
    from tinct.image import save

    target = io.BytesIO()
    warnings = save(picture, coloured(picture), target, format="jpeg", quality=90, software="T")
    assert "65000" in warnings[0]
    assert exif.parse(load(target.getvalue()).pages[0].metadata.exif) is not None


def test_a_file_without_metadata_gets_none() -> None:
    for target in ("jpeg", "png", "webp", "avif"):
        known = load(saved(load(kinds()["pgm"][0]), target)).pages[0].metadata
        assert (known.exif, known.xmp, known.iptc, known.icc, known.dpi) == (None,) * 5, target


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 8))
def test_broken_exif_never_raises(noise: bytes, orientation: int) -> None:
    for block in (noise, b"II*\0\x08\0\0\0" + noise, b"Exif\0\0MM\0*\0\0\0\x08" + noise):
        new = exif.renewed(block, orientation=orientation, srgb=True, software="T")
        assert new is not None
        exif.as_directory(new, "<")


def test_metadata_of_pages_is_each_its_own(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as writer:
        for name in ("one", "two"):
            writer.write(GREY, photometric="minisblack", description=name, metadata=None)
    with tifffile.TiffFile(io.BytesIO(saved(load(path), "tiff"))) as file:
        assert [page.description for page in file.pages] == ["one", "two"]


def test_empty_metadata_is_empty() -> None:
    new = metadata.renewed(Metadata(), orientation=1, icc=None, software="T", xmp=None)
    assert new == Metadata()
