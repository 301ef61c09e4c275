"""Curves of a run, drawn from its history: loss, accuracy beside the baselines, learning rate."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.errors import UsageError
from tinct.image.atomic import write_atomic
from tinct.training.log import read_history

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Event = Mapping[str, Any]
Events = Sequence[Event]

#: measure -> the name it is shown under; the last one is what an original called its accuracy
ACCURACIES = {
    "lab_accuracy_5": "LAB accuracy, 5 % rule",
    "lab_accuracy_2": "LAB accuracy, 2 % rule",
    "larger_of_a_b": "b* > a* agrees",
}


@dataclass(frozen=True)
class Look:
    """Colours of a figure."""

    paper: str
    ink: str
    soft: str
    line: str
    hues: tuple[str, ...]
    """Of the curves, in their order."""


LIGHT = Look(
    "#faf8f4", "#222222", "#6b655c", "#ddd6ca", ("#2b66a8", "#b4532a", "#3f7d4e", "#8a5a9e")
)
DARK = Look(
    "#191714", "#ece7df", "#a59d90", "#3a352e", ("#86b6ec", "#ef9d6d", "#8ecb9a", "#cfa3e0")
)


def write_plots(run: Path) -> None:
    """Write loss.png, accuracy.png and rate.png into a run's folder, as far as there is anything.

    Raises:
        UsageError: matplotlib is not installed.
        OutputUnwritable: the folder cannot be written to.
    """
    for name, data in draw_plots(read_history(run), kind="png", look=LIGHT).items():
        with write_atomic(run / f"{name}.png", overwrite=True) as temporary:
            temporary.write_bytes(data)


def draw_plots(
    events: Events, *, kind: Literal["png", "svg"], look: Look = LIGHT
) -> dict[str, bytes]:
    """The plots of a history as files in memory.

    Args:
        events: what `read_history` gives.
        kind: of the files.
        look: their colours.

    Returns:
        `loss`, `accuracy` and `rate` to a file each; one that has nothing to show is left out.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise UsageError(
            "drawing curves needs matplotlib", remedy='pip install "tinct[train]"'
        ) from error
    plots: dict[str, Callable[[Events, Look], Figure | None]] = {
        "loss": _loss,
        "accuracy": _accuracy,
        "rate": _rate,
    }
    drawn = {}
    with rc_context(_style(look)):
        for name, plot in plots.items():
            figure = plot(events, look)
            if figure is not None:
                buffer = io.BytesIO()
                # no date inside: the same history gives the same file
                metadata = {"Date": None} if kind == "svg" else {"Software": None}
                figure.savefig(buffer, format=kind, dpi=160, metadata=metadata)
                drawn[name] = buffer.getvalue()
    return drawn


def _loss(events: Events, look: Look) -> Figure | None:
    training = _series(events, "train", "losses")
    validation = _series(events, "validation", "measures", "network").get("loss")
    main = training.pop("loss", None)
    # parts that are the loss itself under its own name say nothing
    parts = {
        name: curve for name, curve in training.items() if main is None or not _same(curve, main)
    }
    if main is None and not parts and validation is None:
        return None
    upper = main is not None or validation is not None
    figure, axes = _figure(upper + bool(parts), look)
    if upper:
        axis = axes[0]
        if main is not None:
            _noisy(axis, main, look.hues[0], "training")
        if validation is not None:
            axis.plot(*validation, color=look.hues[1], marker="o", markersize=3, label="validation")
            if np.isfinite(validation[1]).any():
                best = int(np.nanargmin(validation[1]))
                place = (validation[0][best], validation[1][best])
                axis.plot(
                    *place, "o", color=look.hues[1], markersize=7, label=f"best, {place[1]:.4g}"
                )
        axis.set_title("Loss")
        _logarithmic(axis, [curve for curve in (main, validation) if curve is not None])
        axis.legend()
    if parts:
        axis = axes[-1]
        for hue, (name, curve) in zip(_cycle(look.hues), parts.items(), strict=False):
            _noisy(axis, curve, hue, name.replace("_", " "))
        axis.set_title("Its parts, training")
        _logarithmic(axis, list(parts.values()))
        axis.legend()
    _mark_notes(axes, events, look)
    return figure


