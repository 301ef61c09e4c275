"""How long an evaluation takes beside the model's own inference: stages, and the ratio.

    python benchmarks/evaluate.py [PICTURES] [MODEL]     # 500 and the default

Pictures come from `eval` of TINCT_DATA, repeated where there are fewer. All measures but those that
need a network of their own are taken, of the model and of nothing else; baselines are timed apart.
Inference is `Model.predict` alone, on pictures that are read already, side by side as an
evaluation does it. Seconds of stages are summed over threads; ratios are of time on the wall.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

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


def inference(way: Way, truths: Iterable[Truth]) -> float:
    """Seconds on the wall that the network alone takes, pictures side by side."""
    model: Any = way.model
    taken = 0.0
    batch: list[Case] = []
    rest = iter(truths)
    while batch := [case_of(truth, PROTOCOL) for truth in islice(rest, 50)]:
        started = time.perf_counter()
        for _ in side_by_side(lambda case: model.predict(case.light).seen, batch):
            pass
        taken += time.perf_counter() - started
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
    alone = inference(way, one.truths)
    stages = Stages()
    started = time.perf_counter()
    measure(one, [staged(way, stages)], PROTOCOL, stages=stages)
    whole = time.perf_counter() - started
    started = time.perf_counter()
    measure(one, [*baseline_ways(RECORDED), way], PROTOCOL)
    with_baselines = time.perf_counter() - started
    seconds = dict(stages.seconds)
    seconds.pop("colouring", None)  # network and merge together
    found = {
        "model": name,
        "pictures": count,
        "inference": alone,
        "evaluation": whole,
        "ratio": whole / alone,
        "bar": BAR,
        "ratio_with_four_baselines": with_baselines / alone,
        "stages": seconds,
    }
    print(f"inference alone     {alone:7.1f} s")
    print(f"evaluation          {whole:7.1f} s  {whole / alone:5.2f} times (bar {BAR})")
    beside = with_baselines / alone
    print(f"with four baselines {with_baselines:7.1f} s  {beside:5.2f} times (bar {BAR})")
    for stage, taken in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"  {stage:<17} {taken:7.1f} s of all threads, {taken / sum(seconds.values()):4.0%}")
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        # as the command does: threads of numpy would only take the cores from each other; numpy
        # reads this when it is imported, so begin again
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main(sys.argv[1:])
