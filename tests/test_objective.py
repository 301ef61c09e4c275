"""One step of learning from the truth alone."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tests.trainings import Dot, quick
from tinct.training.draws import Batch
from tinct.training.objective import (
    Distance,
    Diverged,
    Supervised,
    agreed,
    bare,
    clip_gradients,
    set_rates,
)
from tinct.training.recipe import Recipe


def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


def batch(count: int, seed: int = 0, embedding: int = 0) -> Batch:
    numbers = torch.Generator().manual_seed(seed)
    return Batch(
        torch.rand(count, 1, 8, 8, generator=numbers) * 100,
        torch.randn(count, 2, 8, 8, generator=numbers) * 20,
        torch.rand(count, embedding, generator=numbers) if embedding else None,
    )


def parts(whole: Batch, count: int) -> list[Batch]:
    lights, chromas = whole.lightness.chunk(count), whole.chroma.chunk(count)
    return [Batch(light, chroma, None) for light, chroma in zip(lights, chromas, strict=True)]


def supervised(network: nn.Module, recipe: Recipe) -> Supervised:
    criterion = Distance(recipe.loss.kind, recipe.loss.scale)
    return Supervised(fabric(), network, criterion, recipe)


def weights(network: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


def test_the_distances_are_those_of_the_books() -> None:
    coloured = torch.tensor([[[[64.0]], [[0.0]]]])
    truth = torch.tensor([[[[0.0]], [[-32.0]]]])
    assert Distance("mse", 128.0).between(coloured, truth).item() == (0.5**2 + 0.25**2) / 2
    assert Distance("l1", 128.0).between(coloured, truth).item() == (0.5 + 0.25) / 2


@pytest.mark.parametrize("kind", ["mse", "l1"])
def test_a_step_is_the_one_worked_out_by_hand(kind: str) -> None:
    torch.manual_seed(1)
    network = Dot()
    by_hand = copy.deepcopy(network)
    data = batch(4)
    recipe = quick(f"loss.kind={kind}", "optimiser.name=adam")
    losses = supervised(network, recipe).step([data])
    optimiser = torch.optim.Adam(by_hand.parameters(), lr=recipe.optimiser.rate)
    error = (by_hand(data.lightness) - data.chroma) / 128
    loss = (error**2).mean() if kind == "mse" else error.abs().mean()
    loss.backward()
    optimiser.step()
    assert losses == {"loss": pytest.approx(loss.item(), rel=1e-6)}
    torch.testing.assert_close(weights(network), weights(by_hand), rtol=0, atol=1e-7)


@pytest.mark.parametrize("clip", [0.0, 1e-3])
def test_two_half_batches_are_one_whole_batch(clip: float) -> None:
    torch.manual_seed(2)
    network = Dot()
    other = copy.deepcopy(network)
    recipe = quick("optimiser.name=adamw", f"optimiser.clip={clip}")
    whole, halves = supervised(network, recipe), supervised(other, recipe)
    for step in range(3):
        data = batch(16, seed=step)
        one, two = whole.step([data]), halves.step(parts(data, 2))
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-6)
    torch.testing.assert_close(weights(network), weights(other), rtol=0, atol=1e-6)


def test_a_network_that_listens_gets_its_vectors() -> None:
    network = Dot(embedding=4)
    assert network.listen is not None
    before = network.listen.weight.detach().clone()
    supervised(network, quick()).step([batch(4, embedding=4)])
    assert not torch.equal(network.listen.weight, before)


class Spoiled(Dot):
    """Its loss is finite, its gradient is not."""

    def forward(self, lightness: Tensor, embedding: Tensor | None = None) -> Tensor:
        result = super().forward(lightness)
        return result + 0 * torch.sqrt(0 * self.second.weight.sum())


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("spoiled", ["loss", "gradient"])
def test_what_is_not_finite_moves_nothing(spoiled: str, clip: float) -> None:
    network: Any = Spoiled() if spoiled == "gradient" else Dot()
    before = weights(network)
    data = batch(2)
    if spoiled == "loss":
        data = replace(data, chroma=data.chroma * math.inf)
    with pytest.raises(Diverged, match=f"the {spoiled} is not finite"):
        supervised(network, quick(f"optimiser.clip={clip}")).step([data])
    assert torch.equal(weights(network), before)


def test_losses_of_one_device_are_its_own() -> None:
    assert agreed(fabric(), {"loss": 1.5, "huber": 0.25}) == {"loss": 1.5, "huber": 0.25}


def test_clipping_shortens_long_gradients_only() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    clip_gradients(layer, 0.0)
    clip_gradients(layer, 6.0)
    assert layer.weight.grad.tolist() == [[3.0, 4.0]]
    clip_gradients(layer, 1.0)
    assert layer.weight.grad.flatten().tolist() == pytest.approx([0.6, 0.8], abs=1e-5)


def test_rates_are_set_for_every_network() -> None:
    objective = supervised(Dot(), quick())
    assert set_rates(objective, 0.25, 0.0) == {"network": 0.25e-3}
    assert isinstance(bare(objective.networks["network"]), Dot)
