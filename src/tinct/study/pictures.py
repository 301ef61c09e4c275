"""Pictures as participants see them: one size, one format, one number of bytes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.color import SRGB, lightness, merge, rgb_to_lab

Pixels = NDArray[np.uint8]

#: mean chroma, in CIE units, below which a picture has no colours to be judged
LEAST_CHROMA = 3.0
#: chroma of the bands that an attention check is painted with
_LOUD = 75.0
#: bytes that padding adds at least
PADDING = 12
_PAD = b"tiNc"
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))


def chroma_of(picture: Pixels) -> float:
    """Mean distance from grey, in CIE units."""
    lab = rgb_to_lab(picture * np.float32(1 / 255))
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def spoil(picture: Pixels) -> Pixels:
    """The picture in four loud bands of colour, its lightness kept: for attention checks."""
    light = lightness(picture, SRGB)
    height, width = light.shape
    # across and down at once, so that no crop of a flat sky looks natural
    bands = (np.arange(width) * 4 // width)[None] + (np.arange(height) * 2 // height)[:, None]
    angle = np.deg2rad(np.array([328.0, 142.0, 60.0, 265.0], np.float32))[bands % 4]
    chroma = (np.stack([np.cos(angle), np.sin(angle)], -1) * _LOUD).astype(np.float32)
    # very dark and very light pixels have no room for colour in the gamut
    return merge(15 + light * np.float32(0.7), chroma, SRGB, depth=8).astype(np.uint8, copy=False)


def encode(picture: Pixels) -> bytes:
    """A picture as PNG, without anything that says where it comes from."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


def padded(data: bytes, length: int) -> bytes:
    """A PNG file brought to a length by a chunk that viewers pass over.

    Inferred colours are smoother than real ones and compress better, so a file's length would
    tell which is which.

    Args:
        data: the file.
        length: in bytes, at least `PADDING` more than `data` has.
    """
    body = _PAD + bytes(length - len(data) - PADDING)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[: -len(_END)] + chunk + _END
