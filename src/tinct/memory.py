"""Pictures in memory: arrays, taken to be sRGB, and PIL images, by their own profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, ColorSpace, Pixels, lightness, merge
from tinct.color.icc import space_of
from tinct.color.tone import Tone, classify, tone_curve
from tinct.errors import AlreadyColour, InputError, Unreadable, Unsupported
from tinct.flow import JUDGED_SIDE, colours, own_colours
from tinct.image.decode import small_array
from tinct.models.session import Model
from tinct.options import ColorizeOptions
from tinct.refine import Upsampler

if TYPE_CHECKING:
    from PIL.Image import Image


def colour_array(
    pixels: NDArray[Any], network: Model, options: ColorizeOptions, space: ColorSpace = SRGB
) -> Pixels:
    """Colour an array.

    Args:
        pixels: (H, W), (H, W, 1) or (H, W, 3), uint8 or uint16.
        network: what predicts.
        options: how; `depth` other than "same" changes the type.
        space: what the values mean.

    Returns:
        (H, W, 3) of the same type, or `pixels` itself where it has colours and is skipped.

    Raises:
        Unsupported: another shape or type, or no pixels.
        AlreadyColour: it has colours and `if_color` is "fail".
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        raise Unsupported(
            f"an array of {pixels.dtype}", remedy="scale it to uint8 0..255 or uint16 0..65535"
        )
    plane = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    if plane.size == 0 or not (plane.ndim == 2 or (plane.ndim == 3 and plane.shape[2] == 3)):
        raise Unsupported(
            f"an array of shape {pixels.shape}", remedy="give (H, W), (H, W, 1) or (H, W, 3)"
        )
    # made small as the preview of a file is, so that both get the same colours
    judged = small_array(plane, JUDGED_SIDE) if plane.ndim == 3 else plane
    if options.if_color != "recolor" and classify(judged, space) is Tone.COLOUR:
        if options.if_color == "fail":
            raise AlreadyColour("the picture has colours", remedy='give if_color="recolor"')
        return plane
    light = lightness(plane, space)
    small = small_array(plane, options.size or network.spec.working_size)
    tone = tone_curve(small, space) if options.toned == "keep" else None
    own = own_colours(small, space, options)
    chroma = colours(lightness(small, space), tone, network, options, own)
    depth = {"same": 8 * plane.dtype.itemsize, "8": 8, "16": 16}[options.depth]
    enlarged = Upsampler(chroma, *light.shape).rows(0, light.shape[0])
    return merge(light, enlarged, space, depth=8 if depth == 8 else 16)


def colour_image(image: Image, network: Model, options: ColorizeOptions) -> Image:
    """Colour a PIL image of mode 1, L, LA, RGB or RGBA into RGB or RGBA.

    Raises:
        Unsupported: another type or mode; PIL has no 16-bit colour.
        Unreadable: what it was opened from is damaged or cut short.
        AlreadyColour: it has colours and `if_color` is "fail".
    """
    from PIL import Image as Images

    if not isinstance(image, Images.Image):
        raise Unsupported(
            f"a {type(image).__name__}", remedy="give a path, bytes, a PIL image or an array"
        )
    if image.mode not in ("1", "L", "LA", "RGB", "RGBA"):
        raise Unsupported(
            f"a PIL image of mode {image.mode}",
            remedy="convert it to L or RGB, or give an array of uint16 to keep 16 bits",
        )
    try:
        image.load()
    except (OSError, SyntaxError) as error:
        raise Unreadable(f"cannot be read: {error}", remedy="get a fresh copy of it") from error
    alpha = image.getchannel("A") if "A" in image.mode else None
    plain = image.convert("RGB" if image.mode.startswith("RGB") else "L")
    space = _space(image.info.get("icc_profile"), bands=len(plain.getbands()))
    coloured = colour_array(np.asarray(plain), network, options, space)
    result = Images.fromarray(coloured.astype(np.uint8, copy=False))
    if alpha is not None:
        result.putalpha(alpha)
    result.info.update(image.info)
    if space.icc is None:
        result.info.pop("icc_profile", None)
    else:
        result.info["icc_profile"] = space.icc
    return result


def _space(icc: bytes | None, *, bands: int) -> ColorSpace:
    """What a profile says of the values; sRGB where it is none of curves and primaries."""
    try:
        return space_of(icc, bands=bands)
    except InputError:
        return SRGB
