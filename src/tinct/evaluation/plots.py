"""Plots as parts of a page: drawn in the page's own colours, readable at the width of a phone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinct.datasets.page import text

_WIDTH, _HEIGHT = 400, 312
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 20, 24, 44
#: colours that the style sheet has
COLOURS = 8


@dataclass(frozen=True)
class Series:
    """Points that belong together."""

    label: str
    points: Sequence[tuple[float, float]]
    spans: Sequence[tuple[float, float]] = ()
    """Interval of each point's y."""
    mark: int = -1
    """The point that carries the number."""


@dataclass(frozen=True)
class Span:
    """A mean with its interval, as a row of `forest`."""

    label: str
    mean: float
    low: float
    high: float
    shown: str
    """The mean in words."""
    baseline: bool = False


def chart(
    series: Sequence[Series], *, across: str, up: str, title: str, names: Sequence[str] = ()
) -> str:
    """Curves, or single points, each with a number that the list below explains.

    Args:
        series: what to draw; one with a single point is drawn as a point.
        across: what the x axis shows.
        up: what the y axis shows.
        title: for who cannot see it.
        names: of x = 0, 1, 2, ... where these are no numbers.
    """
    known = [one for one in series if one.points]
    if not known:
        return ""
    xs = [x for one in known for x, _ in one.points]
    ys = [y for one in known for _, y in one.points]
    ys += [y for one in known for span in one.spans for y in span]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))
    if names:
        x_ticks = [float(at) for at in range(max(2, len(names)))]

    def place(x: float, y: float) -> tuple[float, float]:
        wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return (
            _LEFT + wide * (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]),
            _TOP + tall * (y_ticks[-1] - y) / (y_ticks[-1] - y_ticks[0]),
        )

    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{text(title)}">'
    ]
    for y in y_ticks:
        _, at = place(x_ticks[0], y)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" class="end">{_short(y)}</text>')
    for x in x_ticks:
        at, _ = place(x, y_ticks[0])
        parts.append(
            f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 18}" class="mid">{_label(x, names)}</text>'
        )
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" class="end">{text(across)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 8}">{text(up)}</text>')
    parts += [_drawn(number, one, place) for number, one in enumerate(known)]
    names = "".join(
        f'<li class="c{number % COLOURS}"><b>{number + 1}</b> {text(one.label)}</li>'
        for number, one in enumerate(known)
    )
    return f'<figure>{"".join(parts)}</svg><ul class="legend">{names}</ul></figure>'


def _drawn(number: int, one: Series, place: Callable[[float, float], tuple[float, float]]) -> str:
    at = [place(x, y) for x, y in one.points]
    parts = [f'<g class="c{number % COLOURS}">']
    for (x, _), (low, high) in zip(one.points, one.spans, strict=False):
        (left, bottom), (_, top) = place(x, low), place(x, high)
        parts.append(f'<path class="span" d="M{left:.1f} {bottom:.1f}V{top:.1f}"/>')
    if len(at) > 1:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        parts.append(f'<path class="line" d="M{path}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in at]
    x, y = at[one.mark]
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>')
    parts.append(f'<text x="{x:.1f}" y="{y + 4:.1f}" class="mid number">{number + 1}</text></g>')
    return "".join(parts)


def forest(spans: Sequence[Span], *, title: str) -> str:
    """Means with their intervals, one below the other on one scale."""
    if not spans:
        return ""
    scale = ticks(min(one.low for one in spans), max(one.high for one in spans))
    low, wide = scale[0], scale[-1] - scale[0]
    rows = []
    for one in spans:
        left, right, at = (100 * (value - low) / wide for value in (one.low, one.high, one.mean))
        kind = ' class="baseline"' if one.baseline else ""
        rows.append(
            f'<tr{kind}><th scope="row">{text(one.label)}</th><td>{text(one.shown)}</td>'
            f'<td class="track"><i class="span" style="left:{left:.2f}%;width:{right - left:.2f}%">'
            f'</i><i class="dot" style="left:{at:.2f}%"></i></td></tr>'
        )
    marks = "".join(
        f'<span style="left:{100 * (value - low) / wide:.2f}%">{_short(value)}</span>'
        for value in scale
    )
    foot = f'<tr aria-hidden="true"><th></th><td></td><td class="scale">{marks}</td></tr>'
    caption = f"<caption>{text(title)}</caption>"
    return f'<table class="forest">{caption}<tbody>{"".join(rows)}{foot}</tbody></table>'


def ticks(low: float, high: float, *, wanted: int = 5) -> list[float]:
    """Round numbers, evenly spaced, that reach from below `low` to above `high`."""
    reach = high - low
    if reach <= 0:
        reach = abs(high) or 1.0
    rough = reach / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(first + 1, math.ceil(high / step - 1e-9))
    return [number * step for number in range(first, last + 1)]


def _label(x: float, names: Sequence[str]) -> str:
    if not names:
        return _short(x)
    return text(names[round(x)]) if round(x) < len(names) else ""


def _short(value: float) -> str:
    return f"{value:.10g}"
