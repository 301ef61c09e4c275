"""What a hint costs a server, from the request's options to the JPEG of a preview, and of what.

    python benchmarks/hint.py

For a JPEG and a TIFF of 2, 12 and 24 megapixels, previews of up to 2048 pixels: in turn as a worker
makes them (features kept, decoder alone, the light's plane kept, colours at half size), and as was
done before, with the whole network and every pixel merged. Each hint is a new one. Milliseconds are
of the processor, the best of several; time on the wall stands beside them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from run import RESULTS, Measurement, made_by, scan

from tinct.flow import warm_up
from tinct.hints import fitting
from tinct.image import load
from tinct.models import load_model
from tinct.models.session import Model
from tinct.options import ColorizeOptions
from tinct.propagation import obey
from tinct.serve.drawn import coloured_jpeg, jpeg
from tinct.serve.kept import Kept, Remembering
from tinct.serve.tasks import Part, Sent, Show
from tinct.serve.work import Worker

SIZES = {"2 MP": (1154, 1732), "12 MP": (2828, 4243), "24 MP": (4000, 6000)}
SIDE = 2048
REPEATS = 8
BAR = 150.0  # milliseconds

_numbers = count()


def hints() -> dict[str, Any]:
    """A point that nobody gave before, and another."""
    x = 0.3 + next(_numbers) % 1000 / 5000
    return {
        "points": [
            {"x": x, "y": 0.5, "color": "#7a3b2e"},
            {"x": 0.7, "y": 0.2, "color": "#203090"},
        ]
    }


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the processor and on the wall."""
    before = time.process_time(), time.perf_counter()
    work()
    return 1e3 * (time.process_time() - before[0]), 1e3 * (time.perf_counter() - before[1])


def best(*works: Callable[[], object]) -> list[tuple[float, float]]:
    """The best of several, of works that are done in turn."""
    for work in works:
        work()  # what is made once
    runs = [[taken(work) for work in works] for _ in range(REPEATS)]
    return [min(each) for each in zip(*runs, strict=True)]


def shares(kept: Kept, network: Model) -> dict[str, Callable[[], object]]:
    """The parts of it."""
    light = kept.light(network.spec.working_size)
    asked, how = Remembering(network, kept), ColorizeOptions()
    chroma = kept.colours(network, how)
    odds = asked.predict(light, distribution=True).distribution
    keeps_luma = kept.keeps_luma(how)
    grey = kept.grey(SIDE, as_luma=keeps_luma)

    def points() -> Any:
        known = ColorizeOptions(hints=hints()).known_colours()
        return fitting(known, height=light.shape[0], width=light.shape[1])

    return {
        "decoder": lambda: asked.predict(light, hints=points()),
        "hold": lambda: obey(chroma, light, points(), odds=odds),
        "upsampling and JPEG": lambda: coloured_jpeg(grey, chroma, keeps_luma=keeps_luma),
    }


def measure(file: Path, worker: Worker, whole: Model) -> dict[str, float]:
    """Milliseconds for one picture."""
    common: dict[str, Any] = {"source": file, "name": file.name, "max_pixels": 10**8, "keep": True}
    old = Kept(load(file))

    def tell(_: object) -> None: ...

    def now() -> None:
        worker.do(Show(**common, sent=Sent(hints=hints()), side=SIDE), tell)

    def before() -> None:
        jpeg(old.coloured(whole, ColorizeOptions(hints=hints()), SIDE))

    def part() -> None:
        worker.do(Part(**common, x=300, y=200, width=1040, height=780), tell)

    new, former, region = best(now, before, part)
    kept = worker.memory.find(file)
    assert kept is not None
    parts = shares(kept, worker.network(None))
    each = dict(zip(parts, best(*parts.values()), strict=True))
    found = {"now": new[0], "now on the wall": new[1]}
    found |= {"before": former[0], "before on the wall": former[1]}
    found |= {name: value[0] for name, value in each.items()}
    found |= {"part of 1040 x 780 at full size": region[0]}
    return {name: round(value, 1) for name, value in found.items()}


def main() -> int:
    """Measure, print, write; 1 where the bar is missed."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    worker, whole = Worker(memory=10**9, threads=1), load_model(threads=1)
    warm_up()
    found: dict[str, float] = {}
    largest = 0.0
    with TemporaryDirectory() as folder:
        for size, (height, width) in SIZES.items():
            picture = Image.fromarray(scan(height, width))
            for suffix, options in (("jpg", {"quality": 92}), ("tif", {"compression": "tiff_lzw"})):
                file = Path(folder) / f"scan-{height}.{suffix}"
                picture.save(file, **options)
                measured = measure(file, worker, whole)
                largest = max(largest, measured["now"])
                found |= {f"{size} {suffix}: {name}": value for name, value in measured.items()}
    result = Measurement("a hint, preview of 2048 px", largest, BAR, "ms of the processor", found)
    record = {
        **asdict(result),
        "holds": result.holds,
        **made_by(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "hint.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    return not result.holds


if __name__ == "__main__":
    sys.exit(main())
