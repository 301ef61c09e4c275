"""What the user knows, made useful to a decoder: points that spread, and palettes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: a*b* in CIE units are divided by this inside
SCALE = 50.0
_HEADS = 4
_WIDTH = 8
#: channels of what `Spread` gives: a*, b* and certainty from each head
SPREAD = 3 * _HEADS


def reduced(hints: Tensor, factor: int) -> Tensor:
    """Hints (N, 3, h, w) at 1 / `factor` of the size, a*b* divided by `SCALE`.

    A cell has the mean colour of the points in it, and is marked where there is at least one.
    """
    known = hints[:, 2:]
    colours = hints[:, :2] * (known / SCALE)
    if factor == 1:
        return torch.cat([colours, known], dim=1)
    share = F.avg_pool2d(known, factor)
    mean = F.avg_pool2d(colours, factor) / share.clamp(min=1e-6)
    return torch.cat([mean, F.max_pool2d(known, factor)], dim=1)


class Spread(nn.Module):
    """Colours of points, for every place of the picture that looks like theirs and lies near.

    Attention of all places to the marked ones (Vaswani et al., arXiv 1706.03762), by squared
    distance between learned features, to which the position belongs; an empty place of distance
    0 takes what no point deserves, so that far from any point nothing is added.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(channels, _HEADS * _WIDTH, 1)
        #: how much a head minds distance over the picture: from hardly to very much
        self.nearness = nn.Parameter(torch.tensor([1.0, 2.0, 4.0, 8.0]))
        #: what the empty place is worth
        self.threshold = nn.Parameter(torch.full((_HEADS,), -4.0))

    def forward(self, features: Tensor, hints: Tensor) -> Tensor:
        """Features (N, C, H, W) and hints (N, 3, 4H, 4W) to (N, SPREAD, H, W)."""
        count, _, height, width = features.shape
        places = height * width
        own = self.features(features).reshape(count, _HEADS, _WIDTH, places)
        rows = torch.arange(height, device=features.device, dtype=features.dtype)
        columns = torch.arange(width, device=features.device, dtype=features.dtype)
        shorter = min(height, width)
        position = torch.stack(
            [
                (rows / shorter)[:, None].expand(height, width).reshape(-1),
                (columns / shorter)[None, :].expand(height, width).reshape(-1),
            ]
        )
        placed = position[None, None] * self.nearness[None, :, None, None]
        keys = torch.cat([own, placed.expand(count, -1, -1, -1)], dim=2)
        squares = keys.square().sum(2)
        likeness = 2 * keys.transpose(2, 3) @ keys - squares[:, :, None] - squares[..., None]
        given = reduced(hints, 4).reshape(count, 1, 3, places)
        likeness = likeness + (given[:, :, 2:] - 1) * 1e4
        empty = self.threshold[None, :, None, None].expand(count, -1, places, 1)
        weights = torch.softmax(torch.cat([likeness, empty], dim=3), dim=3)[..., :-1]
        found = given @ weights.transpose(2, 3)
        return found.reshape(count, SPREAD, height, width)


class PaletteVector(nn.Module):
    """The root of an a*b* histogram to a part of the vector that describes the picture."""

    def __init__(self, bins: int, context: int, *, width: int = 128) -> None:
        super().__init__()
        self.hidden = nn.Linear(bins, width, bias=False)
        self.give = nn.Linear(width, context, bias=False)
        nn.init.zeros_(self.give.weight)

    def forward(self, root: Tensor) -> Tensor:
        """(N, bins) to (N, context); nothing to nothing."""
        vector: Tensor = self.give(F.relu(self.hidden(root)))
        return vector
