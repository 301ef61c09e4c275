"""Whole files as scanners and cameras leave them: every format, with everything in it.

They are written by Pillow, tifffile, pillow-heif and libvips, never by Tinct.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pillow_heif
import pyvips
import tifffile
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

_EXAMPLE = Path(__file__).parent.parent / "examples" / "mauve-morning-ride.jpg"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'dc:source="Shelf 7"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x78\x00\x0bThe caption\x1c\x02\x50\x00\x05Maker"
THUMBNAIL = b"\xff\xd8\xff\xfe\0\x12a stale preview\0\xff\xd9"


def picture(width: int = 83, height: int = 61) -> NDArray[np.uint8]:
    """A grey painting, small, of odd size; sky above, sand below."""
    with Image.open(_EXAMPLE) as example:
        return np.asarray(example.convert("L").resize((width, height)))


GREY = picture()
_NOISE = np.random.default_rng(7).integers(0, 257, GREY.shape)
WIDE: NDArray[np.uint16] = np.minimum(GREY.astype(np.int64) * 257 + _NOISE, 65535).astype(np.uint16)
ALPHA: NDArray[np.uint8] = np.tile(np.linspace(255, 0, 83).astype(np.uint8), (61, 1))
SEPIA = np.rint(GREY[..., None] ** np.array([0.93, 1.0, 1.1]) * 255 ** np.array([0.07, 0, -0.1]))
TONED: NDArray[np.uint8] = np.clip(SEPIA, 0, 255).astype(np.uint8)


def exif(orientation: int) -> bytes:
    """A camera's EXIF block, with a thumbnail."""
    block = Image.Exif()
    block[0x010F] = "Kodak"
    block[0x0112] = orientation
    block.get_ifd(0x8769)[0x9003] = "1931:05:04 10:00:00"
    data = block.tobytes().removeprefix(b"Exif\0\0")
    # the second directory: place and size of a small JPEG, behind everything
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, first)
    link, second = first + 2 + 12 * count, len(data)
    rows = struct.pack(order + "HHII", 0x0201, 4, 1, second + 30)
    rows += struct.pack(order + "HHII", 0x0202, 4, 1, len(THUMBNAIL))
    block_with = data[:link] + struct.pack(order + "I", second) + data[link + 4 :]
    return block_with + struct.pack(order + "H", 2) + rows + bytes(4) + THUMBNAIL


def resources() -> bytes:
    """Photoshop's block, with the IPTC records and a thumbnail in it."""
    parts = ((0x0404, IPTC), (0x040C, bytes(28) + THUMBNAIL))
    return b"".join(
        struct.pack(">4sHHI", b"8BIM", kind, 0, len(body)) + body + bytes(len(body) % 2)
        for kind, body in parts
    )


