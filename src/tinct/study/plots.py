"""Plots of a study: SVG within the page, in the page's own colours, as wide as there is room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinct.datasets.page import text

Record = Mapping[str, Any]
Row = tuple[str, Record, str]
"""Name, estimate, and how it is written out."""


def forest(
    rows: Sequence[Row],
    *,
    low: float,
    high: float,
    ticks: Sequence[tuple[float, str]],
    mark: float | None = None,
    first: str = "",
) -> str:
    """Estimates with their intervals, one below the other on one axis.

    Args:
        rows: what is shown.
        low: left end of the axis.
        high: right end.
        ticks: places on the axis and what is written there.
        mark: place of a line that all are compared with.
        first: name of a row that stands apart.
    """
    if not any(row[1]["value"] is not None for row in rows):
        return ""

    def at(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - low) / (high - low)))

    grid = "".join(f'<path class="grid" d="M{at(place):.2f} 0V10"/>' for place, _ in ticks)
    if mark is not None:
        grid += f'<path class="mark" d="M{at(mark):.2f} 0V10"/>'
    lines = []
    for name, estimate, written in rows:
        drawn = grid
        if estimate["value"] is not None:
            if estimate["low"] is not None:
                most = high if estimate["high"] is None else estimate["high"]
                drawn += f'<path class="span" d="M{at(estimate["low"]):.2f} 5H{at(most):.2f}"/>'
            drawn += f'<path class="dot" d="M{at(estimate["value"]):.2f} 5h0"/>'
        kind = ' class="apart"' if name == first else ""
        lines.append(
            f"<li{kind}><b>{text(name)}</b>"
            f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
            f"<span>{_written(written)}</span></li>"
        )
    axis = "".join(f'<i style="left:{at(place):.2f}%">{text(label)}</i>' for place, label in ticks)
    return (
        f'<ul class="forest">{"".join(lines)}</ul>'
        f'<div class="axis" aria-hidden="true"><div>{axis}</div></div>'
    )


def stacked(rows: Sequence[tuple[str, Sequence[int]]]) -> str:
    """How often each of five ratings was given, as bars of the same length."""
    lines = []
    for name, counts in rows:
        total = sum(counts)
        parts, left = "", 0.0
        for value, count in enumerate(counts, 1):
            width = 100 * count / total if total else 0.0
            parts += f'<rect class="r{value}" x="{left:.2f}" y="1" width="{width:.2f}" height="8"/>'
            left += width
        said = ", ".join(f"{count} x {value}" for value, count in enumerate(counts, 1))
        lines.append(
            f"<li><b>{text(name)}</b>"
            f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
            f'aria-label="{text(said)}">{parts}</svg><span>{total} ratings</span></li>'
        )
    legend = "".join(f'<li><i class="r{value}"></i>{value}</li>' for value in range(1, 6))
    return f'<ul class="forest">{"".join(lines)}</ul><ul class="legend">{legend}</ul>'


def _written(written: str) -> str:
    value, bracket, rest = written.partition(" (")
    return f"{text(value)} <small>{text(rest.rstrip(')'))}</small>" if bracket else text(value)
