"""Files that are damaged, no pictures, or of a kind that is not handled: one clear error each."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.pictures import GREY, RGB, encoded, kinds, pixels, tiff
from tinct.errors import TinctError, TooLarge, Unreadable, Unsupported
from tinct.image import chunks, load


def read_all(data: bytes | Path) -> None:
    picture = load(data)
    for page in picture.pages:
        page.preview(16)
        pixels(page)


@pytest.mark.parametrize("name", kinds())
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_file_cut_short_is_an_error_not_half_a_picture(name: str, part: float) -> None:
    data = kinds()[name][0]
    try:
        read_all(cut := data[: int(len(data) * part)])
    except Unreadable:
        return
    # the end of a PNG or GIF holds no pixels
    assert np.array_equal(pixels(load(cut).pages[0]), pixels(load(data).pages[0]))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "empty"),
        (b"Dear diary, this is text." * 20, "not a picture"),
        (b"8BPS" + bytes(300), "Photoshop"),
        (b"%PDF-1.7" + bytes(300), "PDF"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"II*\0\x08\0\0\0", "damaged"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, error: str) -> None:
    with pytest.raises(TinctError, match=error) as caught:
        load(data, name="portrait.jpg")
    assert caught.value.where == "portrait.jpg"
    assert caught.value.remedy
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 20}])
def test_a_damaged_part_of_a_tiff_is_not_passed_over(layout: dict[str, Any]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    data = bytearray(tiff(noise, compression="adobe_deflate", **layout))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages[0].dataoffsets[5]
    data[at + 10 : at + 60] = b"\xff" * 50
    with pytest.raises(Unreadable, match="damaged"):
        pixels(load(bytes(data)).pages[0])
    with pytest.raises(Unreadable, match="damaged"):
        load(bytes(data)).pages[0].preview(50)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        load(tmp_path / "missing.png")
    with pytest.raises(Unreadable, match="folder"):
        load(tmp_path)


def test_bombs_are_refused_before_they_are_decoded() -> None:
    header = b"".join(
        (
            chunks.PNG,
            chunks.png_chunk(b"IHDR", (50_000).to_bytes(4, "big") * 2 + b"\1\0\0\0\0"),
            chunks.png_chunk(b"IDAT", b"x\x9c" + bytes(20_000)),
        )
    )
    with pytest.raises(TooLarge, match="2,500 megapixels"):
        load(header)
    with pytest.raises(TooLarge):
        load(encoded(GREY, "PNG"), max_megapixels=0.001)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_tiff_with_nan_is_refused(bad: float) -> None:
    values = np.full((30, 40), 0.5, np.float32)
    values[20, 20] = bad
    with pytest.raises(Unreadable, match="no numbers"):
        read_all(tiff(values))


def test_floating_point_beyond_one_is_refused() -> None:
    with pytest.raises(Unsupported, match="floating-point values"):
        read_all(tiff(GREY.astype(np.float32)))


@pytest.mark.parametrize("kind", [np.uint32, np.int16, np.int8, np.complex64])
def test_kinds_of_pixels_that_are_not_handled(kind: type) -> None:
    with pytest.raises(Unsupported):
        read_all(tiff(GREY.astype(kind)))


def test_sixteen_bit_colour_jpeg_2000_is_refused_rather_than_cut_to_eight() -> None:
    data = bytearray(encoded(RGB, "JPEG2000"))
    at = data.find(b"\xff\x4f\xff\x51") + 42
    data[at], data[at + 3], data[at + 6] = 15, 15, 15
    with pytest.raises(Unsupported, match="16 bits"):
        load(bytes(data))
