"""The short way: luma bit for bit, one result for every decoder, bad files turned down."""

from __future__ import annotations

import io
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import pytest
import pyvips
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.programs import need
from tinct import jpeg
from tinct.errors import InputError, TinctError, Unreadable, Unsupported, UsageError
from tinct.jpeg import segments as seg

Plane = NDArray[np.uint8]

SIZES = [(1, 1), (1, 37), (37, 1), (16, 16), (17, 33), (64, 48), (250, 7)]
CODINGS: dict[str, dict[str, Any]] = {
    "quality 5": {"quality": 5},
    "quality 30": {"quality": 30},
    "quality 100": {"quality": 100},
    "optimised": {"quality": 80, "optimize": True},
    "progressive": {"quality": 80, "progressive": True},
    "restarts": {"quality": 80, "restart_marker_blocks": 3},
    "progressive restarts": {"quality": 80, "progressive": True, "restart_marker_rows": 1},
}
#: Pillow's subsampling of a colour JPEG, or None for a grey one
SAMPLINGS = {"grey": None, "4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def picture(height: int, width: int, seed: int = 0) -> Plane:
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).normal(0, 8, (height, width))
    values = 128 + 80 * np.sin(x / 7 + seed) * np.cos(y / 5) + noise
    plane: Plane = np.clip(values, 0, 255).astype(np.uint8)
    return plane


