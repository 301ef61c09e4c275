"""From a file's pixels to the two kinds the rest of Tinct knows: grey or RGB, 8 or 16 bits.

Everything streams from top to bottom through libvips, but for the formats of `decode_other`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinct import jpeg
from tinct.errors import InputError, Unreadable, Unsupported
from tinct.image.vips import (
    LOADERS,
    Pixels,
    fetch_strips,
    input_errors,
    no_silent_damage,
    open_image,
    to_array,
    vips,
)
from tinct.resample import resize

#: how many pixels a strip holds at most, unless one row is longer
STRIP_PIXELS = 512 * 1024
#: bytes of a picture that is decoded as a whole up to which it is kept for a second look
KEPT = 48 * 1024 * 1024
#: formats that are decoded a few rows at a time
STREAMED = ("jpeg", "png", "tiff")
#: pixels of a grey JPEG up to which it is read sooner than libvips is loaded
_SMALL = 1 << 20
_ROWS_STEP = 16
_TOLERANCE = 0.5 / 65535
_KINDS: dict[str, Literal[8, 16]] = {"uchar": 8, "ushort": 16, "float": 16, "double": 16}


@dataclass(frozen=True)
class Shape:
    """What a page's pixels are once they are grey or RGB; `converted`: from CMYK or Lab."""

    width: int
    height: int
    depth: Literal[8, 16]
    bands: Literal[1, 3]
    alpha: bool
    converted: bool = False

    @property
    def bytes(self) -> int:
        """Of all pixels in memory."""
        return self.width * self.height * (self.bands + self.alpha) * self.depth // 8


@dataclass(frozen=True)
class PixelSource:
    """Where one page's pixels come from, and how they become grey or RGB.

    Attributes:
        data: the file, or its content.
        where: its name in messages.
        format: as `sniff` says.
        page: number of the page within the file, from 0.
        bits: significant bits where the decoder fills 16 bits up with zeros; else 0.
        white_is_zero: floating-point values count from white.
        icc: the profile by which pixels are converted to sRGB.
        convert: whether they are.
        luma: it is a grey JPEG, and if small may be read without libvips.
        whole: its decoder gives all of it at once, and that is small enough to be kept.
    """

    data: Path | bytes
    where: str
    format: str
    page: int = 0
    bits: int = 0
    white_is_zero: bool = False
    icc: bytes | None = None
    convert: bool = False
    luma: bool = False
    whole: bool = False

    def strips(self) -> Iterator[tuple[int, Pixels]]:
        """From top to bottom: (top, pixels (h, W, bands)), alpha being the last band."""
        with input_errors(self.where):
            image = self._image()
            parts = fetch_strips(image, strip_rows(image.width, image.height))
            while True:
                with self._watched():
                    part = next(parts, None)
                if part is None:
                    return
                yield part[0], self._whole_numbers(part[1])

    def small(self, width: int, height: int, side: int) -> Pixels:
        """The picture with its shorter side about `side` pixels, never enlarged: (h, w, bands)."""
        if self.luma and width * height <= _SMALL and not self.convert:
            with suppress(InputError, OSError):  # libvips knows what is odd, or says it
                return reduced(jpeg.luma(content(self.data)), side)
        with input_errors(self.where):
            ratio = min(width, height) / max(side, 1)
            options = self._shrink_options(ratio)
            image = self._image(options)
            image = _shrunk(image, side)
            with self._watched():
                whole = to_array(image)
            # made smaller, edges swing past their values; `strips` sees the values themselves
            return self._whole_numbers(whole, tolerance=0.25)

    def _watched(self) -> AbstractContextManager[None]:
        return no_silent_damage() if self.format == "tiff" else nullcontext()

    def _shrink_options(self, ratio: float) -> dict[str, Any]:
        # half of what could be had: the filter then has something to work with
        if self.format == "jpeg" and not self.convert and ratio >= 4:
            return {"shrink": 8 if ratio >= 16 else 4 if ratio >= 8 else 2}
        return {}

    def _image(self, options: dict[str, Any] | None = None) -> Any:
        image = self._kept if self.whole else self._decoded(options)
        return _plain(image, convert=self.convert)

    def _decoded(self, options: dict[str, Any] | None = None) -> Any:
        if self.format in LOADERS:
            return open_image(self.data, kind=self.format, page=self.page, options=options)
        from tinct.image import decode_other

        return _from_array(decode_other.decode(content(self.data), self.format), self.icc)

    @cached_property
    def _kept(self) -> Any:
        return self._decoded().copy_memory()

    def _whole_numbers(self, pixels: Any, *, tolerance: float = _TOLERANCE) -> Pixels:
        if pixels.dtype == np.float32:
            low, high = float(pixels.min(initial=0)), float(pixels.max(initial=0))
            if not np.isfinite(pixels).all():
                raise Unreadable(
                    "holds values that are no numbers (NaN or infinite)",
                    remedy="repair them in the program that wrote the file",
                )
            if low < -tolerance or high > 1 + tolerance:
                raise Unsupported(
                    f"floating-point values from {low:.4g} to {high:.4g}; only 0 to 1 is handled",
                    remedy="export it as 16-bit TIFF",
                )
            if self.white_is_zero:
                pixels = 1 - pixels
            scaled: Pixels = np.round(np.clip(pixels, 0, 1) * np.float32(65535)).astype(np.uint16)
            return scaled
        if self.bits and pixels.dtype == np.uint16:
            # the decoder shifts 10 and 12 bits up and leaves zeros below: white would not be white
            pixels = pixels | (pixels >> self.bits)
        result: Pixels = pixels
        return result


