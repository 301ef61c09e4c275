"""Whether two forms of one network give the same colours, at several sizes, steered or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.training.graph import VISIBLE, Interface

#: inputs, or what a network gives for them, by name
Arrays = Mapping[str, NDArray[np.float32]]
#: a network in any form
Form = Callable[[Arrays], Arrays]

#: a*b* by which a form may differ anywhere from one with the same weights, in CIE units: far more
#: than float32 rounds in another order, and a tenth of a step of 8 bits
LARGEST = 0.05
#: mean of the same in the worst case where weights are stored in fewer bytes than torch has: twice
#: what `stored` allows of ONNX at the working size, since these cases are harder
STORED = 2 * VISIBLE
_TEMPERATURES = (0.7, 1.0, 0.3, 1.6)


@dataclass(frozen=True)
class Parity:
    """How far two forms are apart over all cases."""

    largest: float
    """Largest difference of a*b* in CIE units; infinite where one is no finite number."""
    mean: float
    """Mean difference of a*b* in CIE units, of the case where it is largest."""


def cases(interface: Interface, sizes: Iterable[tuple[int, int]], *, bins: int) -> Iterator[Arrays]:
    """Inputs at each size; where the network can be steered: not, by points, a palette, both.

    Args:
        interface: of the network.
        sizes: height and width of the lightness, which the interface may round.
        bins: length of a palette.
    """
    names = list(interface.keywords()["dynamic_shapes"])
    for height, width in sizes:
        values = [value.numpy() for value in interface.inputs(height, width, bins=bins)]
        full = dict(zip(names, values, strict=True))
        if interface is Interface.CHROMA:
            yield full
            continue
        for number, heat in enumerate(_TEMPERATURES):
            pointed, toned = number & 1, number & 2
            yield {
                "lightness": full["lightness"],
                "temperature": np.array(heat, np.float32),
                "hints": full["hints"] if pointed else np.zeros_like(full["hints"]),
                "palette": full["palette"] if toned else np.zeros_like(full["palette"]),
            }


def compared(one: Form, other: Form, inputs: Iterable[Arrays]) -> Parity:
    """How far the chroma of two forms is apart over some cases."""
    largest = mean = 0.0
    for case in inputs:
        apart = np.abs(one(case)["chroma"] - other(case)["chroma"])
        apart = np.where(np.isfinite(apart), apart, np.inf)
        largest, mean = max(largest, float(apart.max())), max(mean, float(apart.mean()))
    return Parity(largest, mean)


def torch_form(network: nn.Module) -> Form:
    """A network in eval mode as a form."""

    def give(case: Arrays) -> Arrays:
        with torch.no_grad():
            result = network(*(torch.from_numpy(value) for value in case.values()))
        chroma = result[0] if isinstance(result, tuple) else result
        return {"chroma": chroma.numpy()}

    return give
