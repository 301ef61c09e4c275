"""The engine: one loop for every system, on one device or many, resumable to the bit."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tinct.errors import ConfigError, InputError, OutputExists, TinctError
from tinct.image.atomic import output_errors
from tinct.training import checkpoint
from tinct.training.embeddings import embed
from tinct.training.environment import describe_environment
from tinct.training.log import RunLog
from tinct.training.loop import Loop, Progress
from tinct.training.objective import Diverged, Objective, bare
from tinct.training.optimise import Plateau
from tinct.training.pictures import PictureSet, open_pictures
from tinct.training.reading import (
    RECIPE,
    load_recipe,
    read_table,
    recipe_of,
    to_toml,
    with_overrides,
)
from tinct.training.recipe import Recipe
from tinct.training.setup import (
    Plan,
    make_criterion,
    make_fabric,
    make_network,
    make_objective,
    make_plan,
)
from tinct.training.validation import chosen_pictures, set_exam

DATA = "data.json"
#: folder within a run of the one that it goes on from
BEFORE = "before"
#: settings that a resumed run may change: they decide when and how, not what is learned
CHANGEABLE = ("stop.", "run.every", "run.threads", "run.tensorboard", "run.sheet")


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    run: Path
    """Its folder."""
    step: int
    """Steps done."""
    best: dict[str, float]
    """Measures of the best validation."""
    stopped: str
    """Why it ended; `interrupted` where the user did it."""


def train(recipe: Recipe, data: Path | None, run: Path, *, quiet: bool = False) -> Outcome:
    """Train by a recipe.

    Args:
        recipe: every setting.
        data: a folder of pictures, a manifest of shards, or one picture; None takes the folder
            `train` of TINCT_DATA (`../shared/data` unless set).
        run: folder for weights, logs and report; must not hold a run already.
        quiet: say nothing while it goes.

    Raises:
        ConfigError: the recipe asks for what is not there.
        InputError: too few usable pictures.
        OutputExists: `run` holds a run.
        OutputUnwritable: no room or no rights.
        TrainingError: the loss is no longer finite; the last good weights stay.
    """
    if (run / RECIPE).exists() and _is_first():
        raise OutputExists(
            "holds a run already", where=str(run), remedy="`tinct resume` goes on with it"
        )
    return _chained(recipe, source_of(data), run, quiet=quiet, resumed=False)


def _chained(recipe: Recipe, source: Path, run: Path, *, quiet: bool, resumed: bool) -> Outcome:
    """Train, and before that what the recipe goes on from."""
    if not recipe.after:
        return _launch(recipe, source, run, quiet=quiet, resumed=resumed)
    if recipe.run.devices != 1 or recipe.run.nodes != 1:
        raise ConfigError(
            "two trainings in a row run on one device",
            where=f"after = {recipe.after}",
            remedy=f"train {recipe.after} by itself, then give after= start=ITS-RUN",
        )
    first, earlier = load_recipe(recipe.after), run / BEFORE
    with output_errors(run):  # so that an interrupted one can be resumed
        run.mkdir(parents=True, exist_ok=True)
        (run / RECIPE).write_text(to_toml(recipe), encoding="utf-8")
        if not resumed:
            known = json.dumps({"source": str(source.resolve())})
            (run / DATA).write_text(known + "\n", encoding="utf-8")
    begun = (earlier / RECIPE).is_file()
    same = {name: getattr(recipe.run, name) for name in ("threads", "accelerator", "precision")}
    first = replace(first, run=replace(first.run, **same))
    done = _chained(first, source, earlier, quiet=quiet, resumed=begun)
    if done.stopped == "interrupted":
        return replace(done, run=run, step=0)
    recipe = replace(recipe, after="", start=str(earlier))
    return _launch(recipe, source, run, quiet=quiet, resumed=resumed)


def source_of(data: Path | None) -> Path:
    """Where the pictures are if that is not said."""
    return data or Path(os.environ.get("TINCT_DATA", "../shared/data")) / "train"


def pictures_of(source: Path, recipe: Recipe) -> PictureSet:
    """All usable pictures of a source, as a recipe wants them.

    Raises:
        InputError: too few are usable, or there is no such source.
    """
    return open_pictures(
        source,
        shorter=recipe.data.shorter,
        validation=recipe.data.validation,
        unreadable=recipe.data.unreadable,
        packed=recipe.data.packed,
    )


def replayed_by(recipe: Recipe) -> PictureSet | None:
    """The generic set that a recipe replays, if any.

    Raises:
        InputError: it is not there.
    """
    if not recipe.data.replay:
        return None
    generic = Path(recipe.data.replay_from) if recipe.data.replay_from else None
    return pictures_of(source_of(generic), recipe)


def resume(run: Path, overrides: Sequence[str] = (), *, quiet: bool = False) -> Outcome:
    """Go on with a run where its last checkpoint stands.

    Args:
        run: its folder.
        overrides: `key=value`; only `stop.*` and what does not change the learning may be given.
        quiet: say nothing while it goes.

    A run that ended before its first checkpoint begins anew.

    Raises:
        ConfigError: an override changes what is learned.
        InputError: the folder holds no run, or its pictures are no longer the same.
    """
    if not (run / RECIPE).is_file():
        raise InputError("holds no run", where=str(run), remedy="start one with `tinct train`")
    for override in overrides:
        if not override.startswith(CHANGEABLE):
            raise ConfigError(
                "cannot change in a run that has begun",
                where=override,
                remedy=f"only {', '.join(CHANGEABLE)} can; start another run",
            )
    table = with_overrides(read_table(run / RECIPE), overrides)
    recipe = recipe_of(table, where=str(run / RECIPE))
    return _chained(recipe, Path(read_source(run)), run, quiet=quiet, resumed=True)


def read_source(run: Path) -> str:
    """Where the pictures of a run are.

    Raises:
        InputError: it does not say.
    """
    try:
        return str(json.loads((run / DATA).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError("does not say where the pictures are", where=str(run / DATA)) from error


class TrainingError(TinctError):
    """The loss is no longer finite."""

    exit_code = 1
    code = "diverged"


def _launch(recipe: Recipe, source: Path, run: Path, *, quiet: bool, resumed: bool) -> Outcome:
    plan = make_plan(recipe)
    begun = resumed and (run / checkpoint.LAST).exists()
    state = checkpoint.load_state(run) if begun else None
    fabric = make_fabric(recipe.run)
    torch.manual_seed(recipe.seed)
    torch.backends.cudnn.deterministic = True
    first = fabric.is_global_zero
    with fabric.rank_zero_first():
        pictures = chosen_pictures(pictures_of(source, recipe), recipe.data)
        replayed = replayed_by(recipe)
        embeddings = None
        if plan.classifier is not None:
            embeddings = embed(pictures, plan.classifier.to(fabric.device))
    network, pretrained = make_network(plan)
    criterion = make_criterion(plan, pictures, network)
    objective = make_objective(plan, fabric, network, criterion, pretrained)
    average = _average(network, recipe.run.average)
    progress = Progress()
    if state is not None:
        _restore(state, objective, average, progress)
    exam = set_exam(pictures, embeddings, recipe, size=plan.size, device=fabric.device)
    loop = Loop(
        fabric=fabric,
        plan=plan,
        pictures=pictures,
        embeddings=embeddings,
        objective=objective,
        criterion=criterion,
        average=average,
        exam=exam,
        progress=progress,
        run=run,
        replayed=replayed,
        saved=-1 if state is None else progress.step,
    )
    if first:
        _describe(plan, pictures, run, source, resumed=resumed)
    fabric.barrier()
    told = nullcontext() if not first else _log(loop, quiet=quiet)
    with told as log, _gentle_interrupt() as asked:
        try:
            stopped = loop.go(log, asked)
        except Diverged as error:
            if not first:  # which tells, and would be killed if another failed meanwhile
                return Outcome(run, progress.step, progress.best, str(error))
            kept = "there are no weights to keep yet"
            if loop.saved > 0:
                kept = f"the weights of step {loop.saved} are kept"
            raise TrainingError(
                f"{error} at step {loop.at}, learning rate {loop.rate:.3g}; {kept}",
                where=str(run),
                remedy="try a lower optimiser.rate, or optimiser.clip=1",
            ) from error
    if first:
        _write_up(run)
    fabric.barrier()
    return Outcome(run, progress.step, progress.best, stopped)


def _log(loop: Loop, *, quiet: bool) -> RunLog:
    return RunLog(
        loop.run,
        total=loop.total,
        step=loop.progress.step,
        tensorboard=loop.recipe.run.tensorboard,
        quiet=quiet,
    )


def _average(network: nn.Module, decay: float) -> AveragedModel | None:
    if not decay:
        return None

    def follow(mean: torch.Tensor, value: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        done = float(count)  # quick at first, so that the start is soon forgotten
        return mean.lerp(value, 1 - min(decay, (1 + done) / (10 + done)))

    return AveragedModel(network, avg_fn=follow)


def _restore(
    state: dict[str, Any], objective: Objective, average: AveragedModel | None, progress: Progress
) -> None:
    for name, weights in state["networks"].items():
        bare(objective.networks[name]).load_state_dict(weights)
    for name, saved in state["optimisers"].items():
        objective.optimisers[name].load_state_dict(saved)
    if average is not None:
        average.load_state_dict(state["average"])
    saved = state["progress"]
    progress.step, progress.best = saved["step"], saved["best"]
    progress.seen = saved["seen"]
    progress.seconds, progress.core_seconds = saved["seconds"], saved["core_seconds"]
    progress.validated = saved.get("validated", saved["step"])
    progress.plateau = Plateau(**saved["plateau"])
    torch.set_rng_state(state["random"])
    if state.get("random_cuda") is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["random_cuda"])


def _describe(plan: Plan, pictures: PictureSet, run: Path, source: Path, *, resumed: bool) -> None:
    with output_errors(run):
        run.mkdir(parents=True, exist_ok=True)
        data = {
            "source": str(source.resolve()),
            "pictures": len(pictures.cache),
            "training": len(pictures.training),
            "validation": len(pictures.validation),
            "grey": pictures.grey,
            "unreadable": [list(pair) for pair in pictures.unreadable],
            "sha256": pictures.sha256,
        }
        old = run / DATA
        if resumed and old.exists():
            before = json.loads(old.read_text(encoding="utf-8")).get("sha256")
            if before not in (None, pictures.sha256):
                raise InputError(
                    "the pictures are no longer those the run began with",
                    where=str(source),
                    remedy="bring them back, or start another run",
                )
        old.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        (run / RECIPE).write_text(to_toml(plan.recipe), encoding="utf-8")
        (run / "environment.json").write_text(
            json.dumps(describe_environment(plan.recipe.seed), indent=2) + "\n", encoding="utf-8"
        )


def _write_up(run: Path) -> None:
    from tinct.training.plots import write_plots
    from tinct.training.report import write_report

    write_plots(run)
    write_report(run)


def _is_first() -> bool:
    """Whether this process is the one that starts the others."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("RANK", "0") == "0"


@contextmanager
def _gentle_interrupt() -> Iterator[list[bool]]:
    """The first Ctrl-C lets the step end and a checkpoint be written; the second is the usual."""
    asked: list[bool] = []

    def ask(number: int, frame: object) -> None:  # noqa: ARG001
        if asked:
            raise KeyboardInterrupt
        asked.append(True)

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not the main thread: nobody can press keys here
        yield asked
        return
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
