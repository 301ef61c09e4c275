"""The network that ships with Tinct: grey picture in, a distribution over a*b* colours out.

MobileNetV2 features, a pooled description of the whole picture fused where the map is coarsest
and as FiLM (Perez et al., arXiv 1709.07871) in every later stage, a light decoder up to a quarter
of the resolution, and a distribution over a*b* bins decoded by the annealed mean of Zhang et al.,
"Colorful Image Colorization" (arXiv 1603.08511).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinct.color import grid_bins
from tinct.systems.mobilenet import POOLED, SCALES, MobileNetV2


class Stage(nn.Module):
    """Double the map's size, join the encoder's map of that size, tint by the global vector."""

    def __init__(self, coarse: int, skip: int, width: int, *, context: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(coarse + skip, width, 3, padding=1)
        self.film = nn.Linear(context, 2 * width)
        self.refine = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, coarse: Tensor, skip: Tensor, context: Tensor) -> Tensor:
        """(N, coarse, H, W), (N, skip, 2H, 2W), (N, context) to (N, width, 2H, 2W)."""
        enlarged = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        hidden = F.relu(self.join(torch.cat([enlarged, skip], dim=1)))
        scale, shift = self.film(context)[:, :, None, None].chunk(2, dim=1)
        hidden = hidden * (1 + scale) + shift
        result: Tensor = hidden + F.relu(self.refine(hidden))
        return result


class Tinct(nn.Module):
    """Lightness to a distribution over `bins` of a*b*."""

    bins: Tensor

    def __init__(
        self, bins: Tensor, *, widths: tuple[int, int, int] = (160, 128, 96), context: int = 256
    ) -> None:
        """Build the network.

        Args:
            bins: (K, 2) centres of the a*b* bins in CIE units.
            widths: channels of the decoder at 1/16, 1/8 and 1/4.
            context: length of the vector that describes the whole picture.
        """
        super().__init__()
        self.register_buffer("bins", bins)
        self.encoder = MobileNetV2()
        self.context = nn.Linear(POOLED, context)
        self.bottleneck = nn.Conv2d(SCALES[3], context, 1)
        self.stages = nn.ModuleList(
            Stage(coarse, skip, width, context=context)
            for coarse, skip, width in zip(
                (context, *widths[:2]), (SCALES[2], SCALES[1], SCALES[0]), widths, strict=True
            )
        )
        self.classify = nn.Conv2d(widths[2], len(bins), 1)

    def logits(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, sides multiples of 32, to (N, K, H/4, W/4)."""
        maps, pooled = self.encoder(lightness / 50 - 1)
        context = F.relu(self.context(pooled))
        hidden = F.relu(self.bottleneck(maps[3]) + context[:, :, None, None])
        for stage, skip in zip(self.stages, maps[2::-1], strict=True):
            hidden = stage(hidden, skip, context)
        logits: Tensor = self.classify(hidden)
        return logits

    def expectation(self, probabilities: Tensor) -> Tensor:
        """Mean a*b* (N, 2, h, w) of a distribution (N, K, h, w)."""
        return torch.einsum("nkhw,kc->nchw", probabilities, self.bins)

    def forward(self, lightness: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Lightness (N, 1, H, W) in 0..100 to chroma and distribution.

        Args:
            lightness: L* of the picture, sides multiples of 32.
            temperature: scalar; 1 gives the mean of the distribution, towards 0 its mode.

        Returns:
            a*b* (N, 2, H/4, W/4) in CIE units, and probabilities (N, K, H/4, W/4) at
            temperature 1.
        """
        logits = self.logits(lightness)
        chroma = self.expectation(torch.softmax(logits / temperature, dim=1))
        return chroma, torch.softmax(logits, dim=1)


def from_grid(*, grid: int = 14) -> Tinct:
    """The network for the bins of a regular a*b* grid of that step in CIE units."""
    return Tinct(torch.from_numpy(grid_bins(grid)))
