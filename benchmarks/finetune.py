"""What `tinct finetune` brings: an artist the shipped network never saw, and what is lost beside.

    python benchmarks/finetune.py WORK [KEY=VALUE ...]   # WORK: folder for pictures and runs

The artist is one that the shipped network's training held out, with the most pictures. They are
measured in five parts, each by a model that learned 200 of the others, of as many works as there
are (the set has most of them twice, in other forms; no work is on both sides). Elsewhere is
measured on other pictures held out, by all five.
Needs TINCT_DATA; writes benchmarks/results/finetune.json.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from run import RESULTS, made_by
from works import folds, works

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

LEARNED, ELSEWHERE, FOLDS = 200, 200, 5
EVEN = 2  # steps to the factor that makes two models equally colourful
#: change of CIEDE2000 that is asked for, and that is allowed
BARS = {"artist": -0.08, "elsewhere": 0.02}
Picture8 = NDArray[np.uint8]


class Rows(NamedTuple):
    """Of some pictures, (N,) each."""

    error: NDArray[np.float64]
    """CIEDE2000."""
    vivid: NDArray[np.float64]
    """Colourfulness of the result."""
    true: NDArray[np.float64]
    """Colourfulness of the picture itself."""

    @property
    def ratio(self) -> float:
        """How colourful results are, of what the pictures are."""
        return float(self.vivid.sum() / self.true.sum())


class Part(NamedTuple):
    """The same pictures by three models."""

    before: Rows
    """By the one that all began with."""
    after: Rows
    """By the one that learned."""
    even: Rows
    """By that, a*b* multiplied so that it is as colourful as `before`."""


def held_out() -> tuple[PictureSet, NDArray[np.int64]]:
    """Pictures of the shipped network's source, and those it did not learn from."""
    data = load_recipe("tinct").data
    found = open_pictures(source_of(None), shorter=data.shorter, validation=data.validation)
    return found, found.validation


def measure(model: str, pictures: Sequence[Picture8], *, factor: float = 1.0) -> Rows:
    """Colour pictures as squares of 192 pixels; `factor` is one on a*b*."""
    network, protocol, found = load_model(model), Protocol(size=192), []
    for picture in pictures:
        truth = protocol.fit(picture)
        light = lightness(grey(truth), SRGB)
        chroma = enlarge(network.predict(light).chroma * np.float32(factor), *light.shape)
        coloured = merge(light, chroma, SRGB, depth=8).astype(np.uint8)
        row = compare(coloured, truth)
        found.append((row["ciede2000"], row["colourfulness"], row["colourfulness_truth"]))
    return Rows(*np.array(found).T)


def compared(run: str, pictures: Sequence[Picture8]) -> Part:
    """What a model learned, on pictures that it did not learn from."""
    before, after = measure(DEFAULT, pictures), measure(run, pictures)
    even, factor = after, 1.0
    for _ in range(EVEN):
        factor *= before.ratio / even.ratio
        even = measure(run, pictures, factor=factor)
    return Part(before, after, even)


def tuned(folder: Path, pictures: dict[str, Picture8], overrides: list[str]) -> Path:
    """The run of a model that learned some pictures; one that is there is taken as it is."""
    own, run = folder / "pictures", folder / "run"
    if not (run / ONNX_NAME).is_file():
        shutil.rmtree(folder, ignore_errors=True)  # another split's pictures would be among them
        own.mkdir(parents=True)
        for name, picture in pictures.items():
            Image.fromarray(picture).save(own / f"{name}.jpg", quality=95, subsampling=0)
        finetune(own, run, overrides=overrides)
    return run


def row_of(parts: Sequence[Part], *, same: bool) -> dict[str, Any]:
    """What all parts say together; where they are of the same pictures, on the mean of each."""
    before, after, even = (
        Rows(*(np.mean(one, 0) if same else np.concatenate(one) for one in zip(*rows, strict=True)))
        for rows in zip(*parts, strict=True)
    )
    mean = before.error.mean()
    pairs = compare_pairs(after.error, before.error, against=DEFAULT, metric="ciede2000")
    return {
        "pictures": len(before.error),
        "ciede2000_before": float(mean),
        "ciede2000_after": float(after.error.mean()),
        "change": float(after.error.mean() / mean - 1),
        "change_in_each_part": [
            float(part.after.error.mean() / part.before.error.mean() - 1) for part in parts
        ],
        "colourfulness_ratio_before": before.ratio,
        "colourfulness_ratio_after": after.ratio,
        "change_as_colourful_as_before": float(even.error.mean() / mean - 1),
        "nearer": float((after.error < before.error).mean()),
        "p": pairs.p,
    }


def main(work: Path, overrides: list[str]) -> int:
    """Tune, measure, write; 1 where a bar is missed."""
    found, positions = held_out()
    entries = found.cache.entries
    counts = Counter(entries[at].artist for at in positions if entries[at].artist)
    artist, count = counts.most_common(1)[0]
    own = np.array([at for at in positions if entries[at].artist == artist])
    others = np.random.default_rng(0).permutation(
        [at for at in positions if entries[at].artist != artist]
    )
    numbers = works([found.cache[int(at)] for at in own])
    elsewhere = [found.cache[int(at)] for at in others[:ELSEWHERE]]
    learned, parts = [], {name: list[Part]() for name in BARS}
    run = work
    for fold, (taken, left) in enumerate(folds(numbers, FOLDS, LEARNED, seed=0)):
        pictures = {entries[at].id: found.cache[int(at)] for at in own[taken]}
        run = tuned(work / str(fold), pictures, overrides)
        learned.append({"pictures": len(taken), "works": len(np.unique(numbers[taken]))})
        parts["artist"].append(compared(str(run), [found.cache[int(at)] for at in own[left]]))
        parts["elsewhere"].append(compared(str(run), elsewhere))
        for name, known in parts.items():
            before, after = known[-1].before.error.mean(), known[-1].after.error.mean()
            print(f"{fold} {name}: {before:.2f} -> {after:.2f} ({after / before - 1:+.1%})")
    recipe = load_recipe(run / "recipe.toml")
    last = json.loads((run / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    rows = {name: row_of(known, same=name == "elsewhere") for name, known in parts.items()}
    holds = all(rows[name]["change"] <= bar for name, bar in BARS.items())
    record = {
        "artist": f"{artist}, {count} pictures held out from training",
        "works": len(np.unique(numbers)),
        "learned_from": learned,
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