def shape_of(image: Any) -> Shape:
    """What the pixels of an opened image will be, before any conversion by its profile.

    Raises:
        Unsupported: a kind of pixels that is not handled.
    """
    if image.format not in _KINDS:
        raise Unsupported(
            f"pixels of kind {image.format!r}; only 8, 16 bits and floating point are handled",
            remedy="export it as 16-bit TIFF",
        )
    plain = _plain(image, convert=False)
    if plain.bands > 4:
        raise Unsupported(
            f"{plain.bands} channels", remedy="merge the extra channels and export it as TIFF"
        )
    return Shape(
        image.width,
        image.height,
        _KINDS[plain.format],
        3 if plain.bands >= 3 else 1,
        plain.bands in (2, 4),
        plain is not image and plain.interpretation != image.interpretation,
    )


def try_profile(icc: bytes, *, bands: int) -> None:
    """See whether libvips can convert by a profile.

    Raises:
        Unreadable: it cannot.
    """
    with input_errors("ICC profile"):
        _plain(_from_array(np.zeros((1, 1, bands), np.uint8), icc), convert=True).avg()


def strip_rows(width: int, height: int) -> int:
    """Rows of a strip: a multiple of 16 where a row is not too long for that."""
    rows = max(1, STRIP_PIXELS // width)
    return min(height, rows // _ROWS_STEP * _ROWS_STEP or rows)


def content(data: Path | bytes) -> bytes:
    """A file's bytes."""
    return data if isinstance(data, bytes) else data.read_bytes()


def reduced(luma: NDArray[np.uint8], side: int) -> Pixels:
    """A plane with its shorter side about `side` pixels, never enlarged: (h, w, 1)."""
    scale = min(1.0, side / min(luma.shape))
    height, width = (max(1, round(pixels * scale)) for pixels in luma.shape)
    box = min(luma.shape) // (2 * height if luma.shape[0] <= luma.shape[1] else 2 * width)
    if box > 1 and luma.size > _SMALL:
        # as libvips does: squares are averaged down to twice the size, and filtered from there
        from PIL import Image

        luma = np.asarray(Image.fromarray(luma).reduce(box))
    filtered = resize(luma.astype(np.float32), height, width, kernel="lanczos")
    return np.clip(np.rint(filtered), 0, 255).astype(np.uint8)[..., np.newaxis]


def small_array(pixels: Pixels, side: int) -> Pixels:
    """An array (H, W) or (H, W, 3) made small as `PixelSource.small` makes a lossless file."""
    if min(pixels.shape[:2]) <= side:
        return pixels
    image = _from_array(pixels if pixels.ndim == 3 else pixels[..., np.newaxis], None)
    small = to_array(_shrunk(image, side))
    return small if pixels.ndim == 3 else small[..., 0]


def _shrunk(image: Any, side: int) -> Any:
    scale = min(1.0, side / min(image.width, image.height))
    return image.resize(scale, vscale=max(scale, 1 / image.height)) if scale < 1 else image


def _plain(image: Any, *, convert: bool) -> Any:
    """Grey or RGB, with or without alpha, of 8 or 16 bits or float 0..1."""
    if image.format == "double":
        image = image.cast("float")
    if image.interpretation == "cmyk" or convert:
        depth = 8 if image.format == "uchar" else 16
        given = {"input_profile": "cmyk"} if image.interpretation == "cmyk" else {}
        return image.icc_transform(
            "srgb",
            embedded=True,
            intent="relative",
            black_point_compensation=True,
            depth=depth,
            **given,
        )
    if image.interpretation in ("lab", "labs", "xyz"):
        return image.colourspace("rgb16")
    return image


def _from_array(array: Pixels, icc: bytes | None) -> Any:
    pyvips = vips()
    image = pyvips.Image.new_from_array(np.ascontiguousarray(array))
    wide = array.dtype == np.uint16
    colour = array.shape[2] >= 3
    image = image.copy(
        interpretation=("rgb16" if wide else "srgb") if colour else ("grey16" if wide else "b-w")
    )
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image
