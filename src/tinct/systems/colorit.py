"""ColorIt's plain autoencoder: eight convolutions down, five up, nothing else.

The network behind a small web application (2021); no paper.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from tinct.systems.blocks import crop, decoder, encoder, enlarge, pad

#: a*b* that the network's 1 stands for
SCALE = 128.0


class ColorIt(nn.Module):
    """6,219,410 parameters; L* goes in as it is; its output has no bound (leaky ReLU, 0.01)."""

    def __init__(self, *, faithful: bool = False) -> None:
        """Build the network.

        Args:
            faithful: enlarge the last map by repeating pixels, as published.
        """
        super().__init__()
        self.encoder = encoder()
        self.decoder = decoder()
        self.enlarge = enlarge(faithful=faithful)

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, any size, to a*b* (N, 2, H, W) in CIE units."""
        chroma = F.leaky_relu(self.decoder(self.encoder(pad(lightness, 8))), 0.01)
        return crop(self.enlarge(chroma) * SCALE, lightness)
