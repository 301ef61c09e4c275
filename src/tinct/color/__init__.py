"""RGB and CIELAB in float32: lightness, and the merge that adds colour but no light.

Lightness is (H, W), L* in 0..100; chroma is (H, W, 2), a* and b* in CIE units; sRGB is
(H, W, 3), display-encoded, 0..1. White is that of the space (sRGB: D65, IEC 61966-2-1, CIE 15).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinct.color.gamut import linear_in_gamut
from tinct.color.spaces import (
    EPSILON,
    KAPPA,
    RGB_TO_XYZ,
    SRGB,
    WHITE,
    ColorSpace,
    Depth,
    FloatArray,
    Pixels,
    lightness_to_luminance,
    linear_to_srgb,
    luminance_to_lightness,
    srgb_to_linear,
)
from tinct.errors import UsageError

__all__ = [
    "RGB_TO_XYZ",
    "ROUNDING_BOUND",
    "SRGB",
    "WHITE",
    "ColorSpace",
    "Depth",
    "FloatArray",
    "Pixels",
    "decode",
    "encode",
    "grid_bins",
    "in_gamut_scale",
    "lab_to_rgb",
    "lightness",
    "lightness_from_grey",
    "lightness_to_luminance",
    "linear_to_srgb",
    "luminance_to_lightness",
    "merge",
    "merge_measured",
    "rgb_to_lab",
    "srgb_to_linear",
]

#: largest |dL*| that rounding may leave in a merged pixel, by depth
ROUNDING_BOUND: dict[Depth, float] = {8: 0.25, 16: 0.002}

_RGB_TO_UNIT_XYZ = SRGB.to_xyz.astype(np.float32)
_UNIT_XYZ_TO_RGB = SRGB.from_xyz
_STRIP = (
    1 << 17
)  # pixels worked on at a time: more, and planes leave the cache; fewer, and threads queue
_TRIED = 1 << 17  # neighbouring colours weighed at a time


def lightness_from_grey(grey: FloatArray) -> FloatArray:
    """Display-encoded grey value 0..1 (R = G = B) to L* in 0..100."""
    return luminance_to_lightness(srgb_to_linear(grey))


def rgb_to_lab(rgb: FloatArray) -> FloatArray:
    """Display-encoded sRGB (..., 3) in 0..1 to CIELAB (..., 3)."""
    return _xyz_to_lab(srgb_to_linear(rgb) @ _RGB_TO_UNIT_XYZ.T)


def lab_to_rgb(lab: FloatArray) -> FloatArray:
    """CIELAB (..., 3) to display-encoded sRGB (..., 3); outside 0..1 where out of gamut."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], -1).astype(np.float32)
    return linear_to_srgb(_inverse(f) @ _UNIT_XYZ_TO_RGB.T)


def grid_bins(step: int = 14) -> FloatArray:
    """Centres (K, 2) of the a*b* squares of a regular grid that sRGB colours can fall into."""
    axis = np.arange(256, step=5, dtype=np.float32) / np.float32(255)
    cube = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    cells = np.unique(np.round(rgb_to_lab(cube)[:, 1:] / step).astype(np.int64), axis=0)
    return (cells * step).astype(np.float32)


def lightness(pixels: Pixels, space: ColorSpace = SRGB) -> FloatArray:
    """L* of a picture, exact to 1e-4.

    Args:
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        space: what the values mean.

    Returns:
        (H, W) float32, L* in 0..100.
    """
    depth = _depth_of(pixels)
    grey, table = space.grey[depth], space.luminance[depth]
    out = np.empty(pixels.shape[:2], np.float32)
    for rows in _strips(*pixels.shape[:2]):
        if pixels.ndim == 2:
            out[rows] = grey.take(pixels[rows])
            continue
        red, green, blue = (np.ascontiguousarray(pixels[rows, :, i]) for i in range(3))
        if np.array_equal(red, green) and np.array_equal(green, blue):
            out[rows] = grey.take(green)
        else:
            total = table[0].take(red)
            total += table[1].take(green)
            total += table[2].take(blue)
            out[rows] = luminance_to_lightness(total)
    return out


def decode(pixels: Pixels, space: ColorSpace = SRGB) -> FloatArray:
    """Codes (..., 3), uint8 or uint16, to CIELAB (..., 3) relative to the space's white."""
    step = 257 if _depth_of(pixels) == 8 else 1
    linear = np.stack([space.curve[i, ::step].take(pixels[..., i]) for i in range(3)], -1)
    return _xyz_to_lab(linear @ space.to_xyz.T.astype(np.float32))


def encode(lab: FloatArray, space: ColorSpace = SRGB) -> FloatArray:
    """CIELAB (..., 3) to encoded values (..., 3) in 0..1, unrounded.

    Colours outside the gamut lose chroma, never hue or lightness.

    Raises:
        ModelError: lab is not finite.
    """
    flat = np.asarray(lab, np.float32).reshape(-1, 3)
    out = np.empty(flat.shape, np.float32)
    for rows in _strips(len(flat), 1):
        colours = linear_in_gamut(flat[rows, 0], flat[rows, 1:], space)
        for i, plane in enumerate(colours.planes):
            out[rows, i] = space.encode(plane, i)
    return out.reshape(lab.shape)


