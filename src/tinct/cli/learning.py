"""The verbs of who trains networks: parsing and printing only, as everywhere in this room."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tinct.errors import UsageError

if TYPE_CHECKING:
    from tinct.systems import System
    from tinct.systems.layers import Layer
    from tinct.training.engine import Outcome

INTERRUPTED = 130
#: where runs go if nothing is said
RUNS = Path("runs")
#: tells processes started for further devices, which read the same words, what was decided
_CHOSEN = "TINCT_RUN"


def train(
    *,
    recipe: str,
    overrides: list[str],
    data: Path | None,
    classifier: str | None,
    sweep: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Train a network by a recipe; exit code 130 where it was interrupted."""
    if classifier is not None:
        overrides = [*overrides, f"classifier={classifier}"]
    with training():
        if sweep:
            from tinct.training.reading import recipe_file
            from tinct.training.sweep import sweep as train_all

            file = recipe_file(recipe)
            run = out or new_run(f"{file.stem}-sweep")
            _print_rows(train_all(recipe, overrides, data, run, quiet), as_json=as_json)
            return 0
        from tinct.training.engine import train as begin
        from tinct.training.reading import load_recipe

        settings = load_recipe(recipe, overrides)
        run = out or new_run(settings.name)
        outcome = begin(settings, data, run, quiet=quiet)
    return _report(run, outcome, as_json=as_json, quiet=quiet)


def resume(
    *,
    run: Path,
    overrides: list[str],
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Go on with a training where its last checkpoint stands."""
    with training():
        from tinct.training.engine import resume as go_on

        outcome = go_on(run, overrides, quiet=quiet)
    return _report(run, outcome, as_json=as_json, quiet=quiet)


def export(
    *,
    run: Path,
    output: Path | None,
    weights: Literal["best", "last"],
    calibrate: bool,
    storage: Literal["float16", "int8"],
    to: Literal["onnx", "openvino", "tflite"],
    size: int | None,
    as_json: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Make a model of a training: one file for `tinct colorize --model`."""
    if to != "onnx":
        with training():
            from tinct.training.forms import described, export_form

            place = export_form(
                run,
                output,
                to=to,
                weights=weights,
                calibrate=calibrate,
                storage=storage,
                size=size,
            )
            record = described(place)
        if as_json:
            print(json.dumps({"v": 1, "event": "export", "to": to, **record, "path": str(place)}))
            return 0
        print(place)
        print(
            f"{record['name']} for {to}: {_megabytes(place):.1f} MB, {record['difference']} CIE "
            "units from the same weights in the form it was made of",
            file=sys.stderr,
        )
        return 0
    if size is not None:
        raise UsageError(
            "an ONNX model takes pictures of any size",
            where="--size",
            remedy="leave --size out, or add --to tflite",
        )
    with training():
        from tinct.training.export import export_run

        file = export_run(run, output, weights=weights, calibrate=calibrate, storage=storage)
    from tinct.models import find_model
    from tinct.models.exported import properties

    spec, said = find_model(file), properties(file)
    if as_json:
        record = {**said, "path": str(file), "sha256": spec.sha256}
        print(json.dumps({"v": 1, "event": "export", **record}))
        return 0
    print(file)
    print(
        f"{spec.name}, step {said['step']}: {file.stat().st_size / 1e6:.1f} MB, "
        f"{said['difference']} CIE units from torch, {said['rounding']} more in {said['storage']}; "
        f"use it with --model {run if output is None else file}",
        file=sys.stderr,
    )
    return 0


def _megabytes(place: Path) -> float:
    files = place.iterdir() if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files) / 1e6


def systems_list(*, as_json: bool) -> int:
    """All networks that can be trained."""
    systems = _systems()
    if as_json:
        for system in systems:
            print(json.dumps({"v": 1, "event": "system", **_record(system)}, ensure_ascii=False))
        return 0
    width = max(len(system.name) for system in systems)
    for system in systems:
        print(f"{system.name:<{width}}  {system.parameters:>10,}  {system.title}")
    return 0


