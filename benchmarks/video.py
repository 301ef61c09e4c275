"""Films: flicker, error, lag at cuts and ghosts against frame by frame; speed at 1080p.

    python benchmarks/video.py                 # pictures come from `eval` of TINCT_DATA
    python benchmarks/video.py --pictures 4    # a short form
    python benchmarks/video.py --only speed

The clips are moving crops of pictures in colour, greyed as old film is: grain, and an exposure that
flickers. Both sides see the same frames. Speed is told in processor time, which other programs do
not change; what starting takes is taken out by films of two lengths.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from run import RESULTS, Measurement, len_cores, made_by, scan

from tinct.color import FloatArray, rgb_to_lab
from tinct.models import load_model
from tinct.models.session import Model
from tinct.resample import resize
from tinct.result import Stages
from tinct.video.library import library
from tinct.video.options import VideoOptions
from tinct.video.scout import Scout
from tinct.video.source import examine

DATA = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "eval"
HEIGHT, WIDTH, FRAMES = 192, 256, 40
#: the grid on which maps are compared with the truth
ROWS, COLUMNS = 104, 139
GRAIN, EXPOSURE = 4.0, 0.1
THING = 64
#: frames of the two films whose difference is timed
LENGTHS = (24, 72)
KINDS = ("still", "pan", "zoom", "thing", "cut")

Frame = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames in colour, and where something was covered a moment ago."""

    frames: list[Frame]
    uncovered: list[NDArray[np.bool_]]


def pictures(count: int) -> list[Image.Image]:
    """Paintings and photographs in turn, large enough to be panned over."""
    found: list[Image.Image] = []
    folders = [sorted((DATA / name).glob("*.jpg")) for name in ("paintings", "photos")]
    if not all(folders):
        raise SystemExit(f"no pictures in {DATA}: set TINCT_DATA")
    for number in range(2 * count):
        files = folders[number % 2]
        with Image.open(files[(7 * number) % len(files)]) as opened:
            share = 1.5 * max(WIDTH / opened.width, HEIGHT / opened.height)
            size = round(opened.width * share), round(opened.height * share)
            found.append(opened.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    return found


def clip(kind: str, one: Image.Image, other: Image.Image) -> Clip:
    """A film of one kind of motion."""

    def view(picture: Image.Image, x: float, y: float, scale: float) -> Frame:
        half = WIDTH * scale / 2, HEIGHT * scale / 2
        box = (x - half[0], y - half[1], x + half[0], y + half[1])
        cut = picture.transform(
            (WIDTH, HEIGHT), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC
        )
        return np.asarray(cut)

    frames, covered = [], []
    for number in range(FRAMES):
        part = number / FRAMES
        picture = other if kind == "cut" and number >= FRAMES // 2 else one
        x, y, scale = picture.width / 2, picture.height / 2, 1.2
        if kind in ("pan", "cut"):
            x, scale = WIDTH / 2 + 1 + part * (picture.width - WIDTH - 2), 1.0
        elif kind == "zoom":
            scale = 1.4 - 0.6 * part
        frame = view(picture, x, y, scale).copy()
        hidden = np.zeros((HEIGHT, WIDTH), bool)
        if kind == "thing":
            left = round(-THING + part * (WIDTH + THING))
            patch = np.asarray(other.resize((THING, THING)))
            shown = slice(max(0, left), max(0, min(WIDTH, left + THING)))
            frame[60 : 60 + THING, shown] = patch[:, shown.start - left : shown.stop - left]
            hidden[60 : 60 + THING, shown] = True
        frames.append(frame)
        covered.append(hidden)
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    uncovered = [(covered[at - 3] & ~covered[at]) if at >= 3 else nothing for at in range(FRAMES)]
    return Clip(frames, uncovered)


def film(path: Path, frames: list[Frame], seed: int) -> Path:
    """The film as an old camera would have it, grey and lossless."""
    av, rng = library(), np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for frame in frames:
            light = frame.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
            light *= 1 + EXPOSURE * (2 * rng.random() - 1)
            light += rng.normal(0, GRAIN, light.shape)
            grey = np.clip(np.rint(light), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "gray")))
        container.mux(stream.encode(None))
    return path


def maps(path: Path, network: Model, options: VideoOptions) -> list[FloatArray]:
    """The a*b* (2, h, w) of each frame."""
    scout = Scout(examine(path), network, options, Stages())
    found = [one for part in scout.parts(0, None) for one in part.chroma]
    return [on_grid(one) for one in found]


def on_grid(chroma: FloatArray) -> FloatArray:
    """A map (h, w, 2) where it can be compared with others."""
    planes = (np.ascontiguousarray(chroma[..., at]) for at in (0, 1))
    return np.stack([resize(plane, ROWS, COLUMNS) for plane in planes])


def gap(one: FloatArray, other: FloatArray) -> FloatArray:
    """Distance in a*b*."""
    apart: FloatArray = np.hypot(*(one - other)).astype(np.float32)
    return apart