Writer = Callable[[Array, "bytes | None", int], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of original: its values, how they are written, and what is expected of the result."""

    suffix: str
    values: Array
    write: Writer
    result: str = ""
    """Suffix of the result; the same by default."""
    depth: Literal[8, 16] = 8
    profiles: tuple[str, ...] = ()
    keeps: frozenset[str] = frozenset({"exif", "xmp", "iptc", "dpi"})
    lossy: bool = False
    alpha: Array | None = None
    turns: bool = False
    """Whether the original's orientation is a tag, and the result's too."""


def jpeg(values: Array, icc: bytes | None, orientation: int, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(
        out,
        "JPEG",
        quality=88,
        exif=b"Exif\0\0" + exif(orientation),
        dpi=(300, 200),
        xmp=XMP,
        icc_profile=icc,
        **options,
    )
    data, block = out.getvalue(), b"Photoshop 3.0\0" + resources()
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + data[2:]


def png(values: Array, icc: bytes | None, orientation: int, *, mode: str | None = None) -> bytes:
    if values.dtype == np.uint16:
        kind = "grey16" if values.ndim == 2 or values.shape[2] == 2 else "rgb16"
        image = pyvips.Image.new_from_array(values)
        image = image.copy(interpretation=kind, xres=300 / 25.4, yres=200 / 25.4)
        data = bytes(image.pngsave_buffer(bitdepth=16, keep="none"))
    else:
        out = io.BytesIO()
        plain = Image.fromarray(values)
        (plain.convert(mode) if mode else plain).save(out, "PNG", dpi=(300, 200))
        data = out.getvalue()
    digits = resources().hex().encode()
    raw = b"\niptc\n%8d\n" % len(resources()) + digits + b"\n"
    chunks = [
        (b"eXIf", exif(orientation)),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(raw)),
    ]
    if icc:
        chunks.insert(0, (b"iCCP", b"x\0\0" + zlib.compress(icc)))
    added = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return data[:33] + added + data[33:]


def tiff(values: Array, icc: bytes | None, orientation: int, **options: Any) -> bytes:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as file:
        write_page(file, values, icc, orientation, **options)
    return out.getvalue()


def write_page(
    file: Any,
    values: Array,
    icc: bytes | None,
    orientation: int,
    *,
    xmp: bytes = XMP,
    **options: Any,
) -> None:
    """One page of a TIFF, with everything."""
    tags = [
        (271, "s", 0, "Kodak", True),
        (274, "H", 1, orientation, True),
        (700, "B", len(xmp), xmp, True),
        (33723, "B", len(IPTC), IPTC, True),
        (34377, "B", len(resources()), resources(), True),
    ]
    colour = "rgb" if values.ndim == 3 and values.shape[2] >= 3 else "minisblack"
    given = {"photometric": colour, "metadata": None, "software": False, **options}
    file.write(
        values,
        extratags=tags,
        iccprofile=icc,
        resolution=(300, 200),
        resolutionunit="INCH",
        **given,
    )


def by_pillow(
    values: Array, icc: bytes | None, orientation: int, *, kind: str, **options: Any
) -> bytes:
    out = io.BytesIO()
    mode = options.pop("mode", None)
    image = Image.fromarray(values)
    if kind in ("WEBP", "AVIF"):
        options |= {"exif": exif(orientation), "xmp": XMP, "icc_profile": icc}
    elif kind == "TIFF":
        tags = {271: "Kodak", 274: orientation, 700: XMP, 33723: IPTC}
        options |= {"tiffinfo": tags, "icc_profile": icc, "dpi": (300, 200)}
    (image.convert(mode) if mode else image).save(out, kind, **options)
    return out.getvalue()


def heic(values: Array, icc: bytes | None, orientation: int) -> bytes:
    out = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(values))
    image.save(out, quality=-1, exif=exif(orientation), xmp=XMP)
    return out.getvalue()


def _three(values: Array) -> Array:
    return np.dstack([values] * 3)


def _with_alpha(values: Array) -> Array:
    alpha = ALPHA if values.dtype == np.uint8 else ALPHA.astype(np.uint16) * 257
    return np.dstack([values, alpha])


_GREYS = ("gamma 2.2", "dot gain")
_RGBS = ("Adobe RGB", "ProPhoto")
_NONE: frozenset[str] = frozenset()
_BLOCKS = frozenset({"exif", "xmp"})
_TIFF = partial(Kind, ".tif", write=tiff)
_WIDE_ALPHA = ALPHA.astype(np.uint16) * 257
_RGBA16 = partial(tiff, extrasamples=["unassalpha"])
_PILLOW = partial(partial, by_pillow)
_LZW = _PILLOW(kind="TIFF", compression="tiff_lzw")
_BILEVEL: NDArray[np.uint8] = np.where(GREY > 127, 255, 0).astype(np.uint8)

KINDS: dict[str, Kind] = {
    "jpeg grey": Kind(".jpg", GREY, jpeg, profiles=_GREYS, turns=True),
    "jpeg ycbcr": Kind(".jpg", _three(GREY), jpeg, profiles=_RGBS, turns=True),
    "jpeg progressive": Kind(".jpg", GREY, partial(jpeg, progressive=True), turns=True),
    "jpeg restart": Kind(".jpg", GREY, partial(jpeg, restart_marker_blocks=4)),
    "jpeg toned": Kind(".jpg", TONED, jpeg, profiles=_RGBS),
    "png 1": Kind(".png", GREY, partial(png, mode="1")),
    "png palette": Kind(".png", GREY, partial(png, mode="P")),
    "png grey": Kind(".png", GREY, png, profiles=_GREYS, turns=True),
    "png grey alpha": Kind(".png", _with_alpha(GREY), png, alpha=ALPHA, profiles=_GREYS),
    "png rgb": Kind(".png", _three(GREY), png, profiles=_RGBS),
    "png toned": Kind(".png", TONED, png, profiles=("Adobe RGB",)),
    "png rgba": Kind(".png", _with_alpha(_three(GREY)), png, alpha=ALPHA),
    "png grey 16": Kind(".png", WIDE, png, depth=16, profiles=_GREYS, turns=True),
    "png grey alpha 16": Kind(".png", _with_alpha(WIDE), png, depth=16, alpha=_WIDE_ALPHA),
    "png rgb 16": Kind(".png", _three(WIDE), png, depth=16, profiles=_RGBS),
    "png rgba 16": Kind(".png", _with_alpha(_three(WIDE)), png, depth=16, alpha=_WIDE_ALPHA),
    "tiff strips": _TIFF(GREY, write=partial(tiff, rowsperstrip=8), profiles=_GREYS, turns=True),
    "tiff tiles": _TIFF(GREY, write=partial(tiff, tile=(16, 32))),
    "tiff rgb": _TIFF(_three(GREY), profiles=_RGBS),
    "tiff 16": _TIFF(WIDE, depth=16, profiles=_GREYS, turns=True),
    "tiff tiles 16": _TIFF(WIDE, write=partial(tiff, tile=(16, 32)), depth=16),
    "tiff rgb 16": _TIFF(_three(WIDE), depth=16, profiles=_RGBS),
    "tiff rgba 16": _TIFF(
        _with_alpha(_three(WIDE)), write=_RGBA16, depth=16, alpha=_WIDE_ALPHA, profiles=_RGBS
    ),
    "tiff lzw": _TIFF(GREY, write=_LZW, profiles=_GREYS),
    "tiff deflate": _TIFF(GREY, write=partial(tiff, compression="adobe_deflate", predictor=True)),
    "tiff white is zero": _TIFF(255 - GREY, write=partial(tiff, photometric="miniswhite")),
    "webp lossless": Kind(
        ".webp",
        _three(GREY),
        _PILLOW(kind="WEBP", lossless=True),
        keeps=_BLOCKS,
        profiles=_RGBS,
        turns=True,
    ),
    "webp lossy": Kind(".webp", _three(GREY), _PILLOW(kind="WEBP"), keeps=_BLOCKS, lossy=True),
    "avif": Kind(".avif", _three(GREY), _PILLOW(kind="AVIF"), keeps=_BLOCKS, lossy=True),
    "heic": Kind(".heic", GREY, heic, result=".png", keeps=_BLOCKS),
    "jpeg 2000": Kind(".jp2", GREY, _PILLOW(kind="JPEG2000"), result=".png", keeps=_NONE),
    "jpeg 2000 16": Kind(
        ".jp2", WIDE, _PILLOW(kind="JPEG2000"), result=".png", keeps=_NONE, depth=16
    ),
    "bmp": Kind(
        ".bmp", GREY, _PILLOW(kind="BMP", dpi=(300, 200)), result=".png", keeps=frozenset({"dpi"})
    ),
    "gif": Kind(".gif", GREY, _PILLOW(kind="GIF"), result=".png", keeps=_NONE),
    "pgm": Kind(".pgm", GREY, _PILLOW(kind="PPM"), result=".png", keeps=_NONE),
    "pgm 16": Kind(".pgm", WIDE, _PILLOW(kind="PPM"), result=".png", keeps=_NONE, depth=16),
    "ppm": Kind(".ppm", _three(GREY), _PILLOW(kind="PPM"), result=".png", keeps=_NONE),
}
