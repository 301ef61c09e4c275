"""What an ImageNet network sees in a picture in colour: its last maps, averaged over the picture.

The vectors that Frechet and kernel distances are made of. The networks are those of
`tinct.systems.classifier`, with the same weights, before their last layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tinct.systems import inception, mobilenet
from tinct.systems.classifier import FrozenClassifier, load_classifier

#: name -> the last layer, which is left out, and how many numbers go into it
LAST = {
    "mobilenet_v2": ("classifier", mobilenet.POOLED),
    "inception_resnet_v2": ("classif", inception.POOLED),
}


class Pooled:
    """A network that describes pictures; safe to share between threads."""

    def __init__(self, network: FrozenClassifier) -> None:
        """Take its last layer away."""
        self.name, self.side = network.name, network.side
        last, self.length = LAST[network.name]
        network.network.add_module(last, torch.nn.Identity())
        self._network = network

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Pictures, uint8 sRGB (H, W, 3) of any sizes, to vectors (N, length).

        They are squashed to the network's square with bilinear antialiasing and scaled to -1..1,
        as it was trained.
        """
        seen = torch.cat([self._seen(picture) for picture in pictures])
        return np.asarray(self._network.logits(seen).numpy())

    def _seen(self, picture: NDArray[np.uint8]) -> Tensor:
        values = torch.tensor(picture).permute(2, 0, 1)[None].to(torch.float32) / 127.5 - 1
        size = (self.side, self.side)
        return F.interpolate(values, size=size, mode="bilinear", antialias=True)


def load_pooled(name: str, *, weights: Path | None = None) -> Pooled:
    """A network with its ImageNet weights.

    Args:
        name: `mobilenet_v2` or `inception_resnet_v2`.
        weights: a safetensors file; by default that of the registry.

    Raises:
        UsageError: no such network.
        ModelError: the weights are not there, or are another network's.
    """
    return Pooled(load_classifier(name, weights=weights))
