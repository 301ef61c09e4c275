"""One step against discriminators."""

from __future__ import annotations

import contextlib
import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.test_objective import batch, fabric, parts, weights
from tests.trainings import Dot, Judge, quick
from tinct.systems import SYSTEMS
from tinct.training.adversarial import Contest, against, frozen
from tinct.training.objective import Distance, Diverged
from tinct.training.recipe import Adversarial, Recipe

BCE = (
    "adversarial.kind=bce",
    'adversarial.discriminators=["one"]',
    "adversarial.real=0.9",
    "adversarial.weight=0.5",
    "adversarial.rate=6e-4",
    "loss.kind=l1",
    "loss.weight=0.99",
    "optimiser.name=adam",
)
LEAST_SQUARES = (
    "adversarial.kind=least-squares",
    'adversarial.discriminators=["one", "two"]',
    "adversarial.weight=0.33",
    "adversarial.features=3.33",
    "loss.kind=l1",
    "optimiser.name=adam",
)


def contest(network: nn.Module, judges: dict[str, nn.Module], recipe: Recipe) -> Contest:
    criterion = Distance(recipe.loss.kind, recipe.loss.scale)
    return Contest(fabric(), network, judges, criterion, recipe)


def test_verdicts_are_judged_by_the_published_formulas() -> None:
    verdict = torch.tensor([[0.5], [-2.0]])
    squares = Adversarial(kind="least-squares")
    assert against(squares, verdict, 1.0).item() == (0.5**2 + 3.0**2) / 2
    assert against(squares, verdict, 0.0).item() == (0.5**2 + 2.0**2) / 2
    smoothed = against(Adversarial(kind="bce"), verdict, 0.9)
    p = 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(2.0))
    by_hand = -sum(0.9 * math.log(one) + 0.1 * math.log(1 - one) for one in p) / 2
    assert smoothed.item() == pytest.approx(by_hand, rel=1e-6)


def test_one_step_with_smoothed_labels_is_the_one_worked_out_by_hand() -> None:
    torch.manual_seed(3)
    network, judge = Dot(), Judge()
    own_network, own_judge = copy.deepcopy(network), copy.deepcopy(judge)
    data, recipe = batch(4), quick(*BCE)
    losses = contest(network, {"one": judge}, recipe).step([data])

    def verdict(chroma: Tensor) -> Tensor:
        answer = own_judge(data.lightness, chroma)
        assert isinstance(answer, Tensor)
        return answer

    optimiser = torch.optim.Adam(own_judge.parameters(), lr=6e-4)
    real = verdict(data.chroma)
    fake = verdict(own_network(data.lightness).detach())
    smooth, zero = torch.full_like(real, 0.9), torch.zeros_like(fake)
    judged = F.binary_cross_entropy_with_logits(real, smooth)
    judged = judged + F.binary_cross_entropy_with_logits(fake, zero)
    torch.autograd.backward(judged)
    optimiser.step()
    optimiser = torch.optim.Adam(own_network.parameters(), lr=1e-3)
    coloured = own_network(data.lightness)
    fooled = verdict(coloured)
    persuaded = F.binary_cross_entropy_with_logits(fooled, torch.ones_like(fooled))
    distance = F.l1_loss(coloured / 128, data.chroma / 128)
    torch.autograd.backward(0.99 * distance + 0.5 * persuaded)
    optimiser.step()

    assert losses == {
        "one": pytest.approx(judged.item(), rel=1e-5),
        "distance": pytest.approx(distance.item(), rel=1e-5),
        "adversarial": pytest.approx(0.5 * persuaded.item(), rel=1e-5),
        "loss": pytest.approx(0.99 * distance.item() + 0.5 * persuaded.item(), rel=1e-5),
    }
    torch.testing.assert_close(weights(judge), weights(own_judge), rtol=0, atol=1e-6)
    torch.testing.assert_close(weights(network), weights(own_network), rtol=0, atol=1e-6)


def test_least_squares_with_feature_matching_is_as_worked_out_by_hand() -> None:
    torch.manual_seed(4)
    network, judges = Dot(), {"one": Judge(features=True), "two": Judge(features=True)}
    data, recipe = batch(4), quick(*LEAST_SQUARES)
    made = contest(network, dict(judges), recipe)
    coloured = network(data.lightness).detach()
    expected = {}
    for name, judge in judges.items():
        real, fake = judge(data.lightness, data.chroma)[0], judge(data.lightness, coloured)[0]
        expected[name] = ((real - 1) ** 2).mean().item() + (fake**2).mean().item()
    losses = made.step([data])
    assert losses["one"] == pytest.approx(expected["one"], rel=1e-5)
    assert losses["two"] == pytest.approx(expected["two"], rel=1e-5)
    total = 0.0
    for judge in judges.values():  # which have moved once, and persuade as they are now
        verdict, features = judge(data.lightness, coloured)
        _, wanted = judge(data.lightness, data.chroma)
        total += 0.33 * ((verdict - 1) ** 2).mean().item()
        total += 3.33 * (features - wanted).abs().mean().item()
    assert losses["adversarial"] == pytest.approx(total, rel=1e-5)
    assert losses["loss"] == pytest.approx(total + losses["distance"], rel=1e-5)


