"""Small ONNX files that pass for models `tinct export` wrote: a* and b* are shares of L*."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper

#: what such a file says of itself
SAID = {
    "tinct": "1",
    "name": "alpha.test",
    "licence": "CC0-1.0",
    "parameters": "2",
    "trained_on": "nothing",
    "working_size": "96",
    "largest_side": "288",
    "multiple": "1",
    "reduction": "1",
    "outputs": "ab",
    "temperature": "1.0",
    "gain": "1.0",
    "step": "7",
    "difference": "0",
    "rounding": "0",
    "storage": "float32",
}


def network(
    file: Path, changes: Mapping[str, str | None] | None = None, *, lightness: str = "lightness"
) -> Path:
    """Write a network; a change to None leaves out what the file would say."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shares = helper.make_tensor("shares", TensorProto.FLOAT, [1, 2, 1, 1], [0.5, -0.25])
    graph = helper.make_graph(
        [helper.make_node("Mul", [lightness, "shares"], ["chroma"])],
        "shares",
        [helper.make_tensor_value_info(lightness, TensorProto.FLOAT, [1, 1, "h", "w"])],
        [helper.make_tensor_value_info("chroma", TensorProto.FLOAT, [1, 2, "h", "w"])],
        [shares],
    )
    model = helper.make_model(
        graph, ir_version=10, opset_imports=[helper.make_operatorsetid("", 18)]
    )
    said = {key: value for key, value in {**SAID, **(changes or {})}.items() if value is not None}
    helper.set_model_props(model, said)
    onnx.save(model, file)
    return file
