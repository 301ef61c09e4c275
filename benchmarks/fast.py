"""What `--effort fast` costs in colour and saves in processor time, beside `--effort normal`.

    TINCT_DATA=... python benchmarks/fast.py

Colour: CIEDE2000 from the truth of validation pictures on which neither ranges nor vividness were
measured, at the usual vividness. Time: of the processor, both efforts in turn in one run, for the
network alone, for a JPEG of 2 megapixels with the network loaded, and for the whole command with
one such JPEG and with sixteen.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from run import RESULTS, ROOT, Measurement, in_turn, made_by, scan

import tinct
from tinct.color import SRGB, lightness, merge, rgb_to_lab
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.truths import data_folder
from tinct.models import DEFAULT, load_model
from tinct.models.session import Model
from tinct.models.spec import USUAL
from tinct.options import Effort
from tinct.refine import enlarge
from tinct.training.draws import still
from tinct.training.engine import source_of
from tinct.training.pictures import open_pictures
from tinct.training.reading import load_recipe
from tinct.training.validation import chosen_pictures

EFFORTS: tuple[Effort, ...] = ("normal", "fast")
EACH = 150  # pictures of a category
MEASURED = 192  # of the validation pictures of a run, at most, its export looks at
SIDE = 192
COST, SHARE = 0.15, 0.7
TWO_MEGAPIXELS = 1154, 1732
MANY = 16


def pictures() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Validation pictures by category: sRGB (N, S, S, 3) and grey (N, S, S)."""
    recipe = load_recipe(ROOT / "recipes" / "tinct.toml")
    found = open_pictures(
        source_of(data_folder() / "train"),
        shorter=recipe.data.shorter,
        validation=recipe.data.validation,
        packed=recipe.data.packed,
    )
    seen = chosen_pictures(found, recipe.data).validation[:MEASURED]
    left = np.random.default_rng(11).permutation(np.setdiff1d(found.validation, seen))
    kinds = np.array([found.cache.entries[at].category for at in left])
    return {
        kind: still(found.cache, left[kinds == kind][:EACH], size=SIDE, data=recipe.data)
        for kind in sorted(set(kinds))
    }


def difference(model: Model, truths: NDArray[np.uint8], greys: NDArray[np.uint8]) -> float:
    """Mean CIEDE2000 of a model's colours from true ones."""
    heat, gain = model.spec.heat(USUAL)
    total = 0.0
    for truth, grey in zip(truths, greys, strict=True):
        light = lightness(grey)
        chroma = model.predict(light, temperature=heat).chroma * np.float32(gain)
        coloured = merge(light, enlarge(chroma, *light.shape), SRGB, depth=8)
        one, other = (rgb_to_lab(rgb * np.float32(1 / 255)) for rgb in (coloured, truth))
        total += float(ciede2000(one.transpose(2, 0, 1), other.transpose(2, 0, 1)).mean())
    return total / len(truths)


def cost() -> Measurement:
    """How much further from the truth colours are."""
    models = {effort: load_model(threads=1, fast=effort == "fast") for effort in EFFORTS}
    detail: dict[str, float] = {}
    apart = []
    for kind, (truths, greys) in pictures().items():
        found = {effort: difference(model, truths, greys) for effort, model in models.items()}
        detail |= {f"{kind}, {effort}": round(value, 3) for effort, value in found.items()}
        detail[f"{kind}, pictures"] = len(truths)
        apart.append(found["fast"] - found["normal"])
    value = round(float(np.mean(apart)), 3)
    return Measurement("fast: colours", value, COST, "CIEDE2000 more, mean of categories", detail)


def share() -> Measurement:
    """Which share of the processor's time it takes."""
    content = BytesIO()
    Image.fromarray(scan(*TWO_MEGAPIXELS)).save(content, "JPEG", quality=92)
    light = lightness(scan(SIDE, SIDE))
    models = [load_model(threads=1, fast=effort == "fast") for effort in EFFORTS]
    colorizers = [tinct.Colorizer(effort=effort, threads=1) for effort in EFFORTS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(MANY):
            (folder / f"{number}.jpg").write_bytes(content.getvalue())
        detail: dict[str, float] = {}
        detail |= timed("network", [partial(one.predict, light) for one in models], rounds=41)
        jpegs = [partial(one.data, content.getvalue()) for one in colorizers]
        detail |= timed("JPEG of 2 MP", jpegs, rounds=21)
        for count in (1, MANY):
            names = [str(folder / f"{number}.jpg") for number in range(count)]
            spent = np.array([[command(names, effort) for effort in EFFORTS] for _ in range(7)])
            detail |= described(f"command, {count} of them", spent)
    return Measurement("fast: time", detail["network, share"], SHARE, "share of normal", detail)


def timed(name: str, sides: Sequence[Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Milliseconds of the processor, and the share of the first that the second takes."""
    for side in sides:
        side()
    return described(name, in_turn(*sides, rounds=rounds)[1])


def described(name: str, spent: NDArray[np.float64]) -> dict[str, float]:
    """Seconds (rounds, efforts) as the record has them."""
    normal, fast = np.median(spent, axis=0)
    found = {
        f"{name}, normal, ms": round(normal * 1e3, 1),
        f"{name}, fast, ms": round(fast * 1e3, 1),
    }
    return {**found, f"{name}, share": round(float(np.median(spent[:, 1] / spent[:, 0])), 3)}


def command(names: list[str], effort: Effort) -> float:
    """Seconds of the processor that `tinct colorize` takes for files."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        words = ["colorize", "-q", "--jobs", "1", "--effort", effort, "--no-journal", "-o", folder]
        subprocess.run([sys.executable, "-m", "tinct", *words, *names], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure, print, write; 1 where a bar is missed."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    results = [cost(), share()]
    record = {
        "measurements": [{**asdict(one), "holds": one.holds} for one in results],
        "model": DEFAULT,
        **made_by(),
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=2)
    (RESULTS / "fast.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return not all(one.holds for one in results)


if __name__ == "__main__":
    sys.exit(main())
