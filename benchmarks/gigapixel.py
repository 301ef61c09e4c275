"""Memory and cost of pictures from 1 to 1,000 megapixels; results/gigapixel.json and a plot.

    python benchmarks/gigapixel.py                                  # all: 4 GB of disk, an hour
    python benchmarks/gigapixel.py --sizes 1,10,100                 # a short form
    python benchmarks/gigapixel.py --outputs dzi,iiif --sizes 100   # of some kinds of results

Each picture is coloured in a process of its own, whose peak of memory is that of the process alone.
The cost is processor time, which other programs hardly change, from the opening of the file to its
being in place; the network is loaded, and used once, before. Figures of an earlier run stay where
they are not measured again, as long as the program is of the same commit.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from run import RESULTS, ROOT, Measurement, made_by, scan

FILE = RESULTS / "gigapixel.json"
PLOT = ROOT / "docs" / "images" / "gigapixel.png"
SIZES = (1, 10, 100, 400, 1000)
#: arguments of each kind of result, and its suffix
OUTPUTS: dict[str, tuple[dict[str, str], str]] = {
    "tiff": ({}, ".tif"),
    "pyramid": ({"pyramid": "pages"}, ".tif"),
    "dzi": ({}, ".dzi"),
    "iiif": ({"tile_address": "https://example.org"}, ".iiif"),
}
TILE = 256
PATTERN = 2048
MEMORY_BAR, COST_BAR = 1024, 1.25
SCRIPT = """
import json, resource, sys, time
from pathlib import Path
import numpy, tinct
source, target, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
colorizer = tinct.Colorizer(**options)
colorizer(numpy.full((64, 64), 128, numpy.uint8))
began, used = time.perf_counter(), time.process_time()
result = colorizer.file(source, target)
seconds, used = time.perf_counter() - began, time.process_time() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
status = Path("/proc/self/status")
if status.exists():  # what the program that started this one used does not count
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"peak_MiB": peak, "seconds": seconds, "processor_s": used,
                  "max_delta_L": result.max_delta_lightness}))
"""


def make(path: Path, megapixels: float) -> None:
    """A grey BigTIFF of so many megapixels in tiles, with the detail of a photograph."""
    import tifffile

    side = math.isqrt(round(megapixels * 1e6))
    pattern = scan(PATTERN, PATTERN)

    def tiles() -> Iterator[NDArray[np.uint8]]:
        for top in range(0, side, TILE):
            for left in range(0, side, TILE):
                y, x = top % PATTERN, left % PATTERN
                yield pattern[y : y + TILE, x : x + TILE]

    tifffile.imwrite(
        path,
        tiles(),
        shape=(side, side),
        dtype=np.uint8,
        tile=(TILE, TILE),
        bigtiff=True,
        compression="zlib",
        compressionargs={"level": 1},
        predictor=True,
        photometric="minisblack",
        metadata=None,
    )


def measure(folder: Path, output: str, megapixels: float) -> dict[str, float]:
    """Colour one picture, and remove what came of it."""
    options, suffix = OUTPUTS[output]
    source = folder / f"{megapixels:g}.tif"
    if not source.exists():
        make(source, megapixels)
    with tempfile.TemporaryDirectory(dir=folder) as results:
        target = Path(results) / f"result{suffix}"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(source), str(target), json.dumps(options)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        size = sum(one.stat().st_size for one in Path(results).rglob("*") if one.is_file())
        count = sum(one.is_file() for one in Path(results).rglob("*"))
    found = json.loads(done.stdout)
    return {
        **{name: round(value, 3) for name, value in found.items()},
        "processor_s_per_MP": round(found["processor_s"] / megapixels, 4),
        "input_MB": round(source.stat().st_size / 1e6, 1),
        "output_MB": round(size / 1e6, 1),
        "files": count,
    }


def plot(figures: dict[str, dict[str, float]]) -> None:
    """Cost and memory over size, for each kind of result."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (cost, memory) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for output in OUTPUTS:
        known = {
            float(name.split()[1]): found
            for name, found in figures.items()
            if name.startswith(f"{output} ")
        }
        sizes = sorted(known)
        if sizes:
            style = {"marker": "o", "label": output}
            cost.plot(sizes, [known[size]["processor_s_per_MP"] for size in sizes], **style)
            memory.plot(sizes, [known[size]["peak_MiB"] for size in sizes], **style)
    memory.axhline(MEMORY_BAR, color="grey", linestyle="--", linewidth=1)
    for axes, title in ((cost, "processor seconds a megapixel"), (memory, "peak memory, MiB")):
        axes.set(xscale="log", xlabel="megapixels", title=title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    cost.legend()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)
    plt.close(figure)


def records(figures: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """What is claimed: the largest peak, and the cost at the largest size against 10 megapixels."""
    detail: dict[str, Any] = dict(figures)
    found = [
        Measurement(
            "peak memory, 1 to 1,000 MP tiled grey BigTIFF to TIFF and tiles",
            max(known["peak_MiB"] for known in figures.values()),
            MEMORY_BAR,
            "MiB",
            detail,
        )
    ]
    per = {
        float(name.split()[1]): known["processor_s_per_MP"]
        for name, known in figures.items()
        if name.startswith("tiff ")
    }
    if 10.0 in per and len(per) > 1:
        text = "processor time a megapixel, TIFF to TIFF, the largest / 10 MP"
        costs: dict[str, Any] = {f"{size:g} MP": value for size, value in sorted(per.items())}
        found.append(Measurement(text, per[max(per)] / per[10.0], COST_BAR, "x", costs))
    return [
        {
            **asdict(one),
            "holds": one.holds,
            **made_by(),
        }
        for one in found
    ]


def main() -> int:
    """Measure, print, store and plot; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="in megapixels")
    parser.add_argument("--outputs", default=",".join(OUTPUTS))
    parser.add_argument("--folder", type=Path, help="where pictures are made, and removed again")
    asked = parser.parse_args()
    sizes = [float(size) for size in asked.sizes.split(",")]
    figures: dict[str, dict[str, float]] = {}
    if FILE.exists():
        earlier = json.loads(FILE.read_text(encoding="utf-8"))[0]
        figures = earlier["detail"] if earlier["commit"] == made_by()["commit"] else {}
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            for output in asked.outputs.split(","):
                found = figures[f"{output} {size:g}"] = measure(Path(folder), output, size)
                print(f"{output} {size:g} MP: {found}", flush=True)
                stored = records(figures)
                FILE.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    plot(figures)
    for one in stored:
        verdict = "holds" if one["holds"] else "MISSED"
        print(f"{one['name']}: {one['value']:.2f} {one['unit']} (bar {one['bar']:g}) {verdict}")
    return 0 if all(one["holds"] for one in stored) else 1


if __name__ == "__main__":
    sys.exit(main())
