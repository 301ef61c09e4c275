"""The cluster engine against the local one: what it costs, and how it grows.

    python benchmarks/cluster.py                  # 1,000 pictures
    python benchmarks/cluster.py --pictures 60    # a short form

Both engines have as many workers as keep all cores busy, and colour the same pictures in turn. A
run's rate is taken from its events, from the first results to the last, so that starting and
ending cost neither side; with them, it is its wall time. Processor time is that of all processes
that a run starts, a cluster's own included, looked at four times a second. One worker on one core
against one for each core is measured in the same way. What the driver itself can hand out is
measured with pictures that take no time: that bounds how many cores one driver feeds.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from batch import BOUND, MEGAPIXELS, TINCT, make
from run import RESULTS, len_cores, made_by

from tinct.cores import workers

BAR = 1.25
EMPTY = """
import sys, time
from pathlib import Path
from tinct.batch.actors import ActorPool
from tinct.batch.cluster import cluster
from tinct.batch.workers import Job
from tinct.result import Result

def make():
    return lambda source, target, *, overwrite, variant=0: Result(input="", output="")

count = int(sys.argv[1])
with cluster(None, int(sys.argv[2])) as ray:
    pool = ActorPool(ray, make, int(sys.argv[2]), at_once=1, notice=print)
    pool.wait_for_one()
    given, got, began, used = 0, 0, 0.0, 0.0
    while got < count:
        while given < count and pool.has_room:
            pool.give(Job(given, Path("a"), Path("/tmp/b"), False))
            given += 1
        got += sum(1 for _ in pool.answers())
        if not began and got >= 100:
            began, used, first = time.perf_counter(), time.process_time(), got
    print((count - first) / (time.perf_counter() - began))
    print((time.process_time() - used) / (count - first))
    pool.stop()
"""


@dataclass(frozen=True)
class Rate:
    """One run."""

    per_second: float
    """Pictures, while all workers were at work."""
    processor: float
    """Seconds of all processors together for a picture, starting included."""
    wall: float
    """Seconds of the whole run."""
    around: float
    """Seconds before the first results and after the last."""


class Meter(threading.Thread):
    """Adds up the processor time of all processes that know a word in their environment."""

    def __init__(self, word: str) -> None:
        super().__init__(daemon=True)
        self._word = word.encode()
        self._known: dict[str, bool] = {}
        self._used: dict[str, float] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self._over.wait(0.25):
            self._look()

    def stop(self) -> float:
        """Seconds so far."""
        self._over.set()
        self.join()
        return sum(self._used.values())

    def _look(self) -> None:
        tick = os.sysconf("SC_CLK_TCK")
        for process in Path("/proc").glob("[0-9]*"):
            try:
                values = (process / "stat").read_text().rpartition(")")[2].split()
                key = f"{process.name} {values[19]}"  # and its start: numbers come again
                if key not in self._known:
                    self._known[key] = self._word in (process / "environ").read_bytes()
            except OSError:  # it has ended
                continue
            if self._known[key]:
                self._used[key] = (int(values[11]) + int(values[12])) / tick


def colour(source: Path, out: Path, engine: str, *, jobs: str, bound: bool = False) -> Rate:
    """One run of the command; it must not fail in any picture."""
    command = [sys.executable, "-c", BOUND if bound else TINCT, "colorize", "--json", "-q"]
    command += [str(source), "-o", str(out), "--engine", engine, "--jobs", jobs]
    word = f"tinct-benchmark-{secrets.token_hex(8)}"
    environment = {**os.environ, "VIPS_CONCURRENCY": "1", "TINCT_BENCHMARK": word}
    meter, began = Meter(word), time.perf_counter()
    meter.start()
    times = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "error":
                raise SystemExit(f"{event['input']}: {event['message']}")
            if event["event"] == "done":
                times.append(time.perf_counter())
    wall, used = time.perf_counter() - began, meter.stop()
    first = 2 * (workers() if jobs == "auto" else int(jobs)) - 1  # all have loaded the model then
    if process.returncode or len(times) < 2 * first + 4:
        raise SystemExit("a run did not colour enough pictures to measure")
    steady = times[-1] - times[first]
    return Rate((len(times) - 1 - first) / steady, used / len(times), wall, wall - steady)


def handed_out(count: int, actors: int) -> tuple[float, float]:
    """Pictures a second that a driver hands out, and its processor seconds for each."""
    words = [sys.executable, "-c", EMPTY, str(count), str(actors)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(said[0]), float(said[1])


def median(values: list[float]) -> float:
    return round(statistics.median(values), 4)


def main() -> int:
    """Measure in turn, print and store; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    cores = len_cores()
    load = os.getloadavg()[0]
    ways = {
        "local": ("local", "auto", False),
        "ray": ("ray", "auto", False),
        "ray, one worker for each core": ("ray", str(cores), False),
        "ray, one worker on one core": ("ray", "1", True),
    }
    found: dict[str, list[Rate]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "many", asked.pictures)
        make(folder / "few", max(12, asked.pictures // cores))
        for turn in range(asked.rounds):
            for way, (engine, jobs, bound) in ways.items():
                source = folder / ("few" if bound else "many")
                out = folder / f"{engine}-{jobs}-{turn}"
                rate = colour(source, out, engine, jobs=jobs, bound=bound)
                found[way].append(rate)
                print(f"{way:30} {rate.per_second:.2f} a second, {rate.wall:.1f} s in all")
    empty, driver = handed_out(3000, cores)
    local, ray, double, single = found.values()

    def ratio(measure: str) -> float:
        pairs = zip(ray, local, strict=True)
        return median([getattr(a, measure) / getattr(b, measure) for a, b in pairs])

    steady = median([b.per_second / a.per_second for a, b in zip(ray, local, strict=True)])
    scaling = median([a.per_second / b.per_second for a, b in zip(double, single, strict=True)])
    per_core = round(1 / median([one.processor for one in ray]), 3)
    detail = {
        "pictures": asked.pictures,
        "megapixels_each": MEGAPIXELS,
        "rounds": asked.rounds,
        "cores": cores,
        "load_before": round(load, 1),
        "wall time, without start and end, ray / local": steady,
        "wall time, all in, ray / local": ratio("wall"),
        "processor time, all in, ray / local": ratio("processor"),
        "seconds to start and end, ray": median([one.around for one in ray]),
        "seconds to start and end, local": median([one.around for one in local]),
        "pictures a second, local": [round(one.per_second, 3) for one in local],
        "pictures a second, ray": [round(one.per_second, 3) for one in ray],
        "processor seconds a picture, local": median([one.processor for one in local]),
        "processor seconds a picture, ray": median([one.processor for one in ray]),
        f"rate of {cores} workers / one on one core": scaling,
        "pictures a core-second, ray": per_core,
        "core-hours a million pictures": round(1e6 / per_core / 3600, 1),
        "empty pictures a second that one driver hands out": round(empty, 1),
        "driver's processor milliseconds a picture": round(driver * 1e3, 3),
    }
    claims = {"without start and end": steady, "all in": ratio("wall")}
    record = {
        "measurements": [
            {
                "name": f"{asked.pictures:,} 2 MP pictures, --engine ray / --engine local, {what}",
                "value": value,
                "bar": BAR,
                "unit": "x",
            }
            for what, value in claims.items()
        ],
        "detail": detail,
        "holds": max(claims.values()) <= BAR,
        **made_by(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cluster.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    return 0 if record["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
