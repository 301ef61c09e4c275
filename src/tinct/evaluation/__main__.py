"""The figures of models: `python -m tinct.evaluation [MODEL ...] [--json FILE] [--sheet FILE]`.

Pictures come from `eval/paintings` and `eval/photos` of the folder TINCT_DATA (`../shared/data`
unless set). Each is greyed by Rec. 601, coloured at its own size (shorter side 256) with the
model's own settings, and compared with the truth.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinct.errors import TinctError, UsageError
from tinct.evaluation.evaluate import Colourer, baselines, colourer, evaluate, markdown
from tinct.evaluation.sheet import EXAMPLES, write_sheet
from tinct.evaluation.truths import SETS, data_folder, open_truths
from tinct.image.atomic import write_atomic
from tinct.models import DEFAULT, load_model
from tinct.models.session import Model


def main(arguments: Sequence[str]) -> int:
    """Print one table for each set; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tinct.evaluation", description="Measure models beside the baselines."
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="Name, run folder or ONNX file.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all figures there too.")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="Write example pictures there.")
    words = parser.parse_args(arguments)
    try:
        if find_spec("skimage") is None:
            raise UsageError("CIEDE2000 needs scikit-image", remedy='pip install "tinct[train]"')
        models = open_models(words.models or [DEFAULT])
        if words.sheet is not None:
            examples = [data_folder() / "examples" / f"{name}.jpg" for name in EXAMPLES]
            ways = {name: colourer(model) for name, model in models.items()}
            write_sheet(words.sheet, examples, ways)
        found = figures(models)
        if words.json is not None:
            with write_atomic(words.json, overwrite=True) as temporary:
                temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except TinctError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def open_models(words: Sequence[str]) -> dict[str, Model]:
    """The models by their own names, or as they were typed where two have the same."""
    models: dict[str, Model] = {}
    for word in words:
        model = load_model(word)
        models[word if model.spec.name in models else model.spec.name] = model
    return models


def figures(models: dict[str, Model]) -> dict[str, Any]:
    """Print a table for each set as it is done; returns what the tables hold, for JSON."""
    ways: dict[str, Colourer] = baselines()
    facts = {}
    for name, model in models.items():
        ways[name] = colourer(model)
        facts[name] = (model.spec.parameters, model.spec.pictures_seen)
        if model.spec.outputs == "distribution":
            ways[f"{name}, temperature 1"] = colourer(model, temperature=1.0)
    sets = []
    for name in SETS:
        truths = open_truths(data_folder() / "eval" / name)
        rows = evaluate(truths.pictures, ways)
        print(f"{name}: {len(truths.pictures)} pictures, sha256 {truths.sha256[:12]}\n")
        print(markdown(rows, facts), end="\n\n", flush=True)
        sets.append(
            {
                "name": name,
                "pictures": len(truths.pictures),
                "sha256": truths.sha256,
                "rows": [asdict(row) for row in rows],
            }
        )
    about = ("parameters", "pictures_seen", "working_size", "sha256", "trained_on", "licence")
    described = {
        name: {key: getattr(model.spec, key) for key in about} for name, model in models.items()
    }
    return {"models": described, "sets": sets}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
