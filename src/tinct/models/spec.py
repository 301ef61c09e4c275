"""What is known about a model without opening its file."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Temperature of the annealed mean at which results are as colourful as real pictures; without
    meaning for `ab`."""
    gain: float
    """Factor on a*b* that completes that calibration."""
    hints: bool
    """Whether it takes points and palettes from the user."""
    card: str
    """Model card, relative to the repository; empty where there is none."""
