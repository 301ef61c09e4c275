"""Tinct adds colour to black-and-white pictures and touches nothing else.

    import tinct
    coloured = tinct.colorize(picture)      # path, bytes, PIL image or array in, the same out

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinct.version import __version__

if TYPE_CHECKING:
    from tinct.colorizer import Colorizer, colorize
    from tinct.models import list_models, load_model
    from tinct.result import Result

__all__ = ["Colorizer", "Result", "__version__", "colorize", "list_models", "load_model"]

_HOMES = {
    "Colorizer": "tinct.colorizer",
    "Result": "tinct.result",
    "colorize": "tinct.colorizer",
    "list_models": "tinct.models",
    "load_model": "tinct.models",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinct' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
