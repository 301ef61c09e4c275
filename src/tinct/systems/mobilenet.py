"""MobileNetV2 as an encoder: ImageNet features of a grey picture at five scales.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (arXiv 1801.04381), width
1.0, with batch norm already folded into the convolutions, so there is nothing to freeze and the
exported graph holds convolutions only.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

# expansion, channels, repeats, stride (table 2 of the paper)
BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
#: channels of the maps that `MobileNetV2.forward` returns, at 1/4, 1/8, 1/16 and 1/32
SCALES = (24, 32, 96, 320)
#: channels of the pooled description of the whole picture
POOLED = 1280
_TAPS = (2, 5, 12, 16)  # last block at each of those scales


class InvertedResidual(nn.Module):
    """Expand (1x1), filter (depthwise 3x3), project (1x1); identity where shapes allow."""

    def __init__(self, channels_in: int, channels_out: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        width = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, width, 1) if expansion > 1 else None
        # Stride-2 convolutions of the published weights pad right and bottom only. Padding both
        # sides shows the network the same picture moved by one pixel, and keeps the padding
        # inside the convolution, which is twice as fast on channels-last tensors.
        self.depthwise = nn.Conv2d(width, width, 3, stride, 1, groups=width)
        self.project = nn.Conv2d(width, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out
        self.activation = nn.ReLU6(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels_out, H/stride, W/stride)."""
        hidden = features if self.expand is None else self.activation(self.expand(features))
        hidden = self.project(self.activation(self.depthwise(hidden)))
        result: Tensor = features + hidden if self.residual else hidden
        return result


class MobileNetV2(nn.Module):
    """The published network without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        blocks: list[nn.Module] = []
        channels = 32
        for expansion, width, repeats, stride in BLOCKS:
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(
                        channels, width, expansion=expansion, stride=stride if repeat == 0 else 1
                    )
                )
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(channels, POOLED, 1)
        self.activation = nn.ReLU6(inplace=True)

    def forward(self, grey: Tensor) -> tuple[list[Tensor], Tensor]:
        """Features of a grey picture.

        Args:
            grey: (N, 1, H, W) in -1..1, sides multiples of 32.

        Returns:
            The maps at 1/4, 1/8, 1/16 and 1/32 (`SCALES` channels), and the pooled (N, 1280).
        """
        features = self.activation(self.stem(grey.expand(-1, 3, -1, -1)))
        maps = []
        for position, block in enumerate(self.blocks):
            features = block(features)
            if position in _TAPS:
                maps.append(features)
        pooled = self.activation(self.head(features)).mean(dim=(2, 3))
        return maps, pooled


def load_imagenet(encoder: MobileNetV2, weights: Path) -> None:
    """Fill `encoder` with the ImageNet weights of a safetensors file (classifier left out)."""
    state = load_file(weights)
    encoder.load_state_dict(
        {
            name: value.to(torch.float32)
            for name, value in state.items()
            if not name.startswith("classifier")
        }
    )
