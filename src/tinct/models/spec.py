"""What is known about a model without opening its file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


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
    """Temperature of the annealed mean at vividness 1; without meaning for `ab`."""
    vividness: tuple[tuple[float, float], ...]
    """Vividness and the temperature for it, ascending, as measured on validation pictures; empty
    where only that for 1 is known."""
    gain: float
    """Factor on a*b* that completes that calibration."""
    hints: bool
    """Whether it takes points and palettes from the user."""
    grid: int
    """Step of the a*b* bins of its distribution in CIE units, see `tinct.color.grid_bins`; 0 where
    it gives none."""
    card: str
    """Model card, relative to the repository; empty where there is none."""

    def heat(self, vividness: float) -> tuple[float, float]:
        """Temperature for a vividness, and the factor on a*b* beyond what temperatures reach."""
        pairs = self.vividness or ((1.0, self.temperature),)
        lower, upper = pairs[0], pairs[-1]
        for left, right in pairwise(pairs):
            if left[0] <= vividness <= right[0]:
                lower, upper = left, right
        within = min(max(vividness, lower[0]), upper[0])
        span = upper[0] - lower[0]
        share = (within - lower[0]) / span if span else 0.0
        return lower[1] + share * (upper[1] - lower[1]), vividness / within
