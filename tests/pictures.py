"""Small pictures of every kind, made on the spot."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tinct.image import ColouredPage, Page, Picture, save

GREY: NDArray[np.uint8] = np.add.outer(np.arange(42), np.arange(61)).astype(np.uint8) * 2
WIDE: NDArray[np.uint16] = GREY.astype(np.uint16) * 257 + np.uint16(3)
RGB = np.dstack([GREY, GREY[::-1], GREY])


def encoded(array: NDArray[Any], kind: str, mode: str | None = None, **options: Any) -> bytes:
    picture = Image.fromarray(array)
    out = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(out, kind, **options)
    return out.getvalue()


def tiff(array: NDArray[Any], **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


def heic(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(array)).save(out, quality=-1)
    return out.getvalue()


@cache
def kinds() -> dict[str, tuple[bytes, str, int, int, bool]]:
    """Name -> file, format, depth, bands, alpha."""
    la = np.dstack([GREY, GREY[:, ::-1]])
    floating = GREY.astype(np.float32) / 255
    return {
        "jpeg grey": (encoded(GREY, "JPEG"), "jpeg", 8, 1, False),
        "jpeg rgb": (encoded(RGB, "JPEG"), "jpeg", 8, 3, False),
        "jpeg progressive": (encoded(GREY, "JPEG", progressive=True), "jpeg", 8, 1, False),
        "jpeg cmyk": (encoded(RGB, "JPEG", "CMYK"), "jpeg", 8, 3, False),
        "png grey": (encoded(GREY, "PNG"), "png", 8, 1, False),
        "png 16": (encoded(WIDE, "PNG"), "png", 16, 1, False),
        "png 1": (encoded(GREY, "PNG", "1"), "png", 8, 1, False),
        "png palette": (encoded(RGB, "PNG", "P"), "png", 8, 3, False),
        "png grey alpha": (encoded(la, "PNG"), "png", 8, 1, True),
        "png rgba": (encoded(np.dstack([RGB, GREY]), "PNG"), "png", 8, 3, True),
        "tiff grey": (tiff(GREY), "tiff", 8, 1, False),
        "tiff 16": (tiff(WIDE), "tiff", 16, 1, False),
        "tiff rgb 16": (tiff(np.dstack([WIDE] * 3), photometric="rgb"), "tiff", 16, 3, False),
        "tiff big-endian": (tiff(WIDE, byteorder=">"), "tiff", 16, 1, False),
        "tiff big": (tiff(GREY, bigtiff=True), "tiff", 8, 1, False),
        "tiff tiles": (tiff(GREY, tile=(16, 32)), "tiff", 8, 1, False),
        "tiff deflate": (tiff(GREY, compression="adobe_deflate"), "tiff", 8, 1, False),
        "tiff lzw": (encoded(GREY, "TIFF", compression="tiff_lzw"), "tiff", 8, 1, False),
        "tiff group4": (encoded(GREY, "TIFF", "1", compression="group4"), "tiff", 8, 1, False),
        "tiff cmyk": (encoded(RGB, "TIFF", "CMYK"), "tiff", 8, 3, False),
        "tiff white is zero": (tiff(255 - GREY, photometric="miniswhite"), "tiff", 8, 1, False),
        "tiff float": (tiff(floating), "tiff", 16, 1, False),
        "tiff rgba 16": (
            tiff(np.dstack([WIDE] * 4), photometric="rgb", extrasamples=["unassalpha"]),
            "tiff",
            16,
            3,
            True,
        ),
        "webp": (encoded(RGB, "WEBP"), "webp", 8, 3, False),
        "webp lossless": (
            encoded(np.dstack([RGB, GREY]), "WEBP", lossless=True, exact=True),
            "webp",
            8,
            3,
            True,
        ),
        "avif": (encoded(RGB, "AVIF"), "avif", 8, 3, False),
        "heic": (heic(RGB), "heic", 8, 3, False),
        "jp2": (encoded(RGB, "JPEG2000"), "jp2", 8, 3, False),
        "jp2 16": (encoded(WIDE, "JPEG2000"), "jp2", 16, 1, False),
        "gif": (encoded(GREY, "GIF"), "gif", 8, 3, False),
        "bmp": (encoded(RGB, "BMP"), "bmp", 8, 3, False),
        "bmp 1": (encoded(GREY, "BMP", "1"), "bmp", 8, 1, False),
        "pgm": (encoded(GREY, "PPM"), "pnm", 8, 1, False),
        "pgm 16": (encoded(WIDE, "PPM"), "pnm", 16, 1, False),
        "ppm": (encoded(RGB, "PPM"), "pnm", 8, 3, False),
        "pbm": (encoded(GREY, "PPM", "1"), "pnm", 8, 1, False),
    }


def pixels(page: Page) -> NDArray[Any]:
    """All colour values of a page, (H, W) or (H, W, 3)."""
    return np.concatenate([strip.pixels for strip in page.rows()])


def alpha(page: Page) -> NDArray[Any]:
    return np.concatenate([s.alpha for s in page.rows() if s.alpha is not None])


def as_rgb(array: NDArray[Any], depth: int) -> NDArray[Any]:
    if depth == 8 and array.dtype == np.uint16:
        array = (array // 257).astype(np.uint8)
    return array if array.ndim == 3 else np.dstack([array] * 3)


def coloured(
    picture: Picture, *, depth: int | None = None, xmp: bytes | None = None
) -> Iterator[ColouredPage]:
    """A "result" whose colours are the source's own values."""
    for page in picture.pages:
        wanted = depth or page.depth
        strips = (as_rgb(strip.pixels, wanted) for strip in page.rows())
        yield ColouredPage(page, 16 if wanted == 16 else 8, page.metadata.icc, strips, xmp)


def saved(
    picture: Picture, kind: str, *, depth: int | None = None, xmp: bytes | None = None
) -> bytes:
    out = io.BytesIO()
    pages = coloured(picture, depth=depth, xmp=xmp)
    save(picture, pages, out, format=kind, quality=95, software="Tinct test")
    return out.getvalue()
