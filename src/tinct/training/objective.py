"""One step of learning from the truth alone, and what every kind of step has in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _unwrap_objects
from torch import Tensor, nn

from tinct.training.draws import Batch
from tinct.training.optimise import make_optimiser, set_rate
from tinct.training.recipe import Recipe


class Diverged(ArithmeticError):
    """A loss or a gradient is not finite."""


class Criterion(Protocol):
    """What a network is told to make small."""

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and its parts for the log."""

    def chroma(self, network: nn.Module, batch: Batch) -> Tensor:
        """The network's a*b* (N, 2, h, w) in CIE units, with gradients."""


class Distance:
    """Mean squared or absolute error of a*b* divided by `scale`."""

    def __init__(self, kind: str, scale: float) -> None:
        self.function = F.mse_loss if kind == "mse" else F.l1_loss
        self.scale = scale

    def between(self, coloured: Tensor, truth: Tensor) -> Tensor:
        """The error as a scalar."""
        return self.function(coloured / self.scale, truth / self.scale)

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and its parts."""
        return self.between(self.chroma(network, batch), batch.chroma), {}

    def chroma(self, network: nn.Module, batch: Batch) -> Tensor:
        """The network's a*b* (N, 2, H, W)."""
        coloured: Tensor = network(*batch.inputs())
        return coloured.float()


class Objective(Protocol):
    """One step of training, whatever it takes."""

    #: batches that one step takes, times `run.accumulate`
    batches: int
    #: every network by name; `network` is the one that colours
    networks: dict[str, nn.Module]
    #: an optimiser for each
    optimisers: dict[str, torch.optim.Optimizer]

    def step(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Move all weights once; returns the losses.

        Raises:
            Diverged: a loss or gradient is not finite, on whichever device.
        """


class Supervised:
    """Gradient descent on a criterion."""

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        criterion: Criterion,
        recipe: Recipe,
        *,
        pretrained: frozenset[nn.Parameter] = frozenset(),
    ) -> None:
        optimiser = make_optimiser(network, recipe.optimiser, pretrained=pretrained)
        wrapped, managed = fabric.setup(network, optimiser)
        for method in ("logits",):
            if hasattr(network, method):
                wrapped.mark_forward_method(method)
        self.batches = 1
        self.fabric, self.criterion, self.clip = fabric, criterion, recipe.optimiser.clip
        self.networks: dict[str, nn.Module] = {"network": wrapped}
        self.optimisers = {"network": cast(torch.optim.Optimizer, managed)}

    def step(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Move all weights once; returns the losses."""
        network, optimiser = self.networks["network"], self.optimisers["network"]
        network.train()
        optimiser.zero_grad()
        sums: dict[str, float] = {}
        for number, batch in enumerate(batches, 1):
            with self.fabric.no_backward_sync(network, enabled=number < len(batches)):  # type: ignore[arg-type]
                loss, parts = self.criterion(network, batch)
                for name, value in {"loss": float(loss.detach()), **parts}.items():
                    sums[name] = sums.get(name, 0.0) + value / len(batches)
                self.fabric.backward(loss / len(batches))
        sums = agreed(self.fabric, sums)
        clip_gradients(network, self.clip)
        optimiser.step()
        return sums


def agreed(fabric: Fabric, losses: dict[str, float]) -> dict[str, float]:
    """The mean of each loss over all devices, which therefore stop together.

    Raises:
        Diverged: one is not finite.
    """
    if fabric.world_size > 1:
        shared = cast(dict[str, Tensor], fabric.all_reduce(losses, reduce_op="mean"))
        losses = {name: float(value) for name, value in shared.items()}
    if not all(map(math.isfinite, losses.values())):
        raise Diverged("the loss is not finite")
    return losses


def clip_gradients(network: nn.Module, limit: float) -> None:
    """Shorten the gradient to the norm `limit`; 0 leaves it.

    Raises:
        Diverged: it is not finite.
    """
    weights = [one for one in network.parameters() if one.grad is not None]
    norm = nn.utils.get_total_norm([one.grad for one in weights if one.grad is not None])
    if not bool(torch.isfinite(norm)):
        raise Diverged("the gradient is not finite")
    if limit:
        nn.utils.clip_grads_with_norm_(weights, limit, norm)


def set_rates(objective: Objective, share: float, floor: float) -> dict[str, float]:
    """Set every optimiser's learning rate to a share of its peak; returns the rates by name."""
    return {name: set_rate(one, share, floor) for name, one in objective.optimisers.items()}


def bare(network: nn.Module) -> nn.Module:
    """The network without what Fabric wraps around it."""
    return cast(nn.Module, _unwrap_objects(network))
