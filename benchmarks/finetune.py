"""What `tinct finetune` brings: an artist the shipped network never saw, and what is lost beside.

    python benchmarks/finetune.py WORK [KEY=VALUE ...]   # WORK: folder for pictures and the run

The artist is one that the shipped network's training held out, with the most pictures: of those
200 are learned from and the others measured, no work of theirs on both sides (the set has most of
them twice); elsewhere is measured on other pictures held out.
Needs TINCT_DATA; writes benchmarks/results/finetune.json.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from run import RESULTS, made_by
from works import split, works

from tinct.color import SRGB, lightness, merge
from tinct.evaluation.metrics import compare
from tinct.evaluation.protocol import Protocol, grey
from tinct.evaluation.statistics import compare_pairs
from tinct.models import DEFAULT, load_model
from tinct.models.exported import ONNX_NAME
from tinct.refine import enlarge
from tinct.training.engine import source_of
from tinct.training.finetune import finetune
from tinct.training.pictures import PictureSet, open_pictures
from tinct.training.reading import load_recipe

LEARNED, ELSEWHERE = 200, 200
EVEN = 2  # steps to the factor that makes two models equally colourful
#: change of CIEDE2000 that is asked for, and that is allowed
BARS = {"artist": -0.08, "elsewhere": 0.02}
Picture8 = NDArray[np.uint8]


def held_out() -> tuple[PictureSet, NDArray[np.int64]]:
    """Pictures of the shipped network's source, and those it did not learn from."""
    data = load_recipe("tinct").data
    found = open_pictures(source_of(None), shorter=data.shorter, validation=data.validation)
    return found, found.validation


def errors(
    model: str, pictures: Iterable[Picture8], factor: float = 1.0
) -> tuple[NDArray[np.float64], float]:
    """CIEDE2000 of each picture, as a square of 192 pixels, and their colourfulness ratio.

    `factor` is one on a*b*.
    """
    network, protocol, found = load_model(model), Protocol(size=192), []
    for picture in pictures:
        truth = protocol.fit(picture)
        light = lightness(grey(truth), SRGB)
        chroma = enlarge(network.predict(light).chroma * np.float32(factor), *light.shape)
        coloured = merge(light, chroma, SRGB, depth=8).astype(np.uint8)
        row = compare(coloured, truth)
        found.append((row["ciede2000"], row["colourfulness"], row["colourfulness_truth"]))
    rows = np.array(found)
    return rows[:, 0], float(rows[:, 1].sum() / rows[:, 2].sum())


def as_before(
    run: str, pictures: list[Picture8], before: NDArray[np.float64], dull: float, vivid: float
) -> float:
    """Change of CIEDE2000 once a*b* are multiplied so that both are equally colourful."""
    factor = 1.0
    for _ in range(EVEN):
        factor *= dull / vivid
        after, vivid = errors(run, pictures, factor)
    return float(after.mean() / before.mean() - 1)


def main(work: Path, overrides: list[str]) -> int:
    """Tune, measure, write; 1 where a bar is missed."""
    found, positions = held_out()
    entries = found.cache.entries
    counts = Counter(entries[at].artist for at in positions if entries[at].artist)
    artist, count = counts.most_common(1)[0]
    rng = np.random.default_rng(0)
    own = np.array([at for at in positions if entries[at].artist == artist])
    numbers = works([found.cache[int(at)] for at in own])
    taken, left = split(numbers, LEARNED, seed=0)
    others = rng.permutation([at for at in positions if entries[at].artist != artist])
    folder = work / "artist"
    shutil.rmtree(folder, ignore_errors=True)  # another split's pictures would be among them
    folder.mkdir(parents=True)
    for at in own[taken]:
        Image.fromarray(found.cache[int(at)]).save(
            folder / f"{entries[at].id}.jpg", quality=95, subsampling=0
        )
    run = work / "run"
    if not (run / ONNX_NAME).is_file():  # a run that is there is measured as it is
        finetune(folder, run, overrides=overrides)
    recipe = load_recipe(run / "recipe.toml")
    last = json.loads((run / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    rows, holds = {}, True
    for name, chosen in (("artist", own[left]), ("elsewhere", others[:ELSEWHERE])):
        pictures = [found.cache[int(at)] for at in chosen]
        (before, dull), (after, vivid) = errors(DEFAULT, pictures), errors(str(run), pictures)
        change = float(after.mean() / before.mean() - 1)
        pairs = compare_pairs(after, before, against=DEFAULT, metric="ciede2000")
        rows[name] = {
            "pictures": len(pictures),
            "ciede2000_before": float(before.mean()),
            "ciede2000_after": float(after.mean()),
            "change": change,
            "colourfulness_ratio_before": dull,
            "colourfulness_ratio_after": vivid,
            "change_as_colourful_as_before": as_before(str(run), pictures, before, dull, vivid),
            "nearer": float((after < before).mean()),
            "p": pairs.p,
        }
        holds &= change <= BARS[name]
        print(f"{name}: {before.mean():.2f} -> {after.mean():.2f} ({change:+.1%})")
    record = {
        "artist": f"{artist}, {count} pictures held out from training",
        "works": len(np.unique(numbers)),
        "learned_from": {"pictures": len(taken), "works": len(np.unique(numbers[taken]))},
        "model": DEFAULT,
        "steps": last["step"],
        "settings": {
            "data.replay": recipe.data.replay,
            "loss.keep": recipe.loss.keep,
            "optimiser.rate": recipe.optimiser.rate,
            "loss.rebalance": recipe.loss.rebalance,
            "loss.huber": recipe.loss.huber,
        },
        "rows": rows,
        "measurements": [
            {
                "name": f"finetune on {LEARNED} pictures: change of CIEDE2000, {name}",
                "value": rows[name]["change"],
                "bar": bar,
                "unit": "",
            }
            for name, bar in BARS.items()
        ],
        "holds": holds,
        **made_by(),
    }
    target = RESULTS / "finetune.json"
    target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
