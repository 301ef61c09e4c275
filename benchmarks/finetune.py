"""What `tinct finetune` brings: artists the shipped network never saw, and what is lost beside.

    python benchmarks/finetune.py WORK [KEY=VALUE ...]   # WORK: folder for pictures and runs

The artists are all whom the shipped network's training held out with at least 100 pictures. Each
one's are measured in five parts, each by a model that learned at most 200 of his others, of as
many works as there are (the set has many of them twice, in other forms; no work is on both sides).
Elsewhere is measured on pictures held out that are by none of them, by all models. The bars are
for each artist; whether they hold for the mean of all is said, too.
Needs TINCT_DATA; writes benchmarks/results/finetune.json. Models that are in WORK are not trained
again.
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
FEWEST = 100  # pictures of an artist who is measured
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


class Studied(NamedTuple):
    """What models that learned one artist's pictures made of his others, and of all others."""

    about: dict[str, Any]
    """Of the artist and what was learned from."""
    own: list[Part]
    elsewhere: list[Part]
    run: Path
    """The last of the trainings."""


def artists(found: PictureSet, positions: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Places of the pictures of each artist who has enough, most first."""
    names = [found.cache.entries[at].artist for at in positions]
    return {
        name: positions[[one == name for one in names]]
        for name, count in Counter(names).most_common()
        if name and count >= FEWEST
    }


def study(
    found: PictureSet,
    own: NDArray[np.int64],
    elsewhere: Sequence[Picture8],
    work: Path,
    overrides: list[str],
) -> Studied:
    """Learn one artist's pictures five times and measure each time what was not learned."""
    entries, at_hand = found.cache.entries, [found.cache[int(at)] for at in own]
    numbers = works(at_hand)
    learned: list[dict[str, int]] = []
    parts: tuple[list[Part], list[Part]] = ([], [])
    run = work
    for fold, (taken, left) in enumerate(folds(numbers, FOLDS, LEARNED, seed=0)):
        pictures = {entries[own[place]].id: at_hand[place] for place in taken}
        run = tuned(work / str(fold), pictures, overrides)
        learned.append({"pictures": len(taken), "works": len(np.unique(numbers[taken]))})
        for known, pictures8 in zip(
            parts, ([at_hand[place] for place in left], elsewhere), strict=True
        ):
            known.append(compared(str(run), pictures8))
            before, after = known[-1].before.error.mean(), known[-1].after.error.mean()
            print(f"{work.name} {fold}: {before:.2f} -> {after:.2f} ({after / before - 1:+.1%})")
    about = {
        "artist": entries[own[0]].artist,
        "pictures_held_out": len(own),
        "works": len(np.unique(numbers)),
        "learned_from": learned,
    }
    return Studied(about, *parts, run)


def main(work: Path, overrides: list[str]) -> int:
    """Tune, measure, write; 1 where a bar is missed."""
    found, positions = held_out()
    chosen = artists(found, positions)
    others = np.random.default_rng(0).permutation(
        np.setdiff1d(positions, np.hstack([*chosen.values()]))
    )
    elsewhere = [found.cache[int(at)] for at in others[:ELSEWHERE]]
    studied = [
        study(found, own, elsewhere, work / name.lower().replace(" ", "-"), overrides)
        for name, own in chosen.items()
    ]
    rows = [
        {
            **one.about,
            "own": row_of(one.own, same=False),
            "elsewhere": row_of(one.elsewhere, same=True),
        }
        for one in studied
    ]
    run = studied[0].run
    recipe = load_recipe(run / "recipe.toml")
    last = json.loads((run / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    change = {
        "artist": float(np.mean([row["own"]["change"] for row in rows])),
        "elsewhere": float(np.mean([row["elsewhere"]["change"] for row in rows])),
    }
    holds = all(change[name] <= bar for name, bar in BARS.items())
    record = {
        "model": DEFAULT,
        "steps": last["step"],
        "settings": {
            "data.replay": recipe.data.replay,
            "loss.keep": recipe.loss.keep,
            "optimiser.rate": recipe.optimiser.rate,
            "loss.rebalance": recipe.loss.rebalance,
            "loss.huber": recipe.loss.huber,
        },
        "artists": rows,
        "measurements": [
            *(
                {
                    "name": f"finetune: change of CIEDE2000, {row['artist']}, {what}",
                    "value": row[part]["change"],
                    "bar": BARS[name],
                    "unit": "",
                }
                for row in rows
                for name, part, what in (
                    ("artist", "own", "his others"),
                    ("elsewhere", "elsewhere", "anybody else's"),
                )
            ),
            *(
                {
                    "name": f"finetune: change of CIEDE2000, {name}, mean of {len(rows)} artists",
                    "value": change[name],
                    "bar": bar,
                    "unit": "",
                }
                for name, bar in BARS.items()
            ),
        ],
        "holds": holds,
        **made_by(),
    }
    target = RESULTS / "finetune.json"
    target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
