"""What the result is encoded with: what the source was, or else what comes nearest, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct.cores import cores
from tinct.errors import Unsupported, UsageError
from tinct.video.library import library
from tinct.video.planes import layout_of
from tinct.video.signal import FULL, LIMITED
from tinct.video.source import Film

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.codeccontext import VideoCodecContext

#: encoder of each codec, where it is called otherwise
ENCODERS: Mapping[str, str] = {
    **{"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp8": "libvpx"},
    **{"vp9": "libvpx-vp9", "prores": "prores_ks", "theora": "libtheora", "huffyuv": "ffvhuff"},
}
#: what is taken in each container where the source's codec has no encoder, or cannot hold it
FALLBACKS: Mapping[str, str] = {"webm": "libvpx-vp9", "avi": "mpeg4", "mpeg": "mpeg2video"}
LOSSLESS = frozenset(("ffv1", "ffvhuff", "utvideo", "rawvideo"))

_QUALITIES = (1, 50, 75, 90, 100)
#: constant rate factors, or quantisers, for those
_FACTORS: Mapping[str, tuple[int, ...]] = {
    "libx264": (51, 30, 23, 16, 0),
    "libx265": (51, 32, 25, 18, 0),
    "libvpx": (63, 45, 33, 18, 4),
    "libvpx-vp9": (63, 45, 33, 18, 0),
    "libsvtav1": (63, 45, 33, 20, 4),
    **dict.fromkeys(("mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "wmv2"), (31, 14, 6, 2, 1)),
}
_PROFILES: Mapping[str, Mapping[str, str]] = {
    "libx264": {
        **{"Baseline": "baseline", "Constrained Baseline": "baseline", "Main": "main"},
        **{"High": "high", "High 10": "high10", "High 4:2:2": "high422"},
    },
    "prores_ks": {
        **{"Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq"},
        **{"4444": "4444", "XQ": "4444xq"},
    },
}
_INTERLACED = LOSSLESS | {"dvvideo", "libx264", "mpeg2video", "mpeg4", "prores_ks"}
_GLOBAL_HEADER = 1 << 22
_NEEDS_GLOBAL_HEADER = 0x40  # of a container
_FIELD_CODING = (1 << 18) | (1 << 29)  # transform and motion


@dataclass(frozen=True)
class Plan:
    """All that shapes the encoded frames."""

    format: str
    """Of the container."""
    codec: str
    pix_fmt: str
    options: tuple[tuple[str, str], ...]
    quantiser: int
    """Of codecs without a rate factor; 0 for others."""
    gap: int
    between: int
    """Frames between others that they are made of, -1 as the encoder likes."""
    warnings: tuple[str, ...] = ()

    @property
    def lossless(self) -> bool:
        """Whether luma comes out as it went in."""
        return (
            self.codec in LOSSLESS
            or ("qp", "0") in self.options
            or "lossless" in dict(self.options).get("x265-params", "")
            or ("lossless", "1") in self.options
        )

    def record(self) -> dict[str, Any]:
        """All of it, for comparison with that of another run."""
        return {**asdict(self), "options": [list(pair) for pair in self.options], "warnings": []}


def plan_for(
    film: Film, container: Callable[[], OutputContainer], *, codec: str | None, quality: int
) -> Plan:
    """The first codec and pixel format that the container, the encoder and the film agree on.

    Args:
        film: the source.
        container: gives one for the result, to which nothing is written.
        codec: the encoder to use, or None.
        quality: 1 to 100.

    Raises:
        UsageError: the codec that was asked for does not do.
        Unsupported: none does.
    """
    av = library()
    format_ = container().format.name
    same = ENCODERS.get(film.codec, film.codec)
    tried = [codec] if codec else [same, FALLBACKS.get(format_, "libx264")]
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(tried):
        try:
            known = av.Codec(name, "w")
        except ValueError:
            reasons.setdefault(name, "there is no such encoder here")
            continue
        if known.type != "video":
            reasons[name] = "it is no encoder of pictures"
            continue
        try:
            container().add_stream(name)
        except ValueError:
            reasons[name] = f"{format_} does not hold it"
            continue
        if film.interlaced and name not in _INTERLACED:
            reasons[name] = "it has no fields, and the film is interlaced"
            continue
        for pix_fmt in _formats(film, known):
            for plan in _variants(film, format_, name, pix_fmt, quality):
                if not (problem := _problem(film, plan)):
                    return _with_warnings(plan, film, None if codec else same, reasons)
                reasons.setdefault(name, problem)
        reasons.setdefault(name, f"it does not take the light of {film.pix_fmt} as it is")
    text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    if codec:
        raise UsageError(
            f"{reasons[codec]}", where=f"--codec {codec}", remedy="choose another, such as ffv1"
        )
    raise Unsupported(
        f"no codec fits ({text})",
        where=str(film.path),
        remedy="end the name of the result in .mkv and add --codec ffv1",
    )


def configured(context: VideoCodecContext, plan: Plan, film: Film) -> VideoCodecContext:
    """Set up an encoder, which numbers frames 0, 1, 2, ...; the same for every part of a film."""
    av = library()
    context.width, context.height, context.pix_fmt = film.width, film.height, plan.pix_fmt
    rate = film.rate.limit_denominator(1001)
    context.framerate, context.time_base = rate, 1 / rate
    context.sample_aspect_ratio = film.aspect
    context.color_range = FULL if film.signal.full else LIMITED
    context.colorspace = film.signal.matrix
    context.color_primaries, context.color_trc = film.tags
    context.gop_size = plan.gap
    if plan.between >= 0:
        context.max_b_frames = plan.between
    flags = context.flags
    if av.format.ContainerFormat(plan.format, "w").flags & _NEEDS_GLOBAL_HEADER:
        flags |= _GLOBAL_HEADER
    if film.interlaced:
        flags |= _FIELD_CODING if plan.codec not in LOSSLESS else 0
        context.field_order = film.fields
    context.flags = flags
    if plan.quantiser:
        context.qmin = context.qmax = plan.quantiser
        context.bit_rate = film.width * film.height * 400  # never what limits it
    context.thread_count = cores()
    context.options = dict(plan.options)
    return context


def encoder(plan: Plan, film: Film) -> VideoCodecContext:
    """A new encoder of a part."""
    if plan.codec == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # it has no other way to be silent
    context: VideoCodecContext = library().CodecContext.create(plan.codec, "w")
    return configured(context, plan, film)


def _formats(film: Film, codec: Any) -> list[str]:
    """Pixel formats of the encoder that hold the film's light, the nearest first."""
    source = layout_of(film.pix_fmt)
    wanted = source.shared if source.kind == "yuv" else (2, 2)
    names = [f.name for f in codec.video_formats or []]
    if codec.name == "rawvideo":
        names = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"]

    def cost(name: str) -> tuple[int, int, int, int]:
        layout = layout_of(name)
        across, down = layout.shared
        coarser = across > wanted[0] or down > wanted[1]
        return (
            int(source.alpha and not layout.alpha),
            layout.depth - film.signal.depth,
            int(layout.alpha and not source.alpha) + 2 * int(coarser),
            wanted[0] * wanted[1] - across * down,
        )

    fit = [
        name
        for name in names
        if layout_of(name).kind == "yuv"
        and "j" not in name
        and not name.endswith("be")
        and layout_of(name).depth >= film.signal.depth
    ]
    return sorted(fit, key=cost)


