"""Run a network: lightness of any size in, a small a*b* map out. onnxruntime only, no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError, UsageError
from tinct.models.spec import ModelSpec
from tinct.resample import resize


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says of one picture."""

    chroma: NDArray[np.float32]
    """a*b* (h, w, 2) in CIE units, the working size divided by the model's `reduction`."""
    seen: tuple[int, int]
    """Height and width at which the network saw the picture."""


class Model:
    """A loaded network. Safe to share between threads."""

    def __init__(self, spec: ModelSpec, file: Path, *, threads: int | None = None) -> None:
        """Load `file`.

        Args:
            spec: what is known about the model.
            file: its ONNX file, already verified.
            threads: CPU threads of one prediction; None takes all cores.

        Raises:
            ModelError: the file is not a usable network.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or os.cpu_count() or 1
        # Spinning threads would take the cores from the codecs that run beside the network.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.spec = spec
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own classes derive from Exception only
            raise ModelError(
                f"onnxruntime cannot load it: {str(error).splitlines()[0]}",
                where=str(file),
                remedy="see `tinct models list` for models that work",
            ) from error
        wanted = {"lightness"} | ({"temperature"} if spec.outputs == "distribution" else set())
        if {given.name for given in self._session.get_inputs()} != wanted:
            raise ModelError("takes other inputs than it says", where=str(file))

    def predict(
        self,
        lightness: NDArray[np.float32],
        *,
        size: int | None = None,
        temperature: float | None = None,
    ) -> Prediction:
        """The colours of a picture.

        Args:
            lightness: L* (H, W) in 0..100, upright, of any size; pass a reduced picture, since
                only `size` is seen.
            size: shorter side in pixels that the network sees; None takes the model's own.
            temperature: 1 gives mean colours, towards 0 the likeliest; None takes the model's own.
                A model that gives a*b* alone has none, and does the same at any.

        Returns:
            a*b* (h, w, 2) that covers exactly the picture's area.

        Raises:
            UsageError: lightness is not a plane of finite numbers.
        """
        if lightness.ndim != 2 or not lightness.size or not np.isfinite(lightness).all():
            raise UsageError(
                f"lightness of shape {lightness.shape} is no plane of finite numbers",
                remedy="give float32 (H, W), L* in 0..100; see tinct.color.lightness",
            )
        lightness = lightness.astype(np.float32, copy=False)
        height, width = working_shape(lightness.shape[0], lightness.shape[1], self.spec, size=size)
        seen = resize(lightness, height, width)
        padded = _pad(seen, self.spec.multiple)
        given = {"lightness": padded[None, None]}
        if self.spec.outputs == "distribution":
            heat = self.spec.temperature if temperature is None else temperature
            given["temperature"] = np.array(heat, np.float32)
        (chroma,) = self._session.run(["chroma"], given)
        rows, columns = height // self.spec.reduction, width // self.spec.reduction
        area = chroma[0, :, :rows, :columns].transpose(1, 2, 0)
        return Prediction(np.ascontiguousarray(area) * np.float32(self.spec.gain), (height, width))


def working_shape(
    height: int, width: int, spec: ModelSpec, *, size: int | None = None
) -> tuple[int, int]:
    """Height and width, multiples of the model's `reduction`, at which it sees a picture.

    The aspect is kept: the shorter side becomes `size` (the model's own by default), unless that
    makes the longer one exceed the model's `largest_side`; of very long pictures the shorter keeps
    at least `multiple`.
    """
    short = spec.working_size if size is None else size
    scale = short / min(height, width)
    scale = min(scale, max(spec.largest_side, short) / max(height, width))
    return tuple(  # type: ignore[return-value]
        max(spec.multiple, spec.reduction * round(side * scale / spec.reduction))
        for side in (height, width)
    )


def _pad(plane: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    bottom, right = (-side % multiple for side in plane.shape)
    return np.pad(plane, ((0, bottom), (0, right)), mode="reflect" if plane.size > 1 else "edge")
