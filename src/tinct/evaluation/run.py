"""One evaluation: sets of pictures, ways to colour them, and all that is measured on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinct.errors import UsageError
from tinct.evaluation import hints, sizes
from tinct.evaluation.distances import AUTO, NONE, Network, distances, open_network
from tinct.evaluation.measure import Measured, Progress, measure, named
from tinct.evaluation.perceptual import PerceptualDistance, lpips_missing
from tinct.evaluation.protocol import Protocol
from tinct.evaluation.results import VERSION, Record, rounded, set_record
from tinct.evaluation.sets import TruthSet, find_sets
from tinct.evaluation.statistics import RESAMPLES, Bootstrap, draw
from tinct.evaluation.tint import Tint, training_tint
from tinct.evaluation.tradeoff import check_colourfulness, trade_off
from tinct.evaluation.truths import data_folder
from tinct.evaluation.ways import (
    GREY,
    TRUTH,
    Way,
    baseline_ways,
    model_ways,
    prediction_way,
    strangers,
)
from tinct.version import __version__


@dataclass(frozen=True)
class EvaluateOptions:
    """How models are measured."""

    protocol: Protocol = Protocol()  # noqa: RUF009 - frozen
    """How pictures are cut."""
    against: str = GREY
    """The way that all others are compared with, picture by picture."""
    limit: int | None = None
    """So many pictures of each set at most, drawn at random."""
    seed: int = 0
    """Draws pictures, resamples and points."""
    features: str = AUTO
    """Network for distances between sets: a name, `none`, or `auto` where its weights are there."""
    lpips: bool = False
    """Insist on LPIPS; else it is measured where its weights are, unless `features` is `none`."""
    hints: tuple[int, ...] = ()
    """Numbers of points of colour to simulate."""
    working_size: tuple[int, ...] = ()
    """Working sizes to try."""
    trade_off: bool = False
    """Also scale the chroma of each model, and compare all at one colourfulness."""
    equal_colourfulness: float | None = None
    """That colourfulness, as a share of the truth's; None takes that of the dullest model."""
    consistency: bool = False
    """Also measure how results move with the working size and under a flip."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found, and what it needs to show pictures."""

    record: Record
    """See `tinct.evaluation.results`."""
    sets: Sequence[Measured]
    """Every set, picture by picture."""
    ways: Sequence[Way]
    """Baselines, models, other tools and the truth."""
    options: EvaluateOptions
    notes: Sequence[str] = field(default_factory=tuple)
    """What a reader should know: left out pictures, networks that were not there."""


