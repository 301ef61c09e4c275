"""The planes of a frame: luma is taken as it was decoded, Cb and Cr are written beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.color import FloatArray
from tinct.luma import chroma_planes
from tinct.video.library import library
from tinct.video.signal import FULL, LIMITED, Signal

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

Samples = NDArray[Any]  # uint8 or uint16

#: shares of red and blue in the luma that is made of RGB: BT.709
RGB_LUMA = (0.2126, 0.7152, 0.0722)
#: formats that hold the same samples in another order
_REPACKED = {
    **{"nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p"},
    **{"yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p"},
    **{"p010le": "yuv420p10le", "p210le": "yuv422p10le", "p410le": "yuv444p10le"},
    **{"y210le": "yuv422p10le", "monow": "gray", "monob": "gray"},
}
#: across, and down, how many samples of luma share one of chroma
_SHARED = {"444": (1, 1), "422": (2, 1), "420": (2, 2), "440": (1, 2), "411": (4, 1), "410": (4, 4)}


@dataclass(frozen=True)
class Layout:
    """What a pixel format holds."""

    kind: Literal["grey", "yuv", "rgb"]
    depth: int
    """Bits of a sample of luma."""
    shared: tuple[int, int] = (1, 1)
    """Samples of luma, across and down, for one of chroma."""
    alpha: bool = False


@lru_cache(maxsize=64)
def layout_of(name: str) -> Layout:
    """What a pixel format of FFmpeg holds; what is neither grey nor planar Y'CbCr is RGB."""
    name = _REPACKED.get(name, name)
    if found := re.fullmatch(r"yuvj?(a?)(4\d\d)p(\d*)(le|be)?", name):
        return Layout("yuv", int(found[3] or 8), _SHARED[found[2]], bool(found[1]))
    if found := re.fullmatch(r"(gray|ya)(\d*)(le|be)?", name):
        return Layout("grey", int(found[2] or 8), (1, 1), found[1] == "ya")
    transparent = name == "pal8" or "a" in name.rstrip("0123456789lbe")
    return Layout("rgb", 16 if re.search(r"48|64|1[0246]", name) else 8, (1, 1), transparent)


@dataclass(frozen=True, eq=False)
class Light:
    """What a frame brings along."""

    luma: Samples
    """(H, W) codes, as they were decoded."""
    alpha: Samples | None = None
    """(H, W) opacity, where there is any."""


def light_of(frame: VideoFrame) -> Light:
    """Luma and opacity; only of RGB, which has no luma of its own, is it made, in full range."""
    layout = layout_of(frame.format.name)
    if layout.kind == "rgb":
        return _light_of_rgb(frame, layout)
    name = _REPACKED.get(frame.format.name, frame.format.name)
    name = name.replace("ya8", "ya8").replace("be", "le")
    if name != frame.format.name:
        frame = frame.reformat(format=name)
    if layout.kind == "grey" and layout.alpha:
        pixels = _samples(frame.planes[0], layout.depth, 2 * frame.width).reshape(
            frame.height, frame.width, 2
        )
        return Light(np.ascontiguousarray(pixels[..., 0]), np.ascontiguousarray(pixels[..., 1]))
    luma = _samples(frame.planes[0], layout.depth, frame.width)
    alpha = _samples(frame.planes[3], layout.depth, frame.width) if layout.alpha else None
    return Light(luma, alpha)


def _light_of_rgb(frame: VideoFrame, layout: Layout) -> Light:
    wide = layout.depth > 8
    pixels = frame.to_ndarray(format="rgba64le" if wide else "rgba")
    luma = pixels[..., :3].astype(np.float32) @ np.array(RGB_LUMA, np.float32)
    values = np.rint(luma).astype(pixels.dtype)
    # grey stays exactly what it is, whatever floats make of the sum of the shares
    grey = (pixels[..., 0] == pixels[..., 1]) & (pixels[..., 1] == pixels[..., 2])
    values = np.where(grey, pixels[..., 1], values)
    return Light(values, np.ascontiguousarray(pixels[..., 3]) if layout.alpha else None)


