"""THE flow of films: examine, colour part by part, join, look at the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct import provenance
from tinct.color.tone import Tone, classify
from tinct.errors import AlreadyColour, OutputExists, TinctError, Unreadable
from tinct.image.atomic import output_errors
from tinct.models.session import Model
from tinct.result import Stages
from tinct.version import __version__
from tinct.video import label, segments
from tinct.video.encoder import Plan, encoder, plan_for
from tinct.video.finish import finish, write_record
from tinct.video.join import container_for, rehearse
from tinct.video.library import library
from tinct.video.options import VideoOptions
from tinct.video.outcome import FilmResult, Progress
from tinct.video.planes import coloured
from tinct.video.scout import Part, Scout
from tinct.video.segments import Segment
from tinct.video.source import Damage, Film, examine, frames, samples

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_EARLY = 0.5  # seconds by which a film may end before its header says so


def colour_film(
    source: Path,
    target: Path,
    *,
    options: VideoOptions,
    load: Callable[[], Model],
    overwrite: bool = False,
    restart: bool = False,
    tell: Callable[[Progress], None] | None = None,
) -> FilmResult:
    """Colour a film into another file, which appears whole or not at all.

    Args:
        source: the film; never written to.
        target: the result; its suffix decides the container.
        options: how.
        load: gives the network.
        overwrite: whether a file at `target` is replaced.
        restart: whether what an unfinished run has done is thrown away.
        tell: hears after every frame.

    Raises:
        TinctError: see `tinct.errors`. What is done by then is kept, and gone on from.
    """
    stages = Stages()
    with stages("examine"):
        film = examine(source)
        label.check(film, options)
        skipped = _colours(film, options)
        _check_target(source, target, options, overwrite=overwrite)
    if skipped:
        return FilmResult(
            input=str(source), output=str(target), status="skipped", warnings=(skipped,)
        )
    with stages("examine"):
        plan = plan_for(
            film,
            lambda: container_for(target),
            codec=options.codec,
            quality=options.quality,
        )
        digest = provenance.sha256_of(source)
        network = load()
    step = provenance.Step(
        model=network.spec.name,
        model_version=__version__,
        sha256_model=network.spec.sha256,
        sha256_in=digest,
        file_name=source.name,
        options=options.record(),
    )
    with segments.opened(target, _shape(plan, step), restart=restart) as folder:
        with _unless_begun(folder):
            copied = rehearse(film, plan, folder)
        run = _Run(film, plan, network, options, folder, stages, tell)
        done = run.complete()
        with stages("join"):
            result = finish(film, plan, copied, done, target, step, overwrite=overwrite)
        segments.discard(folder)
    result = replace(
        result,
        input=str(source),
        before=run.before,
        stages=run.shares(),
        seconds=stages.total,
        warnings=(*film.warnings, *plan.warnings, *run.damage_said(), *result.warnings),
    )
    if options.sidecar or result.label == "sidecar":
        write_record(target, step, result, network, overwrite=overwrite)
    return result


@contextmanager
def _unless_begun(folder: Path) -> Iterator[None]:
    """Leave no folder behind where nothing can be done."""
    try:
        yield
    except TinctError:
        if not segments.finished(folder):
            segments.discard(folder)
        raise


def _colours(film: Film, options: VideoOptions) -> str:
    """Why a film that has colours is to be left as it is; empty where it is not.

    Raises:
        AlreadyColour: it has colours, and options say that this is a failure.
    """
    if options.if_color == "recolor":
        return ""
    pixels = samples(film)
    if pixels is None or classify(pixels) is not Tone.COLOUR:
        return ""
    if options.if_color == "fail":
        raise AlreadyColour(
            "the film has colours",
            where=str(film.path),
            remedy="--if-color recolor colours it anew, --if-color skip passes over it",
        )
    return "has colours already"


def _check_target(source: Path, target: Path, options: VideoOptions, *, overwrite: bool) -> None:
    container_for(target)
    with output_errors(target):
        there = target.exists()
    if there and target.samefile(source):
        raise OutputExists(
            "would replace its own input", where=str(target), remedy="choose another name"
        )
    remedy = "choose another name, or --on-exists skip or overwrite"
    if there and not overwrite:
        raise OutputExists("exists already", where=str(target), remedy=remedy)
    beside = provenance.sidecar_path(target)
    if options.sidecar and not overwrite and beside.exists():
        raise OutputExists("a record of another result is there", where=str(beside), remedy=remedy)


def _shape(plan: Plan, step: provenance.Step) -> dict[str, Any]:
    """All that shapes the frames of a result, under names that users understand."""
    return {
        "input": step.sha256_in,
        "model": step.sha256_model,
        "options": dict(step.options),
        "encoder": plan.record(),
        "version of Tinct": __version__,
        "version of PyAV": library().__version__,
    }


@dataclass
class _Run:
    """The way from the first frame to the last."""

    film: Film
    plan: Plan
    network: Model
    options: VideoOptions
    folder: Path
    stages: Stages
    tell: Callable[[Progress], None] | None
    damage: Damage = field(default_factory=Damage)
    before: int = 0
    written: int = 0
    ahead: int = 0
    began: float = field(default_factory=time.monotonic)

    def complete(self) -> list[Segment]:
        """All parts; those that are there are not made again."""
        done = segments.finished(self.folder)
        self.before = done[-1].next_frame if done else 0
        self.written = self.ahead = self.before
        self.began = time.monotonic()
        scout = Scout(self.film, self.network, self.options, self.stages, self._seen)
        decoded = frames(self.film, self.damage, start=self.before)
        state = done[-1].state if done else None
        for part in scout.parts(self.before, state):
            done.append(self._encoded(len(done), part, decoded))
        for _ in decoded:
            raise _differs(self.film)
        return done

    def _encoded(
        self, number: int, part: Part, decoded: Iterator[tuple[int, VideoFrame]]
    ) -> Segment:
        context = encoder(self.plan, self.film)
        times, lengths, packets = [], [], []
        with segments.writing(self.folder, number) as stream:

            def keep(found: list[Any]) -> None:
                for packet in found:
                    packets.append((packet.size, part.first + packet.pts, packet.is_keyframe))
                    stream.write(bytes(packet))

            for at, chroma in enumerate(part.chroma):
                with self.stages("decode"):
                    count, frame = next(decoded, (-1, None))
                if frame is None or count != part.first + at:
                    raise _differs(self.film)
                times.append(frame.pts)
                lengths.append(frame.duration or 0)
                with self.stages("planes"):
                    image = coloured(
                        frame, chroma, self.film.signal, self.plan.pix_fmt, self.film.tags
                    )
                    image.pts, image.time_base = at, context.time_base
                with self.stages("encode"):
                    keep(context.encode(image))
                self.written += 1
                self._told()
            with self.stages("encode"):
                keep(context.encode(None))
        sizes, numbers, keys = zip(*packets, strict=True)
        return segments.commit(
            self.folder,
            number,
            Segment(
                packets=self.folder / f"{number:05}.packets",
                sizes=np.array(sizes, np.int64),
                numbers=np.array(numbers, np.int64),
                keys=np.array(keys, np.bool_),
                times=np.array(times, np.int64),
                lengths=np.array(lengths, np.int64),
                state=part.state,
                counts={"first": part.first, "shots": part.shots, "asked": part.asked},
            ),
        )

    def _seen(self) -> None:
        self.ahead += 1
        self._told()

    def _told(self) -> None:
        if self.tell is not None:
            spent = max(1e-6, time.monotonic() - self.began)
            total = max(self.ahead, self.film.frames)
            rate = ((self.written + self.ahead) / 2 - self.before) / spent
            self.tell(Progress(self.written, self.ahead, total, rate))

    def shares(self) -> dict[str, float]:
        """Seconds by stage; motion without the network that it waits for."""
        seconds = dict(self.stages.seconds)
        if "motion" in seconds:
            seconds["motion"] -= seconds.get("network", 0)
        return seconds

    def damage_said(self) -> list[str]:
        """What decoding met with, in words."""
        damage, said = self.damage, []
        if damage.packets:
            said.append(f"{damage.packets} damaged pieces of it could not be decoded")
        if damage.mended:
            said.append(f"the times of {damage.mended} frames were no times, and were mended")
        if damage.broken:
            said.append(f"it breaks off after {damage.frames} frames: {damage.broken}")
        elif self.film.seconds - self.film.ends > _EARLY:
            said.append(
                f"it ends at {self.film.ends:.1f} s, and should last {self.film.seconds:.1f} s: "
                "what there is, is coloured"
            )
        return said


def _differs(film: Film) -> TinctError:
    return Unreadable(
        "gives other frames each time it is decoded",
        where=str(film.path),
        remedy="repair it first, for instance by copying its streams into a new .mkv",
    )