def _accuracy(events: Events, look: Look) -> Figure | None:
    network = _series(events, "validation", "measures", "network")
    shown = {name: title for name, title in ACCURACIES.items() if name in network}
    if not shown:
        return None
    others = {who: _series(events, "validation", "measures", who) for who in ("tint", "grey")}
    figure, axes = _figure(len(shown), look, share_y=True)
    dashes = {"tint": (0, (5, 2)), "grey": (0, (1.5, 2))}
    for axis, (name, title) in zip(axes, shown.items(), strict=True):
        steps, share = network[name]
        axis.plot(steps, 100 * share, color=look.hues[0], marker="o", markersize=3, label="network")
        for who, curves in others.items():
            if name in curves:
                steps, share = curves[name]
                # to the edges, also where there is one validation only
                axis.axhline(
                    100 * float(share[-1]), color=look.soft, linestyle=dashes[who], label=who
                )
        axis.set_title(title)
    axes[0].set_ylim(0, 100)
    axes[0].set_ylabel("% of pixels")
    axes[-1].legend()
    return figure


def _rate(events: Events, look: Look) -> Figure | None:
    rates = _series(events, "train", "rates")
    if not rates:
        return None
    figure, (axis,) = _figure(1, look)
    for hue, (name, curve) in zip(_cycle(look.hues), rates.items(), strict=False):
        axis.plot(*curve, color=hue, drawstyle="steps-post", marker=_dot(curve), label=name)
    axis.set_title("Learning rate")
    _logarithmic(axis, list(rates.values()))
    axis.legend()
    _mark_notes([axis], events, look)
    return figure


Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def _series(events: Events, event: str, *path: str) -> dict[str, Curve]:
    """Name to steps and values of all numbers under `path` in events of one kind."""
    points: dict[str, tuple[list[float], list[float]]] = {}
    for entry in events:
        if entry["event"] == event:
            values: Any = entry
            for key in path:
                values = values.get(key) or {}
            for name, value in values.items():
                steps, numbers = points.setdefault(name, ([], []))
                steps.append(entry["step"])
                numbers.append(math.nan if value is None else float(value))
    return {
        name: (np.array(steps, np.float64), np.array(numbers, np.float64))
        for name, (steps, numbers) in points.items()
    }


def _same(one: Curve, other: Curve) -> bool:
    return len(one[1]) == len(other[1]) and np.allclose(one[1], other[1], equal_nan=True)


def _noisy(axis: Axes, curve: Curve, hue: str, label: str) -> None:
    """A curve with its running mean; the single points stay visible behind it."""
    steps, values = curve
    window = len(values) // 50
    if not window:
        axis.plot(steps, values, color=hue, marker=_dot(curve), label=label)
        return
    axis.plot(steps, values, color=hue, alpha=0.25, linewidth=0.8)
    mean = []
    for i in range(len(values)):
        reach = min(window, i)  # as far ahead as back, or the steep start of a curve shifts
        part = values[i - reach : i + reach + 1]
        mean.append(float(np.nanmean(part)) if np.isfinite(part).any() else math.nan)
    axis.plot(steps, mean, color=hue, label=label)


def _dot(curve: Curve) -> str:
    return "o" if len(curve[0]) == 1 else ""


def _logarithmic(axis: Axes, curves: Sequence[Curve]) -> None:
    """A logarithmic scale where the values need one; else one that starts at 0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    values = np.concatenate([curve[1] for curve in curves])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 8 * values.min():
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_locator(NullLocator())
    elif values.size and values.min() >= 0:
        axis.set_ylim(bottom=0)


def _mark_notes(axes: Sequence[Axes], events: Events, look: Look) -> None:
    for axis in axes:
        for entry in events:
            if entry["event"] == "note" and entry["step"] > 0:
                axis.axvline(entry["step"], color=look.soft, linewidth=0.8, linestyle=(0, (1, 3)))


def _cycle(hues: Sequence[str]) -> list[str]:
    return [*hues] * 8


def _figure(columns: int, look: Look, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    # the bare Figure: pyplot would keep it in a global list and choose a window system
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = Figure(figsize=(9, 3.2), layout="constrained", facecolor=look.paper)
    axes = list(figure.subplots(1, columns, sharey=share_y, squeeze=False)[0])
    for axis in axes:
        axis.set_xlabel("step")
        axis.xaxis.set_major_locator(MaxNLocator(6 // columns + 1, integer=True))
        axis.xaxis.set_major_formatter(
            FuncFormatter(lambda step, _: f"{step:,.0f}".replace(",", "\N{NO-BREAK SPACE}"))
        )
    return figure, axes


def _style(look: Look) -> Any:  # matplotlib spells out every key in its type
    return {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.facecolor": look.paper,
        "axes.edgecolor": look.line,
        "axes.labelcolor": look.soft,
        "axes.titlecolor": look.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": look.line,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.6,
        "text.color": look.ink,
        "xtick.color": look.line,
        "ytick.color": look.line,
        "xtick.labelcolor": look.soft,
        "ytick.labelcolor": look.soft,
        "legend.frameon": False,
        "svg.hashsalt": "tinct",
    }
