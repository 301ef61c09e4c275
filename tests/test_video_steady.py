"""Colours hold still: less flicker, no more error, no lag at cuts, no ghosts."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import tinct
from tests.films import Kind, film, reel, scene, shown
from tinct.color import lightness
from tinct.video import cuts
from tinct.video.motion import global_shift, motion, see, trust
from tinct.video.steady import Step, begin, both_ways, go_on, hold

HEIGHT, WIDTH = 78, 104
Map = NDArray[np.float32]


class Clip:
    """Light, and the true colours of it, which follow what is seen and not its light."""

    def __init__(self, count: int, *, speed: float = 0.0, thing: bool = False) -> None:
        rng = np.random.default_rng(1)
        wide = WIDTH + int(speed * count) + 1
        ground, colours = scene(HEIGHT, wide, 1), np.stack([scene(HEIGHT, wide, s) for s in (2, 3)])
        self.light: list[Map] = []
        self.truth: list[Map] = []
        self.covered: list[NDArray[np.bool_]] = []
        for number in range(count):
            left = int(speed * number)
            light = ground[:, left : left + WIDTH].copy()
            truth = (colours[:, :, left : left + WIDTH] - 120) / 4
            covered = np.zeros((HEIGHT, WIDTH), bool)
            if thing:  # a patterned square that crosses the picture
                at = 2 + 2 * number
                covered[25:50, at : at + 25] = True
                pattern = scene(25, 25, 9)[:, : covered[25, :].sum()]
                light[25:50, at : at + 25] = pattern
                truth[:, covered] = np.array([[60.0], [-50.0]])
            exposed = light * (1 + 0.1 * (2 * rng.random() - 1)) + rng.normal(0, 3, light.shape)
            self.light.append(lightness(np.clip(exposed, 0, 255).astype(np.uint8)))
            self.truth.append(truth.astype(np.float32))
            self.covered.append(covered)

    def said(self, number: int) -> Map:
        """What a network would say of a frame: the truth, and an error that is new each time."""
        rng = np.random.default_rng(100 + number)
        error = np.stack([scene(HEIGHT, WIDTH, 1000 + 2 * number + i) for i in (0, 1)]) - 120
        return (self.truth[number] + error / 15 + rng.normal(0, 2, (2, 1, 1))).astype(np.float32)


def steadied(clip: Clip, every: int) -> list[Map]:
    steps: list[Step] = []
    for number, light in enumerate(clip.light):
        ask = partial(clip.said, number)
        seen = see(light)
        last = steps[-1].memory if steps else None
        steps.append(begin(seen, ask()) if last is None else go_on(last, seen, ask, every=every))
    return both_ways(steps, len(steps))


def error(maps: list[Map], clip: Clip) -> float:
    pairs = zip(maps, clip.truth, strict=True)
    return float(np.mean([np.hypot(*(one - true)).mean() for one, true in pairs]))


def flicker(maps: list[Map]) -> float:
    return float(np.mean([np.hypot(*(b - a)).mean() for a, b in pairwise(maps)]))


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("speed", [0.0, 1.0, 3.0])
def test_flicker_falls_five_times_and_the_error_does_not_rise(every: int, speed: float) -> None:
    clip = Clip(24, speed=speed)
    single, steady = [clip.said(number) for number in range(24)], steadied(clip, every)
    assert error(steady, clip) < 0.8 * error(single, clip)
    moving = flicker(clip.truth)  # what changes because it moves is no flicker
    assert flicker(steady) - moving < (flicker(single) - moving) / 5


def test_nothing_is_left_behind_a_moving_thing() -> None:
    """Where it was a moment ago, the ground has its own colours, not those of the thing."""
    clip = Clip(24, thing=True)
    single, steady = [clip.said(number) for number in range(24)], steadied(clip, 4)
    behind, ahead, usual = [], [], []
    for number in range(3, 24):
        left = clip.covered[number - 3] & ~clip.covered[number]
        left &= np.roll(~clip.covered[number], 2, 1)  # not the soft edge itself
        entered = clip.covered[number] & np.roll(clip.covered[number], -2, 1)
        behind.append(np.hypot(*(steady[number] - clip.truth[number]))[left].mean())
        ahead.append(np.hypot(*(steady[number] - clip.truth[number]))[entered].mean())
        usual.append(np.hypot(*(single[number] - clip.truth[number])).mean())
    # the thing is 90 units away from grey: a ghost of a sixth of it would show here
    assert np.mean(behind) < np.mean(usual) + 8
    assert np.mean(ahead) < np.mean(usual) + 8


def test_a_flash_keeps_the_colours_of_what_it_interrupts() -> None:
    clip = Clip(3)
    step = begin(see(clip.light[0]), clip.said(0))
    passed = hold(step.memory)
    after = go_on(passed.memory, see(clip.light[1]), lambda: clip.said(1), every=9)
    maps = both_ways([step, passed, after], 3)
    assert after.said is None  # and the network need not look again
    np.testing.assert_array_equal(maps[1], step.memory.chroma)


def test_motion_is_found_and_what_is_covered_is_not_trusted() -> None:
    wide = lightness(scene(HEIGHT, WIDTH + 20, 1).astype(np.uint8))
    for shift in (0, 1, 7, 20):
        here, there = see(wide[:, :WIDTH]), see(wide[:, shift : shift + WIDTH])
        flow, back = motion(here, there), motion(there, here)
        inside = flow[:, 5:-5, 25:-25]
        assert np.abs(np.median(inside[1]) + shift) < 0.1
        assert np.abs(np.median(inside[0])) < 0.1
        sure = trust(here, there, flow, back)
        assert sure[:, 25:].mean() > 0.85
        assert not shift or sure[:, :shift].mean() < 0.3


def test_a_shift_is_only_found_where_there_is_one() -> None:
    one, other = scene(40, 60, 1), scene(40, 60, 2)
    wide = scene(40, 70, 1)
    assert global_shift(wide[:, :60], wide[:, 6:66]) == (0.0, -6.0)
    assert global_shift(one, one) == (0.0, 0.0)
    assert global_shift(np.zeros((40, 60), np.float32), other) == (0.0, 0.0)


def begins(frames: list[NDArray[np.uint8]]) -> tuple[list[int], list[int]]:
    verdicts = list(cuts.judge((lightness(frame) for frame in frames), None))
    starts = [number for number, one in enumerate(verdicts) if one.begins]
    return starts, [number for number, one in enumerate(verdicts) if one.flash]


def test_cuts_are_found_and_nothing_else() -> None:
    """In a pan with grain and an exposure that flickers by a fifth."""
    frames = reel(40, height=90, width=120, cut=13, step=3, noise=6, exposure=0.2)
    assert begins(frames) == ([0, 13, 26, 39], [])


def test_a_zoom_a_fade_and_a_passing_thing_are_no_cuts() -> None:
    whole = scene(180, 240, 1)
    zoom = [
        whole[at : 180 - at : 2, at : 240 - at : 2][:80, :110].astype(np.uint8) for at in range(10)
    ]
    fade = [np.clip(zoom[-1] * (1 - at / 10), 0, 255).astype(np.uint8) for at in range(11)]
    thing = [zoom[0].copy() for _ in range(11)]
    for at, frame in enumerate(thing):
        frame[20:60, 10 * at : 10 * at + 40] = 230
    for frames in (zoom, fade, thing):
        assert begins(frames)[0] == [0]


def test_flashes_and_bad_frames_are_passed_over() -> None:
    frames = reel(20, height=90, width=120, cut=10)
    frames[4][:] = 250
    frames[15] = np.random.default_rng(0).integers(0, 255, frames[15].shape).astype(np.uint8)
    frames[16][:] = 0
    assert begins(frames) == ([0, 10], [4, 15, 16])


def test_what_is_remembered_of_cuts_is_enough_to_go_on() -> None:
    frames = reel(30, height=60, width=80, cut=9, noise=5, exposure=0.1)
    frames[14][:] = 250
    lights = [lightness(frame) for frame in frames]
    whole = list(cuts.judge(iter(lights), None))
    for at in (1, 8, 9, 14, 15, 20):
        rest = list(cuts.judge(iter(lights[at:]), whole[at - 1].judged))
        assert [(v.begins, v.flash) for v in rest] == [(v.begins, v.flash) for v in whole[at:]]


def test_the_first_frame_after_a_cut_is_right_at_once(tmp_path: Path) -> None:
    """With the model that ships: it flickers less, and a cut leaves nothing of the last shot."""
    frames = reel(24, height=96, width=128, cut=12, noise=5, exposure=0.1)
    source = film(tmp_path / "in.mkv", frames, Kind(pix_fmt="yuv420p"))
    tinct.colorize_video(source, tmp_path / "single.mkv", frame_by_frame=True)
    result = tinct.colorize_video(source, tmp_path / "steady.mkv")
    assert result.shots == 2
    assert result.asked <= 12
    single, steady = (
        [one.astype(np.float32) for one in shown(tmp_path / f"{name}.mkv").chroma]
        for name in ("single", "steady")
    )
    before, after = np.mean(single[:12], 0), np.mean(single[12:], 0)
    for number in (11, 12):
        own, other = (before, after) if number < 12 else (after, before)
        near = np.abs(steady[number] - own).mean()
        assert near < 0.5 * np.abs(steady[number] - other).mean()
        assert near <= 1.05 * np.abs(single[number] - own).mean()
