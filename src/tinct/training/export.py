"""Weights to an ONNX file that stands alone: fp16 inside, CIE units outside."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from tinct.systems.tinct import Tinct

#: inputs and outputs of every exported network with a distribution
INPUTS = ("lightness", "temperature")
OUTPUTS = ("chroma", "distribution")


def load_average(checkpoint: Path) -> Tinct:
    """The averaged weights of a run's `last.pt` as a network ready to use."""
    state: dict[str, Tensor] = torch.load(checkpoint, weights_only=True)["average"]
    network = Tinct(state["bins"])
    network.load_state_dict(state)
    return network.eval()


def export(network: Tinct, target: Path, *, description: dict[str, str]) -> str:
    """Write `network` as ONNX with any height and width, and return the file's sha256.

    Args:
        network: the network; sides of its input must be multiples of 32.
        target: file to write.
        description: what the file says of itself (ONNX metadata: name, licence, ...).
    """
    height, width = torch.export.Dim("h", min=2, max=128), torch.export.Dim("w", min=2, max=128)
    program = torch.onnx.export(
        network,
        (torch.rand(1, 1, 96, 128) * 100, torch.tensor(1.0)),
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_shapes={"lightness": {2: 32 * height, 3: 32 * width}, "temperature": None},
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave nothing back")
    model = program.model_proto
    halve_weights(model)
    del model.metadata_props[:]
    for key, value in sorted(description.items()):
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def halve_weights(model: onnx.ModelProto, *, smallest: int = 256) -> None:
    """Store float32 weights as float16 and widen them by a Cast when the model is loaded.

    The runtime folds the Cast away once, so arithmetic stays float32 and only the file shrinks.
    """
    graph = model.graph
    kept, casts = [], []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < smallest:
            kept.append(weight)
            continue
        half = numpy_helper.from_array(
            numpy_helper.to_array(weight).astype(np.float16), weight.name + ".half"
        )
        kept.append(half)
        casts.append(helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
