"""A film as it was found: what it is, and its frames one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct.color import Pixels
from tinct.errors import Unreadable, Unsupported
from tinct.video.library import library, reading
from tinct.video.planes import layout_of
from tinct.video.signal import BT709, FULL, UNKNOWN, Signal, signal_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_JUDGED = 9  # frames by which it is judged whether a film has colours
_JUDGED_SIDE = 192  # pixels of their shorter side
_COVER = 1 << 10  # disposition of a picture that is no film
_LONGEST = 600  # frames between key frames, at most
_PROGRESSIVE = 1


@dataclass(frozen=True, eq=False)
class Film:
    """What is known of a film before any frame is coloured."""

    path: Path
    index: int
    """Of the stream of pictures."""
    format: str
    """Of the container, as FFmpeg calls it."""
    codec: str
    profile: str | None
    tag: str
    """Four letters by which its container calls the codec."""
    pix_fmt: str
    width: int
    height: int
    time_base: Fraction
    """Seconds of a unit of its times."""
    rate: Fraction
    """Frames a second, on average."""
    frames: int
    """As many as there are packets; damaged ones may give none."""
    seconds: float
    """As long as its header says, or else its packets last."""
    ends: float
    """Second at which its last packet ends."""
    gap: int
    """Frames from one key frame to the next, usually."""
    reordered: bool
    """Whether frames are stored in another order than they are shown."""
    aspect: Fraction
    """Width of a pixel by its height."""
    turned: int
    """Degrees, against the clock, by which frames are to be turned to be upright."""
    display: tuple[int, ...] | None
    """The matrix that says so, as FFmpeg writes it."""
    fields: int
    """Order of its fields, as FFmpeg counts; 0 where it has none."""
    signal: Signal
    tags: tuple[int, int]
    """Primaries and transfer, as they are written."""
    metadata: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def interlaced(self) -> bool:
        """Whether each frame holds two moments."""
        return self.fields > _PROGRESSIVE


@dataclass
class Damage:
    """What decoding met with."""

    packets: int = 0
    """That could not be decoded."""
    mended: int = 0
    """Frames whose times were no times."""
    broken: str = ""
    """Why the file could not be read to its end."""
    frames: int = 0
    """That came out."""


def open_film(path: Path) -> InputContainer:
    """Open a file.

    Raises:
        Unreadable: it is not there, or no film.
    """
    av = library()
    with reading(path):
        if path.is_file() and not path.stat().st_size:
            raise Unreadable("is empty", where=str(path))
        # absolute, since FFmpeg takes what is before a colon for a protocol; and playlists fetch
        # nothing from a network
        container: InputContainer = av.open(
            str(path.absolute()),
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
        )
        return container


def examine(path: Path) -> Film:
    """Learn what a film is: its header, all its packets, and its first frame.

    Raises:
        Unreadable: it is not there, damaged, no film, or has no frames.
        Unsupported: of a kind that is not handled.
    """
    with open_film(path) as container, reading(path):
        stream = main_stream(container, path)
        first = _first_frame(container, stream)
    if first is None:
        raise Unreadable(
            "has no frame that can be decoded",
            where=str(path),
            remedy="try whether a player shows it",
        )
    with open_film(path) as container:
        stream = main_stream(container, path)
        stored, keys, last = _scanned(container, stream)
        return _described(path, container, stream, first, stored, keys, last)


def _described(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    stored: int,
    keys: list[int],
    last: float,
) -> Film:
    context = stream.codec_context
    layout = layout_of(first.format.name)
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    full = layout.kind == "rgb" or "yuvj" in first.format.name or first.color_range == FULL
    if first.color_range not in (1, FULL) and layout.kind == "grey":
        full = True  # as FFmpeg itself takes grey that says nothing
    tags = (_known(first.color_primaries), _known(first.color_trc))
    signal = signal_of(
        matrix=1 if layout.kind == "rgb" else first.colorspace,
        primaries=tags[0],
        transfer=tags[1],
        full=full,
        depth=layout.depth,
        height=first.height,
    )
    gaps = sorted(np.diff(keys)) if len(keys) > 1 else [stored]
    warnings = []
    others = [s for s in container.streams.video if s.index != stream.index and not _is_cover(s)]
    if others:
        warnings.append(f"it has {len(others) + 1} streams of pictures; only the first is coloured")
    fields = context.field_order if first.interlaced_frame or context.field_order > 1 else 0
    if first.interlaced_frame and fields <= 1:
        fields = 2  # top first, where only the frames say so
    if stream.metadata.get("alpha_mode") == "1" and not layout.alpha:
        warnings.append("its transparency is left out: the decoder at hand does not give it")
    return Film(
        path=path,
        index=stream.index,
        format=container.format.name,
        codec=context.codec.canonical_name if context.codec else context.name,
        profile=context.profile,
        tag=_tag(context),
        pix_fmt=first.format.name,
        width=first.width,
        height=first.height,
        time_base=stream.time_base or 1 / rate,
        rate=rate,
        frames=stored,
        seconds=max(_lasts(container, stream), last),
        ends=last,
        gap=int(min(_LONGEST, max(1, gaps[len(gaps) // 2]))),
        reordered=context.has_b_frames,
        aspect=stream.sample_aspect_ratio or Fraction(1),
        turned=int(first.rotation) % 360,
        display=_display(first),
        fields=int(fields),
        signal=signal,
        tags=tags,
        metadata=dict(container.metadata),
        warnings=tuple(warnings),
    )


def frames(film: Film, damage: Damage, *, start: int = 0) -> Iterator[tuple[int, VideoFrame]]:
    """All frames from number `start` on, with their numbers.

    What cannot be decoded is passed over, as players do, and noted. A time that is missing or not
    after the last one becomes the earliest that is.

    Raises:
        Unsupported: a frame of another size or kind than the first.
    """
    with open_film(film.path) as container:
        stream: Any = container.streams[film.index]
        stream.thread_type = "AUTO"
        last = None
        for number, frame in enumerate(_decoded(container, stream, damage)):
            if (frame.width, frame.height) != (film.width, film.height):
                raise Unsupported(
                    f"its pictures change size, to {frame.width} x {frame.height}, "
                    f"at frame {number}",
                    where=str(film.path),
                    remedy="cut it there, or bring it to one size first",
                )
            if frame.format.name != film.pix_fmt:
                raise Unsupported(
                    f"its pictures change from {film.pix_fmt} to {frame.format.name} "
                    f"at frame {number}",
                    where=str(film.path),
                    remedy="cut it there, or convert it first",
                )
            time = frame.pts if frame.pts is not None else frame.dts
            if time is None or (last is not None and time <= last):
                step = max(1, round(1 / (film.rate * film.time_base)))
                damage.mended += time is not None
                time = 0 if last is None else last + (step if time is None else 1)
            frame.pts = last = time
            damage.frames = number + 1
            if number >= start:
                yield number, frame


def _decoded(container: InputContainer, stream: Any, damage: Damage) -> Iterator[VideoFrame]:
    av = library()
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            damage.broken = getattr(error, "strerror", None) or str(error)
            packet = None
        try:
            if packet is None:
                if damage.broken:
                    yield from stream.codec_context.decode(None)
                return
            yield from packet.decode()
        except av.error.EOFError:
            continue
        except (av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.UnknownError):
            damage.packets += 1


def samples(film: Film) -> Pixels | None:
    """Some frames from all over a film, one below the other, sRGB (H, W, 3); None of grey ones."""
    if layout_of(film.pix_fmt).kind == "grey":
        return None
    av = library()
    found: list[Pixels] = []
    with open_film(film.path) as container, reading(film.path):
        stream: Any = container.streams[film.index]
        start = stream.start_time or 0
        for part in range(_JUDGED):
            moment = start + round((part + 0.5) / _JUDGED * film.seconds / film.time_base)
            try:
                container.seek(int(moment), stream=stream)
                frame = next(container.decode(stream), None)
            except (av.error.FFmpegError, OSError):
                frame = None
            if frame is not None:
                found.append(small_rgb(frame))
    if not found:
        found = [small_rgb(frame) for _, frame in zip(range(2), _all(film), strict=False)]
    return np.concatenate([one for one in found if one.shape == found[0].shape])


def small_rgb(frame: VideoFrame) -> Pixels:
    """A frame as a small picture, sRGB (h, w, 3) uint8."""
    share = min(1.0, _JUDGED_SIDE / min(frame.width, frame.height))
    size = [max(1, round(side * share)) for side in (frame.width, frame.height)]
    return np.asarray(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]))


def _all(film: Film) -> Iterator[VideoFrame]:
    return (frame for _, frame in frames(film, Damage()))


def main_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream of moving pictures.

    Raises:
        Unsupported: there is none, or nothing decodes it.
    """
    for stream in container.streams.video:
        if not _is_cover(stream):
            if stream.codec_context is None:
                raise Unsupported("nothing here decodes its pictures", where=str(path))
            return stream
    sound = " (it has sound)" if container.streams.audio else ""
    raise Unsupported(
        f"has no moving pictures{sound}",
        where=str(path),
        remedy="name a film; `tinct colorize` takes pictures",
    )