def compared(kind: str, network: Model, seed: int, pair: list[Image.Image]) -> dict[str, Any]:
    """Both ways on one clip: their sums of flicker, error, error after a cut and in the open."""
    made = clip(kind, *pair)
    encoded = [frame.astype(np.float32) / np.float32(255) for frame in made.frames]
    truth = [on_grid(rgb_to_lab(one)[..., 1:]) for one in encoded]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = film(Path(folder) / "clip.mkv", made.frames, seed)
        for way in ("single", "steady"):
            options = VideoOptions(frame_by_frame=way == "single")
            said = maps(path, network, options)
            errors = [gap(a, b) for a, b in zip(said, truth, strict=True)]
            found[way] = {"error": float(np.mean(errors))}
            still = [gap(truth[at], truth[at - 1]) < 0.05 for at in range(1, FRAMES)]
            changes = [gap(said[at], said[at - 1]) for at in range(1, FRAMES)]
            if kind in ("still", "thing"):
                kept = np.concatenate([c[s] for c, s in zip(changes, still, strict=True)])
                found[way]["flicker"] = float(kept.mean())
            if kind == "cut":
                found[way]["after a cut"] = float(errors[FRAMES // 2].mean())
                rest = errors[FRAMES // 2 :] if way == "single" else errors[FRAMES // 2 + 6 :]
                found[way]["later in the shot"] = float(np.mean(rest))
            if kind == "thing":
                spots = [
                    np.asarray(Image.fromarray(one).resize((COLUMNS, ROWS), Image.Resampling.BOX))
                    for one in made.uncovered
                ]
                behind = np.concatenate([e[s] for e, s in zip(errors, spots, strict=True)])
                found[way]["where it was"] = float(behind.mean())
    return found


def steadiness(count: int) -> Iterator[Measurement]:
    """Every clip both ways."""
    network = load_model(threads=len_cores())
    sums: dict[str, list[tuple[float, float]]] = {}
    many = pictures(count)
    for number in range(count):
        for kind in KINDS:
            found = compared(kind, network, number, many[2 * number : 2 * number + 2])
            for name, single in found["single"].items():
                label = f"{kind}: {name}"
                sums.setdefault(label, []).append((single, found["steady"][name]))
        print(f"{number + 1} of {count} pairs of pictures", file=sys.stderr)
    mean = {name: np.mean(pairs, 0) for name, pairs in sums.items()}
    detail = {
        f"{name}, {way}": float(values[at])
        for name, values in mean.items()
        for at, way in enumerate(("frame by frame", "steady"))
    }
    detail |= {"clips of each kind": count, "frames": FRAMES}

    def ratio(*names: str) -> float:
        chosen = np.sum([mean[name] for name in names], 0)
        return float(chosen[1] / chosen[0])

    errors = [f"{kind}: error" for kind in KINDS]
    yield Measurement(
        "flicker where nothing moves / frame by frame", ratio("still: flicker"), 0.2, "x", detail
    )
    yield Measurement(
        "flicker behind a moving thing / frame by frame", ratio("thing: flicker"), 0.2, "x"
    )
    yield Measurement("error against the truth / frame by frame", ratio(*errors), 1.0, "x")
    yield Measurement(
        "error of the first frame after a cut / frame by frame", ratio("cut: after a cut"), 1.1, "x"
    )
    yield Measurement(
        "error where a thing has just been / frame by frame", ratio("thing: where it was"), 1.1, "x"
    )


def speed() -> Iterator[Measurement]:
    """1080p, H.264 in and out."""
    av = library()
    whole = scan(1080 + 100, 1920 + 2 * LENGTHS[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for length in LENGTHS:
            with av.open(str(folder / f"{length}.mp4"), "w") as container:
                stream = container.add_stream("libx264", rate=24)
                stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
                for number in range(length):
                    view = whole[40:1120, 2 * number : 2 * number + 1920]
                    grey = av.VideoFrame.from_ndarray(np.ascontiguousarray(view), "gray")
                    container.mux(stream.encode(grey.reformat(format="yuv420p")))
                container.mux(stream.encode(None))
        frames = LENGTHS[1] - LENGTHS[0]
        detail: dict[str, float] = {"frames": frames}
        seconds = {}
        for way, more in (("default", []), ("frame by frame", ["--frame-by-frame"])):
            runs = [_timed(folder, length, more) for length in LENGTHS]
            seconds[way] = (runs[1][0] - runs[0][0]) / frames
            detail[f"{way}: frames a second of one core"] = 1 / seconds[way]
            stages = {k: v for k, v in runs[1][1].items() if k not in ("examine", "join")}
            for stage, spent in stages.items():
                detail[f"{way}: share of {stage}"] = spent / sum(stages.values())
        yield Measurement(
            "processor time of a 1080p frame / frame by frame",
            seconds["default"] / seconds["frame by frame"],
            1.0,
            "x",
            detail,
        )


def _timed(folder: Path, length: int, more: list[str]) -> tuple[float, dict[str, float]]:
    """Processor seconds of a run, and the seconds that it says its stages took."""
    bound = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    main_ = f"{bound}from tinct.cli import main; main()"
    words = ["video", str(folder / f"{length}.mp4"), str(folder / "out.mp4"), "-q", "--json"]
    command = [sys.executable, "-c", main_, *words, "--on-exists", "overwrite", *more]
    before = os.times()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = os.times()
    event = json.loads(done.stdout.splitlines()[-1])
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system, event["stages"]


def main() -> int:
    """Measure, print and store; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=12, help="pairs of pictures")
    parser.add_argument("--only", choices=("steadiness", "speed"))
    asked = parser.parse_args()
    parts = {"steadiness": lambda: steadiness(asked.pictures), "speed": speed}
    missed = 0
    for name, work in parts.items():
        if asked.only not in (None, name):
            continue
        load = os.getloadavg()[0]
        measured = list(work())
        records = [{**asdict(one), "holds": one.holds} for one in measured]
        record = {
            "measurements": records,
            **made_by(),
            "load_before": round(load, 1),
        }
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(record, indent=2) + "\n"
        (RESULTS / f"video-{name}.json").write_text(text, encoding="utf-8")
        for one in measured:
            verdict = "holds" if one.holds else "MISSED"
            print(f"{one.name}: {one.value:.3f} {one.unit} (bar {one.bar:g}) {verdict}")
            for key, value in one.detail.items():
                print(f"    {key:48} {value:.3f}")
            missed += not one.holds
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
