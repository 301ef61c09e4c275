"""What other people's programs see in a file: light, colours, coefficients, metadata.

Light is measured by scikit-image and colour-science on the files themselves, coefficients of JPEG
by jpeglib, metadata by Pillow and tifffile; no reader or formula here is Tinct's own.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import jpeglib
import numpy as np
import pillow_heif
import pytest
import pyvips
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, IptcImagePlugin
from skimage.color import rgb2lab

from tests.originals import IPTC, THUMBNAIL, Array, Kind
from tests.profiles import ADOBE, DOT_GAIN, GREYS, PROPHOTO, RGB_NAMES, colour

PROFILES = {**GREYS, "Adobe RGB": ADOBE, "ProPhoto": PROPHOTO}
CURVES: dict[str, Callable[[Array], Array]] = {
    "gamma 2.2": lambda x: x ** (563 / 256),
    "dot gain": lambda x: np.interp(x, np.linspace(0, 1, 256), np.rint(DOT_GAIN * 65535) / 65535),
    "Adobe RGB": lambda x: x ** (563 / 256),
    "ProPhoto": lambda x: x ** (461 / 256),
}
BOUND = {8: 0.25, 16: 0.002}


def light(pixels: Array, profile: str | None) -> NDArray[np.float64]:
    """L* in float64, relative to the space's own white, from (H, W) or (H, W, 3)."""
    encoded = pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    rgb = encoded if encoded.ndim == 3 else np.dstack([encoded] * 3)
    lab: NDArray[np.float64]
    if profile is None:
        lab = rgb2lab(rgb)
    else:
        known = colour.RGB_COLOURSPACES[RGB_NAMES.get(profile, "sRGB")]
        matrix = known.matrix_RGB_to_XYZ
        lab = colour.XYZ_to_Lab(CURVES[profile](rgb) @ matrix.T, _xy(matrix.sum(1)))
    return lab[..., 0]


def _xy(white: Array) -> Array:
    xy: Array = white[:2] / white.sum()
    return xy


def seen(path: Path) -> list[Array]:
    """The pixels of each page as another program sees them, alpha being the last band."""
    data = path.read_bytes()
    if path.suffix == ".tif" and "lzw" not in path.stem:  # which tifffile leaves to others
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return [page.asarray() for page in file.pages]
    if path.suffix == ".heic":
        return [np.asarray(pillow_heif.open_heif(data)[0])]
    if path.suffix == ".png" and data[24] == 16:
        image = pyvips.Image.new_from_buffer(data, "")
        return [image.numpy().reshape(image.height, image.width, image.bands).squeeze()]
    with Image.open(path) as opened:
        values = np.asarray(opened.convert("RGB") if opened.mode in ("1", "P") else opened)
        return [values.astype(np.uint16) if values.dtype == np.int32 else values]


def original_light(kind: Kind, path: Path, profile: str | None) -> NDArray[np.float64]:
    pixels = seen(path)[0]
    if "white is zero" in path.stem:
        pixels = 255 - pixels
    if kind.alpha is not None:
        pixels = pixels[..., :-1].squeeze()
    return light(pixels, profile)


def chroma(pixels: Array) -> NDArray[np.float64]:
    """The a* and b* of sRGB pixels."""
    lab: NDArray[np.float64] = rgb2lab(pixels / np.iinfo(pixels.dtype).max)[..., 1:]
    return lab


def assert_same_coefficients(source: Path, target: Path) -> None:
    before, after = (jpeglib.read_dct(str(path)) for path in (source, target))
    assert np.array_equal(before.Y, after.Y)
    assert np.array_equal(before.qt[before.quant_tbl_no[0]], after.qt[after.quant_tbl_no[0]])


def assert_profile(target: Path, profile: str | None) -> None:
    found = icc_of(target)
    if profile is None or profile in ("Adobe RGB", "ProPhoto"):
        assert found == PROFILES.get(profile or "")
    else:
        assert found is not None
        opened = ImageCms.ImageCmsProfile(io.BytesIO(found)).profile
        assert opened.xcolor_space.strip() == "RGB"


def icc_of(path: Path) -> bytes | None:
    with Image.open(path) as opened:
        found: bytes | None = opened.info.get("icc_profile")
        return found


def xmp_of(path: Path) -> bytes:
    with Image.open(path) as opened:
        found = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp") or b""
        return found.encode() if isinstance(found, str) else bytes(found)


def assert_label(target: Path, source: str) -> None:
    packet = xmp_of(target).decode()
    for expected in ("compositeWithTrainedAlgorithmicMedia", "Tinct / ", source):
        assert expected in packet


def assert_metadata(kind: Kind, target: Path, *, dated: bool = True) -> None:
    """Everything that the format of the source can carry is there; of a TIFF, no EXIF date."""
    with Image.open(target) as opened:
        block = opened.getexif()
        if "exif" in kind.keeps:
            assert block[0x010F].strip("\0") == "Kodak"
            assert block.get(0x0112, 1) == 1
            if dated and kind.suffix != ".tif":
                assert block.get_ifd(0x8769)[0x9003] == "1931:05:04 10:00:00"
            if target.suffix != ".tif":
                assert not block.get_ifd(1), "a stale thumbnail's directory"
        if "xmp" in kind.keeps:
            assert b"Shelf 7" in xmp_of(target)
        if "dpi" in kind.keeps:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert opened.info["dpi"] == pytest.approx((300, 200), abs=0.01)
        if "iptc" in kind.keeps:
            if target.suffix == ".png":
                assert IPTC.hex() in opened.text["Raw profile type iptc"].replace("\n", "")  # type: ignore[attr-defined]
            else:
                found = IptcImagePlugin.getiptcinfo(opened) or {}
                assert (found[2, 120], found[2, 80]) == (b"The caption", b"Maker")
    assert THUMBNAIL not in target.read_bytes()
