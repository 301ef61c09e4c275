"""Deep koalarization: local features joined with a classifier's view of the whole picture.

F. Baldassarre, D. González Morín and L. Rodés-Guirao, "Deep Koalarization: Image Colorization
using CNNs and Inception-ResNet-v2" (arXiv 1712.03400, 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinct.systems.blocks import Fusion, conv, crop, double, encoder, enlarge, pad, plain_conv

#: a*b* that the network's -1..1 stands for
SCALE = 127.0


class Koalarization(nn.Module):
    """6,574,050 parameters beside the classifier; L* enters as -1..1."""

    def __init__(self, *, embedding: int = 1001, faithful: bool = False) -> None:
        """Build the network.

        Args:
            embedding: length of the classifier's vector; published: 1001 logits before softmax.
            faithful: enlarge the last map by repeating pixels, as published.
        """
        super().__init__()
        self.encoder = encoder()
        self.fusion = Fusion(embedding)
        self.decoder = nn.Sequential(
            conv(256, 128),
            double(),
            conv(128, 64),
            conv(64, 64),
            double(),
            conv(64, 32),
            plain_conv(32, 2),
        )
        self.enlarge = enlarge(faithful=faithful)

    def forward(self, lightness: Tensor, embedding: Tensor) -> Tensor:
        """Lightness and a description of the picture to its colours.

        Args:
            lightness: (N, 1, H, W) in 0..100, any size.
            embedding: (N, K) logits of the classifier.

        Returns:
            a*b* (N, 2, H, W) in CIE units.
        """
        features = self.encoder(pad(lightness / 50 - 1, 8))
        features = self.fusion(features, embedding)
        return crop(self.enlarge(torch.tanh(self.decoder(features))) * SCALE, lightness)
