"""CIELAB to linear RGB that a space can show: chroma shrinks, hue and lightness stay."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

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
_LEVELS, _HUES = 200, 720  # of the table of the gamut's edge
_REACH = 200.0  # of dx and dz, beyond the edge of any space
_UNDER = np.array([0.999, 0.998, 0.996, 0.992, 0.985, 0.97, 0.94, 0.88], np.float32)
_NEAR = np.float32(0.99)  # of the chroma: hardly outside
_SHY = 0.998  # what is read off the table is mostly inside, then
_CLOSE = np.float32(1e-3)  # of the chroma; the eye sees no such difference


class InGamut(NamedTuple):
    """Colours that a space can show."""

    light: FloatArray
    """(N,) L*."""
    luminance: FloatArray
    """(N,) Y of that L*."""
    planes: list[FloatArray]
    """Three, R, G and B: (N,) linear light."""
    factor: FloatArray | None
    """(N,) by which chroma was multiplied; None where that is 1 throughout."""


def linear_in_gamut(light: FloatArray, chroma: FloatArray, space: ColorSpace) -> InGamut:
    """Colours as linear light, with as much of their chroma as the space can show, or nearly.

    Args:
        light: (N,) L*; clipped to what the space's greys reach.
        chroma: (N, 2) a* and b*.
        space: the target.

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
        full = [plane[outside] for plane in planes]
        inner, colours = _inside(*some, full, margin[outside], space)
        factor = np.ones_like(light) if factor is None else factor
        factor[outside] *= inner
        for plane, value in zip(planes, colours, strict=True):
            plane[outside] = value
    return InGamut(light, luminance, planes, factor)


def _inside(
    light: FloatArray,
    luminance: FloatArray,
    dx: FloatArray,
    dz: FloatArray,
    full: list[FloatArray],
    beyond: FloatArray,
    space: ColorSpace,
) -> tuple[FloatArray, list[FloatArray]]:
    """The factor (N,) of chroma that leads to the edge of the gamut, or nearly, and the colours.

    Read off a table of the edge, which is a little shy: two thousandths of the chroma. The few
    for which it is too bold, where the edge bends between two entries, are looked into one by one.
    Those that lack less than a hundredth lose nothing that they need not: of two colours of one
    luminance all mixtures have that luminance, and the one in the ratio of their margins is inside.

    Args:
        light: as `_edge` takes it, and the rest.
        luminance: likewise.
        dx: likewise.
        dz: likewise.
        full: linear light of the colours with all of their chroma.
        beyond: likewise.
        space: likewise.
    """
    table = _edges(space)
    hue = np.arctan2(dz, dx)
    hue *= np.float32(_HUES / (2 * np.pi))
    hue += np.float32(_HUES / 2)
    across = np.minimum(hue.astype(np.int32), _HUES - 1)
    up = light * np.float32(_LEVELS / 100)
    along = np.minimum(up.astype(np.int32), _LEVELS - 1)
    hue -= across
    up -= along
    place = along * (_HUES + 1) + across
    corners = [table.take(place + step) for step in (0, 1, _HUES + 1, _HUES + 2)]
    for low, high in ((corners[0], corners[1]), (corners[2], corners[3])):
        high -= low
        high *= hue
        low += high
    corners[2] -= corners[0]
    corners[2] *= up
    factor = corners[0]
    factor += corners[2]
    factor /= np.maximum(np.sqrt(dx * dx + dz * dz), np.float32(1e-6))
    np.minimum(factor, 1, out=factor)
    colours = _linear(light, luminance, dx * factor, dz * factor, space)
    within = _margin(colours, space)
    still = np.flatnonzero(within < 0)
    if still.size:
        few = light[still], luminance[still], dx[still], dz[still]
        inner = _stepped(*few, factor[still], beyond[still], space)
        factor[still] = inner
        exact = _linear(few[0], few[1], few[2] * inner, few[3] * inner, space)
        for plane, value in zip(colours, exact, strict=True):
            plane[still] = value
        within[still] = np.maximum(_margin(exact, space), 0)
    near = np.flatnonzero(factor > _NEAR)
    if near.size:
        share = within[near] / (within[near] - beyond[near])
        factor[near] += (1 - factor[near]) * share
        for plane, whole in zip(colours, full, strict=True):
            plane[near] += (whole[near] - plane[near]) * share
    return factor, colours


def _stepped(
    light: FloatArray,
    luminance: FloatArray,
    dx: FloatArray,
    dz: FloatArray,
    factor: FloatArray,
    beyond: FloatArray,
    space: ColorSpace,
) -> FloatArray:
    """The largest of some factors (N,) a little under the one given that leads inside.

    All are tried at once: the pixels are so few that it is calls that cost. `_edge` is for those
    that need less than the least of them.
    """
    tried = factor * _UNDER[:, None]
    planes = _linear(light[None], luminance[None], dx * tried, dz * tried, space)
    inside = _margin(planes, space) >= 0
    first = inside.argmax(0)
    every = np.arange(light.size)
    found: FloatArray = tried[first, every]
    lost = np.flatnonzero(~inside[first, every])
    if lost.size:
        found[lost] = _edge(light[lost], luminance[lost], dx[lost], dz[lost], beyond[lost], space)
    return found


@lru_cache(maxsize=4)
def _edges(space: ColorSpace) -> FloatArray:
    """How far the gamut reaches in the plane of dx and dz, by L* and hue, one row of hues an L*."""
    level = np.linspace(0, 100, _LEVELS + 1, dtype=np.float32)
    hue = np.linspace(-np.pi, np.pi, _HUES + 1, dtype=np.float32)
    ends = luminance_to_lightness(np.array([space.darkest, space.brightest], np.float32))
    light = np.clip(np.repeat(level, hue.size), ends[0], ends[1])
    dx = np.tile(np.cos(hue) * np.float32(_REACH), level.size)
    dz = np.tile(np.sin(hue) * np.float32(_REACH), level.size)
    luminance = lightness_to_luminance(light)
    beyond = np.minimum(_margin(_linear(light, luminance, dx, dz, space), space), -_OVER)
    return _edge(light, luminance, dx, dz, beyond, space) * np.float32(_REACH * _SHY)


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
