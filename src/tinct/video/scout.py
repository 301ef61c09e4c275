"""The colours of a film, part by part: what the network says, held still over time.

A scout decodes the film ahead of what writes it and keeps small maps alone. A part ends where a
shot does, or after so many frames; what is remembered at its end is enough to go on from there,
with the same colours, in another process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import tee
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct import flow
from tinct.color import SRGB, FloatArray, lightness
from tinct.color.tone import tone_curve
from tinct.models.session import Model
from tinct.refine import enlarge
from tinct.resample import resize
from tinct.result import Stages
from tinct.video.cuts import Judged, Verdict, judge
from tinct.video.motion import SIDE, see
from tinct.video.options import VideoOptions
from tinct.video.planes import layout_of, light_of, reduced
from tinct.video.source import Damage, Film, frames, small_rgb
from tinct.video.steady import Memory, Step, begin, both_ways, go_on, hold

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

#: frames of a part: no cut ends it before the first, and the second ends it anyway
SHORTEST, LONGEST = 48, 144
#: frames after a part that its colours are averaged with
AHEAD = 24

State = Mapping[str, NDArray[Any]]
"""What is remembered between two parts, as arrays to be saved."""


@dataclass(frozen=True, eq=False)
class Part:
    """Frames one after the other, and their colours."""

    first: int
    """Number of the first frame."""
    chroma: list[FloatArray]
    """a*b* (h, w, 2) of each, stored as frames are."""
    shots: int
    """Shots that begin in it."""
    asked: int
    """Frames that the network looked at."""
    state: State
    """What is remembered at its end."""


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame after the way forward."""

    verdict: Verdict
    tone: FloatArray | None
    """a*b* (101, 2) at each L* of its shot that is to shine through."""
    step: Step | None
    """None where each frame is coloured by itself."""


@dataclass(frozen=True)
class Scout:
    """Gives a film's parts, from any of them on."""

    film: Film
    network: Model
    options: VideoOptions
    stages: Stages
    """Hears how long the network takes, and the motion."""
    seen: Callable[[], None] = lambda: None
    """Hears of every frame that the way forward has passed."""

    def parts(self, start: int, state: State | None) -> Iterator[Part]:
        """All parts from frame `start` on.

        Args:
            start: where a part begins.
            state: what was remembered at the end of the part before; None at the beginning.
        """
        waiting: deque[_Frame] = deque()
        coming = self._forward(start, state)
        first = start
        while True:
            while len(waiting) < LONGEST + AHEAD + 1 and (one := next(coming, None)) is not None:
                waiting.append(one)
            if not waiting:
                return
            count = _length([one.verdict.begins for one in waiting])
            maps = self._maps(list(waiting), count)
            part = [waiting.popleft() for _ in range(count)]
            yield Part(
                first=first,
                chroma=[np.ascontiguousarray(np.rot90(one, -self._turns)) for one in maps],
                shots=sum(one.verdict.begins for one in part),
                asked=sum(one.step is None or one.step.said is not None for one in part),
                state=_saved(part[-1]),
            )
            first += count

    def _forward(self, start: int, state: State | None) -> Iterator[_Frame]:
        """Frames with their colours after the way forward."""
        judged, memory, tone = _restored(state)
        keeps_tone = self.options.toned == "keep" and layout_of(self.film.pix_fmt).kind != "grey"
        seen, again = tee(
            (self._light(frame), tone_curve(small_rgb(frame)) if keeps_tone else None)
            for _, frame in frames(self.film, Damage(), start=start)
        )
        verdicts = judge((light for light, _ in seen), judged)
        for verdict, (_, own) in zip(verdicts, again, strict=True):
            self.seen()
            if verdict.begins:
                tone = own
            if self.options.frame_by_frame:
                yield _Frame(verdict, tone, None)
                continue
            step = self._step(verdict, tone, memory)
            memory = step.memory
            yield _Frame(verdict, tone, step)

    def _step(self, verdict: Verdict, tone: FloatArray | None, memory: Memory | None) -> Step:
        if verdict.flash and memory is not None:
            return hold(memory)
        size = _map_size(verdict.light)
        said = partial(self._said, verdict.light, tone, size)
        with self.stages("motion"):
            seen = see(resize(verdict.light, *size))
            if verdict.begins or memory is None:
                return begin(seen, said())
            return go_on(memory, seen, said, every=self.options.every)

    def _said(
        self, light: FloatArray, tone: FloatArray | None, size: tuple[int, int]
    ) -> FloatArray:
        """The network's a*b* (2, h, w) of a frame."""
        chroma = enlarge(self._predicted(light, tone), *size)
        return np.ascontiguousarray(np.moveaxis(chroma, 2, 0))

    def _predicted(self, light: FloatArray, tone: FloatArray | None) -> FloatArray:
        with self.stages("network"):
            return flow.colours(light, tone, self.network, self.options)

    def _maps(self, waiting: list[_Frame], count: int) -> list[FloatArray]:
        """The colours (h, w, 2) of the first frames."""
        steps = [one.step for one in waiting[: count + AHEAD] if one.step is not None]
        if not steps:
            return [self._predicted(one.verdict.light, one.tone) for one in waiting[:count]]
        with self.stages("motion"):
            return [np.moveaxis(one, 0, 2) for one in both_ways(steps, count)]

    @property
    def _turns(self) -> int:
        return round(self.film.turned / 90) % 4

    def _light(self, frame: VideoFrame) -> FloatArray:
        """L* as the network is to see it: upright, and with square pixels."""
        side = self.options.size or self.network.spec.working_size
        codes = reduced(light_of(frame).luma, side)
        grey = np.rint(self.film.signal.levels(codes) * np.float32(257)).astype(np.uint16)
        light = lightness(grey, SRGB)
        height, width = light.shape
        true = self.film.width * float(self.film.aspect) / self.film.height  # width by height
        # of very narrow films the aspect is not kept: nothing is seen of a line of pixels
        width = max(1, min(round(height * true), 8 * max(height, width)))
        share = min(1.0, 1.25 * side / min(height, width))
        light = resize(light, max(1, round(height * share)), max(1, round(width * share)))
        return np.ascontiguousarray(np.rot90(light, self._turns))


def _length(begins: list[bool]) -> int:
    """Frames of the part at the head of what is waiting, by where shots begin in it."""
    for at in range(SHORTEST, min(LONGEST, len(begins))):
        if begins[at]:
            return at
    return min(LONGEST, len(begins))


def _map_size(light: FloatArray) -> tuple[int, int]:
    share = min(1.0, SIDE / min(light.shape))
    height, width = (max(1, round(side * share)) for side in light.shape)
    return height, width


def _saved(frame: _Frame) -> dict[str, NDArray[Any]]:
    judged = frame.verdict.judged
    kept: dict[str, NDArray[Any]] = {
        "light": judged.light,
        "history": np.array(judged.history, np.float64),
        "passing": np.array(judged.passing),
    }
    if frame.tone is not None:
        kept["tone"] = frame.tone
    if frame.step is not None:
        memory = frame.step.memory
        kept |= {"seen": memory.seen.light, "chroma": memory.chroma, "weight": memory.weight}
        kept["since"] = np.array(memory.since)
    return kept


def _restored(state: State | None) -> tuple[Judged | None, Memory | None, FloatArray | None]:
    if state is None:
        return None, None, None
    history = tuple(float(gap) for gap in state["history"])
    judged = Judged(state["light"], history, int(state["passing"]))
    memory = None
    if "seen" in state:
        memory = Memory(see(state["seen"]), state["chroma"], state["weight"], int(state["since"]))
    return judged, memory, state.get("tone")