def test_judges_stay_as_they_are_while_the_network_learns() -> None:
    """The original left one of them free, which learned to be fooled."""
    torch.manual_seed(5)
    network, judges = Dot(), {"one": Judge(features=True), "two": Judge(features=True)}
    made = contest(network, dict(judges), quick(*LEAST_SQUARES))
    moved = weights(network)
    before = {name: weights(judge) for name, judge in judges.items()}
    made._colour([batch(4)], 1)
    assert not torch.equal(weights(network), moved)
    for name, judge in judges.items():
        assert torch.equal(weights(judge), before[name])
        for one in judge.parameters():
            assert one.grad is None
            assert one.requires_grad


def test_judges_move_in_their_own_step_and_the_network_does_not() -> None:
    torch.manual_seed(6)
    network, judges = Dot(), {"one": Judge(), "two": Judge()}
    made = contest(network, dict(judges), quick(*LEAST_SQUARES, "adversarial.features=0"))
    still, waiting = weights(network), weights(judges["two"])
    moved = weights(judges["one"])
    made._judge("one", [batch(4)])
    assert torch.equal(weights(network), still)
    assert torch.equal(weights(judges["two"]), waiting)
    assert not torch.equal(weights(judges["one"]), moved)
    assert all(one.grad is None for one in network.parameters())


def test_the_published_discriminators_are_frozen_too() -> None:
    """Spectral norm keeps its weight elsewhere than other layers do."""
    torch.manual_seed(7)
    judges = {"one": SYSTEMS["gan32"].discriminators["spectral"].build()}
    made = contest(Dot(), dict(judges), quick(*BCE))
    data = replace(batch(2), lightness=torch.rand(2, 1, 32, 32) * 100)
    data = replace(data, chroma=torch.randn(2, 2, 32, 32) * 20)
    before = weights(judges["one"])
    made._colour([data], 1)
    assert torch.equal(weights(judges["one"]), before)
    made._judge("one", [data])
    assert not torch.equal(weights(judges["one"]), before)


def test_freezing_ends_even_when_something_goes_wrong() -> None:
    judge = Judge()
    with contextlib.suppress(ValueError), frozen([judge]):
        assert not any(one.requires_grad for one in judge.parameters())
        raise ValueError
    assert all(one.requires_grad for one in judge.parameters())


@pytest.mark.parametrize("options", [BCE, LEAST_SQUARES])
def test_two_half_batches_are_one_whole_batch(options: tuple[str, ...]) -> None:
    torch.manual_seed(8)
    recipe = quick(*options)
    keen = recipe.adversarial.kind == "least-squares"
    network = Dot()
    judges = {name: Judge(features=keen) for name in recipe.adversarial.discriminators}
    other, others = copy.deepcopy(network), copy.deepcopy(judges)
    whole = contest(network, dict(judges), recipe)
    halves = contest(other, dict(others), recipe)
    for step in range(2):
        data = batch(16, seed=step)
        one, two = whole.step([data]), halves.step(parts(data, 2))
        assert one == pytest.approx(two, rel=1e-5)
    torch.testing.assert_close(weights(network), weights(other), rtol=0, atol=1e-6)
    for name in judges:
        torch.testing.assert_close(weights(judges[name]), weights(others[name]), rtol=0, atol=1e-6)


def test_a_fresh_batch_for_every_network_where_that_is_asked_for() -> None:
    recipe = quick(*LEAST_SQUARES, "adversarial.own_batches=true")
    made = contest(Dot(), {"one": Judge(features=True), "two": Judge(features=True)}, recipe)
    assert made.batches == 3
    seen: dict[str, list[Tensor]] = {"one": [], "two": [], "network": []}
    judge, colour = made._judge, made._colour

    def judged(name: str, batches: list[object]) -> float:
        seen[name] = [one.chroma for one in batches]  # type: ignore[attr-defined]
        return judge(name, batches)  # type: ignore[arg-type]

    def coloured(batches: list[object], rounds: int) -> dict[str, float]:
        assert rounds == 2
        seen["network"] = [one.chroma for one in batches]  # type: ignore[attr-defined]
        return colour(batches, rounds)  # type: ignore[arg-type]

    made._judge, made._colour = judged, coloured  # type: ignore[assignment, method-assign]
    batches = [batch(2, seed=n) for n in range(6)]
    made.step(batches)
    for place, name in enumerate(seen):
        assert [id(one) for one in seen[name]] == [id(one.chroma) for one in batches[place::3]]


def test_a_judge_that_diverges_stops_everything() -> None:
    judge = Judge()
    with torch.no_grad():
        judge.second.weight.fill_(math.nan)
    network = Dot()
    before = weights(network)
    with pytest.raises(Diverged, match="the loss is not finite"):
        contest(network, {"one": judge}, quick(*BCE)).step([batch(2)])
    assert torch.equal(weights(network), before)
