"""What a network is made of, layer by layer, found out by sending a picture of no content through.

Nothing is computed: on torch's `meta` device tensors have shapes and no values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tinct.systems.registry import TINCT
from tinct.systems.system import System


@dataclass(frozen=True)
class Layer:
    """One row of the table."""

    name: str
    """Where it is in the network, as in its weights."""
    kind: str
    """What it does."""
    shape: tuple[int, ...]
    """Of what it gives, for one picture: (C, H, W), or (K,) for a vector; () where a picture does
    not come through it, because it serves training alone."""
    parameters: int
    """Numbers learned in it and nowhere above."""


def layer_table(system: System, *, height: int, width: int) -> list[Layer]:
    """The layers of a system's network in the order in which a picture goes through them.

    Their parameters sum up to the system's.

    Args:
        system: whose network; its classifier is left out.
        height: of the picture in pixels,
        width: likewise.
    """
    with torch.device("meta"):
        network = system.build().eval().to("meta")
        inputs = [torch.empty(1, 1, height, width)]
        if system.embedding is not None:
            inputs.append(torch.empty(1, system.embedding))
        if system is TINCT:
            inputs.append(torch.empty(()))  # the temperature
    called: list[tuple[str, nn.Module, tuple[int, ...]]] = []

    def noting(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                called.append((name, module, tuple(output.shape[1:])))

        return note

    for name, module in network.named_modules():
        if ".parametrizations" not in f".{name}":
            module.register_forward_hook(noting(name))
    with torch.no_grad():
        network(*inputs)
    return _rows(network, called)


def _rows(network: nn.Module, called: list[tuple[str, nn.Module, tuple[int, ...]]]) -> list[Layer]:
    """The innermost of what was called, what holds numbers beside such, and what was not called."""
    names = {name for name, _, _ in called}
    counted: set[int] = set()
    rows = []
    for name, module, shape in called:
        within = f"{name}." if name else ""
        innermost = not any(other != name and other.startswith(within) for other in names)
        learned = {
            id(weight): weight.numel()
            for key, weight in module.named_parameters()
            if innermost or "." not in key
        }
        if innermost or learned:
            fresh = sum(count for key, count in learned.items() if key not in counted)
            counted.update(learned)
            rows.append(Layer(name, _kind(module), shape, fresh))
    for name, module in network.named_modules():
        rest = {id(weight): weight.numel() for weight in module.parameters()}
        if rest and counted.isdisjoint(rest):
            counted.update(rest)
            rows.append(Layer(name, _kind(module), (), sum(rest.values())))
    return rows


def _kind(module: nn.Module) -> str:
    plain = parametrize.type_before_parametrizations(module).__name__
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        plain = "Conv2d" if isinstance(module, nn.Conv2d) else "ConvTranspose2d"
        plain += " {} x {}".format(*module.kernel_size)
        plain += f", stride {module.stride[0]}" if module.stride[0] != 1 else ""
    if isinstance(module, nn.Upsample):
        plain = f"{plain}, {module.mode}"
    return f"{plain}, spectral norm" if parametrize.is_parametrized(module) else plain
