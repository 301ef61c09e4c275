"""Wallner's third network: an encoder and decoder that are told what the picture shows.

Emil Wallner, "How to colorize black & white photos with just 100 lines of neural network code"
(2017), the full version, after Baldassarre et al., "Deep Koalarization" (arXiv 1712.03400).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinct.systems.blocks import Fusion, crop, decoder, encoder, enlarge, pad

#: a*b* that the network's -1..1 stands for
SCALE = 128.0


class Full(nn.Module):
    """6,541,202 parameters beside the classifier; L* goes in as it is."""

    def __init__(self, *, embedding: int = 1000, faithful: bool = False) -> None:
        """Build the network.

        Args:
            embedding: length of the classifier's vector; published: 1000 class probabilities.
            faithful: enlarge the last map by repeating pixels, as published.
        """
        super().__init__()
        self.encoder = encoder()
        self.fusion = Fusion(embedding)
        self.decoder = decoder()
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
