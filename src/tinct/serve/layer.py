"""The colours of a picture as a layer: what lies over the original in any program for pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct import flow
from tinct.color import FloatArray, decode, lightness, merge
from tinct.image import Page, upright
from tinct.models.session import Model
from tinct.options import ColorizeOptions
from tinct.refine import Upsampler


def write_layer(target: Path, page: Page, network: Model, options: ColorizeOptions) -> None:
    """Write the layer as a PNG.

    It is held whole until then, 4 bytes a pixel; twice that where the page lies on its side.
    """
    from PIL import Image

    layer = colour_layer(page, network, options)
    Image.fromarray(layer).save(target, "PNG", compress_level=1)


def colour_layer(page: Page, network: Model, options: ColorizeOptions) -> NDArray[np.uint8]:
    """The layer (H, W, 4) of an upright page, sRGB with alpha that is not premultiplied.

    Laid over the page as it is, in the ordinary way (Porter and Duff's "over", 1984), it gives the
    coloured page within the rounding of 8 bits. Of all layers that do, it is the most transparent,
    so that where no colour was added it holds nothing.

    Args:
        page: of the source.
        network: what predicts.
        options: how.
    """
    space = flow.page_space(page)
    enlarged = Upsampler(flow.page_colours(page, network, options), page.height, page.width)
    layer = np.empty((page.height, page.width, 4), np.uint8)
    for strip in page.rows():
        light = lightness(strip.pixels, space)
        rows = slice(strip.top, strip.top + light.shape[0])
        if strip.pixels.ndim == 2 or strip.pixels.shape[2] < 3:
            own = np.zeros((*light.shape, 2), np.float32)
        else:
            own = decode(strip.pixels[..., :3], space)[..., 1:]
        layer[rows] = most_transparent(
            merge(light, own, depth=8).astype(np.float32),
            merge(light, enlarged.rows(rows.start, rows.stop), depth=8).astype(np.float32),
        )
    return np.ascontiguousarray(upright(layer, page.orientation))


def most_transparent(before: FloatArray, after: FloatArray) -> NDArray[np.uint8]:
    """The most transparent pixels (..., 4) that turn `before` into `after`, both 0..255.

    Each channel needs as much alpha as takes it to `after` with a colour that is 0 or 255; the
    pixel needs the most of the three.
    """
    change = after - before
    room = np.where(change > 0, 255 - before, before)
    share = np.where(change == 0, 0, np.abs(change) / np.maximum(room, 1)).max(-1, keepdims=True)
    alpha = np.ceil(share.clip(0, 1) * 255)
    colour = before + change * np.divide(255, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    colour[alpha[..., 0] == 0] = 0
    pixels: NDArray[np.uint8] = np.rint(np.concatenate([colour, alpha], -1)).clip(0, 255)
    return pixels.astype(np.uint8)
