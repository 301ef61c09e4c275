"""A network whose convolutions are computed in 8 bits, made of a file of floats as it is loaded.

A file of `tinct export --calibrate` says between which values its tensors lie. A convolution whose
input and result are among them gets pairs of QuantizeLinear and DequantizeLinear around it, which
onnxruntime fuses into a QLinearConv: unsigned 8 bits of each activation, signed 8 bits of each
weight with a step for each output channel (Jacob et al., arXiv 1712.05877). On the wire, as
`tinct.models.cutting`: nothing need be installed for it, and no second file is shipped.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError
from tinct.models.exported import properties
from tinct.models.graph import Graph, Node, node
from tinct.models.spec import ModelSpec

#: what a file calls its ranges
RANGES = "ranges"
#: and what the names of weights that 8 bits would harm
DELICATE = "delicate"
#: least and largest value of a tensor
Range = tuple[float, float]

_BEHIND = ("Clip", "Relu")  # what onnxruntime takes into the convolution before it
_LARGEST = 127  # of a weight's codes: as far below zero as above


def is_measured(file: Path) -> bool:
    """Whether a model's file says between which values its tensors lie."""
    return bool(properties(file).get(RANGES))


def quantised(file: Path, spec: ModelSpec) -> bytes:
    """The content of a model's file, changed so that it is computed in 8 bits where it can be.

    Raises:
        ModelError: the file does not say between which values its tensors lie, or what it says
            does not fit it.
    """
    about = properties(file)
    said = about.get(RANGES, "")
    if not said:
        raise ModelError(
            f"the model '{spec.name}' was not measured for 8 bits",
            where="--effort fast",
            remedy="`tinct export RUN --calibrate` measures it"
            if spec.outputs == "distribution"
            else "use --effort normal: only models that give a distribution can be measured",
        )
    try:
        delicate = about.get(DELICATE, "").split()
        return in_8_bits(file.read_bytes(), ranges_of(said), spec.features, delicate=delicate)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"what it says of its ranges is wrong: {error}",
            where=str(file),
            remedy="`tinct export RUN --calibrate` writes it again",
        ) from error


def ranges_of(text: str) -> dict[str, Range]:
    """`tensor:-1.5:2 other:0:6` by tensor.

    Raises:
        ValueError: that is not what it says.
    """
    found = {}
    for word in text.split():
        name, *bounds = word.rsplit(":", 2)
        low, high = map(float, bounds)
        if not (name and math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"'{word}' is no range")
        found[name] = low, high
    return found


def text_of(ranges: Mapping[str, Range]) -> str:
    """As a file has them; `ranges_of` reads it."""
    return " ".join(f"{name}:{low:.4g}:{high:.4g}" for name, (low, high) in ranges.items())


def in_8_bits(
    model: bytes,
    ranges: Mapping[str, Range],
    border: Collection[str] = (),
    *,
    delicate: Collection[str] = (),
) -> bytes:
    """An ONNX file whose convolutions between tensors of `ranges` are to be computed in 8 bits.

    Args:
        model: an ONNX file as `tinct export` stores it.
        ranges: of inputs of convolutions, and of their results: behind the Clip or Relu that
            follows, where one does.
        border: tensors at which the graph may be cut in two; what both halves see of them is
            rounded, so that together they say what the whole does.
        delicate: weights whose convolutions are computed in float32 all the same.

    Raises:
        ValueError: it is no such file, or no convolution lies between two of `ranges`.
    """
    graph = Graph(model)
    chosen = {
        one.place: one
        for one in convolutions(graph)
        if one.given in ranges and one.result in ranges and one.weight not in delicate
    }
    if not chosen:
        raise ValueError("no convolution lies between two of them")
    touched = {name for one in chosen.values() for name in (one.given, one.result)}
    steps = {name: _step(*ranges[name]) for name in sorted(touched)}
    nodes: list[Node] = []
    for at, one in enumerate(graph.nodes):
        takes = [f"{name}.8bit" if name in steps else name for name in one.takes]
        if at in chosen:
            step, _ = steps[chosen[at].given]
            nodes += _kernel(graph, one.takes, step)
            takes[1:] = [f"{name}.8bit" for name in one.takes[1:]]
        twice = steps.keys() & set(border)  # onnxruntime makes one pair of both, where it is whole
        gives = [f"{name}.whole" if name in twice else name for name in one.gives]
        if one.operator == "Conv" and one.takes[1] in delicate:
            # or onnxruntime, where it sees codes before and behind, would round the weight itself
            nodes += [one.between(takes, [f"{gives[0]}.alone"]), _same(gives[0])]
        else:
            nodes.append(one.between(takes, gives))
        for name in one.gives:
            if name in twice:
                nodes += _rounded(graph, f"{name}.whole", name, *steps[name])
            if name in steps:
                nodes += _rounded(graph, name, f"{name}.8bit", *steps[name])
    graph.nodes = nodes
    return graph.part((), tuple(graph.outputs), known=True)


