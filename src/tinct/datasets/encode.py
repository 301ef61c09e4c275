"""One picture of a set: decoded, brought to size and encoded, without a white border ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.datasets.options import QUALITIES, Fit, Form
from tinct.errors import InputError
from tinct.image.vips import first_line, vips
from tinct.training.cache import decode

#: crop box: left, top, right, bottom as shares of the upright picture
Box = tuple[float, float, float, float]
Pixels = NDArray[np.uint8]

_WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def bring(data: bytes, form: Form, *, box: Box = _WHOLE, name: str = "") -> list[Pixels]:
    """The variants of a picture, (H, W, 3) sRGB, or (H, W, 1) if grey; the largest first.

    Args:
        data: the content of its file.
        form: what it is brought to; sizes from large to small.
        box: what is kept of it.
        name: what to call it in messages.

    Raises:
        InputError: it is no picture, or damaged.
    """
    left, top, right, bottom = box
    # what a crop leaves must still be large enough
    scale = 1 / min(right - left, bottom - top)
    pixels = decode(data, shorter=round(form.sizes[0] * scale), name=name, inferred=False)
    height, width, _ = pixels.shape
    if box != _WHOLE:
        rows = slice(round(top * height), max(round(bottom * height), round(top * height) + 1))
        columns = slice(round(left * width), max(round(right * width), round(left * width) + 1))
        pixels = np.ascontiguousarray(pixels[rows, columns])
    alone = len(form.sizes) == 1 and form.fit == "whole" and not form.grey
    if alone and min(pixels.shape[:2]) <= form.sizes[0]:
        return [pixels]  # decoding made it so already
    image = _as_image(pixels)
    if form.grey:
        image = image.recomb([[0.299, 0.587, 0.114]]).rint().cast("uchar")
    variants = []
    for size in form.sizes:
        side = min(image.width, image.height)
        image = image.resize(min(1.0, size / side)) if size < side else image
        variants.append(_as_array(_cut(image, form.fit)))
    return variants


def encode(pixels: Pixels, form: Form) -> bytes:
    """A picture as bytes of `form.kind`."""
    image, quality = _as_image(pixels), form.quality or QUALITIES[form.kind]
    if image.bands == 1:
        image = image.copy(interpretation="b-w")
    try:
        if form.kind == "avif":
            encoded = image.heifsave_buffer(
                Q=quality, compression="av1", effort=4, subsample_mode="off", keep="none"
            )
        elif form.kind == "webp":
            encoded = image.webpsave_buffer(Q=quality, smart_subsample=True, keep="none")
        elif form.kind == "jpeg":
            encoded = image.jpegsave_buffer(
                Q=quality, subsample_mode="off", optimize_coding=True, keep="none"
            )
        else:
            encoded = image.pngsave_buffer(keep="none")
    except vips().Error as error:
        raise InputError(f"cannot be encoded as {form.kind}: {first_line(error)}") from error
    return bytes(encoded)


def variants_of(data: bytes, form: Form, *, box: Box = _WHOLE, name: str = "") -> Sequence[Made]:
    """The variants of a picture, encoded; raises as `bring` does."""
    return [
        Made(encode(pixels, form), pixels.shape[1], pixels.shape[0], pixels)
        for pixels in bring(data, form, box=box, name=name)
    ]


@dataclass(frozen=True, eq=False)
class Made:
    """One variant of one picture."""

    data: bytes
    width: int
    height: int
    pixels: Pixels


def _cut(image: Any, fit: Fit) -> Any:
    side = min(image.width, image.height)
    if fit == "whole" or image.width == image.height:
        return image
    if fit == "content":
        return image.smartcrop(side, side, interesting="attention")
    return image.crop((image.width - side) // 2, (image.height - side) // 2, side, side)


def _as_image(pixels: Pixels) -> Any:
    height, width, bands = pixels.shape
    return (
        vips()
        .Image.new_from_memory(np.ascontiguousarray(pixels).data, width, height, bands, "uchar")
        .copy(interpretation="srgb" if bands == 3 else "b-w")
    )


def _as_array(image: Any) -> Pixels:
    pixels: Pixels = image.numpy().reshape(image.height, image.width, image.bands)
    return pixels
