"""From encoded parts to a labelled file, and a look at what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct import provenance
from tinct.errors import TinctError
from tinct.image.atomic import write_atomic
from tinct.models.session import Model
from tinct.video import label
from tinct.video.encoder import Plan
from tinct.video.join import Copied, join
from tinct.video.outcome import FilmResult
from tinct.video.segments import Segment
from tinct.video.signal import FULL
from tinct.video.source import Film, open_film


def finish(
    film: Film,
    plan: Plan,
    copied: Copied,
    done: Sequence[Segment],
    target: Path,
    step: provenance.Step,
    *,
    overwrite: bool,
) -> FilmResult:
    """Join the parts, and look at what became of them."""
    with write_atomic(target, overwrite=overwrite) as temporary:
        warnings = join(film, plan, copied, done, temporary, label.tags(film.metadata, step))
        if plan.format in label.BOXED:
            label.add_xmp(temporary, film, step)
        times = np.concatenate([segment.times for segment in done])
        found, labelled = _inspected(temporary, film, plan, times)
        digest = provenance.sha256_of(temporary)
    return FilmResult(
        input="",
        output=str(target),
        width=film.width,
        height=film.height,
        frames=len(times),
        shots=_sum(done, "shots"),
        asked=_sum(done, "asked"),
        codec=plan.codec,
        pix_fmt=plan.pix_fmt,
        luma_identical=plan.lossless or None,
        model=step.model,
        label="metadata" if labelled else "sidecar",
        sha256_in=step.sha256_in,
        sha256_out=digest,
        warnings=(*copied.warnings, *warnings, *found),
    )


def _sum(done: Sequence[Segment], name: str) -> int:
    return sum(segment.counts[name] for segment in done)


def _inspected(
    path: Path, film: Film, plan: Plan, times: NDArray[np.int64]
) -> tuple[list[str], bool]:
    """What a container did not keep, and whether its label can be read.

    Raises:
        TinctError: a frame is missing or there twice.
    """
    said = []
    with open_film(path) as container:
        stream = container.streams.video[0]
        packets = (packet for packet in container.demux(stream) if packet.size)
        moments = (one.pts if one.pts is not None else one.dts for one in packets)
        shown = sorted(moment for moment in moments if moment is not None)
        if len(shown) != len(times):
            raise TinctError(
                f"{len(shown)} instead of {len(times)} frames arrived in the result",
                where=str(path),
                remedy="report it, with the output of `tinct doctor`",
            )
        kept = (np.array(shown) - shown[0]) * float(stream.time_base or 0)
        wanted = (times - times[0]) * float(film.time_base)
        farthest = float(np.abs(kept - wanted).max())
        if farthest > 1e-7:
            said.append(
                f"{plan.format} keeps times less exactly: frames are moved by up to "
                f"{farthest * 1000:.3g} ms"
            )
        if film.signal.full and stream.codec_context.color_range != FULL:
            said.append(
                f"{plan.format} cannot say that its light uses the full range: players may show "
                "more contrast; a result in .mkv can"
            )
        return said, label.is_ours(container.metadata)


def write_record(
    target: Path,
    step: provenance.Step,
    result: FilmResult,
    network: Model,
    *,
    overwrite: bool,
) -> None:
    """Write the full record of a result beside it."""
    record = provenance.sidecar(
        step,
        output=target,
        sha256_out=result.sha256_out,
        measured={
            "frames": result.frames,
            "codec": result.codec,
            "pix_fmt": result.pix_fmt,
            "luma_identical": result.luma_identical,
        },
        licence=network.spec.licence,
        warnings=result.warnings,
    )
    provenance.write_sidecar(target, record, overwrite=overwrite)
