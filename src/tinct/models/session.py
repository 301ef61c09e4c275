"""Run a network: lightness of any size in, a small a*b* map out. onnxruntime only, no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.color import grid_bins
from tinct.errors import ModelError, UsageError
from tinct.models.odds import fused, led, logarithms, spread_as
from tinct.models.runtime import onnxruntime
from tinct.models.spec import ModelSpec
from tinct.resample import resize

#: working sizes beyond this many times a model's own are looked at twice, see `fused`
BEYOND = 1.15


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says of one picture."""

    chroma: NDArray[np.float32]
    """a*b* (h, w, 2) in CIE units, the working size divided by the model's `reduction`."""
    seen: tuple[int, int]
    """Height and width at which the network saw the picture."""
    distribution: NDArray[np.float32] | None = None
    """Probability (h, w, K) of each bin of `Model.bins`, where it was asked for."""


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
        self.spec = spec
        self._sessions = self._opened(file, threads)
        wanted = {"lightness"}
        if spec.outputs == "distribution":
            wanted |= {"temperature"}
        if spec.hints:
            wanted |= {"hints", "palette"}
        shapes = {given.name: given.shape for one in self._sessions for given in one.get_inputs()}
        if set(shapes) - set(self._within) != wanted:
            raise ModelError("takes other inputs than it says", where=str(file))
        self._palette = np.zeros(shapes["palette"] if spec.hints else 0, np.float32)

    @property
    def _within(self) -> tuple[str, ...]:
        """Inputs that one session has of another."""
        return ()

    def _opened(self, file: Path, threads: int | None) -> tuple[Any, ...]:
        network = self._content(file) or str(file)
        return (opened(network, file, threads, arithmetic=self.spec.arithmetic),)

    def _content(self, file: Path) -> bytes | None:
        """What is computed in place of what the file holds; None where that is computed."""
        if self.spec.arithmetic == "float32":
            return None
        from tinct.models.quantised import quantised

        return quantised(file, self.spec)

    @cached_property
    def bins(self) -> NDArray[np.float32]:
        """a*b* (K, 2) of the bins of its distribution; none for a model that gives a*b* alone."""
        return grid_bins(self.spec.grid) if self.spec.grid else np.empty((0, 2), np.float32)

    def predict(
        self,
        lightness: NDArray[np.float32],
        *,
        size: int | None = None,
        temperature: float | None = None,
        hints: NDArray[np.float32] | None = None,
        palette: NDArray[np.float32] | None = None,
        distribution: bool = False,
    ) -> Prediction:
        """The colours of a picture.

        Args:
            lightness: L* (H, W) in 0..100, upright, of any size; pass a reduced picture, since
                only `size` is seen.
            size: shorter side in pixels that the network sees; None takes the model's own.
            temperature: 1 gives mean colours, towards 0 the likeliest; None takes the model's own.
                A model that gives a*b* alone has none, and does the same at any.
            hints: known colours (n, 4): x and y from 0 to 1 over the picture, a* and b*.
            palette: share (K,) of the picture that each of `bins` should have.
            distribution: also give the probabilities.

        Returns:
            a*b* (h, w, 2) that covers exactly the picture's area.

        Raises:
            UsageError: lightness is not a plane of finite numbers, or the model does not take or
                give what is asked for.
        """
        if lightness.ndim != 2 or not lightness.size or not np.isfinite(lightness).all():
            raise UsageError(
                f"lightness of shape {lightness.shape} is no plane of finite numbers",
                remedy="give float32 (H, W), L* in 0..100; see tinct.color.lightness",
            )
        self._check_asked(steered=hints is not None or palette is not None, given=distribution)
        lightness = lightness.astype(np.float32, copy=False)
        whole = lightness.shape[0], lightness.shape[1]
        own = working_shape(*whole, self.spec)
        asked = working_shape(*whole, self.spec, size=size)
        closer = min(asked) > BEYOND * min(own)
        if self.spec.outputs != "distribution" or not (closer or palette is not None):
            return self._seen(lightness, asked, temperature, hints, palette, given=distribution)
        logs, *fine = (
            logarithms(self._seen(lightness, shape, temperature, hints, palette, given=True))
            for shape in ((own, asked) if closer else (asked,))
        )
        if fine:
            logs = fused(logs, fine[0])
        if palette is not None:
            logs = led(logs, palette)
        chroma = self.annealed(logs, temperature)
        if palette is not None:
            chroma = spread_as(chroma, palette, self.bins)
        return Prediction(chroma, asked, np.exp(logs) if distribution else None)

    def annealed(
        self, logs: NDArray[np.float32], temperature: float | None = None
    ) -> NDArray[np.float32]:
        """The a*b* (h, w, 2) that logarithms of odds (h, w, K) come to, as `predict` gives them."""
        heat = self.spec.temperature if temperature is None else temperature
        odds = np.exp((logs - logs.max(2, keepdims=True)) / np.float32(heat))
        odds /= odds.sum(2, keepdims=True)
        chroma: NDArray[np.float32] = odds @ self.bins
        return chroma * np.float32(self.spec.gain)

    def _seen(
        self,
        lightness: NDArray[np.float32],
        shape: tuple[int, int],
        temperature: float | None,
        hints: NDArray[np.float32] | None,
        palette: NDArray[np.float32] | None,
        *,
        given: bool,
    ) -> Prediction:
        """The answer of one look at the picture, at `shape`."""
        height, width = shape
        seen = resize(lightness, height, width)
        padded = _pad(seen, self.spec.multiple)
        rows, columns = height // self.spec.reduction, width // self.spec.reduction
        feed = {"lightness": padded[None, None]}
        if self.spec.outputs == "distribution":
            heat = self.spec.temperature if temperature is None else temperature
            feed["temperature"] = np.array(heat, np.float32)
        if self.spec.hints:
            whole = tuple(side // self.spec.reduction for side in padded.shape)
            feed["hints"] = hint_map(hints, (rows, columns), whole)[None]
            # an empty palette does not need to know the bins, which take a tenth of a second
            feed["palette"] = self._palette if palette is None else palette[None].astype(np.float32)
        names = ["chroma", "distribution"] if given else ["chroma"]
        found = [one[0, :, :rows, :columns].transpose(1, 2, 0) for one in self._run(names, feed)]
        return Prediction(
            np.ascontiguousarray(found[0]) * np.float32(self.spec.gain),
            (height, width),
            np.ascontiguousarray(found[1]) if given else None,
        )

    def _run(self, names: list[str], feed: dict[str, Any]) -> list[NDArray[np.float32]]:
        found: list[NDArray[np.float32]] = self._sessions[0].run(names, feed)
        return found

    def _check_asked(self, *, steered: bool, given: bool) -> None:
        lacking = ""
        if steered and not self.spec.hints:
            lacking = "takes no hints and no palettes"
        elif given and self.spec.outputs != "distribution":
            lacking = "gives one colour a place, and no distribution"
        if lacking:
            raise UsageError(
                f"the model '{self.spec.name}' {lacking}",
                where="--model",
                remedy="`tinct models show NAME` says what a model can do",
            )


def opened(
    network: str | bytes,
    file: Path,
    threads: int | None,
    *,
    arithmetic: Literal["float32", "int8"] = "float32",
) -> Any:
    """A session of onnxruntime.

    Args:
        network: path or content of an ONNX file.
        file: where it comes from, for messages.
        threads: as `Model` takes them.
        arithmetic: as `ModelSpec` has it.

    Raises:
        ModelError: it is not a usable network.
    """
    engine = onnxruntime()
    options = engine.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    # Spinning threads would take the cores from the codecs that run beside the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    if arithmetic == "int8":
        from tinct.models.saturation import saturates

        if saturates():  # slower, and the same on every processor
            options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return engine.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes derive from Exception only
        raise ModelError(
            f"onnxruntime cannot load it: {str(error).splitlines()[0]}",
            where=str(file),
            remedy="see `tinct models list` for models that work",
        ) from error


def hint_map(
    hints: NDArray[np.float32] | None, area: tuple[int, int], whole: tuple[int, int]
) -> NDArray[np.float32]:
    """Known colours as a network takes them: mean a*, mean b* and 1 in cells that have any.

    Args:
        hints: (n, 4) as `Model.predict` takes them.
        area: rows and columns of cells that the picture covers.
        whole: rows and columns of the map, padding included.

    Returns:
        (3, rows, columns) of `whole`.

    Raises:
        UsageError: a hint is no finite number, or lies outside the picture.
    """
    cells = np.zeros((3, *whole), np.float32)
    if hints is None or not len(hints):
        return cells
    inside = (hints[:, :2] >= 0).all() and (hints[:, :2] <= 1).all()
    if not (np.isfinite(hints).all() and inside):
        raise UsageError(
            "a hint lies outside the picture", where="hints", remedy="give x and y from 0 to 1"
        )
    columns = np.minimum((hints[:, 0] * area[1]).astype(np.intp), area[1] - 1)
    rows = np.minimum((hints[:, 1] * area[0]).astype(np.intp), area[0] - 1)
    places = rows * whole[1] + columns
    count = np.bincount(places, minlength=whole[0] * whole[1])
    for plane, values in zip(cells, (hints[:, 2], hints[:, 3]), strict=False):
        total = np.bincount(places, values, minlength=whole[0] * whole[1])
        plane[:] = (total / np.maximum(count, 1)).reshape(whole)
    cells[2] = (count > 0).reshape(whole)
    return cells


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
