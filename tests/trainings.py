"""Small networks, judges and pictures for the tests of training.

They lie in a module of their own, so that systems can name them.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn

from tinct.systems.system import Discriminator, System
from tinct.training import checkpoint
from tinct.training.log import read_history
from tinct.training.reading import load_recipe
from tinct.training.recipe import Recipe

#: overrides that make any recipe a matter of a moment
QUICK = (
    "data.size=16",
    "data.shorter=16",
    "data.batch=4",
    "data.checked=3",
    "data.validation=0.3",
    "data.pictures=0",
    "data.workers=0",
    "stop.steps=6",
    "stop.epochs=0",
    "stop.patience=0",
    "run.every=2",
    "run.threads=1",
    "run.precision=32",
    "run.sheet=1",
)


class Dot(nn.Module):
    """Colours by what is around a pixel; 322 parameters, no batch norm."""

    def __init__(self, embedding: int = 0, channels: int = 16) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, 2, 1)
        self.listen = nn.Linear(embedding, channels, bias=False) if embedding else None

    def forward(self, lightness: Tensor, embedding: Tensor | None = None) -> Tensor:
        hidden = torch.tanh(self.first(lightness / 50 - 1))
        if self.listen is not None:
            hidden = hidden + self.listen(embedding)[..., None, None]
        result: Tensor = self.second(hidden) * 30
        return result


class Dropping(Dot):
    """The same with dropout and batch norm, which remember something beside weights."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(2)

    def forward(self, lightness: Tensor, embedding: Tensor | None = None) -> Tensor:
        coloured = super().forward(lightness, embedding)
        result: Tensor = self.norm(nn.functional.dropout(coloured, 0.3, self.training)) * 10
        return result


class Judge(nn.Module):
    """Says of every pixel how real it looks."""

    def __init__(self, features: bool = False) -> None:
        super().__init__()
        self.features = features
        self.first = nn.Conv2d(3, 8, 3)
        self.second = nn.Conv2d(8, 1, 1)

    def forward(self, lightness: Tensor, chroma: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        hidden = self.first(torch.cat([lightness / 50 - 1, chroma / 64], 1))
        verdict: Tensor = self.second(torch.relu(hidden))
        return (verdict, hidden.flatten(1)) if self.features else verdict


def system(name: str, factory: str, **options: object) -> System:
    """A system of our own."""
    return System(
        name=name,
        title="",
        paper="",
        repository="",
        licence="CC0-1.0",
        factory=f"tests.trainings:{factory}",
        parameters=0,
        size=16,
        multiple=1,
        bound=None,
        settings={},
        mended=(),
        **options,  # type: ignore[arg-type]
    )


OWN = {
    "dot": system("dot", "Dot"),
    "listening": system("listening", "Dot", embedding=4, kind="logits"),
    "judged": system(
        "judged",
        "Dropping",
        discriminators={
            "plain": Discriminator("tests.trainings:Judge", 0),
            "keen": Discriminator("tests.trainings:Judge", 0, {"features": True}),
        },
    ),
}


def quick(*overrides: str) -> Recipe:
    """A recipe of a moment for `dot`."""
    return load_recipe("alpha", [*QUICK, "system=dot", *overrides])


def scene(seed: int, *, height: int = 24, width: int = 32) -> NDArray[np.uint8]:
    """A blue sky over a green field, brightness and horizon by chance."""
    rng = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.uint8)
    horizon = int(rng.integers(height // 3, 2 * height // 3))
    picture[:horizon] = rng.integers(0, 40, 3) + np.array([90, 140, 200])
    picture[horizon:] = rng.integers(0, 40, 3) + np.array([60, 110, 30])
    return picture


def paint(folder: Path, count: int) -> Path:
    """A folder of scenes."""
    folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(scene(number)).save(folder / f"{number:02}.png")
    return folder


def state(run: Path) -> dict[str, Any]:
    return checkpoint.load_state(run)


def tensors(value: Any) -> list[Any]:
    """All that a checkpoint holds, flat, but for clocks; of tensors a hash."""
    if isinstance(value, dict):
        pairs = [(key, one) for key, one in value.items() if "seconds" not in str(key)]
        return [leaf for key, one in pairs for leaf in (key, *tensors(one))]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in tensors(one)]
    if isinstance(value, Tensor):
        return [(value.shape, sha256(value.numpy().tobytes()).digest())]
    return [value]


def weights(run: Path, name: str = "best") -> dict[str, Tensor]:
    with safe_open(run / f"{name}.safetensors", "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def history(run: Path, event: str) -> list[dict[str, Any]]:
    return [one for one in read_history(run) if one["event"] == event]
