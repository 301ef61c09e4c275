"""Data: how fast near-duplicates are found, how much a build adds to its codecs, how rules judge.

    python benchmarks/data.py                 # all; pictures come from TINCT_DATA
    python benchmarks/data.py copies build    # some

`labels.tsv` says of pictures of the training set what is wrong with them, as somebody who looked
at each saw it: all that the rules flag among a third of three shards, and 160 drawn from them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from made_up import clip_art, page_of_print
from numpy.typing import NDArray
from PIL import Image

from tinct.datasets.build import build
from tinct.datasets.duplicates import find_copies, small_light
from tinct.datasets.options import BuildOptions, Form, Kind
from tinct.datasets.pictures import Content, open_pile
from tinct.datasets.rules import SIDE, Limits, rules
from tinct.image.vips import vips
from tinct.training.cache import decode

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
DATA = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "train"
SHARDS = ("paintings-01.tar", "photos-00.tar", "paintings-03.tar")
#: rules that look at the picture, and what they were measured on
LOOKING = ("grey", "text", "clipart", "white", "border", "frame")


def pictures() -> Iterator[Content]:
    """Every third picture of three shards."""
    pile = open_pile(DATA)
    for shard in SHARDS:
        rows = [row for row in pile.rows if row.shard == shard]
        for at, content in enumerate(replace(pile, rows=rows).contents()):
            if at % 3 == 0:
                yield content


def copies() -> dict[str, float]:
    """50,000 pictures, 500 of them copies of others; seconds."""
    rng = np.random.default_rng(0)
    lights = np.empty((50_000, 64, 64), np.uint8)
    lights[:49_500] = _made_up(49_500, rng)
    for at in range(500):
        whole = Image.fromarray(lights[at]).resize((256, 256), Image.Resampling.BICUBIC)
        left, top = rng.uniform(0, 24, 2)
        part = np.asarray(whole.crop((left, top, 256 - left / 2, 256 - top / 2)))
        part = part[:, ::-1] if at % 2 else part
        lights[49_500 + at] = small_light(np.ascontiguousarray(np.repeat(part[..., None], 3, 2)))
    started, used = time.perf_counter(), time.process_time()
    found = find_copies(lights)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    pairs = {frozenset((copy.first, copy.second)) for copy in found}
    planted = sum(frozenset((at, 49_500 + at)) in pairs for at in range(500))
    return {
        "seconds": seconds,
        "processor seconds": cpu,
        "found of 500 planted": planted,
        "other pairs": len(pairs) - planted,
        "bar": 60,
    }


def _made_up(count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light whose waves are as strong as those of pictures, and otherwise drawn."""
    wave = np.arange(64)
    basis = np.cos(np.pi * np.outer(np.arange(64) + 0.5, wave) / 64).astype(np.float32)
    strength = (1 / (1 + np.hypot(wave[:, None], wave)) ** 1.0).astype(np.float32)
    lights = np.empty((count, 64, 64), np.uint8)
    for start in range(0, count, 500):
        drawn = rng.standard_normal((min(500, count - start), 64, 64), np.float32) * strength
        waves = basis @ drawn @ basis.T
        lights[start : start + 500] = np.clip(128 + 45 * waves, 0, 255)
    return lights


def throughput() -> dict[str, float]:
    """Build of photographs of 800 pixels to 256, against the same codecs alone.

    What a build costs once, such as packing and looking for copies, needs many to be spread over.
    """
    figures: dict[str, float] = {"bar": 1.5}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        files, rng = sorted(EXAMPLES.glob("*.jpg")), np.random.default_rng(0)
        for number in range(400):
            with Image.open(files[number % len(files)]) as example:
                x, y = rng.uniform(0, 0.6, 2)
                box = (x, y, x + rng.uniform(0.3, 0.4), y + rng.uniform(0.3, 0.4))
                size = (example.width, example.height) * 2
                box = tuple(round(share * side) for share, side in zip(box, size, strict=True))
                example.convert("RGB").crop(box).resize((1000, 800)).save(
                    source / f"{number:03}.jpg", quality=92
                )
        plan: tuple[tuple[Kind, int], ...] = (("jpeg", 400), ("webp", 200), ("avif", 40))
        for kind, count in plan:
            for file in sorted(source.iterdir())[count:]:
                file.unlink()
            ratios = []
            for turn in range(3):
                bare = _bare(source, Path(folder) / f"bare-{kind}-{turn}", kind)
                started = time.perf_counter()
                form = Form(sizes=(256,), kind=kind)
                build(source, Path(folder) / f"set-{kind}-{turn}", BuildOptions(form=form))
                ratios.append((time.perf_counter() - started) / bare)
            figures[f"{kind}: build / bare codecs"] = sorted(ratios)[1]
    return figures


def _bare(source: Path, out: Path, kind: str) -> float:
    """Seconds to decode, reduce and encode with the same library and threads, and no more."""
    out.mkdir()
    pyvips = vips()

    def one(file: Path) -> None:
        image = pyvips.Image.thumbnail_buffer(file.read_bytes(), 100_000, height=256)
        if kind == "avif":
            data = image.heifsave_buffer(Q=60, compression="av1", effort=4, subsample_mode="off")
        elif kind == "webp":
            data = image.webpsave_buffer(Q=88, smart_subsample=True)
        else:
            data = image.jpegsave_buffer(Q=92, subsample_mode="off", optimize_coding=True)
        (out / file.name).write_bytes(data)

    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, sorted(source.iterdir())))
    return time.perf_counter() - started


