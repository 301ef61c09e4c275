"""The network that ships with Tinct: grey picture in, a distribution over a*b* colours out.

MobileNetV2 features, a pooled description of the whole picture fused where the map is coarsest
and as FiLM (Perez et al., arXiv 1709.07871) in every later stage, a light decoder up to a quarter
of the resolution, and a distribution over a*b* bins decoded by the annealed mean of Zhang et al.,
"Colorful Image Colorization" (arXiv 1603.08511).

Whoever knows better steers it: points of known colour (Zhang et al., "Real-Time User-Guided Image
Colorization", arXiv 1705.02999), spread to alike places by attention, and a palette, the histogram
of a*b* that the whole picture should have. Both enter the decoder only, so that the encoder runs
once for a picture however often it is steered; without them nothing is added anywhere.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinct.color import grid_bins
from tinct.systems.mobilenet import POOLED, SCALES, MobileNetV2
from tinct.systems.steering import SPREAD, PaletteVector, Spread, reduced


class Stage(nn.Module):
    """Double the map's size, join the encoder's map of that size, tint by the global vector."""

    def __init__(self, coarse: int, skip: int, width: int, *, context: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(coarse + skip, width, 3, padding=1)
        self.hinted = nn.Conv2d(3 + SPREAD, width, 3, padding=1, bias=False)
        self.film = nn.Linear(context, 2 * width)
        self.refine = nn.Conv2d(width, width, 3, padding=1)
        for fresh in (self.hinted.weight, self.film.weight, self.film.bias):
            nn.init.zeros_(fresh)

    def forward(
        self, coarse: Tensor, skip: Tensor, context: Tensor, hints: Tensor | None = None
    ) -> Tensor:
        """(N, coarse, H, W), (N, skip, 2H, 2W), (N, context) to (N, width, 2H, 2W).

        `hints` are (N, 3 + SPREAD, 2H, 2W): the points at this scale, and what spread from them.
        """
        enlarged = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        joined = self.join(torch.cat([enlarged, skip], dim=1))
        hidden = F.relu(joined if hints is None else joined + self.hinted(hints))
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
        self.spread = Spread(SCALES[2])
        self.palette = PaletteVector(len(bins), context)
        self.prior = nn.Linear(len(bins), len(bins), bias=False)
        nn.init.zeros_(self.prior.weight)

    def encode(self, lightness: Tensor) -> tuple[list[Tensor], Tensor]:
        """Lightness (N, 1, H, W) in 0..100, sides multiples of 32, to what `decode` takes.

        Returns:
            The encoder's maps at 1/4, 1/8, 1/16 and 1/32, and the pooled (N, 1280).
        """
        maps, pooled = self.encoder(lightness / 50 - 1)
        return maps, pooled

    def decode(
        self,
        maps: list[Tensor],
        pooled: Tensor,
        hints: Tensor | None = None,
        palette: Tensor | None = None,
    ) -> Tensor:
        """Features of a picture, and what is known of its colours, to logits (N, K, H/4, W/4).

        Args:
            maps: of `encode`.
            pooled: of `encode`.
            hints: (N, 3, H/4, W/4): a*, b* in CIE units and 1 where they are known, 0 elsewhere.
            palette: (N, K) share of the picture in each bin; all 0 where it is not known.
        """
        described = self.context(pooled)
        root = None if palette is None else palette.clamp(min=0).sqrt()
        if root is not None:
            described = described + self.palette(root)
        context = F.relu(described)
        hidden = F.relu(self.bottleneck(maps[3]) + context[:, :, None, None])
        spread = None if hints is None else self.spread(maps[2], hints)
        for number, (stage, skip) in enumerate(zip(self.stages, maps[2::-1], strict=True)):
            given = None
            if hints is not None and spread is not None:
                own = reduced(hints, 4 // 2**number)
                wide = F.interpolate(spread, scale_factor=2.0**number, mode="bilinear")
                given = torch.cat([own, wide], dim=1)
            hidden = stage(hidden, skip, context, given)
        logits: Tensor = self.classify(hidden)
        if root is not None:
            logits = logits + self.prior(root)[:, :, None, None]
        return logits

    def logits(
        self, lightness: Tensor, hints: Tensor | None = None, palette: Tensor | None = None
    ) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, sides multiples of 32, to (N, K, H/4, W/4).

        `hints` and `palette` as `decode` takes them.
        """
        return self.decode(*self.encode(lightness), hints, palette)

    def expectation(self, probabilities: Tensor) -> Tensor:
        """Mean a*b* (N, 2, h, w) of a distribution (N, K, h, w)."""
        return torch.einsum("nkhw,kc->nchw", probabilities, self.bins)

    def forward(
        self,
        lightness: Tensor,
        temperature: Tensor,
        hints: Tensor | None = None,
        palette: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Lightness (N, 1, H, W) in 0..100 to chroma and distribution.

        Args:
            lightness: L* of the picture, sides multiples of 32.
            temperature: scalar; 1 gives the mean of the distribution, towards 0 its mode.
            hints: known colours as `decode` takes them.
            palette: known palette as `decode` takes it.

        Returns:
            a*b* (N, 2, H/4, W/4) in CIE units, and probabilities (N, K, H/4, W/4) at
            temperature 1.
        """
        return self.answer(self.logits(lightness, hints, palette), temperature)

    def answer(self, logits: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, of logits (N, K, h, w)."""
        chroma = self.expectation(torch.softmax(logits / temperature, dim=1))
        return chroma, torch.softmax(logits, dim=1)


def from_grid(*, grid: int = 14) -> Tinct:
    """The network for the bins of a regular a*b* grid of that step in CIE units."""
    return Tinct(torch.from_numpy(grid_bins(grid)))
