"""The network of "Image Colorization of Historical Paintings": pooling, and kernels of three sizes.

K. Georgiev's course project (2019), after Wallner's full version and Baldassarre et al., "Deep
Koalarization" (arXiv 1712.03400).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinct.systems.blocks import Fusion, conv, crop, double, enlarge, pad, plain_conv

#: a*b* that the network's -1..1 stands for
SCALE = 128.0


class Paintings(nn.Module):
    """4,696,098 parameters beside the classifier; L* goes in as it is."""

    def __init__(self, *, embedding: int = 1000, faithful: bool = False) -> None:
        """Build the network.

        Args:
            embedding: length of the classifier's vector; published: 1000 class probabilities.
            faithful: enlarge the last map by repeating pixels, as published.
        """
        super().__init__()
        self.encoder = nn.Sequential(
            conv(1, 128),
            nn.MaxPool2d(2),
            conv(128, 128, 4),
            conv(128, 128),
            nn.MaxPool2d(2),
            conv(128, 256, 4),
            conv(256, 256),
            nn.MaxPool2d(2),
            conv(256, 256, 4),
            conv(256, 256),
            conv(256, 256),
        )
        self.fusion = Fusion(embedding)
        self.decoder = nn.Sequential(
            conv(256, 128),
            conv(128, 64),
            double(),
            conv(64, 128),
            double(),
            conv(128, 64, 4),
            conv(64, 64),
            conv(64, 32, 2),
            plain_conv(32, 2),
        )
        self.enlarge = enlarge(faithful=faithful)

    def forward(self, lightness: Tensor, embedding: Tensor) -> Tensor:
        """Lightness and a description of the picture to its colours.

        Args:
            lightness: (N, 1, H, W) in 0..100, any size.
            embedding: (N, K) probabilities of the classifier's classes.

        Returns:
            a*b* (N, 2, H, W) in CIE units.
        """
        features = self.fusion(self.encoder(pad(lightness, 8)), embedding)
        return crop(self.enlarge(torch.tanh(self.decoder(features))) * SCALE, lightness)
