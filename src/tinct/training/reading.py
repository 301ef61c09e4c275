"""Recipes to and from TOML: names that ship with Tinct, overrides, checks."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from importlib import resources
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tinct.errors import ConfigError
from tinct.training.recipe import Recipe

#: file of a run with all settings that it was trained with
RECIPE = "recipe.toml"


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The settings of a recipe; keys it leaves out keep their defaults.

    Args:
        source: a TOML file, or the name of a recipe that ships with Tinct.
        overrides: `key=value` with dotted keys, such as `data.size=64` or `seed=3`.

    Raises:
        ConfigError: the file is absent or not TOML, or a key is unknown or of the wrong type.
    """
    file = recipe_file(source)
    table = with_overrides(read_table(file), overrides)
    recipe = recipe_of(table, where=str(source))
    return recipe if recipe.name else replace(recipe, name=file.stem)


def recipe_file(source: str | Path) -> Path:
    """Where a recipe lies: a path as it is, else a recipe that ships with Tinct."""
    path = Path(source)
    if path.suffix == ".toml" or path.exists():
        return path
    shipped = shipped_recipes()
    if str(source) in shipped:
        return shipped[str(source)]
    near = get_close_matches(str(source), shipped, n=1)
    raise ConfigError(
        "no such recipe",
        where=str(source),
        remedy=f"did you mean '{near[0]}'?" if near else f"one of {', '.join(shipped)}, or a file",
    )


def shipped_recipes() -> dict[str, Path]:
    """Name to file of the recipes that come with Tinct."""
    installed = Path(str(resources.files("tinct"))) / "recipes"
    folder = installed if installed.is_dir() else Path(__file__).parents[3] / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def read_table(file: Path) -> dict[str, Any]:
    """A TOML file as nested dictionaries."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", where=str(file)) from error


def with_overrides(table: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The table with `key=value` settings put in."""
    for override in overrides:
        _override(table, override)
    return table


def recipe_of(table: Mapping[str, Any], *, where: str) -> Recipe:
    """A recipe from nested dictionaries; `where` names them in errors."""
    recipe: Recipe = _record(Recipe, table, where, "")
    _check_values(recipe, where)
    return recipe


def to_toml(recipe: Recipe) -> str:
    """The recipe with every key, as TOML."""
    plain = [item for item in fields(recipe) if not _is_table(getattr(recipe, item.name))]
    lines = [f"{item.name} = {_toml(getattr(recipe, item.name))}" for item in plain]
    for item in fields(recipe):
        section = getattr(recipe, item.name)
        if isinstance(section, Mapping):
            pairs = list(section.items())
        elif is_dataclass(section):
            pairs = [(key.name, getattr(section, key.name)) for key in fields(section)]
        else:
            continue
        lines += ["", f"[{item.name}]", *(f"{key} = {_toml(value)}" for key, value in pairs)]
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return is_dataclass(value) or isinstance(value, Mapping)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return repr(value)


def _override(table: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign or not key.strip():
        raise ConfigError(
            "is no setting", where=override, remedy="write key=value, such as data.size=64"
        )
    *sections, name = key.strip().split(".")
    for section in sections:
        inner = table.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"'{section}' holds no keys", where=override)
        table = inner
    table[name] = _parsed(text.strip())


