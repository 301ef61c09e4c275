"""Published weights of classifiers: where they are, and how they become files that Tinct loads.

The networks learn from what an ImageNet classifier says of a picture; its weights are not part of
Tinct, and are fetched once when the user asks for them.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tinct.download import Progress, cache_folder, fetch, is_offline
from tinct.errors import ModelError, UsageError
from tinct.image import write_atomic
from tinct.systems.classifier import FILES, build_classifier, weights_file

#: statistics that only training counts, and the oldest files lack
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Source:
    """One place where a file with published weights can be had."""

    url: str
    """https."""
    sha256: str
    """The first digits, as torch.hub's file names carry them."""


@dataclass(frozen=True)
class Weights:
    """Weights that somebody published."""

    sources: tuple[Source, ...]
    """Where they are, in the order they are tried; the same numbers everywhere."""
    classes: int
    """Of the last layer, the background class included."""
    renamed: Mapping[str, str]
    """Beginnings of names in those files that are others here."""
    licence: str
    """SPDX identifier."""
    origin: str
    """Who trained them."""


WEIGHTS: dict[str, Weights] = {
    "inception_resnet_v2": Weights(
        sources=(
            Source(
                "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
                "inception_resnet_v2-940b1cd6.pth",
                "940b1cd6",
            ),
            # the first conversion, by R. Cadene; the server's certificate ran out in 2022
            Source(
                "https://data.lip6.fr/cadene/pretrainedmodels/inceptionresnetv2-520b38e4.pth",
                "520b38e4",
            ),
        ),
        classes=1001,
        renamed={"last_linear.": "classif."},
        licence="Apache-2.0",
        origin="TF-slim, inception_resnet_v2_2016_08_30, converted to PyTorch by R. Cadene",
    ),
}


def fetch_weights(name: str, *, progress: Progress | None = None) -> Path:
    """The published weights of a classifier, fetched and converted unless they are there.

    Args:
        name: `inception_resnet_v2`; `mobilenet_v2` only where its file is there already.
        progress: told how much of the download is done.

    Returns:
        A safetensors file that `tinct.systems.classifier.load_classifier` finds.

    Raises:
        UsageError: no such classifier.
        ModelError: offline, not to be had, or other layers than expected.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    if name not in FILES:
        raise UsageError("no such classifier", where=name, remedy=f"one of {', '.join(FILES)}")
    file = weights_file(name)
    if file.is_file():
        return file
    if name not in WEIGHTS:
        raise ModelError(
            f"the weights of {name} are nowhere to be fetched",
            where=str(file),
            remedy=f"put them there, or use {', '.join(WEIGHTS)}",
        )
    folder = cache_folder() / "weights"
    published = _fetch_any(WEIGHTS[name].sources, folder, progress)
    state = convert(name, published)
    kept = folder / FILES[name]
    about = {"licence": WEIGHTS[name].licence, "origin": WEIGHTS[name].origin}
    with write_atomic(kept, overwrite=True) as partial:
        save_file(state, partial, metadata=about)
    published.unlink()
    return kept


def _fetch_any(sources: tuple[Source, ...], folder: Path, progress: Progress | None) -> Path:
    first: ModelError | None = None
    for source in sources:
        target = folder / source.url.rpartition("/")[2]
        try:
            return fetch(source.url, target, sha256=source.sha256, progress=progress)
        except ModelError as error:
            if is_offline():
                raise
            first = first or error
    raise first or ValueError("no source")


def convert(name: str, file: Path) -> dict[str, Tensor]:
    """Published weights as float32 under the names of `build_classifier(name).network`.

    Args:
        name: a key of `WEIGHTS`.
        file: a checkpoint of PyTorch; nothing in it is executed.

    Raises:
        ModelError: it is no checkpoint, or has other layers.
    """
    try:
        published = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError("not a checkpoint of weights", where=str(file)) from error
    state = {
        _renamed(key, WEIGHTS[name].renamed): value.to(torch.float32).contiguous()
        for key, value in published.items()
        if not key.endswith(_COUNTER)
    }
    with torch.device("meta"):
        network = build_classifier(name, classes=WEIGHTS[name].classes).network
    expected = {
        key: value.shape
        for key, value in network.state_dict().items()
        if not key.endswith(_COUNTER)
    }
    wrong = sorted(
        key
        for key in expected.keys() | state.keys()
        if key not in state or state[key].shape != expected.get(key)
    )
    if wrong:
        raise ModelError(
            f"has other layers than {name}, the first of them '{wrong[0]}'", where=str(file)
        )
    return state


def _renamed(key: str, beginnings: Mapping[str, str]) -> str:
    for old, new in beginnings.items():
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key
