"""What several of the published networks share: sizes, layers, the encoder, the fusion.

The published code is Keras, whose stride-2 convolutions pad right and bottom where torch pads all
sides: the same layers see the picture moved by one pixel, which training does not notice. Where a
stride is 1 the padding is Keras' to the pixel, even kernels included.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def pad(plane: Tensor, multiple: int, *, least: int = 0) -> Tensor:
    """Repeat the last row and column until the sides of (N, C, H, W) fit a network.

    Args:
        plane: any size, at least one pixel.
        multiple: both sides become multiples of this,
        least: and no smaller than this, itself a multiple.
    """
    height, width = plane.shape[-2:]
    bottom = -height % multiple
    right = -width % multiple
    if least > multiple:
        bottom += max(0, least - height - bottom)
        right += max(0, least - width - right)
    return F.pad(plane, (0, right, 0, bottom), mode="replicate")


def crop(chroma: Tensor, lightness: Tensor) -> Tensor:
    """The part of `chroma` (N, 2, H', W') that lies over `lightness` (N, 1, H, W): undoes `pad`."""
    return chroma[..., : lightness.shape[-2], : lightness.shape[-1]]


class EvenConv2d(nn.Conv2d):
    """A convolution of an even kernel that keeps H and W: one more pixel right and bottom."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        before, after = (self.kernel_size[0] - 1) // 2, self.kernel_size[0] // 2
        padded = F.pad(features, (before, after, before, after))
        return F.conv2d(padded, self.weight, self.bias)


def plain_conv(
    channels_in: int, channels_out: int, kernel: int = 3, *, stride: int = 1
) -> nn.Conv2d:
    """A convolution that keeps H and W (or halves them), initialised as Keras does (Glorot)."""
    if stride == 1 and kernel % 2 == 0:
        layer: nn.Conv2d = EvenConv2d(channels_in, channels_out, kernel)
    else:
        layer = nn.Conv2d(channels_in, channels_out, kernel, stride, (kernel - 1) // 2)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def conv(channels_in: int, channels_out: int, kernel: int = 3, *, stride: int = 1) -> nn.Sequential:
    """`plain_conv` and ReLU: one row of the published tables."""
    return nn.Sequential(plain_conv(channels_in, channels_out, kernel, stride=stride), nn.ReLU())


def spectral(layer: nn.Conv2d) -> nn.Module:
    """The layer with its weight divided by its largest singular value (arXiv 1802.05957)."""
    return nn.utils.parametrizations.spectral_norm(layer)


def double() -> nn.Upsample:
    """Every pixel becomes four."""
    return nn.Upsample(scale_factor=2.0, mode="nearest")


def enlarge(*, faithful: bool) -> nn.Upsample:
    """Twice the size for the a*b* that a network predicts at half size.

    The originals repeat each pixel (`faithful`), which leaves blocks along every edge; here the
    enlargement is bilinear.
    """
    return double() if faithful else nn.Upsample(scale_factor=2.0, mode="bilinear")


def encoder() -> nn.Sequential:
    """Deep koalarization's encoder: (N, 1, H, W) to (N, 256, H/8, W/8); 5,827,200 parameters.

    `koalarization`, `full` and `colorit` have it layer for layer.
    """
    return nn.Sequential(
        conv(1, 64, stride=2),
        conv(64, 128),
        conv(128, 128, stride=2),
        conv(128, 256),
        conv(256, 256, stride=2),
        conv(256, 512),
        conv(512, 512),
        conv(512, 256),
    )


def decoder() -> nn.Sequential:
    """The decoder of `full` and `colorit`: (N, 256, H, W) to (N, 2, 4H, 4W); 392,210 parameters.

    What follows its last layer (tanh or leaky ReLU, enlargement) is each network's own.
    """
    return nn.Sequential(
        conv(256, 128),
        double(),
        conv(128, 64),
        double(),
        conv(64, 32),
        conv(32, 16),
        plain_conv(16, 2),
    )


class Fusion(nn.Module):
    """Join a vector that describes the whole picture to every place of a map of its features."""

    def __init__(self, embedding: int, *, width: int = 256) -> None:
        super().__init__()
        self.width = width
        self.join = plain_conv(width + embedding, width, 1)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """(N, width, H, W) and (N, embedding) to (N, width, H, W).

        The originals repeat the vector over H x W, concatenate and convolve 1x1. That is the sum
        of a convolution of the features and one product with the vector, several times cheaper.
        """
        weight = self.join.weight
        local = F.conv2d(features, weight[:, : self.width], self.join.bias)
        everywhere = F.linear(embedding, weight[:, self.width :, 0, 0])
        return F.relu(local + everywhere[:, :, None, None])