@dataclass(frozen=True)
class Convolution:
    """One that has weights of its own, by the names of its tensors."""

    place: int
    """Among the nodes of its graph."""
    given: str
    weight: str
    result: str
    """Behind the Clip or Relu that follows, where nothing else asks for what is before."""


def convolutions(graph: Graph) -> Iterator[Convolution]:
    """Those of a graph whose inputs are computed, not given."""
    uses = Counter(name for one in graph.nodes for name in one.takes)
    behind = {one.takes[0]: one.gives[0] for one in graph.nodes if one.operator in _BEHIND}
    computed = {name for one in graph.nodes for name in one.gives}
    for place, one in enumerate(graph.nodes):
        if one.operator == "Conv" and one.takes[0] in computed:
            (result,) = one.gives
            if uses[result] == 1 and result not in graph.outputs:
                result = behind.get(result, result)
            yield Convolution(place, one.takes[0], one.takes[1], result)


def _step(low: float, high: float) -> tuple[float, int]:
    """Step and code of zero of a range, which is widened to hold zero exactly."""
    low, high = min(low, 0), max(high, 0)
    step = (high - low) / 255
    return step, round(-low / step)


def _same(result: str) -> Node:
    """`result`: what is in `RESULT.alone`; a sum of one is not optimised away."""
    return node("Sum", [f"{result}.alone"], result)


def _rounded(graph: Graph, name: str, result: str, step: float, zero: int) -> list[Node]:
    """`result`: a tensor as its codes say."""
    parts = [
        graph.put(f"{result}.step", np.array(step, np.float32)),
        graph.put(f"{result}.zero", np.array(zero, np.uint8)),
    ]
    code = f"{result}.code"
    return [
        node("QuantizeLinear", [name, *parts], code),
        node("DequantizeLinear", [code, *parts], result),
    ]


def _kernel(graph: Graph, takes: tuple[str, ...], step: float) -> Iterator[Node]:
    """`NAME.8bit`: weights of a convolution, and its bias, as their codes say.

    Args:
        graph: that the codes are put into.
        takes: of the convolution: its input, its weight, and its bias if any.
        step: of its input.
    """
    codes, wide = _codes(graph, takes[1])
    parts: list[NDArray[Any]] = [codes]
    steps = wide
    if len(takes) > 2:
        bias = _stored(graph, takes[2]).astype(np.float64)
        # of a channel that hardly looks at its input the bias would be too many steps for 32 bits
        steps = np.maximum(wide, np.abs(bias) / (step * 2**30)).astype(np.float32)
        for channel in np.flatnonzero(steps > wide):
            codes[channel] = np.rint(codes[channel] * (wide[channel] / steps[channel]))
        parts.append(np.rint(bias / (step * steps)).astype(np.int32))
    for name, part, one in zip(takes[1:], parts, (steps, step * steps), strict=False):
        given = [
            graph.put(f"{name}.8bit.code", part),
            graph.put(f"{name}.8bit.step", one.astype(np.float32)),
            # left out, onnxruntime puts one number in where it wants one for each channel
            graph.put(f"{name}.8bit.zero", np.zeros(len(part), part.dtype)),
        ]
        yield node("DequantizeLinear", given, f"{name}.8bit", axis=0)


def _codes(graph: Graph, name: str) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight (O, ...) in codes, and the steps (O,) of its channels, however it is stored."""
    if f"{name}.codes" in graph.weights:
        return graph.array(f"{name}.codes").astype(np.int8), _stored(graph, f"{name}.step").ravel()
    values = _stored(graph, name)
    steps = np.abs(values).reshape(len(values), -1).max(1) / np.float32(_LARGEST)
    steps[steps == 0] = 1
    shape = (-1, *[1] * (values.ndim - 1))
    return np.rint(values / steps.reshape(shape)).astype(np.int8), steps


def _stored(graph: Graph, name: str) -> NDArray[np.float32]:
    """A weight that is stored as floats of some kind."""
    for stored in (f"{name}.half", name):
        if stored in graph.weights:
            return graph.array(stored).astype(np.float32)
    raise ValueError(f"'{name}' is no weight")