def in_gamut_scale(light: FloatArray, chroma: FloatArray, space: ColorSpace = SRGB) -> FloatArray:
    """The factor (H, W) in 0..1 that `merge` multiplies chroma by, to stay in the gamut."""
    out = np.ones(light.shape, np.float32)
    for rows in _strips(*light.shape):
        factor = linear_in_gamut(light[rows].ravel(), chroma[rows].reshape(-1, 2), space).factor
        if factor is not None:
            out[rows] = factor.reshape(out[rows].shape)
    return out


def merge(
    light: FloatArray, chroma: FloatArray, space: ColorSpace = SRGB, *, depth: Depth
) -> Pixels:
    """Pixels of a given lightness and chroma.

    Lightness and hue are kept; chroma shrinks where the colour would leave the gamut. After
    rounding |dL*| is at most `ROUNDING_BOUND`, in every space that has such colours at all (8
    bits of linear ProPhoto have not). Zero chroma gives back the grey R = G = B = v that the
    light came from.

    Args:
        light: (H, W), L* in 0..100.
        chroma: (H, W, 2), a* and b* in CIE units.
        space: what the values of the result mean.
        depth: bits a channel.

    Returns:
        (H, W, 3) uint8 or uint16.

    Raises:
        ModelError: light or chroma is not finite.
    """
    return merge_measured(light, chroma, space, depth=depth)[0]


def merge_measured(
    light: FloatArray, chroma: FloatArray, space: ColorSpace = SRGB, *, depth: Depth
) -> tuple[Pixels, float]:
    """As `merge`, and the largest |dL*| of its pixels, as their codes have it."""
    out = np.empty((*light.shape, 3), np.uint8 if depth == 8 else np.uint16)
    largest = 0.0
    for rows in _strips(*light.shape):
        flat = light[rows].ravel(), chroma[rows].reshape(-1, 2)
        pixels, missed = _merge_flat(*flat, space, depth)
        out[rows] = pixels.reshape(out[rows].shape)
        largest = max(largest, missed)
    return out, largest


def _merge_flat(
    light: FloatArray, chroma: FloatArray, space: ColorSpace, depth: Depth
) -> tuple[Pixels, float]:
    wanted = light
    light, luminance, planes, _ = linear_in_gamut(light, chroma, space)
    pixels = np.empty((light.size, 3), np.uint8 if depth == 8 else np.uint16)
    missed = -luminance
    for i, plane in enumerate(planes):
        codes = space.codes(plane, i, depth)
        pixels[:, i] = codes
        missed += space.luminance[depth][i].take(codes)
    slope = light + np.float32(16)  # dY / dL* = 3 (L* + 16)**2 / 116**3, and constant under L* 8
    np.maximum(slope, 24, out=slope)
    slope *= slope
    slope *= np.float32(3 / 116**3)
    missed /= slope
    np.abs(missed, out=missed)
    bad = np.flatnonzero(missed > 0.98 * ROUNDING_BOUND[depth])
    if bad.size:
        _mend(pixels, bad, light, slope, space, depth)
        missed[bad] = np.abs(lightness(pixels[bad, None], space)[:, 0] - wanted[bad])
    worst = int(missed.argmax())
    exact = lightness(pixels[worst, None, None], space)[0, 0]
    return pixels, float(abs(exact - wanted[worst]))


def _mend(
    pixels: Pixels,
    bad: NDArray[np.intp],
    light: FloatArray,
    slope: FloatArray,
    space: ColorSpace,
    depth: Depth,
) -> None:
    """Move, in place, codes whose rounding errors add up to more than the bound.

    In sRGB there are none; where the curve is steep near black (gamma 1.8, 2.2) a few of the
    dark pixels. The smallest move that mends them is a step or two in one or two channels, or a
    few more in one that is near 0, where steps are tiny.
    """
    table = space.luminance[depth]
    bound = np.float32(0.98 * ROUNDING_BOUND[depth])
    for reach in (2, 8):
        axis = np.arange(-reach, reach + 1)
        moves = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        size = (moves**2).sum(1).astype(np.float32)
        left = []
        for some in np.split(bad, range(0, bad.size, _TRIED // len(moves))[1:]):
            tried = pixels[some, None].astype(np.int32) + moves
            np.clip(tried, 0, table.shape[1] - 1, out=tried)
            total = table[0][tried[..., 0]] + table[1][tried[..., 1]] + table[2][tried[..., 2]]
            missed = np.abs(total - lightness_to_luminance(light[some])[:, None])
            missed /= slope[some, None]
            best = np.argmin(np.where(missed <= bound, size, 1000 + missed), 1)
            every = np.arange(some.size)
            pixels[some] = tried[every, best]
            left.append(some[missed[every, best] > bound])
        bad = np.concatenate(left)
        if not bad.size:
            return


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def _depth_of(pixels: Pixels) -> Depth:
    if pixels.dtype == np.uint8:
        return 8
    if pixels.dtype == np.uint16:
        return 16
    raise UsageError(f"pixels are {pixels.dtype}, not uint8 or uint16")


def _xyz_to_lab(xyz: FloatArray) -> FloatArray:
    f = np.where(xyz > EPSILON, np.cbrt(xyz), (KAPPA * xyz + 16) / 116).astype(np.float32)
    lab: FloatArray = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    ).astype(np.float32)
    return lab


def _inverse(f: FloatArray) -> FloatArray:
    cubed = f**3
    t: FloatArray = np.where(cubed > EPSILON, cubed, (116 * f - 16) / KAPPA).astype(np.float32)
    return t
