"""One step against discriminators: networks that learn to tell coloured pictures from real ones.

`bce` is the game of Goodfellow et al. (arXiv 1406.2661) with one-sided label smoothing (Salimans
et al., arXiv 1606.03498); `least-squares` that of Mao et al. (arXiv 1611.04076), here with feature
matching as Wang et al. (arXiv 1711.11585) have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from tinct.training.draws import Batch
from tinct.training.objective import Distance, agreed, bare, clip_gradients
from tinct.training.optimise import make_optimiser
from tinct.training.recipe import Adversarial, Recipe


class Contest:
    """The network colours; each discriminator judges; both learn in every step."""

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        judges: dict[str, nn.Module],
        criterion: Distance,
        recipe: Recipe,
    ) -> None:
        options = recipe.adversarial
        rate = options.rate or recipe.optimiser.rate
        self.fabric, self.criterion, self.options = fabric, criterion, options
        self.weight, self.clip = recipe.loss.weight, recipe.optimiser.clip
        self.batches = 1 + len(judges) if options.own_batches else 1
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        for name, module in {"network": network, **judges}.items():
            own_rate = None if name == "network" else rate
            optimiser = make_optimiser(module, recipe.optimiser, rate=own_rate)
            wrapped, managed = fabric.setup(module, optimiser)
            self.networks[name] = wrapped
            self.optimisers[name] = cast(torch.optim.Optimizer, managed)
        self.judges = list(judges)

    def step(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Move all weights once, the discriminators' first; returns the losses."""
        for network in self.networks.values():
            network.train()
        rounds = len(batches) // self.batches
        sums: dict[str, float] = {}
        for place, name in enumerate(self.judges):
            own = batches[place :: self.batches] if self.options.own_batches else batches
            sums[name] = self._judge(name, own)
        own = batches[self.batches - 1 :: self.batches]
        sums.update(self._colour(own, rounds))
        return sums

    def _judge(self, name: str, batches: Sequence[Batch]) -> float:
        judge, optimiser = self.networks[name], self.optimisers[name]
        optimiser.zero_grad()
        total = 0.0
        for number, batch in enumerate(batches, 1):
            with torch.no_grad():
                coloured = self.criterion.chroma(self.networks["network"], batch)
            # real and coloured pictures go through apart, as published: batch norm sees one kind
            for chroma, target in ((batch.chroma, self.options.real), (coloured, 0.0)):
                last = number == len(batches) and chroma is coloured
                with self.fabric.no_backward_sync(judge, enabled=not last):  # type: ignore[arg-type]
                    verdict, _ = _verdict(judge(batch.lightness, chroma))
                    loss = against(self.options, verdict, target) / len(batches)
                    total += float(loss.detach())
                    self.fabric.backward(loss)
        total = agreed(self.fabric, {name: total})[name]
        clip_gradients(judge, self.clip)
        optimiser.step()
        return total

    def _colour(self, batches: Sequence[Batch], rounds: int) -> dict[str, float]:
        network, optimiser = self.networks["network"], self.optimisers["network"]
        optimiser.zero_grad()
        sums = {"loss": 0.0, "distance": 0.0, "adversarial": 0.0}
        judges = {name: bare(self.networks[name]) for name in self.judges}
        with frozen(judges.values()):
            for number, batch in enumerate(batches, 1):
                with self.fabric.no_backward_sync(network, enabled=number < rounds):  # type: ignore[arg-type]
                    coloured = self.criterion.chroma(network, batch)
                    distance = self.criterion.between(coloured, batch.chroma)
                    verdicts = distance.new_zeros(())
                    for judge in judges.values():
                        verdicts = verdicts + self._persuade(judge, batch, coloured)
                    loss = (self.weight * distance + verdicts) / rounds
                    sums["loss"] += float(loss.detach())
                    sums["distance"] += float(distance.detach()) / rounds
                    sums["adversarial"] += float(verdicts.detach()) / rounds
                    self.fabric.backward(loss)
        sums = agreed(self.fabric, sums)
        clip_gradients(network, self.clip)
        optimiser.step()
        return sums

    def _persuade(self, judge: nn.Module, batch: Batch, coloured: Tensor) -> Tensor:
        """What one discriminator adds to the network's loss."""
        with self.fabric.autocast():
            verdict, features = _verdict(judge(batch.lightness, coloured))
            total = self.options.weight * against(self.options, verdict, 1.0)
            if self.options.features and features is not None:
                with torch.no_grad():
                    _, real = _verdict(judge(batch.lightness, batch.chroma))
                assert real is not None
                total = total + self.options.features * F.l1_loss(features.float(), real.float())
        return total


def against(options: Adversarial, verdict: Tensor, target: float) -> Tensor:
    """How far verdicts (logits for `bce`) are from a target."""
    wanted = torch.full_like(verdict, target, dtype=torch.float32)
    if options.kind == "bce":
        return F.binary_cross_entropy_with_logits(verdict.float(), wanted)
    return F.mse_loss(verdict.float(), wanted)


@contextmanager
def frozen(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, nothing about the networks can be learned."""
    chosen = list(networks)
    for network in chosen:
        network.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for network in chosen:
            network.requires_grad_(requires_grad=True)


def _verdict(answer: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
    return answer if isinstance(answer, tuple) else (answer, None)