def coloured(
    frame: VideoFrame, chroma: FloatArray, signal: Signal, pix_fmt: str, tags: tuple[int, int]
) -> VideoFrame:
    """A frame of the same light with new colours; the frame itself where it can take them.

    Args:
        frame: as decoded.
        chroma: a*b* (h, w, 2), stored as the frame is.
        signal: what its codes mean.
        pix_fmt: of the result, planar Y'CbCr of no fewer bits than luma has.
        tags: primaries and transfer for the result.
    """
    av = library()
    layout = layout_of(pix_fmt)
    light = light_of(frame)
    if frame.format.name == pix_fmt:
        frame.make_writable()
        result = frame
    else:
        result = av.VideoFrame(frame.width, frame.height, pix_fmt)
        result.pts = frame.pts
        _put(result.planes[0], widened(light.luma, signal, layout.depth), layout.depth)
        if layout.alpha:
            opaque = np.full_like(light.luma, 2**signal.depth - 1)
            alpha = opaque if light.alpha is None else light.alpha
            full = replace(signal, full=True)
            _put(result.planes[3], widened(alpha, full, layout.depth), layout.depth)
    small = signal.levels(averaged(light.luma, *layout.shared, fields=frame.interlaced_frame))
    code = replace(signal, depth=layout.depth).code
    planes = chroma_planes(chroma, small, signal.space, code)
    for plane, values in zip(result.planes[1:3], planes, strict=True):
        _put(plane, values, layout.depth)
    result.pict_type = 0  # what the encoder of the source made of it is nobody's concern
    result.colorspace = signal.matrix
    result.color_range = FULL if signal.full else LIMITED
    result.color_primaries, result.color_trc = tags
    return result


def averaged(luma: Samples, across: int, down: int, *, fields: bool = False) -> Samples:
    """Means of luma over what shares a sample of chroma; the last ones may have fewer.

    Of an interlaced frame each field has its own chroma lines (`fields`).
    """
    if (across, down) == (1, 1):
        return luma
    if fields and down == 2 and luma.shape[0] > 1:
        parts = [averaged(luma[first::2], across, down) for first in (0, 1)]
        whole = np.empty((-(-luma.shape[0] // 2), parts[0].shape[1]), np.float32)
        whole[0::2], whole[1::2] = parts[0], parts[1][: whole.shape[0] // 2]
        return whole
    height, width = luma.shape
    padded = np.pad(luma, ((0, -height % down), (0, -width % across)), mode="edge")
    rows = padded[::down].astype(np.float32)
    for row in range(1, down):
        rows += padded[row::down]
    total = rows[:, ::across].copy()
    for column in range(1, across):
        total += rows[:, column::across]
    total *= np.float32(1 / (across * down))
    return total


def reduced(luma: Samples, side: int) -> FloatArray:
    """Luma averaged over squares of whole pixels to at least `side` pixels a side."""
    step = max(1, min(luma.shape) // side)
    if step == 1:
        return luma.astype(np.float32)
    height, width = (n // step for n in luma.shape)
    kept = luma[: height * step, : width * step]
    rows = kept.reshape(height, step, width * step).sum(1, dtype=np.uint32)
    total = rows.reshape(height, width, step).sum(2)
    mean: FloatArray = total.astype(np.float32) / np.float32(step * step)
    return mean


def _samples(plane: VideoPlane, depth: int, width: int) -> Samples:
    """A view (H, W) of a plane."""
    kind = np.dtype(np.uint8 if depth <= 8 else "<u2")
    whole = np.frombuffer(memoryview(plane), kind)
    line = plane.line_size // kind.itemsize
    lines: Samples = whole[: plane.height * line].reshape(plane.height, line)[:, :width]
    return lines


def _put(plane: VideoPlane, values: Samples, depth: int) -> None:
    np.copyto(_samples(plane, depth, values.shape[1]), values, casting="same_kind")


def widened(codes: Samples, signal: Signal, depth: int) -> Samples:
    """Codes of luma with more bits; of a limited range that is a shift, of a full one a scale."""
    if depth == signal.depth:
        return codes
    if not signal.full:
        shifted: Samples = codes.astype(np.uint16) << (depth - signal.depth)
        return shifted
    scale = (2**depth - 1) / (2**signal.depth - 1)
    return np.rint(codes * np.float32(scale)).astype(np.uint16)
