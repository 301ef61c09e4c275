"""The 32-pixel GAN: a small U-Net, and a discriminator with batch or spectral norm.

Karoly Harsanyi's GAN_image_colorizing and the term project "Colorization of Paintings" (2020),
after K. Nazeri, E. Ng and M. Ebrahimi, "Image Colorization using Generative Adversarial Networks"
(arXiv 1803.05400).

The originals know pictures of 32 x 32 only: they resize each to 35 x 35, so that a 4 x 4
convolution without padding gives 32 x 32 again. Here a picture H x W is resized to (H+3) x (W+3)
in the same way (bilinear, corners aligned), which at 32 is the published network to the bit, and
otherwise lets it run over a picture of any size. It sees whole paintings at 32 pixels in training,
so that is the size at which its colours mean something: as with every system, a picture is shrunk
until its shorter side is the system's `size` (32), coloured, and the a*b* enlarged over the full
lightness. Larger inputs work, but each part is then coloured as if it were a picture.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinct.systems.blocks import crop, pad, spectral

#: a*b* that the networks' -1..1 stands for
SCALE = 127.0
SLOPE = 0.2
Norm = Literal["batch", "spectral"]


def widen(plane: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, H+3, W+3), corners kept."""
    height, width = plane.shape[-2:]
    size = (height + 3, width + 3)
    return F.interpolate(plane, size=size, mode="bilinear", align_corners=True)


def initialise(network: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0, as the batch norm recipe has it; norms are left alone."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def down(channels_in: int, channels_out: int) -> nn.Sequential:
    """Half the size."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 4, 2, 1),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(SLOPE),
    )


def up(channels_in: int, channels_out: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Twice the size."""
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, nn.Dropout(dropout)) if dropout else nn.Sequential(*layers)


class Generator(nn.Module):
    """16,654,722 parameters; L* enters as -1..1."""

    def __init__(self, *, normal: bool = True) -> None:
        """Build the network.

        Args:
            normal: start from N(0, 0.02) as the batch norm recipe does, not from torch's own.
        """
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, 64, 4), nn.BatchNorm2d(64), nn.LeakyReLU(SLOPE))
        self.down2 = down(64, 128)
        self.down3 = down(128, 256)
        self.down4 = down(256, 512)
        self.down5 = down(512, 512)
        self.up1 = up(512, 512, dropout=0.5)
        self.up2 = up(1024, 256, dropout=0.5)
        self.up3 = up(512, 128)
        self.up4 = up(256, 64)
        self.final = nn.Conv2d(128, 2, 1)
        if normal:
            initialise(self)

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100, any size, to a*b* (N, 2, H, W) in CIE units."""
        full = self.down1(widen(pad(lightness / 50 - 1, 16)))
        half = self.down2(full)
        quarter = self.down3(half)
        eighth = self.down4(quarter)
        hidden = torch.cat([self.up1(self.down5(eighth)), eighth], dim=1)
        hidden = torch.cat([self.up2(hidden), quarter], dim=1)
        hidden = torch.cat([self.up3(hidden), half], dim=1)
        hidden = torch.cat([self.up4(hidden), full], dim=1)
        return crop(torch.tanh(self.final(hidden)) * SCALE, lightness)


class Discriminator(nn.Module):
    """2,766,529 parameters with batch norm, 2,764,737 with spectral norm."""

    def __init__(self, *, norm: Norm = "batch", normal: bool = True) -> None:
        """Build the network.

        Args:
            norm: of the second to fourth layers; the first and the last have none.
            normal: start from N(0, 0.02) as the batch norm recipe does, not from torch's own.
        """
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 4), nn.LeakyReLU(SLOPE)]
        for channels in (64, 128, 256):
            layers.append(nn.Conv2d(channels, 2 * channels, 4, 2, 1))
            if norm == "batch":
                layers.append(nn.BatchNorm2d(2 * channels))
            layers.append(nn.LeakyReLU(SLOPE))
        layers.append(nn.Conv2d(512, 1, 4))
        self.layers = nn.Sequential(*layers)
        if normal:
            initialise(self)
        if norm == "spectral":
            for layer in layers[1:-1]:
                if isinstance(layer, nn.Conv2d):
                    spectral(layer)

    def forward(self, lightness: Tensor, chroma: Tensor) -> Tensor:
        """How real a coloured picture looks.

        Args:
            lightness: (N, 1, H, W) in 0..100, sides multiples of 8 and at least 32.
            chroma: a*b* (N, 2, H, W) in CIE units.

        Returns:
            (N, 1, H/8-3, W/8-3), one number for 32 x 32: the logit. The published sigmoid belongs
            to the loss, where the two together are stable.
        """
        picture = torch.cat([lightness / 50 - 1, chroma / SCALE], dim=1)
        result: Tensor = self.layers(widen(picture))
        return result
