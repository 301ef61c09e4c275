"""Many pictures: all cores against so many times one core, measured in turn.

    python benchmarks/batch.py                  # 1,000 pictures of 2 megapixels
    python benchmarks/batch.py --pictures 60    # a short form

A core is one process bound to one core (`--jobs 1`), all cores are `--jobs auto`. The rate of a run
is taken from its events, from the first results to the last, so that starting costs neither side.
Besides, what each side takes of the processors for a picture: where other programs take a part
of them meanwhile, times differ by chance, and that figure does not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from run import RESULTS, len_cores, made_by, scan

from tinct.cores import workers

BAR = 0.9
HEIGHT, WIDTH = 1250, 1600
MEGAPIXELS = HEIGHT * WIDTH / 1e6
#: pictures that differ; more are copies of them
DISTINCT = 12
TINCT = "from tinct.cli import main; main()"
BOUND = f"import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); {TINCT}"


@dataclass(frozen=True)
class Rate:
    """One run."""

    per_second: float
    """Pictures, while all workers were at work."""
    processor: float
    """Seconds of all processors together for a picture, starting included."""
    wall: float
    """Seconds of the whole run."""


def make(folder: Path, count: int) -> None:
    """Grey JPEGs of 2 megapixels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    whole = scan(HEIGHT + 200, WIDTH + 200)
    encoded = []
    for _ in range(min(count, DISTINCT)):
        top, left = rng.integers(0, 200, 2)
        buffer = BytesIO()
        crop = whole[top : top + HEIGHT, left : left + WIDTH]
        Image.fromarray(crop).save(buffer, "JPEG", quality=90)
        encoded.append(buffer.getvalue())
    for number in range(count):
        (folder / f"{number:05}.jpg").write_bytes(encoded[number % len(encoded)])


def colour(source: Path, out: Path, *, jobs: str, bound: bool, workers: int) -> Rate:
    """One run of the command; it must not fail in any picture."""
    command = [sys.executable, "-c", BOUND if bound else TINCT, "colorize", "--json", "-q"]
    command += [str(source), "-o", str(out), "--jobs", jobs]
    environment = {**os.environ, "VIPS_CONCURRENCY": "1"} if bound else None
    before, began = os.times(), time.perf_counter()
    times = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "error":
                raise SystemExit(f"{event['input']}: {event['message']}")
            if event["event"] == "done":
                times.append(time.perf_counter())
    wall, after = time.perf_counter() - began, os.times()
    if process.returncode or len(times) <= 2 * workers:
        raise SystemExit("a run did not colour enough pictures to measure")
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    first = 2 * workers - 1  # every worker has loaded its model by then
    rate = (len(times) - 1 - first) / (times[-1] - times[first])
    return Rate(rate, used / len(times), wall)


def main() -> int:
    """Measure in turn, print and store; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--also", default="", help="other numbers of jobs, with commas between")
    asked = parser.parse_args()
    cores = len_cores()
    ways = {"one core": ("1", True, 1), "auto": ("auto", False, workers())}
    ways |= {f"{jobs} jobs": (jobs, False, int(jobs)) for jobs in asked.also.split(",") if jobs}
    found: dict[str, list[Rate]] = {way: [] for way in ways}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "many", asked.pictures)
        make(folder / "few", max(8, asked.pictures // cores))
        for turn in range(asked.rounds):
            for way, (jobs, bound, at_once) in ways.items():
                source = folder / ("few" if bound else "many")
                out = folder / f"{way}-{turn}"
                found[way].append(colour(source, out, jobs=jobs, bound=bound, workers=at_once))
                print(f"{way:10} {found[way][-1].per_second:.2f} pictures a second")
    single = found["one core"]

    def ratio(way: str) -> float:
        pairs = zip(found[way], single, strict=True)
        return statistics.median(all_.per_second / (cores * one.per_second) for all_, one in pairs)

    value = ratio("auto")
    detail = {
        "pictures": asked.pictures,
        "megapixels_each": MEGAPIXELS,
        "rounds": asked.rounds,
        "cores": cores,
        "workers_of_auto": workers(),
        "load_before": round(load, 1),
        **{
            f"{way}, pictures a second": [round(one.per_second, 3) for one in rates]
            for way, rates in found.items()
        },
        **{
            f"{way}, processor seconds a picture": round(
                statistics.median(one.processor for one in rates), 3
            )
            for way, rates in found.items()
        },
        **{
            f"{way} / (cores x one core)": round(ratio(way), 3) for way in ways if way != "one core"
        },
    }
    record = {
        "name": "many 2 MP pictures with --jobs auto / (cores x one core)",
        "value": value,
        "bar": BAR,
        "unit": "x",
        "detail": detail,
        "holds": value >= BAR,
        **made_by(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "batch.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    return 0 if value >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
