"""Networks as TFLite files, for phones and small computers (LiteRT). Their input size is fixed.

What a file says of itself lies in `tinct.json`, in a zip archive at its end: as files go along with
TFLite models by their metadata standard. Interpreters do not look there.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tinct.errors import UsageError
from tinct.training.graph import Interface
from tinct.training.parity import Arrays, Form

DESCRIPTION = "tinct.json"
_SMALLEST = 4096  # numbers that a weight has at least to be stored as int8, as in ONNX files


class Named(nn.Module):
    """A network whose outputs have the names that they have in ONNX files."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        lightness: Tensor,
        temperature: Tensor | None = None,
        hints: Tensor | None = None,
        palette: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """As `Interface` says, all of them by name."""
        if temperature is None:
            return {"chroma": self.network(lightness)}
        chroma, distribution = self.network(lightness, temperature, hints, palette)
        return {"chroma": chroma, "distribution": distribution}


def check_installed() -> None:
    """Raise `UsageError` where what converts is not installed."""
    from importlib.util import find_spec

    if find_spec("litert_torch") is None:
        raise UsageError(
            "this needs litert_torch, which is not installed",
            remedy='pip install "tinct[tflite]", in an environment of its own: it is large',
        )


def to_tflite(network: nn.Module, interface: Interface, *, size: int, bins: int) -> bytes:
    """A network in float32 that sees squares of one size.

    Args:
        network: in eval mode; takes and gives what `interface` says.
        interface: of the network.
        size: side in pixels, a multiple of the interface's.
        bins: length of a palette.

    Raises:
        UsageError: LiteRT's converter is not installed.
    """
    check_installed()
    inputs = interface.inputs(size, size, bins=bins)
    names = list(interface.keywords()["dynamic_shapes"])
    with _quiet(), tempfile.TemporaryDirectory(prefix="tinct-") as folder:
        import litert_torch

        model = litert_torch.convert(
            Named(network).eval(), sample_kwargs=dict(zip(names, inputs, strict=True))
        )
        file = Path(folder) / "model.tflite"
        model.export(str(file))
        return file.read_bytes()


def stored(model: bytes, storage: Literal["float16", "int8"]) -> bytes:
    """The model with weights in fewer bytes, widened when it is loaded, as in ONNX files."""
    with _quiet():
        from ai_edge_quantizer import qtyping, quantizer

        work = quantizer.Quantizer(model)
        floats = qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(
                num_bits=16, dtype=qtyping.TensorDataType.FLOAT
            ),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        work.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            op_config=floats,
            algorithm_key="float_casting",
        )
        if storage == "int8":
            # not depthwise kernels: few numbers for a step, and much depends on each
            for operation in ("CONV_2D", "FULLY_CONNECTED"):
                work.update_quantization_recipe(
                    regex=".*",
                    operation_name=qtyping.TFLOperationName[operation],
                    op_config=qtyping.OpQuantizationConfig(
                        weight_tensor_config=qtyping.TensorQuantizationConfig(
                            num_bits=8,
                            symmetric=True,
                            granularity=qtyping.QuantGranularity.CHANNELWISE,
                        ),
                        compute_precision=qtyping.ComputePrecision.FLOAT,
                        explicit_dequantize=True,
                        min_weight_elements=_SMALLEST,
                    ),
                    algorithm_key="min_max_uniform_quantize",
                )
        return bytes(work.quantize().quantized_model)


def described(model: bytes, description: Mapping[str, str]) -> bytes:
    """The model with what it says of itself."""
    buffer = BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(DESCRIPTION)  # of no date: the same run gives the same file
        archive.writestr(entry, json.dumps(dict(sorted(description.items())), indent=1))
    return buffer.getvalue()


def description_of(file: Path) -> dict[str, str]:
    """What a TFLite file that `tinct export` wrote says of itself."""
    with zipfile.ZipFile(file) as archive:
        said: dict[str, str] = json.loads(archive.read(DESCRIPTION))
    return said


def tflite_form(model: bytes, *, threads: int = 1) -> Form:
    """A model as LiteRT's interpreter runs it."""
    with _quiet():
        from ai_edge_litert.interpreter import Interpreter

        interpreter: Any = Interpreter(model_content=model, num_threads=threads)
        run = interpreter.get_signature_runner()

    def give(case: Arrays) -> Arrays:
        with _quiet():
            return {"chroma": run(**case)["chroma"].copy()}

    return give


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that the converter says concerns who exports, and stdout is data only.

    It speaks from C++ as well, so the descriptors are turned away, not Python's streams alone.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        torch.no_grad(),
    ):
        warnings.simplefilter("ignore")
        kept = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in kept:
                os.dup2(nowhere.fileno(), number)
            yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
