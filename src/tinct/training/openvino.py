"""ONNX files to OpenVINO's own form, with what it would tell its makers switched off.

`openvino` imports `openvino_telemetry` wherever that is installed, which writes an identifier into
the user's home and sends events to Google Analytics when a model is converted. Nothing leaves the
machine when Tinct runs: OpenVINO falls back to a stand-in of its own where that package cannot be
imported, and its conversion in Python, which sends, is not used: the runtime reads ONNX itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinct.errors import ModelError, OutputUnwritable, UsageError
from tinct.training.parity import Arrays, Form

#: the two files of a model in a folder of its own
XML_NAME = "model.xml"
_TELEMETRY = "openvino_telemetry"
#: where in the file stands what the model says of itself
_SECTION = "tinct"
#: settings that go along with the model: OpenVINO would else round what goes into layers whose
#: weights are int8, which moves a*b* by up to a CIE unit
_OPTIONS = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}


def openvino() -> Any:
    """The module, imported when first asked for.

    Raises:
        UsageError: it is not installed.
    """
    absent = _TELEMETRY not in sys.modules
    if absent:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment] # importing it fails
    try:
        import openvino as module
    except ModuleNotFoundError as error:
        raise UsageError(
            "this needs openvino, which is not installed", remedy='pip install "tinct[openvino]"'
        ) from error
    finally:
        if absent:
            del sys.modules[_TELEMETRY]
    return module


def write_openvino(onnx: Path, folder: Path, description: Mapping[str, str]) -> None:
    """Convert an ONNX file to `model.xml` and `model.bin`; weights stay stored as they are.

    Args:
        onnx: a model that `tinct export` wrote.
        folder: where both files go; it must be there.
        description: what the model says of itself.

    Raises:
        UsageError: OpenVINO is not installed.
        ModelError: it cannot read the network.
        OutputUnwritable: the disk is full.
    """
    engine = openvino()
    try:
        model = engine.Core().read_model(str(onnx))
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO cannot read the network: {str(error).splitlines()[0]}",
            where=str(onnx),
            remedy="use it as ONNX, or try another release of openvino",
        ) from error
    for key, value in sorted(description.items()):
        model.set_rt_info(value, [_SECTION, key])
    for key, value in _OPTIONS.items():
        model.set_rt_info(value, ["runtime_options", key])
    try:
        engine.save_model(model, str(folder / XML_NAME), compress_to_fp16=False)
    except RuntimeError as error:  # it says no more than that
        raise OutputUnwritable(
            "OpenVINO cannot write its files", where=str(folder), remedy="free some space"
        ) from error


def description_of(xml: Path) -> dict[str, str]:
    """What the model in an OpenVINO file says of itself."""
    said: dict[str, Any] = openvino().Core().read_model(str(xml)).get_rt_info()[_SECTION]
    return {key: value.astype(str) for key, value in said.items()}


def openvino_form(xml: Path, *, threads: int | None = None) -> Form:
    """A written model, run in float32: processors with bfloat16 would else round every layer."""
    engine = openvino()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    compiled = engine.Core().compile_model(str(xml), "CPU", settings)

    def give(case: Arrays) -> Arrays:
        return {"chroma": np.array(compiled(dict(case))["chroma"])}

    return give
