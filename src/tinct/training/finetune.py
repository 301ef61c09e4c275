"""One's own pictures in, one's own model out: a short training that goes on from a shipped one.

A share of every batch comes from a generic set, and of those pictures the network is to say what
it said before (rehearsal; Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal",
Connection Science 7, 1995; by its own odds as in Li and Hoiem, "Learning without Forgetting", arXiv
1606.09282). It then has room to learn the others, whose looks it can tell from the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinct.errors import ModelError
from tinct.models import DEFAULT, find_model
from tinct.training.engine import Outcome, source_of, train
from tinct.training.export import export_run
from tinct.training.reading import load_recipe
from tinct.training.sources import list_pictures

#: with fewer pictures a warning is given: a network learns them rather than from them
FEW = 20
RECIPE = "finetune"
_STEPS = 10.0  # for each root of the number of pictures
_LEAST, _MOST = 60, 2000


@dataclass(frozen=True)
class Tuned:
    """What came of it."""

    outcome: Outcome
    """Of the training."""
    model: Path | None
    """The model, for `tinct colorize --model`; None where the training was interrupted."""


def finetune(
    pictures: Path,
    run: Path,
    *,
    start: str = DEFAULT,
    replay: Path | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    warn: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Train a model for one kind of pictures.

    Args:
        pictures: folder, manifest or picture, in colour; grey ones are left out. A tenth of them,
            whole artists where they are known, is held out to tell how it goes.
        run: new folder for the training and `model.onnx`.
        start: name of the model to go on from, its ONNX file, or folder of a run.
        replay: the generic set; None takes the folder `train` of TINCT_DATA where it is there.
        overrides: `key=value` settings of the recipe `finetune`.
        quiet: say nothing while it goes.
        warn: told what is likely to disappoint.

    Raises:
        InputError: no pictures in colour, or the generic set is not there.
        ModelError: there is no such model to start from.
        OutputExists: `run` holds a run.
    """
    try:
        find_model(start)
    except ModelError as error:
        raise ModelError(error.message, where="--start", remedy=error.remedy) from error
    count = list_pictures(pictures).count
    if count < FEW:
        warn(
            f"{count} {'picture' if count == 1 else 'pictures'}: a model learns little from fewer "
            f"than {FEW}, and may learn them by heart"
        )
    settings = [f"start={start}", f"stop.steps={steps_for(count)}"]
    generic = source_of(replay)
    if replay is not None or generic.exists():
        settings.append(f"data.replay_from={generic}")
    else:
        settings += ["data.replay=0", "data.apart=false"]
        warn(
            "there is no generic set to replay: what the model could do with other pictures will "
            "fade; name a folder of all kinds of pictures with --replay"
        )
    recipe = load_recipe(RECIPE, [*settings, *overrides])
    outcome = train(recipe, pictures, run, quiet=quiet)
    if outcome.stopped == "interrupted":
        return Tuned(outcome, None)
    return Tuned(outcome, export_run(run))


def steps_for(pictures: int) -> int:
    """How long so many pictures are learned from."""
    return min(max(round(_STEPS * math.sqrt(pictures)), _LEAST), _MOST)
