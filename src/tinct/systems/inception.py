"""Inception-ResNet-v2, the classifier that deep koalarization listens to.

C. Szegedy, S. Ioffe, V. Vanhoucke and A. Alemi, "Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning" (arXiv 1602.07261), in the form whose weights were published in
August 2016. Layers bear the names of the safetensors files in circulation (`conv2d_1a`,
`mixed_5b`, `repeat`, ..., `classif`), so that such a file loads as it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: width of the vector before the last layer
POOLED = 1536
Size = int | tuple[int, int]


class Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: Size,
        *,
        stride: int = 1,
        padding: Size = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels_out, H', W')."""
        return F.relu(self.bn(self.conv(features)))


def same(channels_in: int, channels_out: int, kernel: Size = 1) -> Conv:
    """A `Conv` that keeps H and W."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return Conv(channels_in, channels_out, kernel, padding=(height // 2, width // 2))


def halve(channels_in: int, channels_out: int) -> Conv:
    """A `Conv` to (H-1)/2 x (W-1)/2."""
    return Conv(channels_in, channels_out, 3, stride=2)


class Branches(nn.Module):
    """Several ways through, laid side by side: `branch0`, `branch1`, ..."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for position, branch in enumerate(branches):
            self.add_module(f"branch{position}", branch)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, sum of the branches' channels, H', W')."""
        return torch.cat([branch(features) for branch in self.children()], dim=1)


class Block(nn.Module):
    """Branches whose outcome, made linear by a 1x1 convolution, is added in part."""

    def __init__(
        self, channels: int, *branches: nn.Module, width: int, scale: float, relu: bool = True
    ) -> None:
        super().__init__()
        self.branches = len(branches)
        for position, branch in enumerate(branches):
            self.add_module(f"branch{position}", branch)
        self.conv2d = nn.Conv2d(width, channels, 1)
        self.scale = scale
        self.relu = relu

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels, H, W) to the same."""
        ways = [self.get_submodule(f"branch{position}") for position in range(self.branches)]
        found = self.conv2d(torch.cat([way(features) for way in ways], dim=1))
        result: Tensor = features + self.scale * found
        return F.relu(result) if self.relu else result


def block35() -> Block:
    """On 35 x 35 places."""
    return Block(
        320,
        same(320, 32),
        nn.Sequential(same(320, 32), same(32, 32, 3)),
        nn.Sequential(same(320, 32), same(32, 48, 3), same(48, 64, 3)),
        width=128,
        scale=0.17,
    )


def block17() -> Block:
    """On 17 x 17 places."""
    return Block(
        1088,
        same(1088, 192),
        nn.Sequential(same(1088, 128), same(128, 160, (1, 7)), same(160, 192, (7, 1))),
        width=384,
        scale=0.1,
    )


def block8(*, scale: float = 0.2, relu: bool = True) -> Block:
    """On 8 x 8 places."""
    return Block(
        2080,
        same(2080, 192),
        nn.Sequential(same(2080, 192), same(192, 224, (1, 3)), same(224, 256, (3, 1))),
        width=448,
        scale=scale,
        relu=relu,
    )


class InceptionResNetV2(nn.Module):
    """55,843,464 parameters with 1000 classes (1,537 more with a background class)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv2d_1a = halve(3, 32)
        self.conv2d_2a = Conv(32, 32, 3)
        self.conv2d_2b = same(32, 64, 3)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = same(64, 80)
        self.conv2d_4a = Conv(80, 192, 3)
        self.maxpool_5a = nn.MaxPool2d(3, 2)
        self.mixed_5b = Branches(
            same(192, 96),
            nn.Sequential(same(192, 48), same(48, 64, 5)),
            nn.Sequential(same(192, 64), same(64, 96, 3), same(96, 96, 3)),
            nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), same(192, 64)),
        )
        self.repeat = nn.Sequential(*(block35() for _ in range(10)))
        self.mixed_6a = Branches(
            halve(320, 384),
            nn.Sequential(same(320, 256), same(256, 256, 3), halve(256, 384)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_1 = nn.Sequential(*(block17() for _ in range(20)))
        self.mixed_7a = Branches(
            nn.Sequential(same(1088, 256), halve(256, 384)),
            nn.Sequential(same(1088, 256), halve(256, 288)),
            nn.Sequential(same(1088, 256), same(256, 288, 3), halve(288, 320)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_2 = nn.Sequential(*(block8() for _ in range(9)))
        self.block8 = block8(scale=1.0, relu=False)
        self.conv2d_7b = same(2080, POOLED)
        self.classif = nn.Linear(POOLED, classes)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in -1..1, sides of 75 at least (published: 299), to logits (N, classes)."""
        hidden = picture
        for name, layer in self.named_children():
            if name != "classif":
                hidden = layer(hidden)
        logits: Tensor = self.classif(hidden.mean(dim=(2, 3)))
        return logits