def _is_cover(stream: VideoStream) -> bool:
    return bool(int(stream.disposition) & _COVER)


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    return next(_decoded(container, stream, Damage()), None)


def _scanned(container: InputContainer, stream: VideoStream) -> tuple[int, list[int], float]:
    """Packets, numbers of the key frames, and the second at which the last one is shown."""
    av = library()
    count, keys, last = 0, [], 0.0
    try:
        for packet in container.demux(stream):
            if not packet.size or packet.is_discard:
                continue
            if packet.is_keyframe:
                keys.append(count)
            if packet.pts is not None:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            count += 1
    except (av.error.FFmpegError, OSError):
        pass  # decoding will meet with it, and say so
    return count, keys, last


def _lasts(container: InputContainer, stream: VideoStream) -> float:
    """Seconds that the pictures last by what the header says; 0 where it says nothing of them."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if found := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])
    # that of a file is that of its longest stream, which may be the sound
    return (container.duration or 0) / 1e6 if len(container.streams.get()) == 1 else 0.0


def _display(frame: VideoFrame) -> tuple[int, ...] | None:
    found: Any = frame.side_data.get("DISPLAYMATRIX")
    return tuple(int(n) for n in np.frombuffer(found, "<i4")[:9]) if found is not None else None


def _known(tag: int) -> int:
    """What a tag that says nothing is taken for, and is then said: BT.709."""
    return tag if tag not in (0, UNKNOWN, 3) else BT709


def _tag(context: Any) -> str:
    try:
        tag: str = context.codec_tag
    except UnicodeDecodeError:
        return ""
    return tag if tag.isprintable() and len(tag) == 4 else ""
