"""Networks as ONNX graphs: traced for any size, held against torch, halved in size."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tinct.models.runtime import onnxruntime
from tinct.systems.tinct import Tinct

#: a*b* by which a graph may differ from torch before its weights are rounded, in CIE units
TOLERANCE = 1e-3
#: names of the tensors at which a network's encoder and decoder meet, in the order of `encode`
FEATURES = ("features.4", "features.8", "features.16", "features.32", "features.pooled")
#: mean change of a*b*, in CIE units, that rounding the weights must stay below to be done
VISIBLE = 0.5
#: the same for one weight alone, which is otherwise stored as float16 and computed in float32
DELICATE = 0.1
_LARGEST_HALF = 65504.0
_BYTEWISE = 4096  # numbers that a weight has at least to be stored as int8


class Interface(Enum):
    """What goes into a network and what comes out, by what `ModelSpec.outputs` calls it."""

    CHROMA = "ab"
    """`lightness` (1, 1, H, W) of any size to `chroma` (1, 2, H, W)."""
    DISTRIBUTION = "distribution"
    """`lightness`, sides multiples of 32, a scalar `temperature`, `hints` (1, 3, H/4, W/4) and a
    `palette` (1, K) to `chroma` (1, 2, H/4, W/4) and `distribution` (1, K, H/4, W/4)."""

    @property
    def reduction(self) -> int:
        """The chroma is this much smaller than the lightness."""
        return 1 if self is Interface.CHROMA else 4

    @property
    def multiple(self) -> int:
        """Both sides of the lightness are multiples of this."""
        return 1 if self is Interface.CHROMA else 32

    def inputs(self, height: int, width: int, *, bins: int) -> tuple[Tensor, ...]:
        """An example: noise, the same whenever asked, at about the size."""
        noise = torch.Generator().manual_seed(height * width)
        if self is Interface.CHROMA:
            return (torch.rand(1, 1, height, width, generator=noise) * 100,)
        fitting = [max(64, side // 32 * 32) for side in (height, width)]
        light = torch.rand(1, 1, *fitting, generator=noise) * 100
        hints = torch.randn(1, 3, *(side // 4 for side in fitting), generator=noise) * 20
        hints[:, 2] = hints[:, 2] > 30
        hints[:, :2] *= hints[:, 2:]
        palette = torch.rand(1, bins, generator=noise).softmax(1)
        return light, torch.tensor(0.7), hints, palette

    def keywords(self) -> dict[str, Any]:
        """What `torch.onnx.export` is to be told."""
        if self is Interface.CHROMA:
            shapes: dict[str, Any] = {
                "lightness": {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
            }
            return {"output_names": ["chroma"], "dynamic_shapes": shapes}
        height, width = (torch.export.Dim(side, min=2, max=128) for side in ("h", "w"))
        shapes = {
            "lightness": {2: 32 * height, 3: 32 * width},
            "temperature": None,
            "hints": {2: 8 * height, 3: 8 * width},
            "palette": None,
        }
        return {"output_names": ["chroma", "distribution"], "dynamic_shapes": shapes}


@dataclass(frozen=True, eq=False)
class Exported:
    """A graph in float32 and how far it is from the network it was made of."""

    graph: onnx.ModelProto
    """The network."""
    difference: float
    """Largest distance from torch in CIE units."""
    tolerance: float
    """What that may be: `TOLERANCE`, or thrice torch's own rounding where that is larger."""
    seen: tuple[Tensor, ...]
    """Inputs at the working size,"""
    chroma: Tensor
    """and what torch gives for them."""
    features: tuple[str, ...] = ()
    """Where the graph can be parted in encoder and decoder, see `ModelSpec.features`."""


