"""The promises of the README, each a test of that name."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

import tinct
from tinct import jpeg
from tinct.errors import AlreadyTinct
from tinct.image import load
from tinct.verify import verify

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(threads=1)


def textbook_lightness(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """L* by scikit-image, in float64: an implementation that is not ours."""
    scale = np.iinfo(pixels.dtype).max
    colour = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, -1)
    light: NDArray[np.float64] = rgb2lab(colour.astype(np.float64) / scale)[..., 0]
    return light


@pytest.mark.parametrize(("dtype", "bound"), [(np.uint8, 0.25), (np.uint16, 0.002)])
@pytest.mark.parametrize("saturation", [1.0, 4.0])
def test_only_colour_is_added(
    colorizer: tinct.Colorizer, dtype: type, bound: float, saturation: float
) -> None:
    with Image.open(ROOT / "examples" / "mauve-morning-ride.jpg") as picture:
        small = np.asarray(picture.convert("L").reduce(3))
    grey = small if dtype is np.uint8 else small.astype(np.uint16) * 257
    coloured = tinct.colorize(grey, saturation=saturation)
    assert coloured.dtype == dtype
    assert np.ptp(coloured.astype(int), axis=2).max() > 20, "no colour was added"
    difference = np.abs(textbook_lightness(coloured) - textbook_lightness(grey))
    assert difference.max() <= bound


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_grey_jpeg_keeps_its_luma_bit_for_bit(
    example: Path, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    target = tmp_path / "coloured.jpg"
    result = colorizer.file(example, target)
    assert result.luma_identical is True
    assert jpeg.same_luma(example.read_bytes(), target.read_bytes())
    assert verify(example, target).ok
    with Image.open(target) as coloured:
        assert coloured.mode == "RGB"
        assert np.ptp(np.asarray(coloured).astype(int), axis=2).max() > 10, "no colour was added"


def test_your_file_stays_your_file(tmp_path: Path, colorizer: tinct.Colorizer) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Kodak"  # Make
    exif[0x0112] = 6  # Orientation
    source = tmp_path / "scan.png"
    grey = Image.fromarray(np.tile(np.arange(90, dtype=np.uint8) * 2, (70, 1)))
    grey.putalpha(Image.fromarray(np.tile(np.arange(70, dtype=np.uint8)[:, None] * 3, (1, 90))))
    grey.save(source, exif=exif, dpi=(300, 300))
    before = source.read_bytes()
    target = tmp_path / "coloured.png"
    colorizer.file(source, target)
    assert source.read_bytes() == before, "the input was written to"
    with Image.open(target) as coloured, Image.open(source) as original:
        assert coloured.size == original.size
        assert coloured.mode == "RGBA"
        assert coloured.getchannel("A").tobytes() == original.getchannel("A").tobytes()
        assert coloured.getexif()[0x010F] == "Kodak"
        assert coloured.getexif()[0x0112] == 6
        assert coloured.info["dpi"] == pytest.approx((300, 300), abs=0.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coloured.png", "scan.png"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_the_result_says_what_it_is(
    suffix: str, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    source = ROOT / "examples" / "portrait-02.jpg"
    target = tmp_path / f"coloured{suffix}"
    result = colorizer.file(source, target)
    assert result.label == "xmp"
    xmp = load(target).pages[0].metadata.xmp
    assert xmp is not None
    text = xmp.decode()
    assert "compositeWithTrainedAlgorithmicMedia" in text
    assert f"{tinct.__version__}" in text
    assert "tinct-small.third" in text
    assert source.name in text
    with pytest.raises(AlreadyTinct):
        colorizer.file(target, tmp_path / f"again{suffix}")


def test_it_runs_here(tmp_path: Path) -> None:
    """A whole run with the network forbidden and torch made impossible to import.

    What libraries do behind Python's back cannot be forbidden, but it leaves traces: one that
    reports to its makers keeps an identifier and a queue of events in the user's folders.
    """
    homes = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "home/cache"}
    for folder in set(homes.values()):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    shutil.copy(ROOT / "examples" / "portrait-02.jpg", tmp_path / "a.jpg")
    script = (
        "import socket, sys\n"
        "def forbidden(*a, **k): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = forbidden\n"
        "sys.modules['torch'] = None\n"
        "import tinct\n"
        "print(tinct.colorize('a.jpg'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**environment, **{name: str(tmp_path / place) for name, place in homes.items()}},
    )
    left = [path for place in homes.values() for path in (tmp_path / place).rglob("*")]
    assert [path for path in left if path.is_file()] == []
    assert done.stdout.strip() == "a.colorized.jpg"
    assert (tmp_path / "a.colorized.jpg").exists()
    assert socket.socket.connect is not None


def test_guesses_are_shown_as_guesses() -> None:
    """Every figure of a card stands in a table with grey and a constant tint."""
    for spec in tinct.list_models():
        card = (ROOT / spec.card).read_text(encoding="utf-8")
        tables = [table for table in re.split(r"\n\n+", card) if "CIEDE2000 |" in table]
        assert tables, "the card has no figures"
        for table in tables:
            assert "| grey" in table
            assert "| tint" in table


def test_types_in_are_types_out(tmp_path: Path) -> None:
    with Image.open(ROOT / "examples" / "portrait-02.jpg") as picture:
        small = picture.convert("L").reduce(4)
    encoded = BytesIO()
    small.save(encoded, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(encoded.getvalue())
    assert isinstance(tinct.colorize(path), Path)
    assert tinct.colorize(str(tmp_path / "a.colorized.png"), if_color="recolor").endswith(".png")
    assert load(tinct.colorize(encoded.getvalue())).format == "png"
    assert tinct.colorize(small).mode == "RGB"
    assert tinct.colorize(np.asarray(small)).shape == (*small.size[::-1], 3)
