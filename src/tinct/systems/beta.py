"""Wallner's second network: the same idea, twelve convolutions, trained on a folder.

Emil Wallner, "How to colorize black & white photos with just 100 lines of neural network code"
(2017), the beta version.
"""

from __future__ import annotations

from torch import Tensor, nn

from tinct.systems.blocks import conv, crop, double, enlarge, pad, plain_conv

#: a*b* that the network's -1..1 stands for
SCALE = 128.0


class Beta(nn.Module):
    """3,892,194 parameters; a*b* predicted at half size; L* goes in as it is."""

    def __init__(self, *, faithful: bool = False) -> None:
        """Build the network.

        Args:
            faithful: enlarge the last map by repeating pixels, as published.
        """
        super().__init__()
        self.layers = nn.Sequential(
            conv(1, 64),
            conv(64, 64, stride=2),
            conv(64, 128),
            conv(128, 128, stride=2),
            conv(128, 256),
            conv(256, 256, stride=2),
            conv(256, 512),
            conv(512, 256),
            conv(256, 128),
            double(),
            conv(128, 64),
            double(),
            conv(64, 32),
            plain_conv(32, 2),
            nn.Tanh(),
            enlarge(faithful=faithful),
        )

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, any size, to a*b* (N, 2, H, W) in CIE units."""
        return crop(self.layers(pad(lightness, 8)) * SCALE, lightness)
