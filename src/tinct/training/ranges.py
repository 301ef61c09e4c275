"""Between which values the tensors of a network lie, for who computes it in 8 bits.

Measured on validation pictures of its run, each seen as it is and steered with colours of its
truth, since what the decoder makes of hints and palettes lies elsewhere. Of each picture the few
values furthest out are left out: a step that reaches them is coarser for all others.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tinct.color import FloatArray, lightness, rgb_to_lab
from tinct.models.graph import Graph
from tinct.models.quantised import Range, convolutions
from tinct.models.session import Model, opened
from tinct.models.spec import ModelSpec
from tinct.reference import palette_of_lab
from tinct.training.calibrate import held_out

#: weights of the convolutions that are measured. At the few channels of the first maps each counts
#: and little is gained; the last give odds and colours; and what listens to hints has nothing to
#: say where there are none
_CHOSEN = re.compile(
    r"encoder\.(blocks\.([3-9]|1\d)|head)\.|bottleneck\.|stages\.\d+\.(join|refine)\."
)
_OUTERMOST = 0.01  # percent of a tensor's values, on either side, that may lie outside
_POINTS = 8  # most hints of a picture


def measured(file: Path, spec: ModelSpec, run: Path, *, pictures: int = 64) -> dict[str, Range]:
    """Least and largest values of the tensors that `tinct.models.quantised` asks for.

    Args:
        file: a model exported from the run.
        spec: what is known about it.
        run: folder of the training.
        pictures: at most so many.

    Raises:
        InputError: the pictures of the run are not there.
    """
    truths, greys = held_out(run, pictures)
    return ranges_over(file, spec, truths, greys)


def ranges_over(
    file: Path, spec: ModelSpec, truths: NDArray[np.uint8], greys: NDArray[np.uint8]
) -> dict[str, Range]:
    """As `measured`, over pictures (N, H, W, 3) and the same in grey (N, H, W)."""
    model = _Listening(spec, file)
    for number, (truth, grey) in enumerate(zip(truths, greys, strict=True)):
        light = lightness(grey)
        model.predict(light)
        if spec.hints:
            lab = rgb_to_lab(truth * np.float32(1 / 255)).astype(np.float32)
            palette = palette_of_lab(lab, "the truth").over(model.bins) if number % 2 else None
            model.predict(light, hints=_points(lab, number), palette=palette)
    return {name: (low, high) for name, (low, high) in model.ranges.items() if low < high}


class _Listening(Model):
    """A network that notes between which values its tensors lie."""

    ranges: dict[str, Range]

    def _opened(self, file: Path, threads: int | None) -> tuple[Any, ...]:
        content = file.read_bytes()
        kept = [one for one in convolutions(Graph(content)) if _CHOSEN.match(one.weight)]
        self.ranges = {name: (0.0, 0.0) for one in kept for name in (one.given, one.result)}
        loaded = onnx.load_from_string(content)
        given = {value.name for value in loaded.graph.output}
        for name in self.ranges:
            if name not in given:
                value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                loaded.graph.output.append(value)
        return (opened(loaded.SerializeToString(), file, threads),)

    def _run(self, names: list[str], feed: dict[str, Any]) -> list[NDArray[np.float32]]:
        found = self._sessions[0].run([*names, *self.ranges], feed)
        for name, values in zip(list(self.ranges), found[len(names) :], strict=True):
            low, high = np.percentile(values, [_OUTERMOST, 100 - _OUTERMOST])
            least, largest = self.ranges[name]
            self.ranges[name] = min(least, float(low)), max(largest, float(high))
        result: list[NDArray[np.float32]] = found[: len(names)]
        return result


def _points(lab: FloatArray, number: int) -> FloatArray:
    """Some colours of a picture (H, W, 3) as hints (n, 4), others for each number."""
    rng = np.random.default_rng(number)
    height, width = lab.shape[:2]
    count = rng.integers(1, _POINTS + 1)
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    places = np.stack([(columns + 0.5) / width, (rows + 0.5) / height], 1)
    return np.concatenate([places, lab[rows, columns, 1:]], 1).astype(np.float32)
