"""Optimisers, learning rates and early stopping."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from tinct.training.recipe import Optimiser, Schedule


def make_optimiser(
    network: nn.Module,
    options: Optimiser,
    *,
    rate: float | None = None,
    pretrained: frozenset[nn.Parameter] = frozenset(),
) -> torch.optim.Optimizer:
    """The optimiser of one network; `group["peak"]` keeps each group's highest rate.

    Args:
        network: whose weights it moves.
        options: which rule, and its numbers.
        rate: learning rate in place of that of `options`.
        pretrained: weights that get the smaller rate `options.pretrained`.
    """
    peak = options.rate if rate is None else rate
    # both in the order of the network: checkpoints know weights by their place
    weights = [one for one in network.parameters() if one.requires_grad]
    groups = [{"params": [one for one in weights if one not in pretrained], "peak": peak}]
    if pretrained:
        own = [one for one in weights if one in pretrained]
        groups.append({"params": own, "peak": peak * options.pretrained})
    if options.name == "rmsprop":  # rho and epsilon as in Keras, which the originals used
        return torch.optim.RMSprop(
            groups, lr=peak, alpha=0.9, eps=1e-7, weight_decay=options.weight_decay
        )
    kind = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return kind(
        groups,
        lr=peak,
        betas=(options.beta1, options.beta2),
        weight_decay=options.weight_decay,
    )


def set_rate(optimiser: torch.optim.Optimizer, share: float, floor: float) -> float:
    """Set each group's learning rate to a share of its peak; returns that of the first."""
    for group in optimiser.param_groups:
        group["lr"] = max(group["peak"] * share, min(floor, group["peak"]))
    return float(optimiser.param_groups[0]["lr"])


def share_of_peak(schedule: Schedule, step: int, *, progress: float, peak: float) -> float:
    """Learning rate at a step as a share of its peak; a plateau's cuts come on top.

    Args:
        schedule: which curve.
        step: steps done.
        progress: share of the run that is done, 0 to 1.
        peak: the learning rate that 1 stands for.

    Formulas: `exponential` rate ** (step / steps); `inverse` 1 / (1 + decay * step), as Keras'
    `decay`; `cosine` half a cosine (Loshchilov and Hutter, arXiv 1608.03983) after a linear rise;
    `onecycle` from a 25th up and down to a ten-thousandth (Smith, arXiv 1708.07120).
    """
    if schedule.kind == "exponential":
        return float(schedule.rate ** (step / schedule.steps if schedule.steps else progress))
    if schedule.kind == "inverse":
        # without a number the decay is, as published, the rate divided by all steps
        return 1 / (1 + (schedule.decay * step if schedule.decay else peak * progress))
    if schedule.kind in {"cosine", "onecycle"}:
        low, last = (1 / 25, 1e-4) if schedule.kind == "onecycle" else (0.0, 0.0)
        warmup = schedule.warmup or (0.3 if schedule.kind == "onecycle" else 0.0)
        if progress < warmup:
            rise = progress / warmup
            return low + (1 - low) * max(rise, 1e-3)
        fall = (progress - warmup) / max(1 - warmup, 1e-9)
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * min(fall, 1.0)))
    return 1.0


@dataclass
class Plateau:
    """What the validations say: the best so far, and how long ago it was."""

    best: float = math.inf
    """Lowest validation loss."""
    best_step: int = 0
    """Where it was."""
    stale: int = 0
    """Validations since then."""
    waited: int = 0
    """Validations since then or since the last cut of the rate."""
    share: float = 1.0
    """What the rate has been cut to."""

    def update(self, loss: float, step: int, schedule: Schedule) -> bool:
        """Take in a validation; returns whether it is the best so far."""
        if loss < self.best:
            self.best, self.best_step, self.stale, self.waited = loss, step, 0, 0
            return True
        self.stale += 1
        self.waited += 1
        if schedule.kind == "plateau" and self.waited >= schedule.patience:
            self.share *= schedule.factor
            self.waited = 0
        return False