class Bordered(Tinct):
    """A network that also gives what its encoder hands to its decoder."""

    def __init__(self, network: Tinct) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(network.__dict__)  # all of it, under the names it has
        self.parts = network.encode, network.decode  # its own: there is more than one kind

    def forward(  # type: ignore[override] # it is traced, and nothing else
        self, lightness: Tensor, temperature: Tensor, hints: Tensor, palette: Tensor
    ) -> tuple[Tensor, ...]:
        """As that of `Tinct`, with the tensors of `FEATURES` behind."""
        encode, decode = self.parts
        maps, pooled = encode(lightness)
        logits = decode(maps, pooled, hints, palette)
        return (*self.answer(logits, temperature), *maps, pooled)

    def answer(self, logits: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """As that of `Tinct`, in what onnxruntime is quick at.

        Its softmax over channels turns the map around twice, and its einsum likewise: that is a
        sixth of the network's time.
        """
        below = logits - logits.amax(1, keepdim=True)
        weights, shares = (below / temperature).exp(), below.exp()
        chroma = F.conv2d(weights, self.bins.T[:, :, None, None]) / weights.sum(1, keepdim=True)
        return chroma, shares / shares.sum(1, keepdim=True)


def graph_of(network: nn.Module, interface: Interface, *, size: int) -> Exported:
    """Trace a network in eval mode, and compare the graph with it at several sizes.

    Args:
        network: takes and gives what `interface` says.
        interface: of the graph.
        size: shorter side in pixels at which it will be used.
    """
    keywords = interface.keywords()
    bins = len(getattr(network, "bins", ()))
    features: tuple[str, ...] = ()
    traced = network
    if isinstance(network, Tinct):
        # traced as outputs the features get names; taken away again they are what they were
        traced, features = Bordered(network), FEATURES
        keywords["output_names"] += features
    with _quiet():
        program = torch.onnx.export(
            traced,
            interface.inputs(70, 90, bins=bins),
            input_names=list(keywords["dynamic_shapes"]),
            dynamo=True,
            verbose=False,
            **keywords,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave nothing back")
    graph = program.model_proto
    if features:
        known = [value for value in graph.graph.output if value.name in features]
        graph.graph.value_info.extend(known)
        for value in known:
            graph.graph.output.remove(value)
    session = _session(graph)
    difference, tolerance = 0.0, TOLERANCE
    # one at which classifiers reduce the picture, one at which they enlarge it, and its own
    for height, width in ((37, 51), (331, 303), (size, size)):
        inputs = interface.inputs(height, width, bins=bins)
        expected, given = _torch(network, inputs), _onnx(session, inputs)
        apart = float((given - expected).abs().max())
        if apart > TOLERANCE:
            # a deep network magnifies what float32 rounds; ONNX need not be better at it
            exact = _torch(
                copy.deepcopy(network).double(), tuple(value.double() for value in inputs)
            )
            tolerance = max(tolerance, 3 * float((expected - exact).abs().max()))
        difference = max(difference, apart if np.isfinite(apart) else np.inf)
    return Exported(graph, difference, tolerance, inputs, expected, features)


def delicate(exported: Exported) -> tuple[str, ...]:
    """Weights whose rounding to 8 bits would by itself move a*b* by more than `DELICATE`.

    ImageNet networks with folded normalisation have some: where one number of a row is far
    larger than all others, these are rounded away together, and what they add up to is gone.
    """
    found = []
    for number, weight in enumerate(exported.graph.graph.initializer):
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or not _in_bytes(values):
            continue
        graph = onnx.ModelProto()
        graph.CopyFrom(exported.graph)
        codes, step = _coded(values)
        rounded = numpy_helper.from_array((codes * step).astype(np.float32), weight.name)
        graph.graph.initializer[number].CopyFrom(rounded)
        given = _onnx(_session(graph), exported.seen)
        if float((given - exported.chroma).abs().mean()) > DELICATE:
            found.append(weight.name)
    return tuple(found)


def stored(
    exported: Exported,
    storage: Literal["float16", "int8"] = "float16",
    *,
    halves: Collection[str] = (),
) -> tuple[onnx.ModelProto, float]:
    """The graph with weights in fewer bytes, and the mean change of a*b* by that in CIE units.

    Where the change would be visible, the graph is handed back as it was.

    Args:
        exported: the graph.
        storage: of its weights.
        halves: names of those that are stored as float16 either way, as of `delicate`.
    """
    small = onnx.ModelProto()
    small.CopyFrom(exported.graph)
    shrink_weights(small, bytewise=storage == "int8", halves=halves)
    given = _onnx(_session(small), exported.seen)
    rounding = float((given - exported.chroma).abs().mean())
    if rounding < VISIBLE:
        return small, rounding
    return exported.graph, 0.0


def finished(graph: onnx.ModelProto, description: Mapping[str, str]) -> bytes:
    """The file: the graph with what it says of itself, and without notes of the exporter."""
    del graph.metadata_props[:]
    for key, value in sorted(description.items()):
        graph.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(graph)
    data: bytes = graph.SerializeToString()
    return data


def shrink_weights(
    model: onnx.ModelProto,
    *,
    bytewise: bool,
    halves: Collection[str] = (),
    smallest: int = 256,
) -> None:
    """Store float32 weights in fewer bytes, and widen them when the model is loaded.

    The runtime folds the widening away once, so arithmetic stays float32 and only the file
    shrinks.

    Args:
        model: changed in place.
        bytewise: large matrices and kernels as int8, with a step for each output channel; all
            else as float16.
        halves: names of weights that are stored as float16 either way.
        smallest: weights with fewer numbers stay as they are.
    """
    graph = model.graph
    kept, nodes = [], []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if (
            weight.data_type != TensorProto.FLOAT
            or values.size < smallest
            or np.abs(values).max() > _LARGEST_HALF
        ):
            kept.append(weight)
        elif bytewise and weight.name not in halves and _in_bytes(values):
            codes, step = _coded(values)
            names = [f"{weight.name}.{part}" for part in ("codes", "step", "wide")]
            kept.append(numpy_helper.from_array(codes, names[0]))
            kept.append(numpy_helper.from_array(step.astype(np.float32), names[1]))
            nodes.append(helper.make_node("Cast", names[:1], names[2:], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [names[2], names[1]], [weight.name]))
        else:
            half = numpy_helper.from_array(values.astype(np.float16), weight.name + ".half")
            kept.append(half)
            nodes.append(helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def _in_bytes(values: NDArray[np.float32]) -> bool:
    """Whether a weight is one that may be stored as int8."""
    largest = np.abs(values).max(initial=0)
    return values.size >= _BYTEWISE and largest <= _LARGEST_HALF and not _one_channel_each(values)


def _coded(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight (O, ...) as codes, and the step (O, 1, ...) of each output channel."""
    step = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True) / 127
    step[step == 0] = 1
    return np.rint(values / step).astype(np.int8), step


def _one_channel_each(kernel: NDArray[np.float32]) -> bool:
    """Whether a kernel is depthwise: few numbers for a step, and much depends on each."""
    return kernel.ndim < 2 or (kernel.ndim == 4 and kernel.shape[1] == 1)


def _torch(network: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    with torch.no_grad():
        result = network(*inputs)
    chroma: Tensor = result[0] if isinstance(result, tuple) else result
    return chroma


def _session(graph: onnx.ModelProto) -> Any:
    engine = onnxruntime()
    options = engine.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return engine.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _onnx(session: Any, inputs: tuple[Tensor, ...]) -> Tensor:
    names = [each.name for each in session.get_inputs()]
    feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    chroma: NDArray[np.float32] = session.run(["chroma"], feed)[0]
    return torch.from_numpy(chroma)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that torch's exporter says of its own insides concerns who exports."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
