"""Encoded parts and all else that the source holds, put into one container without re-encoding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import OutputError, Unsupported, UsageError
from tinct.video.encoder import Plan, configured
from tinct.video.library import library, writing
from tinct.video.segments import Segment
from tinct.video.source import Film, open_film

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

_BOXED = frozenset(("mp4", "mov"))


@dataclass(frozen=True)
class Copied:
    """What of the source is taken over as it is."""

    streams: tuple[int, ...]
    """Their numbers."""
    warnings: tuple[str, ...]
    """What is not, and why."""


def container_for(path: Path, format_: str | None = None) -> OutputContainer:
    """A container of the format that a name stands for; nothing is written before its header.

    Raises:
        UsageError: it stands for none.
    """
    av = library()
    options = {"movflags": "+faststart"}
    try:
        boxed = format_ in _BOXED or path.suffix.lower() in (".mp4", ".m4v", ".mov")
        container: OutputContainer = av.open(
            str(path.absolute()), "w", format=format_, container_options=options if boxed else {}
        )
        if container.format.name.startswith("image2"):
            raise ValueError
    except ValueError as error:
        raise UsageError(
            f"no kind of film is written to files that end in {path.suffix or 'nothing'!r}",
            where=str(path),
            remedy="end the name in .mp4, .mov, .mkv, .webm or .avi",
        ) from error
    return container


def rehearse(film: Film, plan: Plan, folder: Path) -> Copied:
    """Which streams the container takes, found by writing the header of a trial.

    Raises:
        Unsupported: it does not take the sound.
    """
    trial = folder / "trial"
    with open_film(film.path) as source:
        others = [s for s in source.streams if s.index != film.index and not _is_chapters(s)]
        kept: list[int] = []
        refused: dict[int, str] = {}
        for stream in others:
            if problem := _refused(film, plan, trial, source, [*kept, stream.index]):
                refused[stream.index] = problem
            else:
                kept.append(stream.index)
        if not others and (problem := _refused(film, plan, trial, source, [])):
            raise Unsupported(
                f"{plan.format} does not take it: {problem}",
                where=str(film.path),
                remedy="end the name of the result in .mkv",
            )
        trial.unlink(missing_ok=True)
        warnings = []
        for stream in others:
            if stream.index not in refused:
                continue
            name = f"stream {stream.index} ({_called(stream)})"
            if stream.type == "audio":
                raise Unsupported(
                    f"{plan.format} does not take its sound, {name}: {refused[stream.index]}",
                    where=str(film.path),
                    remedy="end the name of the result in .mkv",
                )
            warnings.append(f"{name} is left out: {plan.format} does not take it")
    return Copied(tuple(kept), tuple(warnings))


def join(
    film: Film,
    plan: Plan,
    copied: Copied,
    segments: Sequence[Segment],
    target: Path,
    tags: Mapping[str, str],
) -> list[str]:
    """Write the result; give what could not be taken over.

    Args:
        film: the source.
        plan: how its parts are encoded.
        copied: which of its other streams go along.
        segments: the parts.
        target: a file to write to.
        tags: of the result.

    Raises:
        OutputError: it cannot be written.
    """
    av = library()
    warnings: list[str] = []
    with writing(target), open_film(film.path) as source:
        container = container_for(target, plan.format)
        try:
            unit, shown = _counted(film, plan, segments)
            streams = _streams(container, source, film, plan, copied.streams, unit)
            container.metadata.update(tags)
            if chapters := source.chapters():
                container.set_chapters(chapters)
            container.start_encoding()
            pictures = _pictures(unit, shown, segments, streams[film.index])
            for packet in _merged(pictures, _others(source, film, streams, warnings)):
                container.mux(packet)
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(
                f"{plan.format} does not take it: {getattr(error, 'strerror', '') or error}",
                where=str(target),
                remedy="end the name of the result in .mkv",
            ) from error
        finally:
            container.close()
    return warnings


def decoding_times(times: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """When each packet is to be decoded: ever later, and never after it is shown.

    Args:
        times: (n,) when each frame is shown, ascending.
        numbers: (n,) the frame that each packet holds, in the order that they are stored.
    """
    places = np.arange(len(numbers))
    delay = int((places - numbers).max(initial=0))
    step = max(1, int(np.median(np.diff(times)))) if len(times) > 1 else 1
    early = times[0] - step * np.arange(delay, 0, -1) if len(times) else times
    return np.concatenate([early, times])[: len(times)].astype(np.int64)


def _streams(
    container: OutputContainer,
    source: InputContainer,
    film: Film,
    plan: Plan,
    kept: Sequence[int],
    unit: Fraction,
) -> dict[int, Any]:
    """The streams of the result by their number in the source, in the source's order."""
    made: dict[int, Any] = {}
    for stream in source.streams:
        if stream.index == film.index:
            target: Any = container.add_stream(plan.codec, rate=film.rate)
            configured(target.codec_context, plan, film)
            target.time_base = unit
            # where the container has other letters for the same codec, it chooses them itself
            if film.tag in ("hvc1", "avc1") and plan.format in _BOXED:
                target.codec_context.codec_tag = film.tag
            if film.display is not None:
                target.set_display_matrix(film.display)
        elif stream.index in kept:
            opaque = {"opaque": True} if stream.type == "video" else {}
            target = container.add_stream_from_template(stream, **opaque)
        else:
            continue
        target.metadata.update(
            {key: text for key, text in stream.metadata.items() if not _is_old(key)}
        )
        target.disposition = int(stream.disposition)
        made[stream.index] = target
    return made


