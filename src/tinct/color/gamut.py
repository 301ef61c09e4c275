"""CIELAB to linear RGB that a space can show: chroma shrinks, hue and lightness stay."""

from __future__ import annotations

import numpy as np

from tinct.color.spaces import (
    ColorSpace,
    FloatArray,
    lightness_to_luminance,
    luminance_to_lightness,
)
from tinct.errors import ModelError

_OVER = np.float32(1e-6)  # float32 noise of white itself; 4e-5 L* when clipped
_LARGEST = 1000.0  # beyond every gamut, and its cube is far from overflow
_STEPS = 12
_CLOSE = np.float32(1e-3)  # of the chroma; the eye sees no such difference


def linear_in_gamut(
    light: FloatArray, chroma: FloatArray, space: ColorSpace
) -> tuple[FloatArray, list[FloatArray], FloatArray | None]:
    """Colours as linear light, with as much of their chroma as the space can show.

    Args:
        light: (N,) L*; clipped to what the space's greys reach.
        chroma: (N, 2) a* and b*.
        space: the target.

    Returns:
        (N,) L*; three (N,) planes R, G, B; (N,) factor by which chroma was multiplied, None
        where that is 1 throughout.

    Raises:
        ModelError: light or chroma is not finite.
    """
    ends = luminance_to_lightness(np.array([space.darkest, space.brightest], np.float32))
    if light.size and not np.isfinite(light.min() + light.max() + chroma.min() + chroma.max()):
        raise ModelError("some colours are not finite numbers", remedy="use another model")
    light = np.clip(light, ends[0], ends[1]).astype(np.float32, copy=False)
    factor: FloatArray | None = None
    if light.size and max(-chroma.min(), chroma.max()) > _LARGEST:
        factor = (_LARGEST / np.maximum(np.abs(chroma).max(1), _LARGEST)).astype(np.float32)
        chroma = chroma * factor[:, None]
    # 116 f(X) - 16 = L* + 0.232 a*: X and Z have lightnesses of their own
    dx = chroma[:, 0] * np.float32(116 / 500)
    dz = chroma[:, 1] * np.float32(-116 / 200)
    luminance = lightness_to_luminance(light)
    planes = _linear(light, luminance, dx, dz, space)
    margin = _margin(planes, space)
    outside = np.flatnonzero(margin < 0)
    if outside.size:
        some = light[outside], luminance[outside], dx[outside], dz[outside]
        inner = _edge(*some, margin[outside], space)
        factor = np.ones_like(light) if factor is None else factor
        factor[outside] *= inner
        colours = _linear(some[0], some[1], some[2] * inner, some[3] * inner, space)
        for plane, value in zip(planes, colours, strict=True):
            plane[outside] = value
    return light, planes, factor


def _linear(
    light: FloatArray, luminance: FloatArray, dx: FloatArray, dz: FloatArray, space: ColorSpace
) -> list[FloatArray]:
    x = lightness_to_luminance(light + dx)
    z = lightness_to_luminance(light + dz)
    planes = []
    for row in space.from_xyz:
        plane = x * row[0]
        plane += luminance * row[1]
        plane += z * row[2]
        planes.append(plane)
    return planes


def _edge(
    light: FloatArray,
    luminance: FloatArray,
    dx: FloatArray,
    dz: FloatArray,
    beyond: FloatArray,
    space: ColorSpace,
) -> FloatArray:
    """The factor (N,) of chroma that leads to the edge of the gamut, from the inside.

    False position between grey, which is inside, and the full colour, which is not, after
    Illinois: an end that stays twice counts half.

    Args:
        light: (N,) L*, of pixels outside the gamut.
        luminance: (N,) Y.
        dx: (N,) 0.232 a*.
        dz: (N,) -0.58 b*.
        beyond: (N,) margin of the full colour, negative.
        space: the target.
    """
    edge = np.zeros_like(light)
    active = np.arange(light.size)
    inner, outer = edge.copy(), np.ones_like(light)
    within = np.maximum(_margin([luminance] * 3, space), 0)
    last = np.zeros(light.shape, bool), np.zeros(light.shape, bool)  # was the last one in, out
    for _ in range(_STEPS):
        step = within / (within - beyond) * (outer - inner)
        tried = inner + step
        open_ = np.minimum(step, outer - inner) > _CLOSE * tried
        if np.count_nonzero(open_) < 0.7 * open_.size:
            edge[active] = inner
            if not open_.any():
                return edge
            active = active[open_]
            light, luminance, dx, dz = (v[open_] for v in (light, luminance, dx, dz))
            inner, outer, within, beyond = (v[open_] for v in (inner, outer, within, beyond))
            tried, last = tried[open_], (last[0][open_], last[1][open_])
        margin = _margin(_linear(light, luminance, dx * tried, dz * tried, space), space)
        inside = margin >= 0
        beyond[inside & last[0]] *= np.float32(0.5)
        within[~inside & last[1]] *= np.float32(0.5)
        last = inside, ~inside
        for side, end, value in ((inside, inner, within), (~inside, outer, beyond)):
            np.copyto(end, tried, where=side)
            np.copyto(value, margin, where=side)
    edge[active] = inner
    return edge


def _margin(planes: list[FloatArray], space: ColorSpace) -> FloatArray:
    """(N,) how far inside the RGB cube a colour is; negative outside."""
    red, green, blue = planes
    low = np.minimum(np.minimum(red, green), blue)
    low -= space.darkest
    high = np.maximum(np.maximum(red, green), blue)
    np.subtract(space.brightest + _OVER, high, out=high)
    return np.minimum(low, high)
