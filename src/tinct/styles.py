"""Mean palettes of artists and periods, in the public domain, counted on paintings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources

import numpy as np

from tinct.errors import UsageError
from tinct.reference import Palette

#: made by `python -m tinct.training.styles`
TABLE = "styles.json"


@dataclass(frozen=True)
class Style:
    """An artist or a period."""

    name: str
    """What users type."""
    title: str
    """Who or what that is."""
    pictures: int
    """Paintings it was counted on."""
    palette: Palette
    """How much of them has which colour."""


@lru_cache(maxsize=1)
def styles() -> dict[str, Style]:
    """All styles by name."""
    text = resources.files("tinct").joinpath(TABLE).read_text(encoding="utf-8")
    found = {}
    for name, row in json.loads(text)["styles"].items():
        rows = np.array(row["shares"], np.float32)
        shares = rows[:, 2] / rows[:, 2].sum()
        palette = Palette(rows[:, :2], shares, name)
        found[name] = Style(name, row["title"], row["pictures"], palette)
    return found


def find_style(name: str) -> Style:
    """The style of that name, in any case.

    Raises:
        UsageError: there is none.
    """
    known = styles()
    word = name.strip().lower().replace(" ", "-")
    if word in known:
        return known[word]
    near = get_close_matches(word, known, n=1)
    raise UsageError(
        f"there is no style '{name}'",
        where="--style",
        remedy=f"did you mean '{near[0]}'?" if near else f"one of {', '.join(known)}",
    )
