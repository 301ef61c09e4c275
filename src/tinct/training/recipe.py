"""Recipes: TOML files whose keys are the fields of `Settings`."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tinct.errors import ConfigError
from tinct.training.batches import Augmentation
from tinct.training.loop import Settings


def load_recipe(file: Path) -> Settings:
    """The settings of a recipe; keys it leaves out keep their defaults.

    Raises:
        ConfigError: the file is absent or not TOML, or holds an unknown key or a wrong type.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", where=str(file)) from error
    augmentation = table.pop("augmentation", {})
    if not isinstance(augmentation, dict):
        raise ConfigError("'augmentation' must be a table", where=str(file))
    _check(Augmentation, augmentation, file)
    _check(Settings, table, file)
    return Settings(**table, augmentation=Augmentation(**augmentation))


def _check(record: type[Settings] | type[Augmentation], table: dict[str, Any], file: Path) -> None:
    known = {field.name: field for field in fields(record)}
    for key, value in table.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise ConfigError(
                f"unknown key '{key}'",
                where=str(file),
                remedy=f"did you mean '{near[0]}'?" if near else f"keys: {', '.join(known)}",
            )
        expected = type(known[key].default)
        accepted = (int, float) if expected is float else (expected,)
        if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
            raise ConfigError(f"'{key}' must be a {expected.__name__}", where=str(file))