def _is_old(key: str) -> bool:
    """Whether a tag tells of the encoded stream that was."""
    return key in ("ENCODER", "encoder", "DURATION", "vendor_id", "alpha_mode") or key.startswith(
        ("BPS", "NUMBER_OF_", "_STATISTICS")
    )


def _refused(
    film: Film, plan: Plan, trial: Path, source: InputContainer, kept: Sequence[int]
) -> str:
    """Why a container does not take these streams; empty where it does."""
    av = library()
    container = container_for(trial, plan.format)
    try:
        with writing(trial):
            _streams(container, source, film, plan, kept, film.time_base)
            container.start_encoding()
            container.close()
    except (av.error.FFmpegError, ValueError) as error:
        return str(getattr(error, "strerror", "") or error)
    return ""


def _is_chapters(stream: Any) -> bool:
    """Whether a stream is how MP4 and MOV hold chapters, which are written anew."""
    return (
        stream.type == "data"
        and stream.name == "bin_data"
        and bool(stream.container.chapters())
        and "mp4" in stream.container.format.name
    )


def _called(stream: Any) -> str:
    codec = stream.codec_context.name if stream.codec_context else stream.name or "unknown"
    return f"{stream.type}, {codec}"


def _counted(
    film: Film, plan: Plan, segments: Sequence[Segment]
) -> tuple[Fraction, NDArray[np.int64]]:
    """The unit of the result's times in seconds, and when each frame is shown."""
    times = np.concatenate([segment.times for segment in segments])
    if plan.format != "avi":
        return film.time_base, times
    # it knows no times, but counts frames, and empty ones in between
    step = int(np.gcd.reduce(np.diff(times))) if len(times) > 1 else 0
    if not step:
        return 1 / film.rate, np.zeros_like(times)
    return step * film.time_base, (times - times[0]) // step


def _pictures(
    unit: Fraction, times: NDArray[np.int64], segments: Sequence[Segment], stream: Any
) -> Iterator[Packet[Any]]:
    av = library()
    numbers = np.concatenate([segment.numbers for segment in segments])
    last = int(segments[-1].lengths[-1])
    decoded = decoding_times(times, numbers)
    at = 0
    for segment in segments:
        with segment.packets.open("rb") as file:
            for size, number, key in zip(segment.sizes, segment.numbers, segment.keys, strict=True):
                packet = av.Packet(file.read(int(size)))
                packet.stream = stream
                packet.time_base = unit
                packet.pts, packet.dts = int(times[number]), int(decoded[at])
                following = times[number + 1] - times[number] if number + 1 < len(times) else last
                packet.duration = int(following)
                packet.is_keyframe = bool(key)
                at += 1
                yield packet


def _others(
    source: InputContainer, film: Film, streams: Mapping[int, Any], warnings: list[str]
) -> Iterator[Packet[Any]]:
    """Packets of the streams that are copied."""
    av = library()
    wanted = [source.streams[at] for at in streams if at != film.index]
    packets = source.demux(wanted) if wanted else iter(())
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            warnings.append(f"sound and texts end where the file breaks off ({error})")
            return
        if packet is None:
            return
        if packet.size and (packet.dts is not None or packet.pts is not None):
            packet.stream = streams[packet.stream_index]
            yield packet


def _merged(
    pictures: Iterator[Packet[Any]], others: Iterator[Packet[Any]]
) -> Iterator[Packet[Any]]:
    """Packets of both by the time at which they are decoded."""
    one, other = next(pictures, None), next(others, None)
    while one is not None or other is not None:
        if other is None or (one is not None and _moment(one) <= _moment(other)):
            assert one is not None
            yield one
            one = next(pictures, None)
        else:
            yield other
            other = next(others, None)


def _moment(packet: Packet[Any]) -> Fraction:
    time = packet.dts if packet.dts is not None else packet.pts
    return Fraction(time or 0) * packet.time_base
