"""LPIPS on VGG16: how different two pictures look to a network, by learned weights.

R. Zhang, P. Isola, A. A. Efros, E. Shechtman and O. Wang, "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric" (arXiv 1801.03924), version 0.1, `net="vgg"`.

The weights are one safetensors file, `lpips_vgg16.safetensors`, float16 or float32:
`conv1_1` .. `conv5_3`, each `.weight` (out, in, 3, 3) and `.bias`, of torchvision's VGG16 (RGB, not
the BGR of the first Caffe files), and `lin0.weight` .. `lin4.weight` (1, C, 1, 1), the learned
weights of the five maps. `convert` makes it of the two published files.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tinct.errors import ModelError
from tinct.image import write_atomic
from tinct.systems.classifier import weights_place

FILE = "lpips_vgg16.safetensors"
#: channels of the convolutions of each of the five stages; 2 x 2 maxima lie between stages
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
#: shorter side below which the last stage has nothing left to look at
SMALLEST = 16
# pictures in -1..1 are shifted and scaled to what ImageNet's networks were trained on
_SHIFT = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
_SCALE = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
_EPSILON = 1e-10


class Lpips:
    """The distance of pairs of pictures; safe to share between threads."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights under the names that `shapes` lists."""
        self._weights = {name: weights[name].to(torch.float32) for name in shapes()}

    @torch.inference_mode()
    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
        """Distance of two pictures, uint8 sRGB (H, W, 3) of one size, sides of 16 at least."""
        pair = torch.stack([torch.tensor(one).permute(2, 0, 1) for one in (first, second)])
        hidden = (pair.to(torch.float32) / 127.5 - 1 - _SHIFT) / _SCALE
        total = 0.0
        for stage, widths in enumerate(STAGES):
            if stage:
                hidden = F.max_pool2d(hidden, 2)
            for layer in range(len(widths)):
                name = f"conv{stage + 1}_{layer + 1}"
                weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
                hidden = F.relu(F.conv2d(hidden, weight, bias, padding=1))
            unit = hidden / (hidden.square().sum(1, keepdim=True).sqrt() + _EPSILON)
            difference = (unit[:1] - unit[1:]).square()
            total += float(F.conv2d(difference, self._weights[f"lin{stage}.weight"]).mean())
        return total


def shapes() -> dict[str, tuple[int, ...]]:
    """Name to shape of every tensor of the file."""
    found: dict[str, tuple[int, ...]] = {}
    before = 3
    for stage, widths in enumerate(STAGES):
        for layer, width in enumerate(widths):
            name = f"conv{stage + 1}_{layer + 1}"
            found[f"{name}.weight"] = (width, before, 3, 3)
            found[f"{name}.bias"] = (width,)
            before = width
        found[f"lin{stage}.weight"] = (1, before, 1, 1)
    return found


def weights_file() -> Path:
    """Where the weights lie, or would."""
    return weights_place(FILE)


def load_lpips(weights: Path | None = None) -> Lpips:
    """The measure with its published weights.

    Args:
        weights: a safetensors file; by default `weights_file()`.

    Raises:
        ModelError: the weights are not there, or are something else.
    """
    file = weights_file() if weights is None else weights
    if not file.is_file():
        raise ModelError(
            "the weights of LPIPS are not there",
            where=str(file),
            remedy="make them with tinct.systems.lpips.convert, or leave LPIPS out",
        )
    try:
        state = load_file(file)
    except SafetensorError as error:
        raise ModelError("is no safetensors file", where=str(file)) from error
    _check(state, file)
    return Lpips(state)


def convert(vgg: Path, heads: Path, *, to: Path | None = None) -> Path:
    """Make the file of the two that are published; nothing in them is executed.

    Args:
        vgg: torchvision's `vgg16-397923af.pth` (BSD-3-Clause, trained on ImageNet).
        heads: `lpips/weights/v0.1/vgg.pth` of richzhang/PerceptualSimilarity (BSD-2-Clause).
        to: the file to write; by default `weights_file()`.

    Returns:
        The file.

    Raises:
        ModelError: one is something else.
        OutputError: the file cannot be written.
    """
    state: dict[str, Tensor] = {}
    published = _opened(vgg)
    position = 0
    for stage, widths in enumerate(STAGES):
        for layer in range(len(widths)):
            for part in ("weight", "bias"):
                found = published.get(f"features.{position}.{part}")
                if found is not None:
                    state[f"conv{stage + 1}_{layer + 1}.{part}"] = found
            position += 2  # the convolution and its ReLU
        position += 1  # the pooling
    for name, values in _opened(heads).items():
        state[name.replace(".model.1.", ".")] = values
    state = {name: values.to(torch.float32).contiguous() for name, values in state.items()}
    _check({name: state[name] for name in state if not name.startswith("lin")}, vgg, "conv")
    _check({name: state[name] for name in state if name.startswith("lin")}, heads, "lin")
    target = weights_file() if to is None else to
    target.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(target, overwrite=True) as partial:
        save_file(state, partial, metadata={"licence": "BSD-3-Clause and BSD-2-Clause"})
    return target


def _opened(file: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError("not a checkpoint of weights", where=str(file)) from error
    if not isinstance(found, dict):
        raise ModelError("not a checkpoint of weights", where=str(file))
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def _check(state: Mapping[str, Tensor], file: Path, beginning: str = "") -> None:
    for name, shape in shapes().items():
        if name.startswith(beginning) and (name not in state or tuple(state[name].shape) != shape):
            raise ModelError(
                f"holds no '{name}' of shape {shape}: it is not what LPIPS needs", where=str(file)
            )
