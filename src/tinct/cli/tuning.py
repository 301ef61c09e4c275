"""`tinct finetune`: parsing and printing only, as everywhere in this room."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tinct.cli.learning import INTERRUPTED, new_run, training


def finetune(
    *,
    data: Path,
    overrides: list[str],
    start: str | None,
    replay: Path | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
) -> int:
    """Make a model for one's own pictures; exit code 130 where it was interrupted."""
    with training():
        from tinct.models import DEFAULT
        from tinct.training.finetune import finetune as tune

        run = out or new_run(data.resolve().name)
        tuned = tune(
            data,
            run,
            start=start or DEFAULT,
            replay=replay,
            overrides=overrides,
            quiet=quiet,
            warn=lambda text: print(f"tinct: warning: {text}", file=sys.stderr),
        )
    outcome = tuned.outcome
    if as_json:
        record = {"run": str(run), "step": outcome.step, "stopped": outcome.stopped}
        model = None if tuned.model is None else str(tuned.model)
        print(
            json.dumps(
                {"v": 1, "event": "finetuned", **record, "model": model, "best": outcome.best}
            )
        )
    else:
        print(run)
        if not quiet and tuned.model is None:
            print(
                f"interrupted: `tinct resume {run}` goes on, then `tinct export {run}`",
                file=sys.stderr,
            )
        elif not quiet:
            error, grey = outcome.best["ciede2000"], outcome.best["colourfulness_ratio"]
            print(
                f"step {outcome.step}: CIEDE2000 {error:.2f} on pictures held out, at "
                f"{grey:.0%} of their colourfulness; use it with --model {run}",
                file=sys.stderr,
            )
    return INTERRUPTED if tuned.model is None else 0