def encoded(pixels: Plane, **options: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", **options)
    return target.getvalue()


def toned(grey: Plane) -> Plane:
    return np.stack([grey, (grey * 0.9).astype(np.uint8), (grey * 0.7).astype(np.uint8)], -1)


def planes(height: int, width: int) -> tuple[Plane, Plane]:
    """Half-size Cb and Cr without noise, so that a decoder's mean can be compared."""
    shape = -(-height // 2), -(-width // 2)
    y, x = np.mgrid[: shape[0], : shape[1]]
    cb = 100 + 20 * np.sin(x / 20)
    cr = 150 + 20 * np.cos(y / 20)
    return cb.astype(np.uint8), cr.astype(np.uint8)


def sample(height: int = 33, width: int = 50, **options: Any) -> bytes:
    return encoded(picture(height, width), **({"quality": 85} | options))


def coloured(data: bytes, **options: Any) -> bytes:
    file = jpeg.parse(data)
    return jpeg.colour(data, *planes(file.height, file.width), **options)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_luma_coefficients_stay_bit_for_bit(
    size: tuple[int, int], coding: str, sampling: str
) -> None:
    grey = picture(*size)
    options = dict(CODINGS[coding])
    if sampling != "grey":
        options["subsampling"] = SAMPLINGS[sampling]
    data = encoded(grey if sampling == "grey" else toned(grey), **options)
    cb, cr = planes(*size)
    assert jpeg.shortcut(data)
    result = jpeg.colour(data, cb, cr)

    before, after = jpeg.coefficients(data), jpeg.coefficients(result)
    assert before[0].shape == (-(-size[0] // 8), -(-size[1] // 8), 8, 8)
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert jpeg.same_luma(data, result)
    assert np.array_equal(jpeg.luma(data), jpeg.luma(result))


@pytest.mark.parametrize("coding", CODINGS)
def test_every_decoder_here_reads_the_result_alike(coding: str) -> None:
    height, width = 67, 131
    data = encoded(picture(height, width), **CODINGS[coding])
    cb, cr = planes(height, width)
    result = jpeg.colour(data, cb, cr)
    image = Image.open(io.BytesIO(result))
    assert image.mode == "RGB"
    pixels = np.asarray(image)
    assert pixels.shape == (height, width, 3)
    assert np.array_equal(simplejpeg.decode_jpeg(result), pixels)
    loaded = pyvips.Image.new_from_buffer(result, "", fail_on="warning")
    assert np.array_equal(loaded.numpy(), pixels)
    ycc = Image.open(io.BytesIO(result))
    ycc.draft("YCbCr", ycc.size)
    small = np.asarray(ycc).astype(float)[::2, ::2]
    assert abs(small[..., 1] - cb).mean() < 2
    assert abs(small[..., 2] - cr).mean() < 2


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_jpegtran_gives_back_the_grey_original(coding: str, sampling: str) -> None:
    grey = picture(45, 70)
    options = dict(CODINGS[coding])
    if sampling != "grey":
        options["subsampling"] = SAMPLINGS[sampling]
    data = encoded(grey if sampling == "grey" else toned(grey), **options)

    def greyed(source: bytes) -> bytes:
        command = [
            need("jpegtran", "libjpeg-turbo-progs"),
            "-grayscale",
            "-optimize",
            "-copy",
            "none",
        ]
        done = subprocess.run(command, input=source, capture_output=True, check=True)
        assert done.stderr == b""
        return done.stdout[done.stdout.index(b"\xff\xdb") :]  # the JFIF header apart

    assert greyed(coloured(data)) == greyed(data)


@pytest.mark.parametrize("coding", ["quality 30", "optimised", "progressive"])
def test_the_scans_of_a_grey_file_are_copied_byte_for_byte(coding: str) -> None:
    data = encoded(picture(40, 56), **CODINGS[coding])
    result = jpeg.parse(coloured(data))
    scans = [s.entropy for s in jpeg.parse(data).segments if s.marker == seg.SOS]
    assert [s.entropy for s in result.segments if s.marker == seg.SOS][: len(scans)] == scans


def test_no_restart_markers_are_left() -> None:
    # Go's and other decoders look for them in the wrong places of such scans.
    result = jpeg.parse(coloured(sample(restart_marker_blocks=2)))
    assert result.restart_interval == 0


@given(height=st.integers(1, 40), width=st.integers(1, 40), quality=st.integers(1, 100))
@settings(max_examples=40, deadline=None)
def test_any_size_and_quality(height: int, width: int, quality: int) -> None:
    data = encoded(picture(height, width, quality), quality=quality, progressive=quality % 2 == 0)
    result = coloured(data, quality=quality)
    assert jpeg.same_luma(data, result)
    assert simplejpeg.decode_jpeg(result).shape == (height, width, 3)


@pytest.mark.parametrize("factors", [0x22, 0x21, 0x12, 0x41])
def test_sampling_factors_of_a_grey_file_do_not_matter(factors: int) -> None:
    data = bytearray(sample(41, 83))
    data[data.index(b"\xff\xc0") + 11] = factors
    result = coloured(bytes(data))
    assert np.array_equal(jpeg.luma(result), jpeg.luma(sample(41, 83)))
    assert jpeg.same_luma(sample(41, 83), result)


def test_any_component_and_table_numbers() -> None:
    file = jpeg.parse(sample(optimize=True))
    pieces = []
    for piece in file.segments:
        body = bytearray(piece.payload)
        if piece.marker == seg.DQT:
            body[0] = 3
        elif piece.marker == seg.SOS:
            body[1:3] = 77, 0x11
        elif piece.marker == seg.DHT:
            body[0] |= 1
        elif piece.marker == file.sof:
            body[6], body[8] = 77, 3
        pieces.append(seg.Segment(piece.marker, bytes(body), piece.entropy))
    odd = b"\xff\xd8" + b"".join(map(bytes, pieces)) + b"\xff\xd9"
    result = coloured(odd)
    assert np.array_equal(jpeg.luma(result), jpeg.luma(sample(optimize=True)))
    assert simplejpeg.decode_jpeg_header(result)[2:] == ("YCbCr", "420")


def test_neutral_planes_give_back_the_grey_picture() -> None:
    data = sample(32, 48)
    neutral = np.full((16, 24), 128, np.uint8)
    pixels = simplejpeg.decode_jpeg(jpeg.colour(data, neutral, neutral))
    assert np.array_equal(pixels, np.repeat(simplejpeg.decode_jpeg(data, "GRAY"), 3, 2))


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (33, 50), (64, 64)], ids=str)
def test_luma_is_decoded_at_a_fraction(scale: Any, size: tuple[int, int]) -> None:
    plane = jpeg.luma(sample(*size), scale=scale)
    assert plane.shape == (-(-size[0] // scale), -(-size[1] // scale))
    assert plane.dtype == np.uint8
    assert abs(plane.mean() - picture(*size).mean()) < 6


def test_another_luma_is_told_apart() -> None:
    data = sample()
    assert jpeg.same_luma(data, sample(optimize=True))
    assert not jpeg.same_luma(data, sample(quality=84))
    assert not jpeg.same_luma(data, sample(33, 51))
    assert not jpeg.same_luma(data, encoded(picture(33, 50, seed=1), quality=85))


@pytest.mark.parametrize("quality", [5, 30, 75, 92, 100])
def test_quality_is_estimated(quality: int) -> None:
    assert jpeg.parse(sample(quality=quality)).quality == quality


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_out_of_range(quality: int) -> None:
    with pytest.raises(UsageError):
        coloured(sample(), quality=quality)


def test_planes_of_another_size() -> None:
    with pytest.raises(ValueError, match="chroma planes"):
        jpeg.colour(sample(33, 50), *planes(32, 50))


# ---- what is turned down ------------------------------------------------------------------


def patched(data: bytes, offset: int, value: int) -> bytes:
    """The file with a byte of its frame segment changed, counted from the marker."""
    result = bytearray(data)
    result[data.index(b"\xff\xc0") + offset] = value
    return bytes(result)


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (b"", Unreadable, "not a JPEG"),
        (b"hello, world", Unreadable, "not a JPEG"),
        (sample()[:-2], Unreadable, "cut short"),
        (sample()[:300], Unreadable, "cut short"),
        (sample()[:2] + b"\0" + sample()[2:], Unreadable, "no marker"),
        (b"\xff\xd8\xff\xd9", Unreadable, "one frame"),
        (patched(sample(), 1, 0xC3), Unsupported, "lossless"),
        (patched(sample(), 1, 0xC5), Unsupported, "hierarchical"),
        (patched(sample(), 1, 0xC9), Unsupported, "arithmetic"),
        (patched(sample(), 4, 12), Unsupported, "12 bits"),
        (patched(patched(sample(200, 50), 5, 0), 6, 0), Unsupported, "DNL"),
        (patched(patched(sample(), 7, 0), 8, 0), Unreadable, "frame header"),
        (patched(sample(), 11, 0x05), Unreadable, "frame header"),
        (patched(sample(), 12, 9), Unreadable, "frame header"),
    ],
)
def test_parse_turns_down(data: bytes, error: type[TinctError], match: str) -> None:
    assert not jpeg.shortcut(data)
    for reading in (jpeg.parse, jpeg.luma, jpeg.coefficients):
        with pytest.raises(error, match=match):
            reading(data)


def test_cmyk_and_rgb_are_turned_down() -> None:
    target = io.BytesIO()
    Image.new("CMYK", (16, 16)).save(target, "JPEG")
    with pytest.raises(Unsupported, match="CMYK"):
        jpeg.parse(target.getvalue())
    rgb = encoded(toned(picture(16, 16)), keep_rgb=True)
    assert jpeg.parse(rgb).color == "rgb"
    assert not jpeg.shortcut(rgb)
    with pytest.raises(Unsupported, match="RGB"):
        jpeg.luma(rgb)


def test_luma_at_less_than_full_size_is_turned_down() -> None:
    data = encoded(toned(picture(16, 16)), subsampling=2)
    assert not jpeg.shortcut(patched(data, 14, 0x44))


def test_damage_within_the_scan_is_found() -> None:
    data = sample(200, 200)
    middle = len(data) // 2
    with pytest.raises(Unreadable):
        jpeg.luma(data[:middle] + b"\xff\xd9")
    with pytest.raises(Unreadable):
        jpeg.coefficients(data[:middle] + b"\xff\xd9")


SOURCES = [
    sample(24, 24),
    sample(24, 24, progressive=True),
    encoded(toned(picture(24, 24)), comment=b"c", exif=b"Exif\0\0MM\0\x2a\0\0\0\x08" + bytes(6)),
]


@given(
    source=st.sampled_from(SOURCES),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    length=st.floats(0.2, 1),
)
@settings(max_examples=200, deadline=None)
def test_mutated_files_raise_nothing_of_our_own(
    source: bytes, changes: list[tuple[float, int]], length: float
) -> None:
    data = bytearray(source[: round(length * len(source))] if length < 0.9 else source)
    for place, value in changes:
        data[round(place * (len(data) - 1))] = value
    mutated = bytes(data)
    jpeg.shortcut(mutated)
    try:
        file = jpeg.parse(mutated)
        if file.width * file.height < 10**6:
            coloured(mutated)
            jpeg.luma(mutated, scale=2)
    except InputError:
        pass


@given(
    width=st.integers(1, 120),
    height=st.integers(1, 120),
    subsampling=st.sampled_from([0, 1, 2]),
    progressive=st.booleans(),
)
def test_blocks_are_counted_as_libjpeg_counts_them(
    width: int, height: int, subsampling: int, progressive: bool
) -> None:
    """Buffers are made by that count, and written to by libjpeg."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jpg"
        Image.new("RGB", (width, height)).save(
            path, subsampling=subsampling, progressive=progressive
        )
        expected = jpeglib.read_dct(str(path)).block_dims
        np.testing.assert_array_equal(jpeg._blocks(jpeg.parse(path.read_bytes())), expected)
