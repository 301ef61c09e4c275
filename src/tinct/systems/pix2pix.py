"""Wallner's GAN: a U-Net with spectral norm and self-attention, judged at three scales.

The GAN version of Emil Wallner's Coloring-greyscale-images (2018), after P. Isola et al.,
"Image-to-Image Translation with Conditional Adversarial Networks" (arXiv 1611.07004), T. Miyato et
al., "Spectral Normalization for GANs" (arXiv 1802.05957), and H. Zhang et al., "Self-Attention
Generative Adversarial Networks" (arXiv 1805.08318).
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinct.systems.blocks import crop, double, pad, plain_conv, spectral

#: a*b* that the networks' -1..1 stands for; L* enters them as 0..1
SCALE = 128.0
SLOPE = 0.2
#: what each discriminator is called, and how many times it halves the picture first
SCALES = {"full": 0, "medium": 1, "low": 2}


class Attention(nn.Module):
    """Every place of a map looks at every other: softmax(g f^T) h, added at a learned strength.

    Memory grows with the square of H x W: the generator needs (H W / 16)^2 numbers a picture.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = plain_conv(channels, channels // 8, 1)
        self.key = plain_conv(channels, channels // 8, 1)
        self.value = plain_conv(channels, channels, 1)
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        query = self.query(features).flatten(2).transpose(1, 2)
        weights = torch.softmax(query @ self.key(features).flatten(2), dim=-1)
        seen = self.value(features).flatten(2) @ weights.transpose(1, 2)
        result: Tensor = features + self.strength * seen.view_as(features)
        return result


def down(channels_in: int, channels_out: int) -> nn.Sequential:
    """Half the size."""
    return nn.Sequential(
        spectral(plain_conv(channels_in, channels_out, 4, stride=2)), nn.LeakyReLU(SLOPE)
    )


def up(channels_in: int, channels_out: int) -> nn.Sequential:
    """Twice the size."""
    return nn.Sequential(double(), spectral(plain_conv(channels_in, channels_out, 4)), nn.ReLU())


class Generator(nn.Module):
    """41,778,563 parameters; a 64th of the size at its narrowest."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 128, 256, 512, 512, 512, 512)
        self.down = nn.ModuleList(down(before, after) for before, after in pairwise(widths))
        self.up = nn.ModuleList(
            [up(512, 512), up(1024, 512), up(1024, 512), up(1024, 256), up(512, 128)]
        )
        self.attention = Attention(512)
        self.final = nn.Sequential(double(), spectral(plain_conv(256, 2, 7)), nn.Tanh())

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, any size, to a*b* (N, 2, H, W) in CIE units."""
        hidden = pad(lightness / 100, 64)
        maps = []
        for layer in self.down:
            hidden = layer(hidden)
            maps.append(hidden)
        for position, layer in enumerate(self.up):
            if position == 4:  # a quarter of the size
                hidden = self.attention(hidden)
            hidden = torch.cat([layer(hidden), maps[4 - position]], dim=1)
        return crop(self.final(hidden) * SCALE, lightness)


class Discriminator(nn.Module):
    """Judges patches of a picture; 2,785,378 (full), 2,769,938 (medium, low) parameters."""

    def __init__(self, scale: str = "full") -> None:
        """Build the network.

        Args:
            scale: `full`, `medium` (half the size) or `low` (a quarter).
        """
        super().__init__()
        self.halvings = SCALES[scale]
        self.convs = nn.ModuleList(
            [
                spectral(plain_conv(3, 64, 4, stride=2)),
                spectral(plain_conv(64, 128, 4, stride=2)),
                spectral(plain_conv(128, 256, 4, stride=2)),
                spectral(plain_conv(256, 512, 4)),
            ]
        )
        self.attend_after = 0 if self.halvings else 1
        self.attention = Attention(64 << self.attend_after)
        self.final = spectral(plain_conv(512, 1, 4))

    def forward(self, lightness: Tensor, chroma: Tensor) -> tuple[Tensor, Tensor]:
        """How real each patch of a coloured picture looks.

        Args:
            lightness: (N, 1, H, W) in 0..100, sides multiples of 8, 16 or 32 by the scale.
            chroma: a*b* (N, 2, H, W) in CIE units.

        Returns:
            The patches (N, 1, h, w), towards 1 for real ones, where h = H / 8 at full scale; and
            for feature matching what the first four layers gave before activation, as (N, F).
        """
        hidden = torch.cat([lightness / 100, chroma / SCALE], dim=1)
        for _ in range(self.halvings):
            hidden = F.avg_pool2d(hidden, 2)
        features = []
        for position, layer in enumerate(self.convs):
            hidden = layer(hidden)
            features.append(hidden.flatten(1))
            hidden = F.leaky_relu(hidden, SLOPE)
            if position == self.attend_after:
                hidden = self.attention(hidden)
        return self.final(hidden), torch.cat(features, dim=1)
