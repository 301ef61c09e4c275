"""What a picture shows, as a vector: ImageNet classifiers behind one small interface.

Networks that fuse (`full`, `koalarization`, `paintings`) take such a vector beside the lightness.
A classifier owns its input: it turns L* into the sRGB grey a scan would hold, resizes the whole
picture to its own square, and scales to the -1..1 it was trained on. The published notebooks
handed 0..1 to preprocessing made for 0..255, so their classifier saw nearly black whatever the
picture; deep koalarization alone did it right.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Protocol, Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from tinct.download import cache_folder
from tinct.errors import ModelError, UsageError
from tinct.systems.inception import InceptionResNetV2
from tinct.systems.mobilenet import POOLED, MobileNetV2

#: logits before softmax, or probabilities after it
Kind = Literal["logits", "probabilities"]
#: name -> file in the weights folder
FILES = {
    "mobilenet_v2": "mobilenet_v2_imagenet.fp16.safetensors",
    "inception_resnet_v2": "inception_resnet_v2_imagenet.safetensors",
}


class Classifier(Protocol):
    """Something that describes a picture by its lightness."""

    @property
    def name(self) -> str:
        """What recipes call it."""

    @property
    def length(self) -> int:
        """Numbers in its vector."""

    @property
    def kind(self) -> Kind:
        """Whether the vector holds logits or probabilities."""

    def __call__(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100 to the vector (N, length)."""


def grey_value(lightness: Tensor) -> Tensor:
    """L* in 0..100 to the sRGB value in 0..1 that a grey pixel of that lightness has."""
    cubic = ((lightness + 16) / 116) ** 3
    luminance = torch.where(lightness > 8, cubic, lightness / 903.2963)
    curved = 1.055 * luminance.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(luminance > 0.0031308, curved, 12.92 * luminance)


class FrozenClassifier(nn.Module):
    """A classifier that never trains: no gradients, always in eval mode."""

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        side: int,
        classes: int,
        kind: Kind,
        background: bool,
    ) -> None:
        super().__init__()
        self.name = name
        self.side = side
        self.kind: Kind = kind
        self.first = 1 if classes == 1001 and not background else 0
        self.classes, self.length = classes, classes - self.first
        self.network = network
        self.requires_grad_(requires_grad=False)
        # twice as quick on CPUs whose libraries have no other depthwise convolution
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stay in eval mode whatever is asked: statistics of batches would change the vector."""
        return super().train(mode=False)

    def picture(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) in 0..100, any size, to what the network was trained on, (N, 3, s, s)."""
        grey = grey_value(lightness) * 2 - 1
        size = (self.side, self.side)
        grey = F.interpolate(grey, size=size, mode="bilinear", antialias=True)
        return grey.expand(-1, 3, -1, -1)

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100 to the vector (N, length)."""
        return self.describe(self.picture(lightness))

    def describe(self, picture: Tensor) -> Tensor:
        """What `picture` gave for pictures of whatever sizes, (N, 3, s, s), to (N, length)."""
        return self.vector(self.logits(picture))

    def logits(self, picture: Tensor) -> Tensor:
        """What `picture` gave, (N, 3, s, s), to the network's own logits (N, classes)."""
        result: Tensor = self.network(picture.contiguous(memory_format=torch.channels_last))
        return result

    def vector(self, logits: Tensor) -> Tensor:
        """The network's logits (N, classes) to the vector (N, length) that is asked for."""
        kept = logits[:, self.first :]
        return torch.softmax(kept, dim=1) if self.kind == "probabilities" else kept


class _RightPadded(nn.Conv2d):
    """A 3x3 convolution of stride 2 that pads right and bottom, as the published weights expect."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/2, W/2)."""
        padded = F.pad(features, (0, 1, 0, 1))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


def _right_padded(layer: nn.Conv2d) -> nn.Conv2d:
    return _RightPadded(layer.in_channels, layer.out_channels, 3, 2, groups=layer.groups)


class MobileNetV2WithClasses(MobileNetV2):
    """The published network whole: with its classifier, and padded as its weights were trained."""

    def __init__(self, classes: int = 1001) -> None:
        super().__init__()
        self.stem = _right_padded(self.stem)
        for block in self.blocks:
            depthwise = block.get_submodule("depthwise")
            if isinstance(depthwise, nn.Conv2d) and depthwise.stride == (2, 2):
                block.add_module("depthwise", _right_padded(depthwise))
        self.classifier = nn.Linear(POOLED, classes)

    def forward(self, picture: Tensor) -> Tensor:  # type: ignore[override]
        """(N, 3, H, W) in -1..1, sides multiples of 32, to logits (N, classes)."""
        _, pooled = super().forward(picture)
        logits: Tensor = self.classifier(pooled)
        return logits


def build_classifier(
    name: str, *, classes: int | None = None, kind: Kind = "logits", background: bool = True
) -> FrozenClassifier:
    """A classifier with random weights.

    Args:
        name: `mobilenet_v2` or `inception_resnet_v2`.
        classes: of the network; 1001 (with a background class, the default of the first) or 1000.
        kind: logits or probabilities.
        background: keep the background class in the vector where the network has one.
    """
    if name == "mobilenet_v2":
        classes = classes or 1001
        network: nn.Module = MobileNetV2WithClasses(classes)
        side = 224
    elif name == "inception_resnet_v2":
        classes = classes or 1000
        network = InceptionResNetV2(classes)
        side = 299
    else:
        raise UsageError("no such classifier", where=name, remedy=f"one of {', '.join(FILES)}")
    return FrozenClassifier(
        network, name=name, side=side, classes=classes, kind=kind, background=background
    )


def weights_file(name: str) -> Path:
    """Where a classifier's weights lie: `weights_place` of its file."""
    return weights_place(FILES[name])


def weights_place(file: str) -> Path:
    """Where a file of weights lies.

    They are in the folder `weights` beside the data folder TINCT_DATA, or else in that of the
    user's cache, where `tinct.systems.weights` puts them.
    """
    beside = Path(os.environ.get("TINCT_DATA", "../shared/data")).parent / "weights" / file
    return beside if beside.is_file() else cache_folder() / "weights" / file


def load_classifier(
    name: str, *, kind: Kind = "logits", background: bool = True, weights: Path | None = None
) -> FrozenClassifier:
    """A classifier with its published ImageNet weights.

    Args:
        name: `mobilenet_v2` or `inception_resnet_v2`.
        kind: logits or probabilities.
        background: keep the background class in the vector where the weights have one. Without
            it, probabilities are those of the thousand classes among themselves.
        weights: a safetensors file; by default `weights_file(name)`.
    """
    if name not in FILES:
        raise UsageError("no such classifier", where=name, remedy=f"one of {', '.join(FILES)}")
    file = weights_file(name) if weights is None else weights
    if not file.is_file():
        raise ModelError(
            f"the weights of {name} are not there",
            where=str(file),
            remedy=f"`tinct systems fetch {name}`, or set TINCT_DATA to the folder beside theirs",
        )
    state = {key: value.to(torch.float32) for key, value in load_file(file).items()}
    last = next((key for key in ("classifier.bias", "classif.bias") if key in state), None)
    if last is None:
        raise ModelError("holds no classifier layer", where=str(file))
    with torch.device("meta"):  # filling it with noise first would cost more than reading the file
        classifier = build_classifier(
            name, classes=len(state[last]), kind=kind, background=background
        )
    try:
        classifier.network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ModelError(f"holds other layers than {name}", where=str(file)) from error
    return classifier
