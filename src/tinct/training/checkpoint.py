"""Checkpoints: everything to go on with, and the weights alone. Whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from tinct.errors import InputError, OutputUnwritable
from tinct.image.atomic import write_atomic

LAST = "last.pt"
BEST_WEIGHTS = "best.safetensors"
LAST_WEIGHTS = "last.safetensors"


def save_state(run: Path, state: Mapping[str, Any]) -> None:
    """Write `last.pt` in place of the one before.

    Raises:
        OutputUnwritable: there is no room; the one before stays.
    """
    with _whole(run / LAST) as partial, partial.open("wb") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:  # torch says something else than what went wrong
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def load_state(run: Path) -> dict[str, Any]:
    """What `save_state` wrote.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(run / LAST, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise InputError(
            "holds no checkpoint", where=str(run), remedy="start it with `tinct train`"
        ) from error
    except Exception as error:  # torch and pickle raise of every kind
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"is damaged: {reason}", where=str(run / LAST)) from error
    return state


def save_weights(file: Path, weights: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write weights as safetensors that say what they are (`tinct` in the metadata, as JSON)."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    metadata = {"tinct": json.dumps(dict(description))}
    with _whole(file) as partial:
        partial.write_bytes(save(tensors, metadata))


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    try:
        with write_atomic(file, overwrite=True) as partial:
            yield partial
    except OutputUnwritable as error:
        raise OutputUnwritable(
            f"the checkpoint cannot be written: {error.message}",
            where=str(file),
            remedy="make room, then `tinct resume`; the checkpoint before it stands",
        ) from error
