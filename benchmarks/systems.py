"""What the published systems learn from an equal budget: figures and a sheet for docs/systems.md.

    python benchmarks/systems.py RUNS           # evaluate what is there, write, fill in the docs
    python benchmarks/systems.py RUNS --train   # first train what is not there: 3 hours of one core

RUNS holds one finished run a folder, named as in `BUDGET`. Each is exported if it is not yet, and
measured on the evaluation sets of TINCT_DATA. What was measured before and has not changed is taken
from benchmarks/results/systems.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.evaluation import metrics
from tinct.evaluation.evaluate import Colourer, baselines, colour, colourer, evaluate
from tinct.evaluation.sheet import EXAMPLES, write_sheet
from tinct.evaluation.tint import RECORDED
from tinct.evaluation.truths import SETS, Truths, data_folder, open_truths, read, squashed
from tinct.models import DEFAULT, load_model
from tinct.models.session import Model

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "systems.json"
SHEET = ROOT / "docs" / "images" / "systems.jpg"
#: minutes of processor time of each run
MINUTES = 15
#: run, which is a recipe that ships, to settings beside the budget; in the order of the tables
BUDGET = {
    "beta": "data.size=64 data.batch=32 run.every=150",
    "full": "data.size=64 data.batch=32 run.every=150",
    "koalarization": "data.size=64 data.batch=32 run.every=150",
    "paintings": "data.size=64 data.batch=20 run.every=150",
    "colorit": "data.size=64 data.batch=32 run.every=150",
    "gan32": "run.every=300",
    "gan32-spectral": "run.every=300",
    "pix2pix": "data.size=64 run.every=50",
    "pix2pixhd": "data.size=128 data.batch=2 run.every=15",
}
EQUAL = (
    f"stop.epochs=0 stop.steps=0 stop.patience=0 stop.core_minutes={MINUTES} run.threads=1 "
    "data.pictures=0 data.validation=0.03 data.checked=96 data.fit=crop data.packed=true"
)
#: trained on squares of 32 pixels, and measured on such as well
SMALL = ("gan32", "gan32-spectral")
#: the picture that alpha learns, and one that it never saw, in `examples` of TINCT_DATA
LEARNED, OTHER = "cezanne-card-players", "cassatt-girl-arranging-her-hair"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Measure the published systems.")
    parser.add_argument("runs", type=Path, help="Folder of runs.")
    parser.add_argument("--train", action="store_true", help="First train what is not there.")
    parser.add_argument("--no-sheet", action="store_true", help="Leave the sheet as it is.")
    words = parser.parse_args(arguments)
    if words.train:
        train(words.runs)
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    models = {name: exported(words.runs / name) for name in BUDGET if done(words.runs / name)}
    alpha = exported(words.runs / "alpha") if done(words.runs / "alpha") else None
    sets = [open_truths(data_folder() / "eval" / name) for name in SETS]
    found: dict[str, Any] = {"minutes": MINUTES, "sets": measured_baselines(sets, known)}
    found["models"] = {
        name: {**described(words.runs / name, model), "rows": measured(name, model, sets, known)}
        for name, model in models.items()
    }
    shipped = load_model(DEFAULT)
    found["shipped"] = {
        **facts(shipped),
        "name": DEFAULT,
        "rows": measured("shipped", shipped, sets, {"models": {"shipped": known.get("shipped")}}),
    }
    if alpha is not None:
        found["alpha"] = {**described(words.runs / "alpha", alpha), **one_picture(alpha)}
        found["alpha"]["by_step"] = psnr_by_step(words.runs / "alpha")
    RESULTS.write_text(json.dumps(rounded(found), indent=1) + "\n", encoding="utf-8")
    print(RESULTS.relative_to(ROOT))
    if not words.no_sheet:
        sheet(models, alpha)
        print(SHEET.relative_to(ROOT))
    return subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py")], check=False
    ).returncode


def train(runs: Path) -> None:
    """One after the other, each with one thread."""
    picture = data_folder() / "examples" / f"{LEARNED}.jpg"
    orders = {name: f"{EQUAL} {own}".split() for name, own in BUDGET.items()}
    orders["alpha"] = ["--data", str(picture), "run.threads=1"]
    for name, order in orders.items():
        if not (runs / name).exists():
            words = ["tinct", "train", name, "--out", str(runs / name), *order]
            subprocess.run([sys.executable, "-m", *words], check=True)


def done(run: Path) -> bool:
    """Whether a training has ended; its report is the last thing it writes."""
    finished = (run / "report.html").is_file()
    if not finished:
        print(f"{run} is not there or not finished", file=sys.stderr)
    return finished


def exported(run: Path) -> Model:
    """The model of a run, made from its best weights where that has not been done."""
    model, weights = run / "model.onnx", run / "best.safetensors"
    if not model.exists() or model.stat().st_mtime < weights.stat().st_mtime:
        from tinct.training.export import export_run

        export_run(run)
    return load_model(run)


def rounded(value: Any) -> Any:
    """The same with numbers of six digits: more would differ from processor to processor."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def facts(model: Model) -> dict[str, Any]:
    """What the file of a model says."""
    about = ("parameters", "pictures_seen", "working_size", "sha256")
    return {key: getattr(model.spec, key) for key in about}


