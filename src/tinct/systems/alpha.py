"""Wallner's first network, which learns one picture by heart and shows what overfitting is.

Emil Wallner, "How to colorize black & white photos with just 100 lines of neural network code"
(2017), the alpha version: nine convolutions, trained for a thousand rounds on one picture.
"""

from __future__ import annotations

from torch import Tensor, nn

from tinct.systems.blocks import conv, crop, double, pad, plain_conv

#: a*b* that the network's -1..1 stands for
SCALE = 128.0


class Alpha(nn.Module):
    """32,202 parameters; eighth of the size at its narrowest; L* goes in as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv(1, 8, stride=2),
            conv(8, 8),
            conv(8, 16),
            conv(16, 16, stride=2),
            conv(16, 32),
            conv(32, 32, stride=2),
            double(),
            conv(32, 32),
            double(),
            conv(32, 16),
            double(),
            plain_conv(16, 2),
            nn.Tanh(),
        )

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, any size, to a*b* (N, 2, H, W) in CIE units."""
        return crop(self.layers(pad(lightness, 8)) * SCALE, lightness)
