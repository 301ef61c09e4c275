"""Pages, CMYK, profiles and changes of format: whole files through the whole flow."""

from __future__ import annotations

import io
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms

import tinct
from tests.judges import BOUND, PROFILES, assert_label, assert_metadata, light, seen
from tests.originals import GREY, IPTC, KINDS, WIDE, XMP, Array, write_page
from tests.pictures import RGB
from tinct.errors import AlreadyTinct, UsageError
from tinct.naming import default_target
from tinct.options import Format
from tinct.verify import verify


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(threads=1, size=128)


def test_each_page_keeps_its_size_depth_and_metadata(
    tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    pages: list[tuple[Array, int, bytes]] = [
        (GREY, 1, b"One"),
        (WIDE[:40, :50], 6, b"Two"),
        (np.dstack([GREY[:, :30]] * 3), 3, b""),
    ]
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    with tifffile.TiffWriter(source) as file:
        for values, orientation, name in pages:
            write_page(file, values, None, orientation, xmp=XMP.replace(b"Shelf 7", name))
    result = colorizer.file(source, target)
    assert result.pages == 3
    with tifffile.TiffFile(target) as after:
        assert len(after.pages) == 3
        for page, (values, orientation, name) in zip(after.pages, pages, strict=True):
            assert isinstance(page, tifffile.TiffPage)
            pixels = page.asarray()
            assert pixels.shape == (*values.shape[:2], 3)
            assert pixels.dtype == values.dtype
            assert np.ptp(pixels / np.iinfo(pixels.dtype).max, axis=2).max() > 0.05
            delta = np.abs(light(pixels, None) - light(values, None)).max()
            assert delta <= BOUND[8 * pixels.itemsize]
            tags = page.tags
            assert tags[274].value == orientation
            assert tags[271].value == "Kodak"
            assert (tags[282].value, tags[283].value) == ((300, 1), (200, 1))
            assert bytes(tags[33723].value) == IPTC
            packet = bytes(tags[700].value)
            assert b'dc:source="' + name + b'"' in packet
            assert b"compositeWithTrainedAlgorithmicMedia" in packet
    with pytest.raises(AlreadyTinct):
        colorizer.file(target, tmp_path / "c.tif")


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_becomes_rgb_of_the_same_light(
    suffix: str, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    """The light is that of lcms, through the profile that stands for untagged CMYK."""
    source, target = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    inks = Image.merge("CMYK", [Image.new("L", (83, 61))] * 3 + [Image.fromarray(255 - GREY)])
    inks.save(source)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(pyvips.Image.profile_load("cmyk")))
    with Image.open(source) as opened:
        converted = ImageCms.profileToProfile(
            opened,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    assert colorizer.file(source, target).status == "done"
    with Image.open(target) as coloured:
        assert coloured.mode == "RGB"
        pixels = np.asarray(coloured)
    delta = np.abs(light(pixels, None) - light(np.asarray(converted), None))
    # what is left is the rounding of two conversions, and the encoding of the JPEG
    assert delta.max() < (1.0 if suffix == ".tif" else 12)
    assert delta.mean() < (0.3 if suffix == ".tif" else 1.2)
    assert verify(source, target).ok is (suffix == ".tif")


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        (name, profile)
        for name, kind in KINDS.items()
        for profile in kind.profiles
        if kind.suffix in (".png", ".tif")
    ],
)
def test_lcms_sees_the_same_light_through_the_profiles_in_the_files(
    name: str, profile: str, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    """A second opinion; it adapts white to D50 and interpolates shadows, which costs a little."""
    kind = KINDS[name]
    source, target = tmp_path / f"a{kind.suffix}", tmp_path / f"b{kind.suffix}"
    source.write_bytes(kind.write(kind.values, PROFILES[profile], 1))
    colorizer.file(source, target)
    before, after = (
        pyvips.Image.new_from_file(str(path))
        .icc_import(embedded=True, intent="relative", black_point_compensation=False)
        .numpy()[..., 0]
        for path in (source, target)
    )
    delta = np.abs(after - before)
    assert delta.max() < 0.5
    assert delta.mean() < 0.2


@pytest.mark.parametrize("written", ["jpeg", "png", "tiff", "webp", "avif"])
def test_any_format_becomes_any_other_and_the_record_lies_beside_it(
    written: Format, tmp_path: Path
) -> None:
    colorizer = tinct.Colorizer(threads=1, size=128, format=written, depth="8", sidecar=True)
    for name in ("png grey 16", "tiff strips", "jpeg grey", "heic"):
        kind = KINDS[name]
        source = tmp_path / f"{name}{kind.suffix}"
        source.write_bytes(kind.write(kind.values, None, 1))
        target = default_target(source, format=written)
        result = colorizer.file(source, target)
        record = json.loads(target.with_name(f"{target.name}.json").read_text())
        assert record["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
        assert record["input"] == {"name": source.name, "sha256": result.sha256_in}
        assert record["measured"]["max_delta_L"] == result.max_delta_lightness
        assert seen(target)[0].dtype == np.uint8
        kept = kind.keeps - {"iptc"}
        if written in ("webp", "avif") and "dpi" in kept:  # of which Pillow reads no resolution
            with Image.open(target) as opened:
                assert opened.getexif()[0x011A] == pytest.approx(300, abs=0.01)
            kept -= {"dpi"}
        assert_metadata(replace(kind, keeps=kept), target, dated=kind.suffix != ".tif")
        assert_label(target, source.name)


def test_what_a_format_cannot_hold_is_said_with_the_way_out(
    tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    for name, remedy in (("png grey 16", "--depth 8"), ("png grey alpha", "PNG, TIFF, WebP")):
        kind = KINDS[name]
        source = tmp_path / f"{name}{kind.suffix}"
        source.write_bytes(kind.write(kind.values, None, 1))
        with pytest.raises(UsageError) as caught:
            colorizer.file(source, tmp_path / "out.jpg")
        assert remedy in str(caught.value)
        assert not list(tmp_path.glob("out*"))
        assert not list(tmp_path.glob(".tinct*"))


@pytest.mark.parametrize(("profile", "bands"), [("gamma 2.2", 1), ("Adobe RGB", 3), (None, 1)])
def test_an_image_of_pillow_is_seen_through_its_profile(profile: str | None, bands: int) -> None:
    values = GREY if bands == 1 else np.dstack([GREY] * 3)
    image = Image.fromarray(values)
    image.info |= {"dpi": (300, 300)}
    if profile:
        image.info["icc_profile"] = PROFILES[profile]
    coloured = tinct.colorize(image, size=128)
    assert coloured.info["dpi"] == (300, 300)
    assert (coloured.mode, coloured.info.get("icc_profile") is None) == ("RGB", profile is None)
    if profile:
        icc = ImageCms.ImageCmsProfile(io.BytesIO(coloured.info["icc_profile"])).profile
        assert icc.xcolor_space == "RGB "
    pixels = np.asarray(coloured)
    assert np.ptp(pixels.astype(int), axis=2).max() > 20
    assert np.abs(light(pixels, profile) - light(values, profile)).max() <= BOUND[8]


@pytest.mark.parametrize("verdict", ["done", "skipped"])
def test_pipes_are_read_once(verdict: str, tmp_path: Path, colorizer: tinct.Colorizer) -> None:
    """What `tinct colorize <(curl ...)` gives is no file that can be opened again."""
    data = KINDS["png grey"].write(GREY if verdict == "done" else RGB, None, 1)
    pipe, target = tmp_path / "pipe.png", tmp_path / "b.png"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    assert colorizer.file(pipe, target).status == verdict
    writer.join()
    assert target.exists() == (verdict == "done")


def test_a_float_picture_that_reaches_black_and_white_is_coloured(tmp_path: Path) -> None:
    """Its small copy swings past 0 and 1 at edges; its own values do not."""
    pixels = np.zeros((400, 500), np.float32)
    pixels[::40] = 1
    pixels[:, 100:300] = np.linspace(0, 1, 200, dtype=np.float32)
    source = tmp_path / "float.tif"
    tifffile.imwrite(source, pixels)
    result = tinct.Colorizer(threads=1, size=64).file(source, tmp_path / "coloured.tif")
    assert result.max_delta_lightness is not None
    assert result.max_delta_lightness <= 0.002
