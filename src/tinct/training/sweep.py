"""One training for every combination of the values that a recipe offers.

Where a recipe holds a list in place of one value, that value is tried out. Every combination starts
from a fresh network in a folder of its own, so the rows of the table can be compared.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from tinct.errors import ConfigError, InputError, OutputExists
from tinct.image.atomic import output_errors, write_atomic
from tinct.training import engine
from tinct.training.log import read_history
from tinct.training.reading import (
    RECIPE,
    read_table,
    recipe_file,
    recipe_of,
    to_toml,
    with_overrides,
)
from tinct.training.recipe import Recipe

TABLE = "sweep"
#: how a training ends that is to be gone on with
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Trial:
    """One training of a sweep, as its table tells of it."""

    folder: str
    """Where it lies, in the folder of the sweep."""
    settings: dict[str, Any]
    """What was tried out, by dotted keys."""
    step: int
    """Steps done."""
    best_step: int
    """Steps done at the best validation; -1 where there was none."""
    measures: dict[str, dict[str, float | None]]
    """Of that validation, for the network and the baselines, as in `history.jsonl`."""
    seconds: float
    """Spent in all."""
    ended: str
    """Why it ended."""


def sweep(
    recipe: str, overrides: Sequence[str], data: Path | None, run: Path, quiet: bool
) -> list[dict[str, Any]]:
    """Train every combination of a recipe's values, and compare them.

    What ended before is not trained again and what was broken off is gone on with, so the same
    call completes a sweep. `sweep.json`, `sweep.csv` and `sweep.md` in `run` are written after
    each training.

    Args:
        recipe: a TOML file or the name of a recipe that ships with Tinct. Any key may hold a list
            of the values to try.
        overrides: `key=value`, or `key=[value, value]`.
        data: the pictures, as `engine.train` takes them.
        run: folder of the sweep.
        quiet: say nothing while it goes.

    Returns:
        A row for each combination, the best first.

    Raises:
        ConfigError: there is nothing to try, or a combination is no recipe.
        OutputExists: `run` holds a sweep over other pictures.
        KeyboardInterrupt: the user wants an end; the training that was going on is saved.
    """
    file = recipe_file(recipe)
    table = with_overrides(read_table(file), overrides)
    table.setdefault("name", file.stem)
    chosen = dict(_combinations(table, where=recipe))
    measure = _compared_by(chosen.values())
    source = str(engine.source_of(data).resolve())
    folders = _folders(run, source)
    before = {trial.folder: trial for trial in _read(run) if trial.ended != INTERRUPTED}
    trials = [
        replace(before[folders[text]], settings=settings)
        for text, settings in chosen.items()
        if folders.get(text) in before
    ]
    for number, (text, settings) in enumerate(chosen.items(), 1):
        folder = folders.setdefault(text, _name(settings, folders.values()))
        if folder not in before:
            if not quiet:
                print(f"training {number} of {len(chosen)}: {_shown(settings)}", file=sys.stderr)
            ended = _train(text, data, run / folder, quiet=quiet)
            trials.append(_trial(run / folder, settings, ended))
            _write(run, trials, measure)
            if ended == INTERRUPTED:
                raise KeyboardInterrupt
    _write(run, trials, measure)
    return [_row(trial) for trial in trials]


def _combinations(table: Mapping[str, Any], *, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every combination as the text of its recipe, and what of it was chosen from lists."""
    axes = dict(_axes(table))
    if not axes:
        raise ConfigError(
            "offers nothing to try", where=where, remedy="such as optimiser.rate=[1e-3, 1e-4]"
        )
    for key, values in axes.items():
        if not values:
            raise ConfigError("is an empty list", where=key)
    for choice in itertools.product(*axes.values()):
        settings = dict(zip(axes, choice, strict=True))
        recipe = recipe_of(_put_in(table, settings), where=f"{where}, {_shown(settings)}")
        if (recipe.run.devices, recipe.run.nodes) != (1, 1):
            raise ConfigError("a sweep trains on one device", where="run.devices, run.nodes")
        yield to_toml(recipe), settings


