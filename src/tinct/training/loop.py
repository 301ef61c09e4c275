"""Train the shipped network: one function from a folder of decoded pictures to weights."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinct.color import grid_bins
from tinct.errors import InputError
from tinct.systems.mobilenet import load_imagenet
from tinct.systems.tinct import Tinct
from tinct.training.batches import Augmentation, Batch, batches, make_batch
from tinct.training.cache import PictureCache, is_validation
from tinct.training.distribution import bin_frequency, is_monochrome, thumbnails
from tinct.training.losses import BinLoss


@dataclass(frozen=True)
class Settings:
    """Every setting of a run; a recipe's TOML file holds the same names."""

    steps: int = 12_000
    """Optimiser steps in all."""
    batch: int = 32
    """Pictures a step."""
    size: int = 128
    """Side of the crops in pixels."""
    final_size: int = 192
    """Side of the crops at the end of training."""
    final_share: float = 0.1
    """Share of the steps that use `final_size` (with half the batch)."""
    decoder_rate: float = 2e-3
    """Highest learning rate of the decoder."""
    encoder_rate: float = 3e-4
    """Highest learning rate of the pretrained encoder."""
    warmup: float = 0.03
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.02
    """AdamW weight decay."""
    average: float = 0.999
    """Decay of the averaged weights that are kept (EMA)."""
    rebalance: float = 0.5
    """How far rare colours are favoured, 0 to 1."""
    huber: float = 0.5
    """Weight of the Huber term."""
    gradient: float = 0.25
    """Weight of the a*b* gradient term."""
    grid: int = 14
    """Step of the a*b* bins in CIE units."""
    seed: int = 1
    """Seed of everything random."""
    half: bool = True
    """Whether convolutions run in bfloat16 (faster where the processor multiplies it)."""
    threads: int = 2
    """CPU threads of the network."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """What is done to pictures."""


def train(
    cache: PictureCache, weights: Path | None, run: Path, settings: Settings, *, every: int = 500
) -> None:
    """Train, or go on with, the run in the folder `run`.

    Args:
        cache: decoded training pictures; validation ones are held out by artist or id.
        weights: ImageNet weights of the encoder, or None to start from noise.
        run: folder of `last.pt`, `history.jsonl` and `settings.json`.
        settings: every number of the run.
        every: steps between validations and checkpoints.

    Raises:
        InputError: no coloured pictures are left to learn from or to validate on.
        FloatingPointError: the gradient is not finite; the last checkpoint stands.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    run.mkdir(parents=True, exist_ok=True)
    (run / "settings.json").write_text(json.dumps(asdict(settings), indent=2))
    learning, validation, frequency = _survey(cache, run, settings)
    bins = grid_bins(settings.grid)
    network = Tinct(torch.from_numpy(bins))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if weights is not None:
        load_imagenet(network.encoder, weights)
    criterion = BinLoss(
        bins,
        frequency,
        mix=settings.rebalance,
        huber=settings.huber,
        gradient=settings.gradient,
    )
    average = {name: value.clone() for name, value in network.state_dict().items()}
    pretrained = set(network.encoder.parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": list(pretrained), "peak": settings.encoder_rate},
            {
                "params": [p for p in network.parameters() if p not in pretrained],
                "peak": settings.decoder_rate,
            },
        ],
        weight_decay=settings.weight_decay,
    )
    step = 0
    if (run / "last.pt").exists():
        saved = torch.load(run / "last.pt", weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        average, step = saved["average"], saved["step"]
    held_out = _validation_batches(cache, validation)
    stream = _prefetch(_stream(cache, learning, settings, step))
    began, seen = time.monotonic(), 0
    for batch in stream:
        if step >= settings.steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * schedule(step / settings.steps, settings.warmup)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
            logits = network.logits(_tensor(batch.lightness))
        loss, parts = criterion(logits.float(), torch.from_numpy(batch.chroma))
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        if not bool(torch.isfinite(norm)):
            raise FloatingPointError(f"the gradient is not finite at step {step}")
        optimiser.step()
        step += 1
        seen += len(batch.lightness)
        decay = min(settings.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                average[name].lerp_(value, 1 - decay)
        if step % 50 == 0:
            rate = seen / (time.monotonic() - began)
            _log(run, {"step": step, "loss": float(loss.detach()), **parts, "images/s": rate})
        if step % every == 0 or step == settings.steps:
            _save(run, network, optimiser, average, step)
            report = _validate(network, average, criterion, held_out)
            _log(run, {"step": step, "validation": report})


def schedule(progress: float, warmup: float) -> float:
    """Learning rate as a share of its peak: linear rise, then half a cosine down to 1 %."""
    if progress < warmup:
        return progress / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def _survey(
    cache: PictureCache, run: Path, settings: Settings
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    table = run / "survey.npz"
    if not table.exists():
        chroma = thumbnails(cache)
        coloured = ~is_monochrome(chroma)
        held = np.array([is_validation(entry) for entry in cache.entries])
        learning = np.flatnonzero(coloured & ~held)
        frequency = bin_frequency(chroma[learning], grid_bins(settings.grid))
        np.savez(
            table,
            learning=learning,
            validation=np.flatnonzero(coloured & held),
            frequency=frequency,
        )
    with np.load(table) as saved:
        for name in ("learning", "validation"):
            if not len(saved[name]):
                raise InputError(
                    f"there are no coloured pictures for {name}",
                    where=str(run),
                    remedy="train on more pictures; one artist in 33 is held out for validation",
                )
        return saved["learning"], saved["validation"], saved["frequency"]


def _stream(
    cache: PictureCache, positions: NDArray[np.int64], settings: Settings, start: int
) -> Iterator[Batch]:
    turn = round(settings.steps * (1 - settings.final_share))
    for size, batch, first, last in (
        (settings.size, settings.batch, 0, turn),
        (settings.final_size, settings.batch // 2, turn, settings.steps + 1),
    ):
        if start >= last:
            continue
        rng = np.random.default_rng((settings.seed, max(start, first)))
        source = batches(
            cache, positions, size=size, batch=batch, options=settings.augmentation, rng=rng
        )
        for _ in range(last - max(start, first)):
            yield next(source)


def _prefetch(source: Iterator[Batch], *, ahead: int = 4) -> Iterator[Batch]:
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(next, source, None) for _ in range(ahead)]
        while (batch := waiting.pop(0).result()) is not None:
            waiting.append(pool.submit(next, source, None))
            yield batch


def _validation_batches(cache: PictureCache, positions: NDArray[np.int64]) -> list[Batch]:
    rng = np.random.default_rng(0)
    chosen = rng.permutation(positions)[:256].tolist()
    still = Augmentation(smallest_crop=1.0, film=0.0, ageing=0.0)
    return [
        make_batch(cache, chosen[first : first + 32], size=160, options=still, rng=rng)
        for first in range(0, len(chosen), 32)
    ]


@torch.no_grad()
def _validate(
    network: Tinct, average: dict[str, Tensor], criterion: BinLoss, held_out: list[Batch]
) -> dict[str, float]:
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    sums = dict.fromkeys(("loss", "ab_error", "grey_error", "chroma_ratio"), 0.0)
    for batch in held_out:
        truth = torch.from_numpy(batch.chroma)
        logits = network.logits(_tensor(batch.lightness))
        chroma = network.expectation(torch.softmax(logits, dim=1))
        sums["loss"] += float(criterion(logits, truth)[0])
        sums["ab_error"] += float((chroma - truth).norm(dim=1).mean())
        sums["grey_error"] += float(truth.norm(dim=1).mean())
        sums["chroma_ratio"] += float(chroma.norm(dim=1).mean() / truth.norm(dim=1).mean())
    network.load_state_dict(own)
    return {name: round(value / len(held_out), 4) for name, value in sums.items()}


def _tensor(lightness: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(lightness).to(memory_format=torch.channels_last)


def _save(
    run: Path,
    network: Tinct,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    step: int,
) -> None:
    partial = run / "last.pt.partial"
    torch.save(
        {
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "average": average,
            "step": step,
        },
        partial,
    )
    partial.replace(run / "last.pt")


def _log(run: Path, record: dict[str, Any]) -> None:
    with (run / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
