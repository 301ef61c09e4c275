"""What is known about a model without opening its file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

#: vividness where nothing else is said: bolder guesses err more than they please
USUAL = 0.6


@dataclass(frozen=True)
class ModelSpec:
    """One model that `--model` accepts."""

    name: str
    """`family-size.recipe`; of a file that a training made, what the file says."""
    file: str
    """ONNX file inside the package's `models/weights` folder, or its full path elsewhere."""
    sha256: str
    """Of that file; that of a model that comes with Tinct is checked before every use."""
    licence: str
    """SPDX identifier of the weights' licence, or `not stated`."""
    parameters: int
    """Numbers learned."""
    trained_on: str
    """Data sets, in one line."""
    pictures_seen: int
    """Pictures drawn in training, each time counted; 0 where that was not recorded."""
    working_size: int
    """Shorter side in pixels that the network sees unless told otherwise."""
    largest_side: int
    """No side that the network sees is longer than this."""
    multiple: int
    """Both sides that the network sees are multiples of this."""
    reduction: int
    """Its map is this much smaller than what it sees."""
    outputs: Literal["ab", "distribution"]
    """`ab`: a*b* alone; `distribution`: probabilities over a*b* bins as well."""
    temperature: float
    """Temperature of the annealed mean at the usual vividness; without meaning for `ab`."""
    vividness: tuple[tuple[float, float, float], ...]
    """Vividness, the temperature and the factor on a*b* for it, ascending, as measured on
    validation pictures; empty where only those for the usual one are known."""
    gain: float
    """Factor on a*b* at the usual vividness."""
    hints: bool
    """Whether it takes points and palettes from the user."""
    grid: int
    """Step of the a*b* bins of its distribution in CIE units, see `tinct.color.grid_bins`; 0 where
    it gives none."""
    card: str
    """Model card, relative to the repository; empty where there is none."""
    features: tuple[str, ...] = ()
    """Names of the tensors in its graph at which encoder and decoder meet; empty where it cannot
    be parted there."""
    arithmetic: Literal["float32", "int8"] = "float32"
    """How it is computed once it is loaded; `int8` see `tinct.models.quantised`."""

    @property
    def key(self) -> str:
        """What tells its answers from those of others."""
        return f"{self.sha256} {self.arithmetic}"

    def heat(self, vividness: float) -> tuple[float, float]:
        """Temperature for a vividness, and the factor on a*b* besides `gain`.

        1 is as colourful as real pictures; where nobody measured that, the usual vividness gives
        what the model gives.
        """
        known = self.vividness or ((USUAL, self.temperature, self.gain),)
        lower, upper = known[0], known[-1]
        for left, right in pairwise(known):
            if left[0] <= vividness <= right[0]:
                lower, upper = left, right
        within = min(max(vividness, lower[0]), upper[0])
        span = upper[0] - lower[0]
        share = (within - lower[0]) / span if span else 0.0
        temperature, factor = (
            low + share * (high - low) for low, high in zip(lower[1:], upper[1:], strict=True)
        )
        return temperature, factor / self.gain * vividness / within