def _parsed(text: str) -> Any:
    """A value of TOML; plain words need no quotes, which shells take away."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if text.startswith("[") and text.endswith("]"):
            return [_parsed(part.strip()) for part in text[1:-1].split(",") if part.strip()]
        return text


def _record(kind: type[Any], table: Mapping[str, Any], where: str, prefix: str) -> Any:
    known = {item.name: item for item in fields(kind)}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            hints_at = _sections_with(key) or get_close_matches(key, known, n=1)
            meant = " or ".join(f"'{name}'" for name in hints_at)
            hint = f"did you mean {meant}?" if hints_at else ""
            raise ConfigError(
                f"unknown key '{prefix}{key}'",
                where=where,
                remedy=hint or f"keys: {', '.join(known)}",
            )
        values[key] = _value(hints[key], value, where, f"{prefix}{key}")
    return kind(**values)


def _sections_with(key: str) -> list[str]:
    hints = get_type_hints(Recipe)
    return [
        f"{section}.{item.name}"
        for section, kind in hints.items()
        if is_dataclass(kind)
        for item in fields(kind)
        if item.name == key
    ]


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{key}' must be a table", where=where)
        return _record(hint, value, where, f"{key}.")  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Literal:
        choices = get_args(hint)
        if value not in choices and str(value) in choices:
            value = str(value)  # precision = 32
        if value not in choices:
            raise ConfigError(
                f"'{key}' must be one of {', '.join(choices)}, not {value!r}", where=where
            )
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"'{key}' must be a list of names", where=where)
        return tuple(value)
    if origin is not None:
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{key}' must be a table", where=where)
        return dict(value)
    accepted = (int, float) if hint is float else (hint,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        kinds = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise ConfigError(f"'{key}' must be {kinds[hint]}, not {value!r}", where=where)
    return float(value) if hint is float else value


#: least and most of every number; what is not here is not a number
_BOUNDS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "data.size": (0, 4096),
    "data.final_size": (0, 4096),
    "data.batch": (1, 65536),
    "data.pictures": (0, 1e12),
    "data.validation": (0, 0.9),
    "data.checked": (1, 1e6),
    "data.shorter": (16, 8192),
    "data.unreadable": (0, 1),
    "data.workers": (0, 256),
    "data.replay": (0, 0.95),
    "augmentation.smallest_crop": (0.05, 1),
    "augmentation.rotation": (0, 180),
    "augmentation.shear": (0, 1.5),
    "augmentation.zoom": (0, 0.9),
    "augmentation.film": (0, 1),
    "augmentation.ageing": (0, 1),
    "optimiser.rate": (1e-12, 1e9),
    "optimiser.pretrained": (0, 1e3),
    "optimiser.beta1": (0, 0.99999),
    "optimiser.beta2": (0, 0.9999999),
    "optimiser.weight_decay": (0, 1e3),
    "optimiser.clip": (0, 1e9),
    "schedule.rate": (1e-12, 1),
    "schedule.steps": (0, 1e12),
    "schedule.decay": (0, 1e6),
    "schedule.factor": (1e-6, 1),
    "schedule.patience": (1, 1e6),
    "schedule.warmup": (0, 1),
    "schedule.floor": (0, 1e3),
    "loss.scale": (1e-6, 1e6),
    "loss.weight": (0, 1e9),
    "loss.rebalance": (0, 1),
    "loss.huber": (0, 1e9),
    "loss.gradient": (0, 1e9),
    "loss.grid": (4, 64),
    "loss.keep": (0, 1e9),
    "adversarial.weight": (0, 1e9),
    "adversarial.features": (0, 1e9),
    "adversarial.real": (0.5, 1),
    "adversarial.rate": (0, 1e3),
    "stop.steps": (0, 1e12),
    "stop.epochs": (0, 1e9),
    "stop.minutes": (0, 1e9),
    "stop.core_minutes": (0, 1e9),
    "stop.patience": (0, 1e6),
    "run.every": (0, 1e12),
    "run.accumulate": (1, 4096),
    "run.average": (0, 0.999999),
    "run.threads": (0, 4096),
    "run.devices": (-1, 4096),
    "run.nodes": (1, 4096),
    "run.sheet": (0, 64),
}


def is_apart(run: Path) -> bool:
    """Whether the model of a run holds the network that it began with, too; see `data.apart`."""
    if not (run / RECIPE).is_file():
        return False
    return bool(read_table(run / RECIPE).get("data", {}).get("apart", False))


def _check_values(recipe: Recipe, where: str) -> None:
    """Raise `ConfigError` for numbers that no training could follow."""
    for key, (least, most) in _BOUNDS.items():
        value = attrgetter(key)(recipe)
        if not least <= value <= most:
            raise ConfigError(f"'{key}' is {value:g}, outside {least:g} to {most:g}", where=where)
    if recipe.after and recipe.start:
        raise ConfigError(
            "'after' and 'start' both say where to begin",
            where=where,
            remedy="leave one of them out",
        )
    if recipe.data.apart and not (
        recipe.system == "tinct" and recipe.start and "encoder" in recipe.optimiser.frozen
    ):
        raise ConfigError(
            "'data.apart' is for a 'tinct' that goes on from 'start' with a frozen encoder",
            where=where,
            remedy='set data.apart=false, or optimiser.frozen=["encoder"]',
        )
    if recipe.data.apart and not recipe.data.replay:
        raise ConfigError(
            "'data.apart' needs pictures to tell others by",
            where=where,
            remedy="set data.replay and data.replay_from, or data.apart=false",
        )
    if recipe.run.devices == 0:
        raise ConfigError("'run.devices' is 0", where=where, remedy="-1 takes all there are")
    if (recipe.adversarial.kind == "none") != (not recipe.adversarial.discriminators):
        raise ConfigError(
            "'adversarial.kind' and 'adversarial.discriminators' go together", where=where
        )
    if not any((recipe.stop.steps, recipe.stop.epochs, recipe.stop.minutes)) and not (
        recipe.stop.core_minutes or recipe.stop.patience
    ):
        raise ConfigError("nothing says when to stop", where=where, remedy="set stop.epochs")
