"""Films for tests, made on the spot: a textured scene that is panned over, with cuts and grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Frames = list[NDArray[Any]]


def scene(height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Smooth shapes of several sizes, 30..220; scenes of other seeds have nothing in common."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for cells, weight in ((4, 1.0), (9, 0.7), (24, 0.4)):
        small = rng.random((cells, cells))
        rows = np.linspace(0, cells - 1.001, height)
        columns = np.linspace(0, cells - 1.001, width)
        top, left = rows.astype(int), columns.astype(int)
        y, x = (rows - top)[:, None], columns - left
        upper = small[top][:, left] * (1 - x) + small[top][:, left + 1] * x
        lower = small[top + 1][:, left] * (1 - x) + small[top + 1][:, left + 1] * x
        total += weight * (upper * (1 - y) + lower * y)
    total -= total.min()
    scaled: NDArray[np.float32] = (30 + 190 * total / total.max()).astype(np.float32)
    return scaled


def reel(
    count: int,
    *,
    height: int = 48,
    width: int = 64,
    cut: int = 1000,
    step: int = 1,
    noise: float = 2.0,
    exposure: float = 0.0,
) -> Frames:
    """Grey frames (H, W) uint8: a pan, another scene after each `cut` frames."""
    rng = np.random.default_rng(0)
    scenes = [scene(height, width + step * min(cut, count), at) for at in range(-(-count // cut))]
    frames: Frames = []
    for number in range(count):
        left = step * (number % cut)
        view = scenes[number // cut][:, left : left + width]
        grain = rng.normal(0, noise, view.shape)
        exposed = view * (1 + exposure * (2 * rng.random() - 1)) + grain
        frames.append(np.clip(np.rint(exposed), 16, 235).astype(np.uint8))
    return frames


@dataclass(frozen=True)
class Kind:
    """How a film is stored."""

    codec: str = "ffv1"
    pix_fmt: str = "gray"
    rate: int = 25
    times: Sequence[int] = ()
    """In units of `unit`; even ones where there are none."""
    unit: Fraction = Fraction(1, 1000)
    sound: bool = False
    options: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    """Of the encoder."""
    metadata: dict[str, str] = field(default_factory=dict)
    chapters: Sequence[tuple[int, int, str]] = ()
    turned: int = 0


def film(path: Path, frames: Frames, kind: Kind | None = None) -> Path:
    """Write a film."""
    kind = kind or Kind()
    with av.open(str(path.absolute()), "w") as container:
        stream: Any = container.add_stream(kind.codec, rate=kind.rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = kind.pix_fmt, kind.options
        stream.codec_context.time_base = kind.unit if kind.times else Fraction(1, kind.rate)
        for name, value in kind.attributes.items():
            before = stream.codec_context.flags if name == "flags" else 0
            setattr(stream.codec_context, name, before | value if before else value)
        if kind.turned:
            stream.set_display_rotation(kind.turned)
        container.metadata.update(kind.metadata)
        if kind.chapters:
            container.set_chapters(
                [
                    {
                        "id": number,
                        "start": start,
                        "end": end,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": title},
                    }
                    for number, (start, end, title) in enumerate(kind.chapters, 1)
                ]
            )
        sound: Any = container.add_stream("pcm_s16le", rate=8000) if kind.sound else None
        if sound is not None:
            sound.layout = "mono"
        for number, pixels in enumerate(frames):
            frame = encoded_frame(pixels, kind.pix_fmt)
            frame.pts = kind.times[number] if kind.times else number
            frame.time_base = kind.unit if kind.times else Fraction(1, kind.rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            for number in range(int(len(frames) / kind.rate * 10) + 1):
                wave = (8000 * np.sin(np.arange(800) * (0.1 + 0.01 * number))).astype(np.int16)
                part = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
                part.sample_rate, part.pts = 8000, 800 * number
                container.mux(sound.encode(part))
            container.mux(sound.encode(None))
    return path


def encoded_frame(pixels: NDArray[Any], pix_fmt: str) -> Any:
    """A frame whose luma is exactly `pixels`, in as many bits as the format has."""
    if pixels.ndim == 3:
        return av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=pix_fmt)
    frame = av.VideoFrame(pixels.shape[1], pixels.shape[0], pix_fmt)
    if frame.format.is_rgb:
        return av.VideoFrame.from_ndarray(pixels, "gray").reformat(
            format=pix_fmt, src_color_range=2, dst_color_range=2
        )
    for at, plane in enumerate(frame.planes):
        bits = frame.format.components[0].bits
        kind = np.uint8 if bits == 8 else np.uint16
        lines = np.frombuffer(memoryview(plane), kind).reshape(
            -1, plane.line_size // kind().itemsize
        )
        if at == 0:
            lines[: pixels.shape[0], : pixels.shape[1]] = pixels.astype(np.uint16) << (bits - 8)
        else:
            lines[:] = 1 << (bits - 1) if at < 3 else (1 << bits) - 1
    return frame


@dataclass(frozen=True, eq=False)
class Shown:
    """What comes out of a film."""

    times: list[Fraction]
    """Seconds."""
    luma: Frames
    chroma: list[NDArray[Any]]
    """Cb and Cr, (2, h, w)."""
    rgb: Frames


def shown(path: Path) -> Shown:
    """Decode a film."""
    times: list[Fraction] = []
    luma: Frames = []
    chroma: Frames = []
    rgb: Frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            times.append(frame.pts * Fraction(frame.time_base or 0))
            planes = [_plane(frame, at) for at in range(min(3, len(frame.planes)))]
            luma.append(planes[0])
            chroma.append(np.stack(planes[1:]) if len(planes) == 3 else np.zeros((2, 1, 1)))
            rgb.append(np.asarray(frame.to_ndarray(format="rgb24")))
    return Shown(times, luma, chroma, rgb)


def _plane(frame: Any, at: int) -> NDArray[Any]:
    plane = frame.planes[at]
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    lines = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind().itemsize)
    return lines[: plane.height, : plane.width].copy()


def packets(path: Path, type_: str) -> list[tuple[int | None, bytes]]:
    """Times and content of all packets of the streams of a type."""
    with av.open(str(path)) as container:
        wanted = [stream for stream in container.streams if stream.type == type_]
        return [(packet.pts, bytes(packet)) for packet in container.demux(wanted) if packet.size]
