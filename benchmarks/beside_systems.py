"""The shipped network against each published system, both equally colourful.

    python benchmarks/beside_systems.py RUNS   # RUNS: one exported run a folder, as of systems.py

Of each pair the more colourful has its a*b* multiplied by one factor, so that over a set both are
as colourful as the duller; then CIEDE2000 is compared picture by picture (sign test).
On the evaluation sets of TINCT_DATA; writes benchmarks/results/beside-systems.json.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from run import RESULTS, len_cores, made_by
from systems import BUDGET

from tinct.color import rgb_to_lab
from tinct.evaluation.protocol import Protocol
from tinct.evaluation.sets import TruthSet, find_sets
from tinct.evaluation.statistics import compare_pairs
from tinct.evaluation.tradeoff import judged
from tinct.evaluation.truths import data_folder
from tinct.evaluation.vividness import vividness
from tinct.evaluation.ways import Case, case_of, coloured
from tinct.models import DEFAULT, load_model

SEARCH = 4  # of the factor
TINT = np.array([0.5, 5.0], np.float32)  # the best constant of the leaderboard
Chroma = list[NDArray[np.float32]]


def scored(cases: list[Case], chroma: Chroma, gain: float) -> tuple[NDArray[np.float64], float]:
    """CIEDE2000 of each picture, and their mean colourfulness."""

    def one(pair: tuple[Case, NDArray[np.float32]]) -> tuple[float, float]:
        case, colours = pair
        return judged(coloured(case.light, colours * np.float32(gain)), case.truth)

    with ThreadPoolExecutor(len_cores()) as pool:
        both = np.array(list(pool.map(one, zip(cases, chroma, strict=True))))
    return both[:, 0], float(both[:, 1].mean())


def as_dull(cases: list[Case], chroma: Chroma, target: float) -> tuple[NDArray[np.float64], float]:
    """Errors once the mean colourfulness is `target`, and the factor."""
    gain = target / scored(cases, chroma, 1.0)[1]
    for _ in range(SEARCH):
        errors, found = scored(cases, chroma, gain)
        if abs(found - target) <= 0.01 * target:
            break
        gain *= target / found  # nearly in proportion
    return errors, gain


def beside_tint(cases: list[Case], own: Chroma, tint: Chroma) -> dict[str, float]:
    """What a constant can be compared by: it has a mean colour, and next to no colourfulness.

    Colourfulness counts the mean a third as much as the spread, so that at the tint's even the
    truth keeps a ninth of its chroma; equal mean chroma is the comparison that says something.
    """
    errors, colour = scored(cases, tint, 1.0)
    truth = [rgb_to_lab(case.truth * np.float32(1 / 255))[..., 1:] for case in cases]
    ideal, factor = as_dull(cases, truth, colour)
    strength = [
        float(np.mean([np.linalg.norm(one, axis=-1).mean() for one in some]))
        for some in (tint, own)
    ]
    ours = scored(cases, own, strength[0] / strength[1])[0]
    return {
        "tint": float(errors.mean()),
        "truth_as_colourful_as_tint": float(ideal.mean()),
        "factor_on_truth": factor,
        "ours_with_the_mean_chroma_of_tint": float(ours.mean()),
        "factor_on_ours": strength[0] / strength[1],
        "p": compare_pairs(ours, errors, against="tint", metric="ciede2000").p,
    }


def measured(one: TruthSet, runs: Path) -> dict[str, Any]:
    """All pairs on one set."""
    protocol = Protocol()
    cases = [case_of(truth, protocol) for truth in one.truths]
    real = float(
        np.mean(
            [vividness(case.truth.transpose(2, 0, 1).astype(np.float32)).signed for case in cases]
        )
    )
    ours = load_model(DEFAULT)
    own = [ours.predict(case.light).chroma for case in cases]
    errors, colour = scored(cases, own, 1.0)
    rows: dict[str, Any] = {}
    tint = [np.broadcast_to(TINT, (1, 1, 2)).astype(np.float32)] * len(cases)
    given: dict[str, Chroma] = {"tint": tint}
    for name in (*given, *BUDGET):
        if name not in given and not (runs / name / "model.onnx").is_file():
            continue
        theirs = given.get(name)
        if theirs is None:
            model = load_model(runs / name)
            theirs = [model.predict(case.light).chroma for case in cases]
        their_errors, their_colour = scored(cases, theirs, 1.0)
        if their_colour < colour:
            mine, gain = as_dull(cases, own, their_colour)
            other, other_gain = their_errors, 1.0
        else:
            mine, gain = errors, 1.0
            other, other_gain = as_dull(cases, theirs, colour)
        wins = compare_pairs(mine, other, against=name, metric="ciede2000")
        rows[name] = {
            "colourfulness_ratio": their_colour / real,
            "equal_at": min(their_colour, colour) / real,
            "factor_on_ours": gain,
            "factor_on_theirs": other_gain,
            "ours": float(mine.mean()),
            "theirs": float(other.mean()),
            "nearer": float((mine < other).mean()),
            "p": wins.p,
        }
        print(f"{one.name}: {name}: {rows[name]}", flush=True)
    return {
        "pictures": len(cases),
        "colourfulness_ratio": colour / real,
        "systems": rows,
        "constant": beside_tint(cases, own, tint),
    }


def main(runs: Path) -> int:
    """Measure and write."""
    sets = find_sets(data_folder() / "eval")
    record = {
        "model": DEFAULT,
        "sets": {one.name: measured(one, runs) for one in sets},
        **made_by(),
    }
    target = RESULTS / "beside-systems.json"
    target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
