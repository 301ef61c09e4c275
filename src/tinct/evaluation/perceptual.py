"""LPIPS, where its weights are at hand: nothing that ships has them.

`tinct.systems.lpips` says what the file holds and makes it of the two that are published. The
first three stages of VGG16, which some recipes learn from, are not enough: LPIPS listens to five,
through weights learned for it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError, UsageError

if TYPE_CHECKING:
    from tinct.systems.lpips import Lpips

Image8 = NDArray[np.uint8]


def lpips_missing(weights: Path | None = None) -> str | None:
    """Why LPIPS is left out, in one line; None where it can be measured."""
    if find_spec("torch") is None:
        return 'LPIPS is left out: it needs torch (pip install "tinct[train]")'
    from tinct.systems.lpips import FILE, load_lpips, weights_file

    if not (weights or weights_file()).is_file():
        return (
            f"LPIPS is left out: its weights, {FILE} (VGG16 whole and the learned heads), are not "
            "in the weights folder; docs/metrics.md says how they are made"
        )
    try:
        load_lpips(weights)
    except ModelError as error:
        return f"LPIPS is left out: {error}"
    return None


class PerceptualDistance:
    """LPIPS (VGG16, version 0.1) of pairs of pictures; needs torch."""

    def __init__(self, weights: Path | None = None) -> None:
        """Load it.

        Args:
            weights: a safetensors file; by default that of the weights folder.

        Raises:
            UsageError: torch is absent.
            ModelError: the weights are not there, or are something else.
        """
        if find_spec("torch") is None:
            raise UsageError("LPIPS needs torch", remedy='pip install "tinct[train]"')
        from tinct.systems.lpips import load_lpips

        self._network: Lpips = load_lpips(weights)

    def __call__(self, result: Image8, truth: Image8) -> float:
        """LPIPS of two pictures, uint8 sRGB (H, W, 3); 0 where they are the same.

        Raises:
            UsageError: sizes differ, or a side is shorter than 16 pixels.
        """
        from tinct.systems.lpips import SMALLEST

        if result.shape != truth.shape or min(truth.shape[:2]) < SMALLEST:
            raise UsageError(
                f"pictures of shapes {result.shape} and {truth.shape} cannot be compared",
                remedy=f"give two of one size, {SMALLEST} pixels or more on each side",
            )
        return self._network(result, truth)