def systems_show(*, name: str, as_json: bool) -> int:
    """All that is known about a network, and its layers where torch is installed."""
    from tinct.systems import find_system

    system = find_system(name)
    layers = _layers(system)
    if as_json:
        rows = None if layers is None else [asdict(layer) for layer in layers]
        record = {"v": 1, "event": "system", **_record(system), "layers": rows}
        print(json.dumps(record, ensure_ascii=False))
        return 0
    for key, value in _record(system).items():
        if value in ({}, (), None, False):
            continue
        if isinstance(value, Mapping):
            print(f"{key}:", *(f"  {one}: {each}" for one, each in value.items()), sep="\n")
        elif isinstance(value, list | tuple):
            print(f"{key}:", *(f"  {each}" for each in value), sep="\n")
        else:
            print(f"{key.replace('_', ' ')}: {value}")
    print(f"\nlayers, for a picture of {system.size} x {system.size}:")
    if layers is None:
        print('  PyTorch shows them: pip install "tinct[train]"')
        return 0
    _print_columns(
        ("name", "kind", "gives", "parameters"),
        [
            (
                layer.name or system.name,
                layer.kind,
                " x ".join(map(str, layer.shape)) or "(training alone)",
                f"{layer.parameters:,}" if layer.parameters else "",
            )
            for layer in layers
        ],
    )
    return 0


def systems_fetch(*, name: str) -> int:
    """Fetch the published weights of a classifier that some networks listen to."""
    with training():
        from tinct.systems.weights import fetch_weights

        print(fetch_weights(name))
    return 0


@contextmanager
def training() -> Iterator[None]:
    """What training needs and a plain installation lacks is one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "tinct":
            raise
        raise UsageError(
            f"this needs {missing}, which is not installed", remedy='pip install "tinct[train]"'
        ) from error


def new_run(name: str) -> Path:
    """A folder that is not there yet, the same for all processes of one training."""
    if "LOCAL_RANK" in os.environ:  # set by whatever starts one process for each device
        if _CHOSEN not in os.environ:
            raise UsageError("many processes need one folder", remedy="name it: --out RUN")
        return Path(os.environ[_CHOSEN])
    plain = re.sub(r"[^\w.+-]+", "-", name).strip(".-") or "run"
    number = 1
    while os.path.lexists(RUNS / f"{plain}-{number}"):
        number += 1
    os.environ[_CHOSEN] = str(RUNS / f"{plain}-{number}")
    return RUNS / f"{plain}-{number}"


def _report(run: Path, outcome: Outcome, *, as_json: bool, quiet: bool) -> int:
    """Say once how a training ended."""
    interrupted = outcome.stopped == "interrupted"
    code = INTERRUPTED if interrupted else 0
    if any(os.environ.get(rank, "0") != "0" for rank in ("LOCAL_RANK", "RANK")):
        return 0  # the first process says how it went; it is killed as soon as another fails
    if as_json:
        record = {"run": str(run), "step": outcome.step, "stopped": outcome.stopped}
        print(json.dumps({"v": 1, "event": "trained", **record, "best": outcome.best}))
        return code
    print(run)
    if not quiet:
        best = ", ".join(f"{name} {value:.4g}" for name, value in outcome.best.items())
        print(f"step {outcome.step}: {outcome.stopped}", file=sys.stderr)
        if best:
            print(f"best: {best}", file=sys.stderr)
        hint = f"`tinct resume {run}` goes on; " if interrupted else ""
        print(f"{hint}`tinct export {run}` makes a model of it", file=sys.stderr)
    return code


def _systems() -> list[System]:
    from tinct.systems.registry import SYSTEMS, TINCT

    return [*SYSTEMS.values(), TINCT]


def _record(system: System) -> dict[str, object]:
    """What users may want to know of a system, for print and JSON."""
    record = {key: value for key, value in asdict(system).items() if key != "factory"}
    record["discriminators"] = {
        name: f"{judge.parameters:,} parameters" for name, judge in system.discriminators.items()
    }
    return record


def _layers(system: System) -> list[Layer] | None:
    """None without torch."""
    try:
        from tinct.systems.layers import layer_table
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return None
    return layer_table(system, height=system.size, width=system.size)


def _print_rows(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """What a sweep found, one run a line."""
    if as_json:
        for row in rows:
            print(json.dumps({"v": 1, "event": "swept", **row}))
    elif rows:
        head = tuple(rows[0])
        _print_columns(head, [tuple(_shown(row.get(key)) for key in head) for row in rows])


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        print("  " + "  ".join(cells).rstrip())
