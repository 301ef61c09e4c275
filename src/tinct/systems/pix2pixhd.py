"""The larger generator that Wallner's GAN leaves to try: a global network and a local enhancer.

The experimental part of Emil Wallner's Coloring-greyscale-images (2018), after T.-C. Wang et al.,
"High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs" (arXiv
1711.11585). Reflection padding, spectral norm on every convolution and instance norm throughout.
The core colours the picture at half size; the enhancer joins its last features to those of the
full size. Trained with the discriminators of `pix2pix`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinct.systems.blocks import crop, double, pad, spectral

#: a*b* that the networks' -1..1 stands for; L* enters them as 0..1
SCALE = 128.0
#: the style head sees the picture at this fraction of its size, and needs two pixels a side
STYLE = 128


def convolve(channels_in: int, channels_out: int, kernel: int = 3, *, stride: int = 1) -> nn.Module:
    """A convolution over mirrored borders; keeps H and W or halves them."""
    layer = nn.Conv2d(
        channels_in, channels_out, kernel, stride, kernel // 2, padding_mode="reflect"
    )
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return spectral(layer)


def norm(channels: int) -> nn.InstanceNorm2d:
    """Instance norm with learned scale and offset."""
    return nn.InstanceNorm2d(channels, eps=1e-3, affine=True)


def conv(channels_in: int, channels_out: int, kernel: int = 3, *, stride: int = 1) -> nn.Sequential:
    """Convolution, instance norm, ReLU."""
    return nn.Sequential(
        convolve(channels_in, channels_out, kernel, stride=stride), norm(channels_out), nn.ReLU()
    )


class Residual(nn.Module):
    """Two convolutions added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv(channels, channels), convolve(channels, channels), norm(channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return F.relu(features + self.layers(features))


class Core(nn.Module):
    """The global network, at half size: 65,965,634 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.idea = nn.Sequential(
            conv(1, 64, 7),
            conv(64, 128, stride=2),
            conv(128, 256, stride=2),
            conv(256, 512, stride=2),
            conv(512, 512, stride=2),
        )
        self.style = nn.Sequential(conv(1, 128), double(), conv(128, 256), double(), conv(256, 512))
        self.merge = nn.Sequential(conv(1024, 1024), conv(1024, 512))
        self.residual = nn.Sequential(*(Residual(512) for _ in range(9)))
        self.decoder = nn.Sequential(
            double(),
            conv(512, 512),
            double(),
            conv(512, 256),
            double(),
            conv(256, 128),
            double(),
            convolve(128, 64),
        )
        self.picture = nn.Sequential(norm(64), nn.ReLU(), convolve(64, 2, 7), nn.Tanh())

    def forward(self, light: Tensor) -> Tensor:
        """(N, 1, H, W) in 0..1, sides multiples of 128, to features (N, 64, H/2, W/2)."""
        idea = self.idea(F.avg_pool2d(light, 2))
        style = self.style(F.avg_pool2d(light, STYLE))
        features: Tensor = self.decoder(self.residual(self.merge(torch.cat([idea, style], dim=1))))
        return features


class Enhancer(nn.Module):
    """The local network, at full size: 360,002 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = conv(1, 32, 7)
        self.narrow = convolve(32, 64, stride=2)
        self.merge = nn.Sequential(norm(128), nn.ReLU(), conv(128, 64))
        self.residual = nn.Sequential(*(Residual(64) for _ in range(3)))
        self.picture = nn.Sequential(double(), conv(64, 64), convolve(64, 2, 7), nn.Tanh())

    def forward(self, light: Tensor, core: Tensor) -> Tensor:
        """(N, 1, H, W) in 0..1 and the core's (N, 64, H/2, W/2) to (N, 2, H, W) in -1..1."""
        hidden = self.merge(torch.cat([self.narrow(self.enter(light)), core], dim=1))
        result: Tensor = self.picture(self.residual(hidden))
        return result


class Generator(nn.Module):
    """Core and enhancer. Instance norm needs context: small pictures are padded to 256 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.core = Core()
        self.enhancer = Enhancer()

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, any size, to a*b* (N, 2, H, W) in CIE units."""
        light = pad(lightness / 100, STYLE, least=2 * STYLE)
        return crop(self.enhancer(light, self.core(light)) * SCALE, lightness)

    def coarse(self, lightness: Tensor) -> Tensor:
        """What the core alone would give, to train it first.

        Args:
            lightness: (N, 1, H, W) in 0..100, sides multiples of 128 and at least 256.

        Returns:
            a*b* (N, 2, H/2, W/2) in CIE units.
        """
        chroma: Tensor = self.core.picture(self.core(lightness / 100)) * SCALE
        return chroma