def judged() -> dict[str, float]:
    """Precision and recall of the rules on the labelled pictures."""
    with (HERE / "labels.tsv").open(encoding="utf-8", newline="") as file:
        labels = {
            row["id"]: (set(row["labels"].split()), row["drawn"] == "yes")
            for row in csv.DictReader(file, delimiter="\t")
        }
    flagged: dict[str, list[str]] = {name: [] for name in LOOKING}
    seen, unlabelled = 0, 0
    for content in pictures():
        pixels = decode(content.read(), shorter=SIDE)
        seen += 1
        for hit in rules(pixels, pixels.shape[1], pixels.shape[0], Limits(least=1, aspect=100)):
            if content.row.id in labels:
                flagged[hit.rule].append(content.row.id)
            else:
                unlabelled += 1
    figures: dict[str, float] = {"pictures": seen, "flagged, but without a label": unlabelled}
    rim = {"border", "frame", "white"}
    for name in LOOKING:
        wanted = rim if name in rim else {name}
        right = sum(bool(labels[one][0] & wanted) for one in flagged[name])
        figures[f"{name}: flagged"] = len(flagged[name])
        figures[f"{name}: precision"] = right / max(1, len(flagged[name]))
    drawn = {name for name, (_, by_chance) in labels.items() if by_chance}
    has_rim = {name for name in drawn if labels[name][0] & rim}
    found = {one for name in rim for one in flagged[name]} & has_rim
    figures["border, frame or white: drawn pictures that have one"] = len(has_rim)
    figures["border, frame or white: recall"] = len(found) / max(1, len(has_rim))
    return figures


def changed() -> dict[str, float]:
    """Recall of copies made in known ways, and how many pairs nobody made, of 600 pictures."""
    chosen = [decode(content.read(), shorter=192) for content in islice(pictures(), 600)]
    rng = np.random.default_rng(0)
    ways: dict[str, list[tuple[int, NDArray[np.uint8]]]] = {
        name: []
        for name in ("half size", "mirrored", "cropped 10 %", "cropped 25 %", "JPEG 30", "darker")
    }
    for at, pixels in enumerate(chosen[:200]):
        for name, made in ways.items():
            made.append((at, _changed(pixels, name, rng)))
    lights = [small_light(one) for one in chosen]
    lights += [small_light(pixels) for made in ways.values() for _, pixels in made]
    origins = [*range(len(chosen)), *(at for made in ways.values() for at, _ in made)]
    found = find_copies(np.stack(lights))
    pairs = {frozenset((copy.first, copy.second)) for copy in found}
    figures: dict[str, float] = {}
    number = len(chosen)
    for name, made in ways.items():
        hits = sum(frozenset((at, number + i)) in pairs for i, (at, _) in enumerate(made))
        figures[f"copies, {name}: recall"] = hits / len(made)
        number += len(made)
    others = {
        frozenset((origins[copy.first], origins[copy.second]))
        for copy in found
        if origins[copy.first] != origins[copy.second]
    }
    figures["pairs among the 600 that nobody made"] = len(others)
    return figures


def _changed(pixels: NDArray[np.uint8], how: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    height, width, _ = pixels.shape
    picture = Image.fromarray(pixels)
    if how == "half size":
        picture = picture.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    elif how == "mirrored":
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif how.startswith("cropped"):
        share = float(how.split()[1]) / 100
        x, y = share * rng.random(2)
        box = (x * width, y * height, (1 - share + x) * width, (1 - share + y) * height)
        picture = picture.crop(tuple(round(value) for value in box))
    elif how == "darker":
        picture = Image.fromarray(
            (255 * (pixels / 255) ** 1.7 * np.array([1.0, 0.9, 0.7])).astype(np.uint8)
        )
    else:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=30)
        picture = Image.open(buffer)
    result: NDArray[np.uint8] = np.asarray(picture.convert("RGB"))
    return result


def made() -> dict[str, float]:
    """Recall of the rules for pages of print and for clip art, of which made-up ones are shown."""
    figures: dict[str, float] = {}
    ways: dict[str, Callable[[int], NDArray[np.uint8]]] = {
        "text": page_of_print,
        "clipart": clip_art,
    }
    for name, make in ways.items():
        hits = 0
        for seed in range(300):
            pixels = make(seed)
            found = rules(pixels, pixels.shape[1], pixels.shape[0], Limits(least=1, aspect=100))
            hits += any(hit.rule == name for hit in found)
        figures[f"{name}: made-up pictures"] = 300
        figures[f"{name}: recall"] = hits / 300
    return figures


BENCHMARKS = {
    "copies": copies,
    "build": throughput,
    "rules": judged,
    "changed": changed,
    "made": made,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, print and store them."""
    store = HERE / "results" / "data.json"
    known = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    for name in names or BENCHMARKS:
        known[name] = {key: round(value, 3) for key, value in BENCHMARKS[name]().items()}
        for key, value in known[name].items():
            print(f"{key:56} {value:g}")
        store.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
