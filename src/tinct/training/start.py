"""Weights to begin a training with, from a model or another run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tinct.errors import ConfigError, TinctError
from tinct.training.reading import is_apart


def begin_with(network: nn.Module, start: str, *, renew: Collection[str] = ()) -> int:
    """Fill a network with the weights of another wherever names and shapes agree.

    Args:
        network: what will be trained; weights without a counterpart stay as they are.
        start: name of a model, folder of a run, or ONNX file made by Tinct.
        renew: parts that stay as they are, too, see `weights_of`.

    Returns:
        How many numbers were taken over.

    Raises:
        ConfigError: there is no such model, it shares too little with the network, or the network
            has no such part.
    """
    try:
        found = _tensors(start)
    except TinctError as error:
        raise ConfigError(error.message, where=f"start = {start}", remedy=error.remedy) from error
    own = network.state_dict()
    if is_apart(Path(start)) or ("gate.weight" in found and "gate.weight" not in own):
        raise ConfigError(
            "learned one kind of pictures beside all others, and cannot learn a second",
            where=f"start = {start}",
            remedy="start from what it began with, with the pictures of both",
        )
    for name in weights_of(own, renew, option="renew"):
        del own[name]
    fitting = {
        name: value.to(own[name].dtype).expand(own[name].shape)
        for name, value in found.items()
        if name in own and value.shape in (own[name].shape, (1,))  # one number stands for all
    }
    taken = sum(value.numel() for value in fitting.values())
    if 2 * taken < sum(value.numel() for value in own.values()):
        raise ConfigError(
            f"shares {taken:,} numbers with the network to be trained, less than half of them",
            where=f"start = {start}",
            remedy="start from a model of the same system and [network] settings",
        )
    network.load_state_dict(fitting, strict=False)
    return taken


def weights_of(names: Iterable[str], parts: Collection[str], *, option: str) -> list[str]:
    """The names that belong to some parts of a network: `encoder` has `encoder.stem.weight`.

    Args:
        names: of a network's weights.
        parts: the first words of names.
        option: what asks for them, for the message.

    Raises:
        ConfigError: there is no such part.
    """
    known, found = list(names), []
    for part in parts:
        own = [name for name in known if name == part or name.startswith(part + ".")]
        if not own:
            raise ConfigError(
                "the network has no such part",
                where=f"{option} = {part}",
                remedy=f"it has: {', '.join(dict.fromkeys(n.split('.')[0] for n in known))}",
            )
        found += own
    return found


def _tensors(start: str) -> dict[str, Tensor]:
    """All weights of a run's best validation, or of a graph, by name."""
    from tinct.models import weights_path
    from tinct.training.export import APART, read_weights

    if Path(start).is_dir():
        return read_weights(Path(start), "best").tensors
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(weights_path(start)))
    graph = model.graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found = {}
    for name, values in arrays.items():
        wide = values.astype(np.float32)
        if name.endswith(".codes"):  # stored as int8, see `tinct.training.graph`
            wide *= arrays[name.removesuffix("codes") + "step"]
        plain = name.removesuffix(".half").removesuffix(".codes")
        found[plain] = torch.from_numpy(wide)
    for said in model.metadata_props:
        if said.key == APART:
            few = json.loads(said.value)
            found |= {
                name: found[values] if isinstance(values, str) else torch.tensor(values)
                for name, values in few.items()
            }
    return found
