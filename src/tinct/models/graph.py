"""An ONNX graph on the wire: its nodes and weights by the names of tensors, handed on as they are.

Nothing need be installed for it, and a large network costs a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinct.models.wire import fields, number, numbers, written

# numbers of fields in onnx.proto
_GRAPH, _METADATA = 7, 14  # of ModelProto
_NODE, _GRAPH_NAME, _WEIGHT, _INPUT, _OUTPUT, _KNOWN = 1, 2, 5, 11, 12, 13  # of GraphProto
_TAKES, _GIVES, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5  # of NodeProto
_SUBGRAPHS = 6, 11  # of AttributeProto
_ATTRIBUTE_NAME, _WHOLE, _ATTRIBUTE_TYPE, _IS_WHOLE = 1, 3, 20, 2  # likewise
_DIMS, _TYPE, _WEIGHT_NAME, _RAW = 1, 2, 8, 9  # of TensorProto
_VALUE_NAME = 1  # of ValueInfoProto
_KINDS = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 10: np.float16}


@dataclass(frozen=True)
class Node:
    """An operation."""

    operator: str
    """Its name in ONNX."""
    takes: tuple[str, ...]
    """Names of tensors, "" for one that is left out."""
    gives: tuple[str, ...]
    """Likewise."""
    chunk: bytes
    """The field of the graph that it is."""

    def between(self, takes: Sequence[str], gives: Sequence[str]) -> Node:
        """The same operation on other tensors."""
        if (tuple(takes), tuple(gives)) == (self.takes, self.gives):
            return self
        _, value, _ = next(fields(self.chunk))
        rest = b"".join(chunk for at, _, chunk in fields(value) if at not in (_TAKES, _GIVES))
        names = [written(_TAKES, name.encode()) for name in takes]
        names += [written(_GIVES, name.encode()) for name in gives]
        chunk = written(_NODE, b"".join(names) + rest)
        return replace(self, takes=tuple(takes), gives=tuple(gives), chunk=chunk)


def node(operator: str, takes: Sequence[str], gives: str, **whole: int) -> Node:
    """A new operation of one result; `whole` are its attributes."""
    parts = [written(_TAKES, name.encode()) for name in takes]
    parts += [written(_GIVES, gives.encode()), written(_OPERATOR, operator.encode())]
    for name, value in whole.items():
        said = written(_ATTRIBUTE_NAME, name.encode()) + number(_WHOLE, value)
        parts.append(written(_ATTRIBUTE, said + number(_ATTRIBUTE_TYPE, _IS_WHOLE)))
    return Node(operator, tuple(takes), (gives,), written(_NODE, b"".join(parts)))


class Graph:
    """A graph whose nodes and values are found by the names of tensors."""

    def __init__(self, model: bytes) -> None:
        """Read an ONNX file whose nodes are sorted, as the standard demands.

        Raises:
            ValueError: it is none, or a node has a graph of its own.
        """
        model_fields = list(fields(model))
        graphs = [value for at, value, _ in model_fields if at == _GRAPH]
        if len(graphs) != 1:
            raise ValueError("it holds no graph")
        self.rest = b"".join(
            chunk for at, _, chunk in model_fields if at not in (_GRAPH, _METADATA)
        )
        """What else the file holds, but for what it says of itself."""
        self.name = b""
        self.nodes: list[Node] = []
        self.weights: dict[str, bytes] = {}
        self.inputs: dict[str, bytes] = {}
        self.outputs: dict[str, bytes] = {}
        self.known: dict[str, bytes] = {}
        for at, value, chunk in fields(graphs[0]):
            if at == _NODE:
                self.nodes.append(_node(value, chunk))
            elif at == _WEIGHT:
                self.weights[_name(value, _WEIGHT_NAME)] = chunk
            elif at in (_INPUT, _OUTPUT, _KNOWN):
                names = {_INPUT: self.inputs, _OUTPUT: self.outputs, _KNOWN: self.known}[at]
                names[_name(value, _VALUE_NAME)] = value
            elif at == _GRAPH_NAME:
                self.name = chunk

    def array(self, name: str) -> NDArray[np.generic]:
        """The numbers of a weight.

        Raises:
            ValueError: they are of a kind, or stored in a way, that Tinct does not use.
        """
        _, content, _ = next(fields(self.weights[name]))
        kind, raw, shape = None, None, list[int]()
        for at, value, chunk in fields(content):
            if at == _TYPE:
                kind = _KINDS.get(numbers(chunk)[0])
            elif at == _RAW:
                raw = value
            elif at == _DIMS:
                shape += numbers(chunk)
        if kind is None or raw is None:
            raise ValueError(f"the numbers of '{name}' are stored in another way")
        return np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).reshape(shape)

    def put(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a weight, or replace it; its name is handed back."""
        kind = next(code for code, one in _KINDS.items() if values.dtype == one)
        parts = [number(_DIMS, side) for side in values.shape]
        parts += [number(_TYPE, kind), written(_WEIGHT_NAME, name.encode())]
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        parts.append(written(_RAW, little.tobytes()))
        self.weights[name] = written(_WEIGHT, b"".join(parts))
        return name

    def part(self, begin: Sequence[str], end: Sequence[str], *, known: bool = False) -> bytes:
        """An ONNX file of the nodes between `begin` and `end`, and what these need.

        Args:
            begin: names of tensors that it takes besides the inputs it still needs.
            end: names of the tensors that it gives.
            known: hand on what is known of tensors inside too.

        Raises:
            ValueError: `begin` and `end` are not where such a part could be.
        """
        wanted = set(end)
        nodes: list[bytes] = []
        for one in reversed(self.nodes):
            if wanted.isdisjoint(one.gives) or not set(one.gives).isdisjoint(begin):
                continue
            nodes.append(one.chunk)
            wanted.difference_update(one.gives)
            wanted.update(name for name in one.takes if name)
        wanted.difference_update(begin)
        if not nodes:
            raise ValueError(f"nothing leads to '{min(end)}'")
        if unknown := wanted - set(self.weights) - set(self.inputs):
            raise ValueError(f"'{min(unknown)}' comes from nowhere")
        if begin and set(self.inputs) == wanted & set(self.inputs):
            raise ValueError("what follows the border needs all that leads to it")
        content = [
            *reversed(nodes),
            self.name,
            *(chunk for name, chunk in self.weights.items() if name in wanted),
            *(written(_INPUT, self._value(name)) for name in begin),
            *(written(_INPUT, at) for name, at in self.inputs.items() if name in wanted),
            *(written(_OUTPUT, self._value(name)) for name in end),
            *(written(_KNOWN, at) for at in (self.known.values() if known else ())),
        ]
        return self.rest + written(_GRAPH, b"".join(content))

    def _value(self, name: str) -> bytes:
        """What the graph says of a tensor's type and shape."""
        for values in (self.outputs, self.known):
            if name in values:
                return values[name]
        raise ValueError(f"nothing is known of '{name}'")


def _node(value: bytes, chunk: bytes) -> Node:
    parts: dict[int, list[bytes]] = {_TAKES: [], _GIVES: [], _OPERATOR: [], _ATTRIBUTE: []}
    for at, part, _ in fields(value):
        if at in parts:
            parts[at].append(part)
    for attribute in parts[_ATTRIBUTE]:
        if any(at in _SUBGRAPHS for at, *_ in fields(attribute)):
            raise ValueError("a node has a graph of its own, which may take anything")
    takes, gives = (tuple(name.decode() for name in parts[at]) for at in (_TAKES, _GIVES))
    return Node(b"".join(parts[_OPERATOR]).decode(), takes, gives, chunk)


def _name(value: bytes, wanted: int) -> str:
    return next((part.decode() for at, part, _ in fields(value) if at == wanted), "")