def _axes(table: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The keys that hold lists where the recipe wants one value."""
    kinds = get_type_hints(Recipe)
    for key, value in table.items():
        kind = kinds.get(key)
        inner = get_type_hints(kind) if is_dataclass(kind) else {}
        pairs = value.items() if isinstance(value, Mapping) else [("", value)]
        for name, one in pairs:
            wants_list = get_origin(inner.get(name) if name else kind) is tuple
            several = isinstance(one, list) and any(isinstance(item, list) for item in one)
            if isinstance(one, list) and (several or not wants_list):
                yield f"{key}.{name}" if name else key, one


def _put_in(table: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: dict(v) if isinstance(v, Mapping) else v for key, v in table.items()}
    for key, value in settings.items():
        section, _, name = key.partition(".")
        if name:
            result[section][name] = value
        else:
            result[section] = value
    return result


def _train(text: str, data: Path | None, folder: Path, *, quiet: bool) -> str:
    """Begin or go on with one training; returns how it ended."""
    try:
        if (folder / RECIPE).exists():
            return engine.resume(folder, quiet=quiet).stopped
        recipe = recipe_of(tomllib.loads(text), where=str(folder))
        return engine.train(recipe, data, folder, quiet=quiet).stopped
    except engine.TrainingError as error:
        if not quiet:
            print(f"{folder.name}: {error.message}", file=sys.stderr)
        return f"diverged: {error.message}"


def _trial(folder: Path, settings: dict[str, Any], ended: str) -> Trial:
    events = read_history(folder)
    best = [event for event in events if event["event"] == "validation" and event.get("best")]
    return Trial(
        folder=folder.name,
        settings=settings,
        step=events[-1]["step"] if events else 0,
        best_step=best[-1]["step"] if best else -1,
        measures=best[-1]["measures"] if best else {},
        seconds=events[-1]["seconds"] if events else 0.0,
        ended=ended,
    )


def _folders(run: Path, source: str) -> dict[str, str]:
    """Text of the recipe to name of the folder, for the trainings that were begun."""
    found = {}
    for file in sorted(run.glob(f"*/{RECIPE}")):
        found[to_toml(recipe_of(read_table(file), where=str(file)))] = file.parent.name
        if engine.read_source(file.parent) != source:
            raise OutputExists(
                "holds a sweep over other pictures", where=str(run), remedy="choose another --out"
            )
    return found


def _name(settings: Mapping[str, Any], taken: Collection[str]) -> str:
    """`<n>-<key=value...>` with the next number that is free."""
    numbers = [int(name.partition("-")[0]) for name in taken if name.partition("-")[0].isdigit()]
    plain = re.sub(r"[^\w.+=,-]+", "_", _shown(settings, between=","))
    return f"{max(numbers, default=0) + 1}-{plain[:120]}"


def _compared_by(settings: Collection[Mapping[str, Any]]) -> str:
    """The measure that ranks: losses of different kinds cannot be compared."""
    keys = {key for one in settings for key in one}
    other = any(key in {"system", "faithful"} or key.startswith("loss.") for key in keys)
    return "ciede2000" if other else "loss"


def _rank(trial: Trial, measure: str) -> float:
    value = trial.measures.get("network", {}).get(measure)
    return math.inf if value is None else value


def _shown(settings: Mapping[str, Any], between: str = ", ") -> str:
    return between.join(f"{key}={_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _row(trial: Trial) -> dict[str, Any]:
    """What fits on a screen."""
    network = trial.measures.get("network", {})
    return {
        "folder": trial.folder,
        **{key: _value(v) if isinstance(v, list) else v for key, v in trial.settings.items()},
        "step": trial.step,
        "loss": network.get("loss"),
        "ciede2000": network.get("ciede2000"),
        "grey": trial.measures.get("grey", {}).get("ciede2000"),
        "tint": trial.measures.get("tint", {}).get("ciede2000"),
        "lab_accuracy_5": network.get("lab_accuracy_5"),
        "seconds": trial.seconds,
        "ended": trial.ended,
    }


def _read(run: Path) -> list[Trial]:
    file = run / f"{TABLE}.json"
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["trainings"]
        return [Trial(**row) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"is damaged: {error}", where=str(file), remedy="delete it") from error


def _write(run: Path, trials: list[Trial], measure: str) -> None:
    """Sort the trainings and write the three tables."""
    trials.sort(key=lambda trial: _rank(trial, measure))
    record = {"sorted_by": measure, "trainings": [asdict(trial) for trial in trials]}
    texts = {
        "json": json.dumps(record, ensure_ascii=False, indent=1) + "\n",
        "csv": _csv(trials),
        "md": _markdown([_row(trial) for trial in trials], run.name, measure),
    }
    with output_errors(run):
        run.mkdir(parents=True, exist_ok=True)
    for ending, text in texts.items():
        with write_atomic(run / f"{TABLE}.{ending}", overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _csv(trials: Sequence[Trial]) -> str:
    rows = [
        {
            "folder": trial.folder,
            **{key: _value(value) for key, value in trial.settings.items()},
            "step": trial.step,
            "best_step": trial.best_step,
            **{
                f"{who}.{n}": v for who, values in trial.measures.items() for n, v in values.items()
            },
            "seconds": trial.seconds,
            "ended": trial.ended,
        }
        for trial in trials
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def _markdown(rows: Sequence[Mapping[str, Any]], title: str, measure: str) -> str:
    head = list(rows[0])
    cells = [[_cell(row.get(key)) for key in head] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return (
        f"# {title}\n\nThe best validation of each training, sorted by {measure}. "
        "`grey` and `tint` are CIEDE2000 of pictures left grey, and of one tint for all.\n\n"
        + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
