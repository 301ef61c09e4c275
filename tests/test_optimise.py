"""Optimisers, learning rates and what a plateau does to them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tinct.training.optimise import Plateau, make_optimiser, set_rate, share_of_peak
from tinct.training.recipe import Optimiser, Schedule


def shares(schedule: Schedule, *, total: int = 100, peak: float = 1e-3) -> list[float]:
    return [
        share_of_peak(schedule, step, progress=step / total, peak=peak) for step in range(total + 1)
    ]


def test_a_constant_rate_stays() -> None:
    assert set(shares(Schedule())) == {1.0}


def test_an_exponential_rate_falls_by_its_factor_in_its_steps() -> None:
    gan = Schedule(kind="exponential", rate=0.1, steps=60_000)
    at = [share_of_peak(gan, step, progress=0.5, peak=3e-4) for step in (0, 6_000, 60_000, 120_000)]
    assert at == pytest.approx([1, 10**-0.1, 0.1, 0.01])
    whole = shares(Schedule(kind="exponential", rate=0.01))
    assert whole[50] == pytest.approx(0.1)
    assert whole[100] == pytest.approx(0.01)


def test_an_inverse_rate_is_that_of_keras() -> None:
    assert shares(Schedule(kind="inverse", decay=0.5))[3] == pytest.approx(1 / 2.5)
    own = shares(Schedule(kind="inverse"), total=50, peak=2e-4)
    assert own == pytest.approx([1 / (1 + 2e-4 / 50 * step) for step in range(51)])


def test_a_cosine_rises_and_falls() -> None:
    plain = shares(Schedule(kind="cosine"))
    assert plain[0] == 1
    assert plain[25] == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert plain[50] == pytest.approx(0.5)
    assert plain[100] == pytest.approx(0, abs=1e-12)
    warm = shares(Schedule(kind="cosine", warmup=0.1))
    assert 0 < warm[0] < 0.01
    assert warm[5] == pytest.approx(0.5)
    assert max(warm) == warm[10] == 1
    assert warm[55] == pytest.approx(0.5)


def test_one_cycle_goes_from_a_25th_up_and_down_to_nearly_nothing() -> None:
    cycle = shares(Schedule(kind="onecycle"))
    assert cycle[0] == pytest.approx(1 / 25, rel=0.05)
    assert cycle[15] == pytest.approx((1 + 1 / 25) / 2)
    assert cycle[30] == pytest.approx(1)
    assert cycle[65] == pytest.approx(0.5, abs=1e-3)
    assert cycle[100] == pytest.approx(1e-4)
    early = shares(Schedule(kind="onecycle", warmup=0.2))
    assert max(early) == early[20]


def test_a_plateau_cuts_the_rate_after_its_patience() -> None:
    schedule = Schedule(kind="plateau", factor=0.5, patience=3)
    plateau = Plateau()
    losses = [1.0, 0.9, 0.9, 0.95, 0.91, 0.92, 0.93, 0.94, 0.8, 0.8]
    told = [plateau.update(loss, step, schedule) for step, loss in enumerate(losses)]
    assert told == [True, True, False, False, False, False, False, False, True, False]
    assert plateau.share == 0.25  # after the third and the sixth without a better one
    assert (plateau.best, plateau.best_step, plateau.stale, plateau.waited) == (0.8, 8, 1, 1)


def test_other_schedules_are_not_cut_but_count_for_early_stopping() -> None:
    plateau = Plateau()
    for step in range(5):
        plateau.update(1.0, step, Schedule(kind="cosine", patience=1))
    assert (plateau.share, plateau.stale) == (1.0, 4)


def test_the_history_of_the_paintings_study_follows() -> None:
    """Rates logged in 2019, for validation losses that bring them about."""
    schedule = Schedule(kind="plateau", factor=0.5, patience=3, floor=1e-5)
    optimiser = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=5e-4)
    optimiser.param_groups[0]["peak"] = 5e-4
    better = (0, 1, 2, 3, 9, 16)  # epochs with a new best: cuts fall 3 after
    plateau = Plateau()
    rates = []
    for epoch in range(23):
        rates.append(set_rate(optimiser, plateau.share, schedule.floor))
        plateau.update(-epoch if epoch in better else 1.0, epoch, schedule)
    assert rates[:7] == [5e-4] * 7
    assert rates[7:13] == [2.5e-4] * 6
    assert rates[13:16] == [1.25e-4] * 3
    assert rates[16:20] == [6.25e-5] * 4
    assert rates[20:] == [3.125e-5] * 3
    assert plateau.stale == 6


def test_the_floor_holds_and_never_lifts_a_lower_peak() -> None:
    network = nn.Linear(2, 2)
    pretrained = next(network.parameters())
    options = Optimiser(rate=1e-3, pretrained=0.001)
    optimiser = make_optimiser(network, options, pretrained=frozenset({pretrained}))
    assert set_rate(optimiser, 1.0, 1e-5) == 1e-3
    assert set_rate(optimiser, 1e-9, 1e-5) == 1e-5
    assert [group["lr"] for group in optimiser.param_groups] == [1e-5, 1e-6]


def test_pretrained_weights_get_their_share_and_a_rate_of_its_own_wins() -> None:
    network = nn.Linear(3, 2)
    pretrained = next(network.parameters())
    options = Optimiser(name="adamw", rate=2e-3, pretrained=0.1, weight_decay=0.02, beta1=0.5)
    optimiser = make_optimiser(network, options, pretrained=frozenset({pretrained}))
    set_rate(optimiser, 0.5, 0.0)
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([1e-3, 1e-4])
    assert [len(group["params"]) for group in optimiser.param_groups] == [1, 1]
    assert optimiser.defaults["betas"] == (0.5, 0.999)
    assert optimiser.defaults["weight_decay"] == 0.02
    judge = make_optimiser(network, options, rate=6e-5)
    assert set_rate(judge, 1.0, 0.0) == 6e-5


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("rmsprop", torch.optim.RMSprop)],
)
def test_every_rule_moves_weights_by_its_formula(
    name: str, kind: type[torch.optim.Optimizer]
) -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    network = nn.ParameterList([weight])
    optimiser = make_optimiser(network, Optimiser(name=name, rate=0.1))  # type: ignore[arg-type]
    assert type(optimiser) is kind
    weight.grad = torch.tensor([4.0])
    optimiser.step()
    # the first step of Adam is the rate itself; Keras' RMSprop divides by sqrt(0.1) |gradient|
    moved = 0.1 / math.sqrt(0.1) if name == "rmsprop" else 0.1
    assert float(weight.detach()) == pytest.approx(1 - moved, abs=1e-5)


def test_weights_keep_the_order_of_the_network_because_checkpoints_know_them_by_it() -> None:
    network = nn.Sequential(*(nn.Linear(1, 1) for _ in range(50)))
    weights = list(network.parameters())
    optimiser = make_optimiser(network, Optimiser(), pretrained=frozenset(weights[:80]))
    ids = [[id(one) for one in group["params"]] for group in optimiser.param_groups]
    assert ids == [[id(one) for one in weights[80:]], [id(one) for one in weights[:80]]]
