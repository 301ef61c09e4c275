"""From a recipe to what a run needs: devices, network, criterion, objective."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from tinct.color import grid_bins
from tinct.errors import ConfigError, UsageError
from tinct.systems import System, find_system
from tinct.systems.classifier import FrozenClassifier, load_classifier, weights_file
from tinct.systems.mobilenet import load_imagenet
from tinct.systems.tinct import Tinct
from tinct.training.adversarial import Contest
from tinct.training.distribution import bin_frequency
from tinct.training.draws import Batch
from tinct.training.losses import BinLoss
from tinct.training.objective import Criterion, Distance, Objective, Supervised
from tinct.training.pictures import PictureSet
from tinct.training.recipe import Recipe, Run
from tinct.training.start import begin_with, weights_of
from tinct.training.steering import hints_of


@dataclass(frozen=True)
class Plan:
    """A recipe with what it leaves open filled in."""

    recipe: Recipe
    """As the user wrote it."""
    system: System
    """Which network."""
    size: int
    """Side of the squares."""
    network: Mapping[str, Any]
    """Keywords that build the network."""
    classifier: FrozenClassifier | None
    """For systems that fuse one."""


class Bins:
    """The loss of a network that predicts a distribution over bins at a quarter of the size.

    Replayed pictures can hold it to what another network says of them (Li and Hoiem, "Learning
    without Forgetting", arXiv 1606.09282): all of its odds, not the one colour that came true.
    """

    def __init__(self, loss: BinLoss, *, before: Tinct | None = None, keep: float = 0.0) -> None:
        """Prepare.

        Args:
            loss: of pictures whose colours are to be learned.
            before: network whose odds replayed pictures are to get; None learns their colours.
            keep: weight of that.
        """
        self.loss, self.before, self.keep = loss, before, keep

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and its parts."""
        truth = F.avg_pool2d(batch.chroma, 4)
        hints = palette = None
        if batch.points is not None:
            hints = hints_of(truth, batch.points)
        if batch.palettes is not None:
            palette = self.loss.histogram(truth) * batch.palettes[:, None]
        logits = network.logits(batch.lightness, hints, palette)  # type: ignore[operator]
        if self.before is None or batch.replayed is None:
            total, parts = self.loss(logits.float(), truth)
            return total, parts
        old, new = batch.replayed, ~batch.replayed
        # all devices log the same parts, whatever they drew
        total, parts = logits.sum() * 0, dict.fromkeys(BinLoss.PARTS, 0.0)
        if bool(new.any()):
            total, parts = self.loss(logits[new].float(), truth[new])
        parts["forgotten"] = 0.0
        if bool(old.any()):
            with torch.no_grad():
                given = [None if one is None else one[old] for one in (hints, palette)]
                logits_before = self.before.logits(batch.lightness[old], *given).float()
            known, found = logits_before.log_softmax(1), logits[old].float().log_softmax(1)
            forgotten = (known.exp() * (known - found)).sum(1).mean()
            total = total + self.keep * forgotten
            parts["forgotten"] = float(forgotten.detach())
        return total, parts

    def chroma(self, network: nn.Module, batch: Batch) -> Tensor:
        """Mean a*b* (N, 2, H/4, W/4)."""
        chroma, _ = network(batch.lightness, torch.ones((), device=batch.lightness.device))
        result: Tensor = chroma.float()
        return result


def make_fabric(run: Run) -> Fabric:
    """The devices of a run, launched: from here on every one of them does what follows.

    Raises:
        ConfigError: there is no such device.
    """
    cores = os.cpu_count() or 1
    torch.set_num_threads(run.threads or max(1, cores // max(run.devices, 1)))
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it counts processes aloud
    accelerator = run.accelerator
    if accelerator == "auto":
        accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    many = run.devices != 1 or run.nodes != 1
    devices: int = run.devices
    if devices == -1 and accelerator == "cpu":
        devices = 1
    try:
        fabric = Fabric(
            accelerator="cuda" if accelerator == "gpu" else "cpu",
            devices=devices,
            num_nodes=run.nodes,
            strategy="ddp" if many else "auto",
            precision="bf16-mixed" if half(run, accelerator) else "32-true",
        )
    except Exception as error:  # Fabric raises of every kind for devices that are not there
        raise ConfigError(
            f"cannot be had: {str(error).splitlines()[0]}",
            where=f"run.accelerator = {run.accelerator}, run.devices = {run.devices}",
        ) from error
    fabric.launch()
    return fabric


def half(run: Run, accelerator: str) -> bool:
    """Whether to multiply in bfloat16; processors without matrix units are slower at it."""
    if run.precision != "auto":
        return run.precision == "bf16"
    if accelerator == "gpu":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_amx_tile_supported())


def make_plan(recipe: Recipe) -> Plan:
    """Find the system, its size and its classifier."""
    try:
        system = find_system(recipe.system)
    except UsageError as error:
        raise ConfigError(error.message, where=recipe.system, remedy=error.remedy) from error
    for name in recipe.adversarial.discriminators:
        if name not in system.discriminators:
            known = ", ".join(system.discriminators) or "none"
            raise ConfigError(
                f"{system.name} has no discriminator '{name}'",
                where="adversarial.discriminators",
                remedy=f"it has: {known}",
            )
    if (recipe.loss.kind == "bins") != (system.name == "tinct"):
        raise ConfigError(f"does not fit the system {system.name}", where="loss.kind")
    network = dict(recipe.network)
    classifier = None
    if system.embedding is not None and recipe.data.replay:
        raise ConfigError(f"does not go with {system.name}", where="data.replay")
    if system.embedding is not None:
        kind = "logits" if system.kind == "logits" else "probabilities"
        classifier = load_classifier(recipe.classifier, kind=kind, background=kind == "logits")  # type: ignore[arg-type]
        network["embedding"] = classifier.length
    if system.name == "tinct":
        network["grid"] = recipe.loss.grid
    size = recipe.data.size or system.size
    if system.name in {"tinct", "gan32", "pix2pix", "pix2pixhd"} and size % system.multiple:
        raise ConfigError(f"must be a multiple of {system.multiple}", where=f"data.size = {size}")
    return Plan(recipe, system, size, network, classifier)


def make_network(plan: Plan) -> tuple[nn.Module, frozenset[nn.Parameter]]:
    """The network, and which of its weights come from another training."""
    try:
        network = plan.system.build(faithful=plan.recipe.faithful, **plan.network)
    except TypeError as error:
        raise ConfigError(str(error), where="[network]") from error
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    recipe = plan.recipe
    known: frozenset[nn.Parameter] = frozenset()
    if isinstance(network, Tinct):
        file = weights_file("mobilenet_v2")
        if file.is_file():
            load_imagenet(network.encoder, file)
        if file.is_file() or recipe.start:
            known = frozenset(network.encoder.parameters())
    if recipe.start:
        begin_with(network, recipe.start, renew=recipe.renew)
    weights = dict(network.named_parameters())
    for name in weights_of(weights, recipe.optimiser.frozen, option="optimiser.frozen"):
        weights[name].requires_grad_(False)
    return network, known


def make_criterion(plan: Plan, pictures: PictureSet, network: nn.Module) -> Criterion:
    """What the network, as it begins, is to make small."""
    loss = plan.recipe.loss
    if loss.kind != "bins":
        return Distance(loss.kind, loss.scale)
    assert isinstance(network, Tinct)
    bins = grid_bins(loss.grid)
    frequency = bin_frequency(pictures.colours(pictures.training), bins)
    return Bins(
        BinLoss(
            bins,
            np.asarray(frequency),
            mix=loss.rebalance,
            huber=loss.huber,
            gradient=loss.gradient,
        ),
        before=deepcopy(network).eval().requires_grad_(False) if loss.keep else None,
        keep=loss.keep,
    )


def make_objective(
    plan: Plan,
    fabric: Fabric,
    network: nn.Module,
    criterion: Criterion,
    pretrained: frozenset[nn.Parameter],
) -> Objective:
    """The kind of step that the recipe asks for."""
    recipe = plan.recipe
    if isinstance(criterion, Bins):
        criterion.loss.to(fabric.device)
        if criterion.before is not None:
            criterion.before.to(fabric.device)
    if recipe.adversarial.kind == "none":
        return Supervised(fabric, network, criterion, recipe, pretrained=pretrained)
    assert isinstance(criterion, Distance)
    judges = {
        name: plan.system.discriminators[name].build() for name in recipe.adversarial.discriminators
    }
    return Contest(fabric, network, judges, criterion, recipe)
