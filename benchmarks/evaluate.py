"""How much work an evaluation is beside the model's own inference: stages, and the ratio.

    python benchmarks/evaluate.py [PICTURES] [MODEL]     # 500 and the default

Pictures come from `eval` of TINCT_DATA, repeated where there are fewer. All measures but those that
need a network of their own are taken. Inference is `Model.predict` alone, on pictures that are read
already, side by side as an evaluation does it. Seconds are of the processor, all threads and the
system's work for them together, so that what else runs on the computer counts less; time on the
wall stands beside them. The command is the whole of `tinct evaluate MODEL --out`: with the tint
that is fitted first, the four baselines, the intervals and the report.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from io import StringIO
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tinct.cli import run
from tinct.evaluation.measure import Stages, measure, side_by_side
from tinct.evaluation.protocol import Protocol
from tinct.evaluation.sets import Truth, TruthSet, find_sets
from tinct.evaluation.tint import RECORDED
from tinct.evaluation.truths import data_folder
from tinct.evaluation.ways import Case, Way, baseline_ways, case_of, coloured, model_ways
from tinct.models import DEFAULT

RESULTS = Path(__file__).parent / "results" / "evaluate.json"
PROTOCOL = Protocol("crop", 256)
BAR = 2.5


def pictures(count: int) -> TruthSet:
    every = [truth for one in find_sets(data_folder() / "eval") for truth in one.truths]
    return TruthSet("pictures", list(islice(cycle(every), count)))


@dataclass
class Taken:
    """Seconds."""

    processor: float = 0.0
    wall: float = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Add what the block takes."""
        before = time.process_time(), time.perf_counter()
        yield
        self.processor += time.process_time() - before[0]
        self.wall += time.perf_counter() - before[1]


def inference(way: Way, truths: Iterable[Truth]) -> Taken:
    """What the network alone takes, pictures side by side."""
    model: Any = way.model
    taken = Taken()
    batch: list[Case] = []
    rest = iter(truths)
    while batch := [case_of(truth, PROTOCOL) for truth in islice(rest, 50)]:
        with taken():
            for _ in side_by_side(lambda case: model.predict(case.light).seen, batch):
                pass
    return taken


def staged(way: Way, stages: Stages) -> Way:
    """The same way, which tells the network's time from that of the merge."""
    model: Any = way.model

    def paint(case: Case) -> Any:
        with stages("network"):
            chroma = model.predict(case.light).chroma
        with stages("merge"):
            return coloured(case.light, chroma)

    return replace(way, paint=paint)


def main(words: list[str]) -> None:
    count = int(words[0]) if words else 500
    name = words[1] if len(words) > 1 else DEFAULT
    one = pictures(count)
    (way,) = model_ways([name], threads=1)
    measure(replace(one, truths=one.truths[:8]), [way], PROTOCOL)  # the first plans its memory
    alone, model_alone, beside, command = inference(way, one.truths), Taken(), Taken(), Taken()
    stages = Stages()
    with model_alone():
        measure(one, [staged(way, stages)], PROTOCOL, stages=stages)
    with beside():
        measure(one, [*baseline_ways(RECORDED), way], PROTOCOL)
    with TemporaryDirectory() as place:
        shown = Path(place) / "pictures"
        shown.mkdir()
        for number, truth in enumerate(one.truths):
            (shown / f"{number:04d}{Path(truth.where).suffix}").write_bytes(truth.read())
        words = ["evaluate", name, "--data", str(shown), "--features", "none", "--quiet"]
        with command(), redirect_stdout(StringIO()):
            code = run([*words, "--out", str(Path(place) / "out")])
        if code:
            sys.exit(code)
    seconds = dict(stages.seconds)
    seconds.pop("colouring", None)  # network and merge together
    parts = {
        "inference": alone,
        "evaluation": model_alone,
        "with_four_baselines": beside,
        "command": command,
    }
    found = {
        "model": name,
        "pictures": count,
        "bar": BAR,
        **{part: asdict(taken) for part, taken in parts.items()},
        "ratios": {part: taken.processor / alone.processor for part, taken in parts.items()},
        "stages": seconds,
    }
    for part, taken in parts.items():
        print(
            f"{part.replace('_', ' '):<20} {taken.processor:7.1f} s of the processor, "
            f"{taken.wall:7.1f} s on the wall, {taken.processor / alone.processor:5.2f} times "
            f"(bar {BAR})"
        )
    for stage, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"  {stage:<17} {spent:7.1f} s of all threads, {spent / sum(seconds.values()):4.0%}")
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        # as the command does: threads of numpy would only take the cores from each other; numpy
        # reads this when it is imported, so begin again
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main(sys.argv[1:])
