"""Large pictures: what streams is what fits into memory, and limits are said and kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import tinct
from tests.originals import picture
from tinct.errors import TooLarge, UsageError
from tinct.image import decode, encoders, feed, load
from tinct.image.pages import Page
from tinct.verify import verify

GREY = picture(233, 317)
SIZE = 64  # so that the preview is smaller than the picture


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(size=SIZE)


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures take the way of large ones: strips of a few rows, nothing whole."""
    monkeypatch.setattr(decode, "STRIP_PIXELS", 233 * 18)
    monkeypatch.setattr(feed, "_IN_MEMORY", 0)


def written(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, **options)
    return path


LAYOUTS: dict[str, dict[str, Any]] = {
    "small tiles": {"tile": (16, 16)},
    "wide tiles": {"tile": (32, 80), "compression": "zlib", "predictor": True},
    "tiles larger than the picture": {"tile": (512, 512)},
    "tiles of a BigTIFF": {"tile": (64, 64), "bigtiff": True, "compression": "zlib"},
    "one strip": {"rowsperstrip": 317},
    "strips of one row": {"rowsperstrip": 1, "compression": "zlib"},
    "a last strip of one row": {"rowsperstrip": 79, "compression": "zlib"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("streaming")
def test_streamed_in_any_layout_is_as_in_memory(
    layout: str, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    kinds: dict[str, NDArray[Any]] = {
        "8": GREY,
        "16": GREY.astype(np.uint16) * 257,
        "rgb": np.dstack([GREY] * 3),
    }
    for name, pixels in kinds.items():
        source = written(tmp_path / f"{name}.tif", pixels, **LAYOUTS[layout])
        colorizer.file(source, tmp_path / f"{name}.out.tif")
        streamed = tifffile.imread(tmp_path / f"{name}.out.tif")
        whole = colorizer(pixels)
        assert streamed.dtype == whole.dtype == pixels.dtype
        difference = np.abs(streamed.astype(int) - whole.astype(int)).max()
        assert difference <= 1, name
        assert (streamed[..., 0] != streamed[..., 2]).any()  # there is colour to differ in


def test_an_array_is_coloured_as_its_file(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = written(tmp_path / "a.tif", GREY)
    colorizer.file(source, tmp_path / "b.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), colorizer(GREY))


def test_output_over_two_gigabytes_is_bigtiff(
    colorizer: tinct.Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path / "a.tif", GREY, tile=(64, 64))
    for limit, big in ((233 * 317 * 4, False), (233 * 317 * 4 - 5, True)):
        monkeypatch.setattr(encoders, "_MOST_CLASSIC_TIFF", limit)
        colorizer.file(source, tmp_path / "b.tif", overwrite=True)
        with tifffile.TiffFile(tmp_path / "b.tif") as file:
            assert file.is_bigtiff == big
            assert file.pages[0].tile == (64, 64)
        assert verify(source, tmp_path / "b.tif").ok


def test_rows_of_tiles_stay_small_however_wide_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "_LARGEST_ROW_OF_TILES", 233 * 300)
    source = written(tmp_path / "a.tif", GREY, tile=(512, 512))
    tinct.Colorizer(size=SIZE).file(source, tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].tile == (256, 256)


def header_of(width: int, height: int) -> bytes:
    """A tiled TIFF that says how large it is, and holds next to nothing."""
    import io

    out = io.BytesIO()
    tile = np.zeros((16, 16), np.uint8)
    tifffile.imwrite(out, tile, tile=(16, 16), compression="zlib", metadata=None)
    data = bytearray(out.getvalue())
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages[0].tags
        places = [tags[tag].offset + 8 for tag in (256, 257)]
    for place, value in zip(places, (width, height), strict=True):
        kind = int.from_bytes(data[place - 6 : place - 4], "little")
        data[place : place + (2 if kind == 3 else 4)] = value.to_bytes(
            2 if kind == 3 else 4, "little"
        )
    return bytes(data)


def test_a_size_that_is_only_declared_is_refused_before_decoding() -> None:
    bomb = header_of(65_000, 65_000)
    with pytest.raises(TooLarge, match="4,225 megapixels"):
        load(bomb)
    with pytest.raises(TooLarge, match="4,225 megapixels") as refused:
        tinct.Colorizer().data(bomb)
    assert "--max-megapixels" in str(refused.value)
    assert tinct.Colorizer().max_megapixels == 2000


def test_the_limit_can_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colorizer: tinct.Colorizer
) -> None:
    source = written(tmp_path / "a.tif", GREY)
    small = tinct.Colorizer.of(tinct.Colorizer(size=SIZE, max_megapixels=0.05), colorizer.network)
    for attempt in (
        lambda: small.file(source, tmp_path / "b.tif"),
        lambda: small.data(source.read_bytes()),
    ):
        with pytest.raises(TooLarge, match="the limit"):
            attempt()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]
    monkeypatch.delattr(Page, "preview")  # refused by what it says, not by what it holds
    with pytest.raises(TooLarge):
        small.file(source, tmp_path / "b.tif")


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "many"])
def test_a_limit_is_a_number_above_zero(value: Any) -> None:
    with pytest.raises(UsageError, match="not possible"):
        tinct.Colorizer(max_megapixels=value)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tif", ".dzi", ".iiif"])
def test_memory_does_not_grow_with_the_picture(suffix: str, tmp_path: Path) -> None:
    """100 megapixels take hardly more than 25."""
    script = (
        "import sys, pathlib, tinct\n"
        "tinct.Colorizer(pyramid='same').file(sys.argv[1], sys.argv[2])\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) / 1024)\n"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of memory is read from /proc, which only Linux has")
    peaks = []
    for side in (5_000, 10_000):
        pixels = np.tile(picture(1000, 1000), (side // 1000, side // 1000))
        source = written(tmp_path / f"{side}.tif", pixels, tile=(256, 256), compression="zlib")
        del pixels
        command = [sys.executable, "-c", script, str(source), str(tmp_path / f"{side}-out{suffix}")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout))
    assert peaks[1] < 1024
    assert peaks[1] < 1.5 * peaks[0]
