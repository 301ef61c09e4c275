"""Users made up for training: points of the truth's own colours, and the truth's palette.

Numbers and places of points follow Zhang et al., "Real-Time User-Guided Image Colorization with
Learned Deep Priors" (arXiv 1705.02999), section 3.1, on the grid of a quarter of the picture.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinct.training.recipe import Steering

#: no point
NONE = -1
_MEAN_POINTS = 8
_EVERYWHERE = 0.01  # share of pictures where all is given: the network learns to obey


def draw_points(
    height: int, width: int, steering: Steering, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Where somebody who sees the truth would put points.

    Args:
        height: of the map of a*b*.
        width: of the map of a*b*.
        steering: how often.
        rng: what it depends on.

    Returns:
        (height, width): `NONE`, or the place (row * width + column) whose colour is given there.
        Squares of up to three cells take the colour of their middle.
    """
    points = np.full((height, width), NONE, np.int32)
    if rng.random() >= steering.hints:
        return points
    if rng.random() < _EVERYWHERE:
        return np.arange(height * width, dtype=np.int32).reshape(height, width)
    for _ in range(rng.geometric(1 / _MEAN_POINTS)):
        # near the middle, where motifs are; the quarter of the side is the paper's
        row, column = (
            int(np.clip(rng.normal(side / 2, side / 4), 0, side - 1)) for side in (height, width)
        )
        size = int(rng.integers(1, 4))
        top, left = (max(0, at - size // 2) for at in (row, column))
        points[top : top + size, left : left + size] = row * width + column
    return points


def draw_palette(steering: Steering, rng: np.random.Generator) -> bool:
    """Whether a picture's palette is given."""
    return bool(rng.random() < steering.palette)


def hints_of(chroma: Tensor, points: Tensor) -> Tensor:
    """Points (N, h, w) and the truth a*b* (N, 2, h, w) to hints (N, 3, h, w)."""
    known = points >= 0
    places = points.clamp(min=0).flatten(1)[:, None].expand(-1, 2, -1)
    colours = chroma.flatten(2).gather(2, places).reshape(*chroma.shape)
    return torch.cat([colours * known[:, None], known[:, None].to(chroma.dtype)], dim=1)
