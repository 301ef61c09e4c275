"""OpenVINO against ONNX Runtime on the model that ships: processor time of one prediction.

    python benchmarks/engines.py

Both run in turns in one process, with one thread and with two; what loading costs stands beside
it. A second way to run networks would have to save at least 15 % of what a picture costs.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from run import RESULTS, Measurement, made_by

from tinct.models import DEFAULT, find_model, weights_path
from tinct.models.runtime import onnxruntime
from tinct.training.openvino import XML_NAME, openvino_form, write_openvino

TURNS = 40
#: what a second runtime would have to stay below
BAR = 0.85


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> int:
    """Measure and store; how it ends does not depend on who is quicker."""
    spec, file = find_model(DEFAULT), weights_path(DEFAULT)
    height, width = spec.working_size, spec.working_size * 10 // 7 // 32 * 32
    detail = {"height": float(height), "width": float(width)}
    engine = onnxruntime()
    with tempfile.TemporaryDirectory() as folder:
        write_openvino(file, Path(folder), {})
        for threads in (1, 2):
            options = engine.SessionOptions()
            options.intra_op_num_threads = threads
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            began = time.process_time()
            session = engine.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
            detail[f"onnxruntime_load_cpu_s_{threads}"] = time.process_time() - began
            palette = next(one.shape for one in session.get_inputs() if one.name == "palette")
            case = {
                "lightness": np.random.default_rng(0)
                .uniform(0, 100, (1, 1, height, width))
                .astype(np.float32),
                "temperature": np.array(1, np.float32),
                "hints": np.zeros((1, 3, height // 4, width // 4), np.float32),
                "palette": np.zeros(palette, np.float32),
            }
            began = time.process_time()
            other = openvino_form(Path(folder) / XML_NAME, threads=threads)
            other(case)  # it compiles for the picture's size when it sees one
            detail[f"openvino_load_cpu_s_{threads}"] = time.process_time() - began
            pairs = []
            for _ in range(TURNS):
                ours = spent(lambda s=session, c=case: s.run(["chroma"], c))  # type: ignore[misc]
                theirs = spent(lambda o=other, c=case: o(c))  # type: ignore[misc]
                pairs.append((ours, theirs))
            detail[f"onnxruntime_cpu_s_{threads}"] = statistics.median(a for a, _ in pairs[5:])
            detail[f"openvino_cpu_s_{threads}"] = statistics.median(b for _, b in pairs[5:])
            detail[f"ratio_{threads}"] = statistics.median(b / a for a, b in pairs[5:])
    measured = Measurement(
        "processor time of the network, OpenVINO / ONNX Runtime",
        min(detail["ratio_1"], detail["ratio_2"]),
        BAR,
        "x",
        detail,
    )
    record = {
        **asdict(measured),
        "holds": measured.holds,
        **made_by(),
    }
    (RESULTS / "engines.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for key, value in detail.items():
        print(f"{key:24} {value:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