def _variants(film: Film, format_: str, codec: str, pix_fmt: str, quality: int) -> Iterator[Plan]:
    """The plan with the profile of the source, and without it."""
    options = _options(codec, pix_fmt, quality)
    factor = _factor(codec, quality)
    quantiser = 0
    if codec in _FACTORS and _FACTORS[codec][0] == 31:
        quantiser = max(1, factor)
    profile = _PROFILES.get(codec, {}).get(film.profile or "")
    between = -1
    if format_ == "avi" or profile == "baseline":
        between = 0  # AVI has no times of its own
    elif quantiser:
        between = 2 if film.reordered and codec != "mjpeg" else 0
    # slice order and key frames of lossless codecs are their own affair
    gap = 1 if codec in LOSSLESS | {"mjpeg", "prores_ks", "dnxhd"} else film.gap
    for given in ([{"profile": profile}] if profile else []) + [{}]:
        yield Plan(
            format=format_,
            codec=codec,
            pix_fmt=pix_fmt,
            options=tuple(sorted({**options, **given}.items())),
            quantiser=quantiser,
            gap=gap,
            between=between,
        )


def _factor(codec: str, quality: int) -> int:
    return round(float(np.interp(quality, _QUALITIES, _FACTORS[codec]))) if codec in _FACTORS else 0


def _options(codec: str, pix_fmt: str, quality: int) -> dict[str, str]:
    factor = str(_factor(codec, quality))
    if codec == "libx264":
        return {"qp": "0"} if quality == 100 else {"crf": factor}
    if codec == "libx265":
        rest = ":lossless=1" if quality == 100 else ""
        return {"crf": factor, "x265-params": f"log-level=none{rest}"}
    if codec == "libvpx-vp9":
        lossless = {"lossless": "1"} if quality == 100 else {"crf": factor, "b": "0"}
        return {**lossless, "deadline": "good", "cpu-used": "4", "row-mt": "1"}
    if codec == "libvpx":
        return {"crf": factor, "b": "500M", "deadline": "good", "cpu-used": "4"}
    if codec == "libsvtav1":
        return {"crf": factor, "preset": "7"}
    if codec == "ffv1":
        return {"level": "3", "slicecrc": "1"}
    if codec == "dnxhd":
        names = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx", "yuv444p10le": "dnxhr_444"}
        return {"profile": names.get(pix_fmt, "dnxhr_hq")}
    return {}


def _problem(film: Film, plan: Plan) -> str:
    """Why an encoder does not open; empty where it does."""
    av = library()
    try:
        encoder(plan, film).open()
    except (av.error.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"it takes no {film.width} x {film.height} pixels of {plan.pix_fmt} ({reason})"
    return ""


def _with_warnings(plan: Plan, film: Film, same: str | None, reasons: Mapping[str, str]) -> Plan:
    warnings = []
    if same is not None and plan.codec != same:
        why = f": {reasons[same]}" if same in reasons else ""
        warnings.append(f"it is encoded by {plan.codec} instead of {film.codec}{why}")
    source, target = layout_of(film.pix_fmt), layout_of(plan.pix_fmt)
    if source.alpha and not target.alpha:
        warnings.append(f"any transparency is left out: {plan.codec} does not hold it")
    if source.kind == "yuv" and source.shared != target.shared:
        warnings.append(f"its colours are stored as {plan.pix_fmt} instead of {film.pix_fmt}")
    if source.kind == "rgb":
        warnings.append(f"its pixels are stored as {plan.pix_fmt} instead of {film.pix_fmt}")
    if target.depth > film.signal.depth:
        warnings.append(f"its light is stored in {target.depth} instead of {source.depth} bits")
    if film.interlaced:
        warnings.append("it is interlaced, and stays so; both fields of a frame get its colours")
    return Plan(**{**asdict(plan), "options": plan.options, "warnings": tuple(warnings)})
