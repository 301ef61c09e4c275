"""What a run tells while it goes on: history.jsonl for programs, a bar or lines for people.

`history.jsonl` is the one source of every curve, table and page about a run. It holds one JSON
object a line, each with the step it belongs to and the seconds spent so far, resumes included:

    train       step, epoch, seconds, losses, rates, images_per_second, waiting
    validation  step, epoch, seconds, best, pictures, measures (of network, grey, tint, oracle)
    note        step, seconds, text

A number that is not finite is written as null, because JSON has no other word for it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tinct.errors import UsageError
from tinct.image.atomic import output_errors, write_atomic

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

HISTORY = "history.jsonl"
#: seconds between two lines about training where there is no terminal to draw a bar on
BETWEEN_LINES = 30.0

Numbers = Mapping[str, float]


class RunLog:
    """Hears of everything that happens in a run, writes it down and shows it on stderr."""

    def __init__(
        self,
        run: Path,
        *,
        total: int | None,
        step: int = 0,
        tensorboard: bool = False,
        quiet: bool = False,
    ) -> None:
        """Begin a log, or go on with one.

        Args:
            run: folder of the run; made if it is not there.
            total: optimiser steps in all, or None where only validation decides when to stop.
            step: the step the run goes on from. Lines of the history beyond it are dropped: what
                they tell of is about to happen again. 0 begins an empty history.
            tensorboard: whether scalars also go to `run/tensorboard`.
            quiet: whether stderr hears nothing.

        Raises:
            OutputUnwritable: the folder cannot be written to.
            UsageError: TensorBoard is asked for and not installed.
        """
        self._writer = _summary_writer(run, step) if tensorboard else None
        with output_errors(run):
            run.mkdir(parents=True, exist_ok=True)
        self._file = run / HISTORY
        kept = [event for event in read_history(run) if step and event["step"] <= step]
        with write_atomic(self._file, overwrite=True) as temporary:
            temporary.write_text("".join(map(_line, kept)), encoding="utf-8")
        self._spent = float(kept[-1]["seconds"]) if kept else 0.0
        self._began = time.monotonic()
        self._first, self._total = step, total
        self._quiet = quiet
        self._spoke = -math.inf
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            self._progress, self._bar = _bar(step, total)

    @property
    def seconds(self) -> float:
        """Spent on the run so far, in this process and in those it was resumed from."""
        return self._spent + time.monotonic() - self._began

    def train(
        self,
        *,
        step: int,
        epoch: float,
        losses: Numbers,
        rates: Numbers,
        images_per_second: float,
        waiting: float,
    ) -> None:
        """Some steps of training are done.

        Args:
            step: optimiser steps so far.
            epoch: times the training set has been seen, fractions included.
            losses: name to mean since the last call; `loss` is what is minimised.
            rates: learning rate of every group of weights.
            images_per_second: speed since the last call.
            waiting: share of the time, 0..1, in which the network waited for pictures.
        """
        self._append(
            "train",
            step=step,
            epoch=epoch,
            losses=losses,
            rates=rates,
            images_per_second=images_per_second,
            waiting=waiting,
        )
        self._scalars("training", losses, step)
        self._scalars("rate", rates, step)
        speed = {"images_per_second": images_per_second, "waiting": waiting}
        self._scalars("speed", speed, step)
        loss = losses.get("loss", next(iter(losses.values()), math.nan))
        rate = max(rates.values(), default=math.nan)
        told = f"loss {loss:.4g}, rate {rate:.2g}, {images_per_second:.1f} images/s"
        left = self._left(step)
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=step, told=told, left=left)
        elif time.monotonic() - self._spoke >= BETWEEN_LINES:
            self._spoke = time.monotonic()
            of = f"/{self._total}" if self._total else ""
            self._say(f"step {step}{of}, epoch {epoch:.1f}: {told}{left and f', {left}'}")

    def validation(
        self, *, step: int, epoch: float, measures: Mapping[str, Numbers], pictures: int, best: bool
    ) -> None:
        """The network was measured on held-out pictures.

        Args:
            step: optimiser steps so far.
            epoch: times the training set has been seen.
            measures: `network`, `grey`, `tint`, `oracle`, each a name-to-mean mapping.
            pictures: how many were measured.
            best: whether the network never did better.
        """
        self._append(
            "validation",
            step=step,
            epoch=epoch,
            best=bool(best),
            pictures=pictures,
            measures=measures,
        )
        for who, values in measures.items():
            for name, value in values.items():
                self._scalars(name, {who: value}, step)
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=step, left=self._left(step))
        self._say(validation_line(step, epoch, measures, best=best))

    def note(self, *, step: int, text: str) -> None:
        """Something happened that explains the curves: a rate was halved, the run was resumed."""
        self._append("note", step=step, text=text)
        if self._writer is not None:
            self._writer.add_text("note", text, step)
        self._say(f"step {step}: {text}")

    def close(self) -> None:
        """Take the bar down. The history needs no closing: every line is on the disk."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, event: str, *, step: int, **values: Any) -> None:
        entry = {"event": event, "step": int(step), **values}
        entry["seconds"] = round(self.seconds, 2)
        with output_errors(self._file), self._file.open("a", encoding="utf-8") as file:
            file.write(_line(entry))

    def _scalars(self, group: str, values: Numbers, step: int) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", float(value), step)

    def _left(self, step: int) -> str:
        if self._total is None or step <= self._first:
            return ""
        spent = time.monotonic() - self._began
        return f"{_duration(spent / (step - self._first) * (self._total - step))} left"

    def _say(self, text: str) -> None:
        if self._quiet:
            return
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)


