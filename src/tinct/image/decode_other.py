"""Decoding the formats that libvips' wheel leaves out: JPEG 2000, BMP, PNM and HEIC.

These are decoded whole, by Pillow and pillow-heif; PNM of 16 bits is read here, because Pillow
would drop the lower eight.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ResourceError, TinctError, Unreadable, Unsupported
from tinct.image import exif
from tinct.image.boxes import is_signed, read_jp2
from tinct.image.decode import Shape
from tinct.image.metadata import Metadata, from_blocks
from tinct.image.vips import Pixels, first_line

_PNM_HEAD = re.compile(
    rb"P([56])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s"
)
_MODES = {"L", "LA", "RGB", "RGBA", "I;16"}
_CONVERTED = {"1": "L", "P": "RGB", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "I;16L": "I;16"}


@dataclass(frozen=True)
class Headline:
    """What a file's header says, before its pixels are decoded."""

    width: int
    height: int
    mode: str
    metadata: Metadata = field(default_factory=Metadata)
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """What the pixels will be."""
        name = self.mode.split(";")[0]
        return Shape(
            self.width,
            self.height,
            16 if self.mode.endswith("16") else 8,
            3 if name.startswith("RGB") else 1,
            name.endswith("A"),
        )


def headline(data: bytes, kind: str) -> Headline:
    """Size and metadata of a JPEG 2000, BMP, PNM or HEIC file.

    Raises:
        Unreadable: damaged.
        Unsupported: more than 8 bits where Pillow would lose them.
    """
    if kind == "jp2":
        head = read_jp2(data)
        if head is None:
            raise Unreadable("damaged or cut short: no JPEG 2000 picture in it")
        if head.bits > 16 or (head.bits > 8 and head.components > 1):
            raise Unsupported(
                f"JPEG 2000 with {head.components} components of {head.bits} bits",
                remedy="convert it to TIFF, which keeps all bits",
            )
        return Headline(
            head.width,
            head.height,
            _wanted(_opened(data, kind)),
            from_blocks(icc=head.icc, block=head.exif, xmp=head.xmp, dpi=head.dpi, iptc=head.iptc),
        )
    found = _PNM_HEAD.match(data) if kind == "pnm" else None
    if found:
        mode = ("L" if found[1] == b"5" else "RGB") + (";16" if int(found[4]) > 255 else "")
        return Headline(int(found[2]), int(found[3]), mode)
    if kind == "heic":
        picture, pictures = _opened_heic(data)
        info = picture.info
        return Headline(
            picture.size[0],
            picture.size[1],
            picture.mode,
            from_blocks(
                icc=info.get("icc_profile"),
                # the decoder turns the pixels upright; the block must not ask for it again
                block=exif.renewed(info.get("exif"), orientation=1, srgb=True)
                if exif.orientation(info.get("exif")) != 1
                else info.get("exif"),
                xmp=info.get("xmp"),
                signed=is_signed(data),
            ),
            ("only the main picture of several is used",) if pictures > 1 else (),
        )
    picture = _opened(data, kind)
    dpi = picture.info.get("dpi")
    width, height = picture.size
    known = Metadata(dpi=dpi if dpi and all(dpi) else None)
    return Headline(width, height, _wanted(picture), known)


def decode(data: bytes, kind: str) -> Pixels:
    """All pixels (H, W, bands), bands being grey or RGB, with alpha where there is one.

    Raises:
        Unreadable: damaged or cut short.
        Unsupported: more than 8 bits where Pillow would lose them.
    """
    with _errors():
        if kind == "heic":
            picture, _ = _opened_heic(data)
            stated = picture.size
            array = np.asarray(picture)
            if array.shape[1::-1] != stated:
                raise Unreadable("damaged: its pixels are not of the size its headers say")
            return _three_axes(_filled_up(array, int(picture.info.get("bit_depth", 8))))
        found = _PNM_HEAD.match(data) if kind == "pnm" else None
        if found:
            return _binary_pnm(data, found)
        picture = _opened(data, kind)
        head = read_jp2(data) if kind == "jp2" else None
        if head and picture.size != (head.width, head.height):
            # the size that was checked is not the one that would be allocated
            raise Unreadable("damaged: two different sizes in its headers")
        picture.load()
        wanted = _wanted(picture)
        array = np.asarray(picture if wanted == picture.mode else picture.convert(wanted))
        return _three_axes(_filled_up(array, head.bits if head else 8))


def _wanted(picture: Any) -> str:
    """The kind of pixels an opened picture is converted to, if to any other."""
    mode: str = _CONVERTED.get(picture.mode, picture.mode)
    if picture.mode in ("P", "PA") and "transparency" in picture.info:
        mode = "RGBA"
    if mode not in _MODES:
        raise Unsupported(
            f"pixels of kind {picture.mode!r}", remedy="convert it to TIFF or PNG first"
        )
    return mode


def _opened(data: bytes, kind: str) -> Any:
    # the plug-ins themselves: Image.open has a limit of its own, and it is the whole process's
    from PIL import BmpImagePlugin, Jpeg2KImagePlugin, PpmImagePlugin

    opener: dict[str, Any] = {
        "jp2": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
        "pnm": PpmImagePlugin.PpmImageFile,
    }
    with _errors():
        picture = opener[kind](io.BytesIO(data))
    if kind == "pnm" and picture.mode == "I":
        raise Unsupported(
            "a text PNM of more than 8 bits", remedy="convert it to binary PGM, TIFF or PNG"
        )
    return picture


def _opened_heic(data: bytes) -> tuple[Any, int]:
    """The main picture of a HEIC file, and how many pictures it holds."""
    import pillow_heif

    with _errors():
        opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        return opened[opened.primary_index], len(opened)


@contextmanager
def _errors() -> Iterator[None]:
    """Whatever these decoders raise about a damaged file, as `Unreadable`."""
    try:
        yield
    except TinctError:
        raise
    except MemoryError as error:
        raise ResourceError("not enough memory to decode it") from error
    except Exception as error:
        raise Unreadable(
            f"damaged or cut short: {first_line(error)}",
            remedy="get a fresh copy of the file, or open and re-save it in an image editor",
        ) from error


def _binary_pnm(data: bytes, found: re.Match[bytes]) -> Pixels:
    bands = 1 if found[1] == b"5" else 3
    width, height, top = (int(found[i]) for i in (2, 3, 4))
    if not (width and height and 0 < top < 65536):
        raise Unreadable("damaged: impossible numbers in the PNM header")
    sample = np.dtype(">u2" if top > 255 else "u1")
    count = width * height * bands
    if len(data) - found.end() < count * sample.itemsize:
        raise Unreadable("cut short", remedy="get a fresh copy of the file")
    values = np.frombuffer(data, sample, count, found.end()).reshape(height, width, bands)
    full = 65535 if top > 255 else 255
    if top != full:
        values = ((2 * np.minimum(np.arange(full + 1), top) * full + top) // (2 * top))[values]
    pixels: NDArray[Any] = values.astype(np.uint16 if top > 255 else np.uint8)
    return pixels


def _filled_up(array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Values of 9 to 15 bits arrive shifted to 16 with zeros below, so white would not be white."""
    if array.dtype == np.uint16 and 8 < bits < 16:
        filled: NDArray[Any] = array | (array >> bits)
        return filled
    if array.dtype not in (np.uint8, np.uint16):
        raise Unsupported(f"pixels of kind {array.dtype}", remedy="convert it to TIFF or PNG first")
    return array


def _three_axes(array: NDArray[Any]) -> Pixels:
    pixels: Pixels = array.reshape(*array.shape[:2], -1)
    return pixels