def described(run: Path, model: Model) -> dict[str, Any]:
    """What a run says, as far as tables and cards need it."""
    events = history(run)
    recipe = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))
    data = json.loads((run / "data.json").read_text(encoding="utf-8"))
    checked = [event for event in events if event["event"] == "validation"]
    return {
        **facts(model),
        "system": recipe["system"],
        "classifier": recipe["classifier"],
        "batch": recipe["data"]["batch"],
        "steps": events[-1]["step"],
        "kept_step": [event["step"] for event in checked if event["best"]][-1],
        "training_pictures": data["training"],
        "pictures_sha256": data["sha256"],
    }


def history(run: Path) -> list[dict[str, Any]]:
    """What was logged in training, line by line."""
    lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def psnr_by_step(run: Path) -> dict[str, float]:
    """PSNR at each validation."""
    return {
        str(event["step"]): event["measures"]["network"]["psnr"]
        for event in history(run)
        if event["event"] == "validation"
    }


def measured_baselines(sets: Iterable[Truths], known: dict[str, Any]) -> list[dict[str, Any]]:
    """Grey, tint and oracle on every set; of the paintings at 32 pixels as well."""
    before = {one["name"]: one for one in known.get("sets", [])}
    found = []
    for truths in with_small(sets):
        old = before.get(truths.name, {})
        rows = old.get("baselines")
        same = (old.get("sha256"), old.get("tint")) == (truths.sha256, list(RECORDED.values))
        if not same or rows is None:
            rows = [asdict(row) for row in evaluate(truths.pictures, baselines())]
        print(f"{truths.name}: baselines", flush=True)
        found.append(
            {
                "name": truths.name,
                "pictures": len(truths.pictures),
                "sha256": truths.sha256,
                "tint": list(RECORDED.values),
                "baselines": rows,
            }
        )
    return found


def with_small(sets: Iterable[Truths]) -> list[Truths]:
    """The sets, and the paintings squashed to 32 pixels."""
    every = list(sets)
    return [*every, *(squashed(one, 32) for one in every if one.name == "paintings")]


def measured(
    name: str, model: Model, sets: list[Truths], known: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """What a model scores on each set, by the name of the set."""
    old = known.get("models", {}).get(name) or {}
    digests = {one["name"]: one["sha256"] for one in known.get("sets", [])}
    before = old.get("rows", {}) if old.get("sha256") == model.spec.sha256 else {}
    found = {}
    for truths in with_small(sets) if name in SMALL else sets:
        row = before.get(truths.name)
        if row is None or digests.get(truths.name, truths.sha256) != truths.sha256:
            (fresh,) = evaluate(truths.pictures, {name: colourer(model)})
            row = asdict(fresh)
        print(f"{truths.name}: {name}: CIEDE2000 {row['measures']['ciede2000']:.2f}", flush=True)
        found[truths.name] = row
    return found


def one_picture(alpha: Model) -> dict[str, Any]:
    """What alpha makes of the picture that it learned, as it saw it and at its own shape."""
    ways = {"alpha": colourer(alpha), **baselines()}
    pictures = {}
    for title, name in (("learned", LEARNED), ("other", OTHER)):
        truth = read(data_folder() / "examples" / f"{name}.jpg")
        for shape, picture in (("square", stretched(truth)), ("own shape", reduced(truth))):
            pictures[f"{title}, {shape}"] = {
                way: metrics.psnr(colour(picture, paint), picture) for way, paint in ways.items()
            }
    return {"learned": LEARNED, "other": OTHER, "psnr": pictures}


def stretched(truth: NDArray[np.uint8], side: int = 400) -> NDArray[np.uint8]:
    """As alpha's recipe shows it to the network."""
    return np.asarray(Image.fromarray(truth).resize((side, side), Image.Resampling.BICUBIC))


def reduced(truth: NDArray[np.uint8], shorter: int = 400) -> NDArray[np.uint8]:
    """The same with its shape kept."""
    scale = shorter / min(truth.shape[:2])
    size = (round(truth.shape[1] * scale), round(truth.shape[0] * scale))
    return np.asarray(Image.fromarray(truth).resize(size, Image.Resampling.BICUBIC))


def sheet(models: dict[str, Model], alpha: Model | None) -> None:
    """The example pictures, coloured by every system."""
    ways: dict[str, Colourer] = {}
    if alpha is not None:
        squared = colourer(alpha)
        ways["alpha, learned the third"] = lambda light, truth: unsquared(squared, light, truth)
    for name, model in models.items():
        label = {"gan32-spectral": "gan32, spectral norm", DEFAULT: "tinct"}.get(name, name)
        ways[label] = colourer(model)
    ways["tinct, as shipped"] = colourer(load_model(DEFAULT))
    pictures = [data_folder() / "examples" / f"{name}.jpg" for name in EXAMPLES]
    write_sheet(SHEET, pictures, ways)


def unsquared(
    paint: Colourer, light: NDArray[np.float32], truth: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Alpha knows its picture only as a square of 400 pixels: show it so, and bring it back."""
    from tinct.refine import enlarge
    from tinct.resample import resize

    small: NDArray[np.float32] = paint(resize(light, 400, 400), truth)
    return enlarge(small, *light.shape)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
