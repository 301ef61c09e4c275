"""The loop: steps, validations, checkpoints, until something says stop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tinct.errors import ConfigError
from tinct.image.atomic import output_errors
from tinct.training import checkpoint
from tinct.training.draws import Batch, Colours, Draws, Replayed, numbers, stream
from tinct.training.embeddings import Embeddings
from tinct.training.log import RunLog
from tinct.training.objective import Criterion, Diverged, Objective, bare, set_rates
from tinct.training.optimise import Plateau, share_of_peak
from tinct.training.pictures import PictureSet
from tinct.training.recipe import Steering
from tinct.training.setup import Plan
from tinct.training.sheet import write_sheet
from tinct.training.validation import Exam, sheet_rows, validate

#: steps between two lines of the log
LOGGED = 25


@dataclass
class Progress:
    """Where a run is; all of it goes into checkpoints."""

    step: int = 0
    """Steps done."""
    seen: int = 0
    """Pictures drawn in them by all devices, each time counted."""
    seconds: float = 0.0
    """By the clock."""
    core_seconds: float = 0.0
    """Of processor time, all threads."""
    plateau: Plateau = field(default_factory=Plateau)
    """What the validations say."""
    best: dict[str, float] = field(default_factory=dict)
    """Measures of the best of them."""
    validated: int = -1
    """Step of the last of them."""


@dataclass
class Loop:
    """Steps, validations and checkpoints of one run on one device; `go` is the whole of it."""

    fabric: Fabric
    plan: Plan
    pictures: PictureSet
    embeddings: Embeddings | None
    objective: Objective
    criterion: Criterion
    average: AveragedModel | None
    exam: Exam
    progress: Progress
    run: Path
    replayed: PictureSet | None = None
    """The generic set of which a share is drawn, if any."""
    saved: int = -1
    """Step of the last checkpoint, -1 before the first."""
    at: int = 0
    """Step that is being done."""
    rate: float = 0.0
    """Its learning rate."""

    def __post_init__(self) -> None:
        self.recipe = self.plan.recipe
        self.per_step = self.objective.batches * self.recipe.run.accumulate
        drawn = self.recipe.data.batch * self.per_step
        self.per_epoch = max(1, round(len(self.pictures.training) / drawn))
        self.every = self.recipe.run.every or self.per_epoch
        if self.recipe.data.batch % self.fabric.world_size:
            raise ConfigError(
                f"cannot be dealt to {self.fabric.world_size} devices evenly",
                where=f"data.batch = {self.recipe.data.batch}",
            )
        self.colours = Colours().to(self.fabric.device)
        self.on_cuda = self.fabric.device.type == "cuda"
        stop = self.recipe.stop
        limits = [stop.steps] if stop.steps else []
        if stop.epochs:
            limits.append(max(1, round(stop.epochs * self.per_epoch)))
        self.total = min(limits) if limits else None

    def go(self, log: RunLog | None, asked: list[bool]) -> str:
        """Train until something says stop; returns what.

        Args:
            log: told of everything; None on all devices but the first.
            asked: no longer empty once the user wants an end.
        """
        progress = self.progress
        began, cores = time.monotonic(), time.process_time()
        spent = (progress.seconds, progress.core_seconds)
        meter = _Meter()
        batches: Iterator[Batch] | None = None
        size = 0
        while not (reason := self._reason(asked)):
            if batches is None or size != self._size():
                size = self._size()
                batches = self._batches(size)
            with meter.waiting():
                chosen = [next(batches) for _ in range(self.per_step)]
            rates = self._set_rates()
            self.at = progress.step + 1
            seen = self.fabric.world_size * sum(len(batch.lightness) for batch in chosen)
            meter.add(self.objective.step(chosen), seen)
            progress.step += 1
            progress.seen += seen
            progress.seconds = spent[0] + time.monotonic() - began
            progress.core_seconds = spent[1] + time.process_time() - cores
            if self.average is not None:
                self.average.update_parameters(bare(self.objective.networks["network"]))
            due = progress.step % self.every == 0
            if log is not None and (due or progress.step % LOGGED == 0):
                meter.tell(log, progress.step, progress.step / self.per_epoch, rates)
            if due:
                self._validate(log)
                meter = _Meter()
        if log is not None and meter.steps:
            meter.tell(log, progress.step, progress.step / self.per_epoch, rates)
        if reason != "interrupted":
            if progress.step != progress.validated:
                self._validate(log)
        elif progress.step != self.saved:  # a validation out of turn would tell on the rate
            self._keep(best=False)
        return reason

    def _set_rates(self) -> dict[str, float]:
        schedule, progress = self.recipe.schedule, self.progress
        share = share_of_peak(
            schedule, progress.step, progress=self._done(), peak=self.recipe.optimiser.rate
        )
        rates = set_rates(self.objective, share * progress.plateau.share, schedule.floor)
        self.rate = rates["network"]
        return rates

    def _reason(self, asked: list[bool]) -> str:
        stop, progress = self.recipe.stop, self.progress
        reason = ""
        if asked:
            reason = "interrupted"
        elif self.total is not None and progress.step >= self.total:
            reason = "all steps done"
        elif stop.minutes and progress.seconds >= 60 * stop.minutes:
            reason = f"{stop.minutes:g} minutes are over"
        elif stop.core_minutes and progress.core_seconds >= 60 * stop.core_minutes:
            reason = f"{stop.core_minutes:g} minutes of processor time are over"
        elif stop.patience and progress.plateau.stale >= stop.patience:
            reason = f"no better for {stop.patience} validations"
        if self.fabric.world_size > 1:  # clocks differ: the first device decides for all
            reason = self.fabric.broadcast(reason)
        return reason

    def _done(self) -> float:
        """Share of the run that is done, by whichever limit is nearest."""
        stop, progress = self.recipe.stop, self.progress
        shares = [0.0]
        if self.total:
            shares.append(progress.step / self.total)
        if stop.minutes:
            shares.append(progress.seconds / (60 * stop.minutes))
        if stop.core_minutes:
            shares.append(progress.core_seconds / (60 * stop.core_minutes))
        return min(1.0, max(shares))

    def _size(self) -> int:
        final = self.recipe.data.final_size
        return final if final and self._done() >= 0.9 else self.plan.size

    def _together(self, size: int) -> int:
        """Pictures in a batch: larger ones are fewer."""
        batch, world = self.recipe.data.batch, self.fabric.world_size
        if size == self.plan.size:
            return batch
        share = (self.plan.size / size) ** 2
        return world * max(1, round(batch * share / world))

    def _batches(self, size: int) -> Iterator[Batch]:
        """Batches from the current step on."""
        data, recipe = self.recipe.data, self.recipe
        world, rank = self.fabric.world_size, self.fabric.global_rank
        batch = self._together(size)
        own = self._draws(self.pictures, size, batch)
        draws: Draws | Replayed = own
        if self.replayed is not None:
            draws = Replayed(own, self._draws(self.replayed, size, batch), data.replay)
        chosen = numbers(
            batch=batch, start=self.progress.step * self.per_step, rank=rank, world=world
        )
        device = self.fabric.device
        steered = recipe.steering != Steering()
        for drawn in stream(draws, chosen, workers=data.workers):
            vectors = None
            if self.embeddings is not None:
                vectors = torch.from_numpy(self.embeddings[drawn.positions]).to(device)
            made = self.colours.batch(
                torch.from_numpy(drawn.rgb).to(device, non_blocking=True),
                torch.from_numpy(drawn.grey).to(device, non_blocking=True),
                vectors,
                original_light=recipe.faithful,
            )
            if steered:
                points = torch.from_numpy(drawn.points.astype(np.int64)).to(device)
                palettes = torch.from_numpy(drawn.palettes).to(device)
                made = replace(made, points=points, palettes=palettes)
            if self.replayed is not None:
                made = replace(made, replayed=torch.from_numpy(drawn.replayed).to(device))
            yield made

    def _draws(self, pictures: PictureSet, size: int, batch: int) -> Draws:
        recipe = self.recipe
        return Draws(
            pictures.cache,
            pictures.training,
            size=size,
            data=recipe.data,
            augmentation=recipe.augmentation,
            group=batch,
            seed=recipe.seed,
            steering=recipe.steering,
        )

    def _validate(self, log: RunLog | None) -> None:
        """Measure, write the sheet and the checkpoint."""
        progress = self.progress
        network = self._network()
        measures, coloured = validate(network, self.criterion, self.exam)
        if self.fabric.world_size > 1:  # the rate follows from them, so all must have the same
            measures = self.fabric.broadcast(measures)
        if not measures["loss"] < float("inf"):
            raise Diverged("the validation loss is not finite")
        before = progress.plateau.share
        best = progress.plateau.update(measures["loss"], progress.step, self.recipe.schedule)
        progress.validated = progress.step
        if best:
            progress.best = measures
        if log is not None:
            log.validation(
                step=progress.step,
                epoch=progress.step / self.per_epoch,
                measures={"network": measures, **self.exam.baselines},
                pictures=len(self.exam.rgb),
                best=best,
            )
            if progress.plateau.share != before:
                log.note(
                    step=progress.step,
                    text=f"learning rate cut to {progress.plateau.share:g} of its peak: no better "
                    f"for {self.recipe.schedule.patience} validations",
                )
            rows = sheet_rows(self.exam, coloured, self.recipe.run.sheet)
            if rows:
                with output_errors(self.run):
                    (self.run / "sheets").mkdir(exist_ok=True)
                    write_sheet(self.run / "sheets" / f"{progress.step:08d}.png", rows)
        self._keep(best=best)

    def _keep(self, *, best: bool) -> None:
        """Write the checkpoint.

        Raises:
            Diverged: the weights are not finite; the checkpoint before stays.
        """
        network = self._network()
        if not all(bool(one.isfinite().all()) for one in network.state_dict().values()):
            raise Diverged("the weights are not finite")
        if self.fabric.is_global_zero:
            self._save(network, best=best)
        self.saved = self.progress.step
        self.fabric.barrier()

    def _network(self) -> nn.Module:
        """The weights that count: the running average where there is one."""
        if self.average is not None:
            return self.average.module
        return bare(self.objective.networks["network"])

    def _save(self, network: nn.Module, *, best: bool) -> None:
        plan, progress = self.plan, self.progress
        description = {
            "system": plan.system.name,
            "faithful": self.recipe.faithful,
            "network": dict(plan.network),
            "classifier": plan.classifier.name if plan.classifier is not None else "",
            "kind": plan.system.kind or "",
            "step": progress.step,
            "pictures_seen": progress.seen,
            "size": plan.size,
            "name": self.recipe.name,
            "trained_on": f"{len(self.pictures.training)} pictures ({self.pictures.sha256[:12]})",
            "recipe": asdict(self.recipe),
        }
        weights = network.state_dict()
        if best:
            checkpoint.save_weights(self.run / checkpoint.BEST_WEIGHTS, weights, description)
        checkpoint.save_weights(self.run / checkpoint.LAST_WEIGHTS, weights, description)
        objective = self.objective
        checkpoint.save_state(
            self.run,
            {
                "networks": {n: bare(one).state_dict() for n, one in objective.networks.items()},
                "optimisers": {n: one.state_dict() for n, one in objective.optimisers.items()},
                "average": None if self.average is None else self.average.state_dict(),
                "progress": asdict(progress),
                "random": torch.get_rng_state(),
                "random_cuda": torch.cuda.get_rng_state() if self.on_cuda else None,
                "pictures": self.pictures.sha256,
            },
        )


@dataclass
class _Meter:
    """What happened since the last line of the log."""

    sums: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    seen: int = 0
    waited: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside as waiting for pictures."""
        started = time.monotonic()
        yield
        self.waited += time.monotonic() - started

    def add(self, losses: Mapping[str, float], seen: int) -> None:
        """A step is done."""
        self.steps += 1
        self.seen += seen
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def tell(self, log: RunLog, step: int, epoch: float, rates: Mapping[str, float]) -> None:
        """Write a line and begin again."""
        elapsed = max(time.monotonic() - self.began, 1e-9)
        log.train(
            step=step,
            epoch=epoch,
            losses={name: value / self.steps for name, value in self.sums.items()},
            rates=rates,
            images_per_second=self.seen / elapsed,
            waiting=self.waited / elapsed,
        )
        self.sums, self.steps, self.seen, self.waited = {}, 0, 0, 0.0
        self.began = time.monotonic()
