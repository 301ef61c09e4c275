"""An ONNX graph cut in two at tensors that are named: what leads to them, and what follows.

Whole nodes and weights are handed on as they are, so both halves compute what the whole one did.
What they compute is what `onnx.utils.Extractor` would cut out, which tests hold them to.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinct.models.graph import Graph


def halves(model: bytes, border: Sequence[str]) -> tuple[bytes, bytes]:
    """The model up to the tensors of `border`, and the model from them on.

    Args:
        model: an ONNX file whose nodes are sorted, as the standard demands.
        border: names of tensors inside its graph.

    Returns:
        ONNX files: one that takes what it needs of the inputs and gives the border; one that takes
        the border and the inputs it still needs, and gives what the whole one gives.

    Raises:
        ValueError: it is no ONNX file, or `border` does not part it in two.
    """
    graph = Graph(model)
    return graph.part((), border), graph.part(border, tuple(graph.outputs))
