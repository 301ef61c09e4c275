"""Pictures survive the way in and out: every kind read, every format written."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.pictures import GREY, RGB, WIDE, alpha, as_rgb, encoded, kinds, pixels, saved, tiff
from tests.programs import PEAK
from tinct.errors import Unreadable, UsageError
from tinct.image import SAVERS, ColouredPage, load, reading, save, upright, vips


@pytest.mark.parametrize("name", kinds())
def test_every_kind_is_read_as_what_it_is(name: str) -> None:
    data, kind, depth, bands, transparent = kinds()[name]
    picture = load(data)
    page = picture.pages[0]
    values = pixels(page)
    assert (picture.format, page.depth, page.bands, page.alpha) == (kind, depth, bands, transparent)
    assert (page.height, page.width) == (42, 61) == values.shape[:2]
    assert values.dtype == (np.uint16 if depth == 16 else np.uint8)
    assert values.ndim == (3 if bands == 3 else 2)
    assert min(page.preview(20).shape[:2]) == 20
    assert page.preview(1000).shape[:2] == (42, 61)
    assert picture.warnings == ()


@pytest.mark.parametrize(
    "name", ["png grey", "tiff grey", "tiff tiles", "tiff lzw", "tiff big", "pgm", "tiff deflate"]
)
def test_grey_values_are_exact(name: str) -> None:
    assert np.array_equal(pixels(load(kinds()[name][0]).pages[0]), GREY)


@pytest.mark.parametrize("name", ["png 16", "tiff 16", "tiff big-endian", "pgm 16", "jp2 16"])
def test_sixteen_bits_stay_sixteen(name: str) -> None:
    values = pixels(load(kinds()[name][0]).pages[0])
    assert values.dtype == np.uint16
    if name != "jp2 16":
        assert np.array_equal(values, WIDE)
    else:
        assert np.abs(values.astype(int) - WIDE).max() <= 64  # a lossy wavelet


def test_white_is_zero_is_turned_round() -> None:
    assert np.array_equal(pixels(load(kinds()["tiff white is zero"][0]).pages[0]), GREY)


def test_floating_point_becomes_sixteen_bits() -> None:
    values = pixels(load(kinds()["tiff float"][0]).pages[0])
    assert np.array_equal(values, GREY.astype(np.uint16) * 257)


@pytest.mark.parametrize("top", [1, 100, 255, 1000, 65535])
def test_pnm_of_any_maximum_fills_the_range(top: int) -> None:
    wide = ">u2" if top > 255 else "u1"
    values = np.array([[0, top // 2, top]], wide)
    data = b"P5 # a comment\n3 1\n%d\n" % top + values.tobytes()
    full = 65535 if top > 255 else 255
    assert pixels(load(data).pages[0]).tolist() == [
        [0, (2 * (top // 2) * full + top) // (2 * top), full]
    ]


def test_white_of_ten_bit_avif_is_white() -> None:
    import pyvips

    white = pyvips.Image.new_from_array(np.full((16, 16, 3), 65535, np.uint16))
    data = white.copy(interpretation="rgb16").heifsave_buffer(
        compression="av1", lossless=True, bitdepth=10
    )
    page = load(data).pages[0]
    assert page.depth == 16
    assert pixels(page).min() == 65535


@pytest.mark.parametrize("target", SAVERS)
@pytest.mark.parametrize("name", kinds())
def test_format_matrix(name: str, target: str) -> None:
    """Every input kind in every output format: pixels, depth and alpha, or a clear refusal."""
    data, kind, depth, _, transparent = kinds()[name]
    picture, saver = load(data), SAVERS[target]
    if transparent and not saver.alpha:
        with pytest.raises(UsageError, match="transparency"):
            saved(picture, target, depth=8)
        return
    depth = depth if depth in saver.depths else 8
    result = load(saved(picture, target, depth=depth, xmp=b"<x:xmpmeta/>"))
    page = result.pages[0]
    assert result.format == target
    assert (page.depth, page.bands, page.alpha) == (depth, 3, transparent)
    assert page.metadata.xmp == b"<x:xmpmeta/>"
    wanted, got = as_rgb(pixels(picture.pages[0]), depth), pixels(page)
    lossless = saver.lossless == "always" or (target == kind == "webp" and picture.lossless)
    if lossless:
        assert np.array_equal(got, wanted)
    else:
        assert np.abs(got.astype(int) - wanted).mean() < (16 if depth == 8 else 6 * 257)
    if transparent and (lossless or target == "avif"):
        assert np.abs(
            alpha(page).astype(int) // (257 if depth == 16 else 1)
            - alpha(picture.pages[0]) // (257 if picture.pages[0].depth == 16 else 1)
        ).max() <= (0 if lossless else 12)


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    wide=st.booleans(),
    transparent=st.booleans(),
    target=st.sampled_from(["png", "tiff"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_lossless_round_trip(
    width: int, height: int, wide: bool, transparent: bool, target: str, seed: int
) -> None:
    kind = np.uint16 if wide else np.uint8
    bands = 4 if transparent else 3
    values = np.random.default_rng(seed).integers(
        0, np.iinfo(kind).max + 1, (height, width, bands), dtype=kind
    )
    extra = {"extrasamples": ["unassalpha"]} if transparent else {}
    picture = load(tiff(values, photometric="rgb", **extra))
    result = load(saved(picture, target)).pages[0]
    assert np.array_equal(pixels(result), values[..., :3])
    if transparent:
        assert np.array_equal(alpha(result), values[..., 3])


@pytest.mark.parametrize("target", ["png", "tiff", "jpeg"])
def test_pictures_larger_than_one_strip_stream(target: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, (2500, 2500), dtype=np.uint8)
    result = load(saved(load(tiff(values)), target)).pages[0]
    assert (result.width, result.height) == (2500, 2500)
    if target != "jpeg":
        assert np.array_equal(pixels(result)[..., 1], values)


def test_pages_of_different_size_and_depth_survive() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(GREY, photometric="minisblack", resolution=(300, 300))
        writer.write(WIDE[:20, :30], photometric="minisblack", tile=(16, 16))
        writer.write(RGB[:7], photometric="rgb", description="third", metadata=None)
    picture = load(out.getvalue())
    result = saved(picture, "tiff")
    assert [(p.width, p.height, p.depth) for p in load(result).pages] == [
        (61, 42, 8),
        (30, 20, 16),
        (61, 7, 8),
    ]
    with tifffile.TiffFile(io.BytesIO(result)) as file:
        assert file.pages[1].is_tiled
        assert file.pages[2].description == "third"
        assert np.array_equal(file.pages[1].asarray(), as_rgb(WIDE[:20, :30], 16))


def test_pages_can_be_chosen() -> None:
    pages = np.stack([GREY, GREY // 2, GREY // 4])
    picture = load(tiff(pages, photometric="minisblack"), pages=[3, 1])
    assert [int(pixels(page).max()) for page in picture.pages] == [int(GREY.max()) // 4, GREY.max()]
    with pytest.raises(UsageError, match="no page 2"):
        load(encoded(GREY, "PNG"), pages=[2])


def test_thumbnail_pages_are_left_out_with_a_warning() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(GREY, photometric="minisblack")
        writer.write(GREY[::4, ::4], photometric="minisblack", subfiletype=1)
    picture = load(out.getvalue())
    assert len(picture.pages) == 1
    assert "thumbnail" in picture.warnings[0]


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
def test_tiff_keeps_its_compression(compression: str) -> None:
    source = encoded(GREY, "TIFF", compression=compression)
    result = Image.open(io.BytesIO(saved(load(source), "tiff")))
    assert result.info["compression"] == compression


def test_tiff_of_jpeg_or_one_bit_becomes_deflate() -> None:
    for source in (encoded(GREY, "TIFF", compression="jpeg"), kinds()["tiff group4"][0]):
        result = Image.open(io.BytesIO(saved(load(source), "tiff")))
        assert result.info["compression"] == "tiff_adobe_deflate"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_preview_stands_upright_and_rows_do_not(orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    page = load(encoded(GREY, "PNG", exif=exif.tobytes())).pages[0]
    assert page.orientation == orientation
    assert np.array_equal(pixels(page), GREY)
    assert np.array_equal(page.preview(1000), upright(GREY, orientation))


@pytest.mark.parametrize("target", SAVERS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_survives(orientation: int, target: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    picture = load(encoded(RGB, "PNG", exif=exif.tobytes()))
    page = load(saved(picture, target)).pages[0]
    shown = picture.pages[0].preview(1000).astype(int)
    assert np.abs(page.preview(1000).astype(int) - shown).mean() < 6
    assert page.orientation == (1 if target == "avif" else orientation)


def test_first_picture_of_an_animation_with_a_warning() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    picture = load(out.getvalue())
    assert len(picture.pages) == 1
    assert "animation" in picture.warnings[0]


# ---- bad input ----------------------------------------------------------------------------


def test_a_damaged_profile_is_ignored_with_a_warning() -> None:
    picture = load(encoded(GREY, "PNG", icc_profile=b"not a profile" * 20))
    assert picture.pages[0].metadata.icc is None
    assert "profile is ignored" in picture.warnings[0]


def test_a_profile_of_tables_is_applied_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import tinct.color.icc

    def always(icc: bytes, *, bands: int) -> bool:
        return True

    monkeypatch.setattr(tinct.color.icc, "needs_conversion", always)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for array in (RGB, GREY):
        for kind in ("PNG", "TIFF"):
            picture = load(encoded(array, kind, icc_profile=profile))
            page = picture.pages[0]
            assert page.metadata.icc is None
            assert np.abs(pixels(page).astype(int) - as_rgb(array, 8)).max() <= 1


def test_formats_refuse_what_they_cannot_hold() -> None:
    wide = load(encoded(WIDE, "PNG"))
    with pytest.raises(UsageError, match="16 bits"):
        saved(wide, "jpeg", depth=16)
    with pytest.raises(UsageError, match="one page"):
        saved(load(tiff(np.stack([GREY, GREY]), photometric="minisblack")), "png")
    with pytest.raises(UsageError, match="cannot write"):
        saved(wide, "bmp")


def test_an_error_in_the_pixels_comes_out_unchanged() -> None:
    picture = load(tiff(np.zeros((3000, 3000), np.uint8)))

    def strips(first: int):  # type: ignore[no-untyped-def]
        yield np.zeros((first, 3000, 3), np.uint8)
        raise Unreadable("the middle is missing")

    for first in (1, 2999):
        page = ColouredPage(picture.pages[0], 8, None, strips(first))
        with pytest.raises(Unreadable, match="the middle is missing"):
            save(picture, [page], io.BytesIO(), format="png", quality=90, software="")


def test_stderr_stays_clean(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from tinct.errors import TinctError\n"
        "from tinct.image import load\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.bin')):\n"
        "    try:\n"
        "        picture = load(path)\n"
        "        picture.pages[0].preview(8)\n"
        "        [strip for strip in picture.pages[0].rows()]\n"
        "    except TinctError:\n"
        "        continue\n"
    )
    for number, (data, *_) in enumerate(kinds().values()):
        (tmp_path / f"{number}.bin").write_bytes(data[: len(data) // 2])
        (tmp_path / f"{number}a.bin").write_bytes(data[:150] + b"\xff" * 40 + data[190:])
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_memory_does_not_grow_with_the_picture(tmp_path: Path) -> None:
    """60 megapixels of 16 bits, 360 MB as colour, in what 20 megapixels take."""
    script = (
        "import sys\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from tinct.image import *\n"
        "picture = load(Path(sys.argv[1])); page = picture.pages[0]; page.preview(256)\n"
        "strips = (np.repeat(s.pixels[..., None], 3, 2) for s in page.rows())\n"
        "with write_atomic(Path(sys.argv[2]), overwrite=True) as place:\n"
        "    save(picture, [ColouredPage(page, 16, None, strips)], place, format='tiff',\n"
        "         quality=90, software='')\n"
        f"print({PEAK} // 1024)\n"
    )
    ramp = np.arange(8000, dtype=np.uint16)
    peaks = []
    for rows in (2500, 7500):
        source, out = tmp_path / f"{rows}.tif", tmp_path / f"{rows}-out.tif"
        picture = np.broadcast_to(ramp, (rows, 8000))
        tifffile.imwrite(source, picture, compression="adobe_deflate", rowsperstrip=64)
        done = subprocess.run(
            [sys.executable, "-c", script, str(source), str(out)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
        assert load(out).pages[0].depth == 16
    assert peaks[1] < peaks[0] + 80, "MB"


def test_what_is_decoded_as_a_whole_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.tile(np.arange(200, dtype=np.uint8), (150, 1))
    Image.fromarray(grey).convert("RGB").save(tmp_path / "a.webp", lossless=True)
    decoded = []

    def counted(source: Path | bytes, **options: Any) -> Any:
        decoded.append(source)
        return vips.open_image(source, **options)

    monkeypatch.setattr("tinct.image.decode.open_image", counted)
    page = load(tmp_path / "a.webp").pages[0]
    first = np.concatenate([strip.pixels for strip in page.rows()])
    page.preview(64)
    again = np.concatenate([strip.pixels for strip in page.rows()])
    assert len(decoded) == 1
    np.testing.assert_array_equal(first[..., 0], grey)
    np.testing.assert_array_equal(first, again)
    monkeypatch.setattr(reading, "KEPT", 200 * 150 * 3 - 1)
    list(load(tmp_path / "a.webp").pages[0].rows())
    large = load(tmp_path / "a.webp").pages[0]
    list(large.rows())
    large.preview(64)
    assert len(decoded) == 4