def read_history(run: Path) -> list[dict[str, Any]]:
    """The events of a run's history in their order; a line cut short by a crash is left out.

    Raises:
        OutputUnwritable: the file is there and cannot be read.
    """
    file = run / HISTORY
    with output_errors(file):
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    events = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and {"event", "step", "seconds"} <= event.keys():
            events.append(event)
    return events


def validation_line(
    step: int, epoch: float, measures: Mapping[str, Numbers], *, best: bool = False
) -> str:
    """One line for people: the network beside the colourings that know nothing."""
    parts = []
    loss = measures.get("network", {}).get("loss")
    if loss is not None:
        parts.append(f"loss {loss:.4g}")
    for name, title, scale, unit in (
        ("ciede2000", "CIEDE2000", 1, ""),
        ("lab_accuracy_5", "LAB accuracy (5 %)", 100, " %"),
    ):
        told = {
            who: f"{scale * values[name]:.2f}{unit}"
            for who, values in measures.items()
            if values.get(name) is not None and who != "oracle"
        }
        own = told.pop("network", None)
        if own is not None:
            others = ", ".join(f"{who} {value}" for who, value in told.items())
            parts.append(f"{title} {own}{others and f' ({others})'}")
    end = " - best so far" if best else ""
    return f"validation at step {step}, epoch {epoch:.1f}: {'; '.join(parts)}{end}"


def _line(event: Mapping[str, Any]) -> str:
    return json.dumps(_plain(event), ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """The same in JSON's own types; six digits are more than any of these measures holds."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, bool, int)):
        return value
    number = float(value)  # NumPy's and torch's numbers too
    return float(f"{number:.6g}") if math.isfinite(number) else None


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _bar(step: int, total: int | None) -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    progress = Progress(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        # rich's own estimate looks back 30 seconds; between two calls may lie more
        TextColumn("{task.fields[left]}", style="dim"),
        console=Console(stderr=True),
        transient=True,
    )
    bar = progress.add_task("", total=total, completed=step, told="starting", left="")
    progress.start()
    return progress, bar


def _summary_writer(run: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed",
            where="tensorboard",
            remedy='pip install "tinct[tensorboard]", or leave it off',
        ) from error
    folder = str(run / "tensorboard")
    return SummaryWriter(folder, purge_step=step + 1)
