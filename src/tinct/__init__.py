"""Tinct adds colour to black-and-white pictures and touches nothing else.

    import tinct
    coloured = tinct.colorize(picture)      # path, bytes, PIL image or array in, the same out

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinct.version import __version__

if TYPE_CHECKING:
    from tinct.colorizer import Colorizer
    from tinct.models import list_models, load_model
    from tinct.once import colorize
    from tinct.result import Result
    from tinct.video import colorize_video

__all__ = [
    "Colorizer",
    "Result",
    "__version__",
    "colorize",
    "colorize_video",
    "list_models",
    "load_model",
]

_HOMES = {
    "Colorizer": "tinct.colorizer",
    "Result": "tinct.result",
    "colorize": "tinct.once",
    "colorize_video": "tinct.video",
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