def evaluate(
    models: Sequence[str | Path],
    source: Path,
    *,
    predictions: Mapping[str, Path] | None = None,
    options: EvaluateOptions | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Measure models and other tools' pictures beside the baselines.

    Args:
        models: name, folder of a run or ONNX file, each.
        source: folder, folder of folders or manifest of pictures in colour; see
            `tinct.evaluation.sets`.
        predictions: name of another tool to a folder of pictures that it coloured.
        options: how.
        progress: told a set's name, how many pictures are done, and of how many.
        say: told what longer work is begun.

    Raises:
        InputError: pictures are missing, unreadable or of another size, or all are grey.
        ModelError: a model is absent or damaged, or the weights of `features`.
        UsageError: options make no sense.
    """
    chosen = options or EvaluateOptions()
    sizes.check_sizes(chosen.working_size)
    check_colourfulness(chosen.equal_colourfulness)
    if any(count < 0 for count in chosen.hints):
        raise UsageError("points cannot be fewer than 0", where="--hints")
    given = dict(predictions or {})
    if not models and not given:
        raise UsageError("nothing to measure", remedy="name a model, or --predictions NAME=FOLDER")
    for where, asked in (
        ("--working-size", chosen.working_size),
        ("--consistency", chosen.consistency),
    ):
        if asked and not models:
            raise UsageError(
                "this needs a model: pictures that are there already do not change",
                where=where,
                remedy="name one",
            )
    sets = find_sets(source, limit=chosen.limit, seed=chosen.seed)
    tint = training_tint(data_folder() / "train")
    notes = [] if chosen.limit is not None else _notes(given, sets)
    ways = _ways(models, given, sets, tint, chosen)
    listening = hints.takers(ways) if chosen.hints else []
    network, note = open_network(chosen.features, least=min(len(one.truths) for one in sets))
    notes += [note] if note else []
    perceptual = None
    if chosen.lpips or (chosen.features != NONE and lpips_missing() is None):
        perceptual = PerceptualDistance()
    found, records = [], []
    for one in sets:
        measured = measure(
            one,
            ways,
            chosen.protocol,
            features=None if network is None else network.network,
            perceptual=perceptual,
            progress=progress,
        )
        found.append(measured)
        notes += [f"{one.name}: {name} left out: {why}" for name, why in measured.left_out]
        if len(measured.truths) == 1:
            notes.append(f"{one.name}: of one picture, intervals have no width and say nothing")
        records.append(_record(measured, ways, listening, tint, network, chosen, say))
    record = {
        "v": VERSION,
        "tinct": __version__,
        "protocol": chosen.protocol.name,
        "against": chosen.against,
        "seed": chosen.seed,
        "resamples": RESAMPLES,
        "features": None if network is None else network.name,
        "sets": records,
    }
    return Evaluation(record, found, ways, chosen, notes)


def _record(
    measured: Measured,
    ways: Sequence[Way],
    listening: Sequence[Way],
    tint: Tint,
    network: Network | None,
    options: EvaluateOptions,
    say: Callable[[str], None],
) -> Record:
    bootstrap = draw(len(measured.truths), seed=options.seed)
    apart: Mapping[str, Mapping[str, Mapping[str, float]]] = {}
    if network is not None:
        say(f"{measured.name}: distances by {network.name}")
        apart = distances(measured, network)
    record = set_record(
        measured, ways, bootstrap, tint=tint, against=options.against, distances=apart
    )
    return {**record, **rounded(_more(measured, ways, listening, bootstrap, options, say))}


def _more(
    measured: Measured,
    ways: Sequence[Way],
    listening: Sequence[Way],
    bootstrap: Bootstrap,
    options: EvaluateOptions,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """What is measured only where it is asked for."""
    found: dict[str, Any] = {}
    models = named(ways, kind="model")
    told = {"progress": say}
    if options.trade_off or options.equal_colourfulness is not None:
        others = [*models, *named(ways, kind="predictions")]
        at = options.equal_colourfulness
        found["trade_off"] = trade_off(
            measured, others, options.protocol, bootstrap, at=at, progress=say
        )
    if options.hints:
        counts = sorted(set(options.hints))
        found["hints"] = hints.hint_curve(
            measured, listening, counts, options.protocol, bootstrap, seed=options.seed, **told
        )
    if options.working_size:
        found["working_sizes"] = sizes.size_sweep(
            measured, models, options.working_size, options.protocol, bootstrap, progress=say
        )
    if options.consistency:
        from tinct.evaluation.steadiness import steadiness

        found["consistency"] = steadiness(measured, models, options.protocol, bootstrap, say)
    return found


def _ways(
    models: Sequence[str | Path],
    predictions: Mapping[str, Path],
    sets: Sequence[TruthSet],
    tint: Tint,
    options: EvaluateOptions,
) -> list[Way]:
    ways = baseline_ways(tint)
    truth = ways.pop()
    # pictures are coloured side by side, so each network takes one processor
    ways += model_ways(models, threads=1)
    for name, folder in predictions.items():
        if name in {TRUTH, *(way.name for way in ways)}:
            raise UsageError(
                f"'{name}' is another way's name already",
                where="--predictions",
                remedy="choose another",
            )
        ways.append(prediction_way(name, folder, sets, options.protocol))
    names = [way.name for way in ways]
    if options.against not in names:
        listed = ", ".join(f"'{name}'" for name in names)
        raise UsageError(
            f"there is no '{options.against}' to compare with",
            where="--against",
            remedy=f"one of {listed}",
        )
    return [*ways, truth]


def _notes(predictions: Mapping[str, Path], sets: Sequence[TruthSet]) -> list[str]:
    found = []
    for name, folder in predictions.items():
        extra = strangers(folder, sets)
        if extra:
            few = ", ".join(extra[:3]) + (", ..." if len(extra) > 3 else "")
            have = "picture has" if len(extra) == 1 else "pictures have"
            found.append(f"{name}: {len(extra)} {have} no truth, passed over: {few}")
    return found
