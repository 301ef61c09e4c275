"""The page of an evaluation: one HTML file that holds everything in itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from tinct.datasets.page import text
from tinct.evaluation import curves, sheets
from tinct.evaluation.catalogue import METRICS
from tinct.evaluation.gallery import drawn, worst
from tinct.evaluation.measure import Measured
from tinct.evaluation.plots import Span, forest
from tinct.evaluation.run import Evaluation
from tinct.evaluation.tables import COLUMNS, distance_title, distances_of, won
from tinct.evaluation.ways import TRUTH
from tinct.version import __version__

Record = Mapping[str, Any]
#: measures of the table that is open; all others are one click away
_SETS = ("colourfulness_ratio", "colourfulness_difference", "colourfulness_distance")
_FACTS = {"parameters": "parameters", "pictures_seen": "pictures seen"}
_TITLES = {
    "colourfulness_distance": "colourfulness distance",
    "colourfulness_abs_difference": "colourfulness difference, absolute",
}


def report(evaluation: Evaluation) -> str:
    """The page, of a few megabytes at most: pictures are thumbnails, and not all are shown."""
    record = evaluation.record
    names = [way.name for way in evaluation.ways if way.kind != "baseline"]
    page = files("tinct.evaluation")
    return Template(page.joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=text(f"How well {_listed(names)}"),
        state=text(
            "Pictures in colour were greyed, coloured again and compared with the truth. Protocol: "
            f"{record['protocol']}; pairs are compared with {record['against']}; brackets and bars "
            f"are 95 % bootstrap intervals of {record['resamples']:,} resamples, the same for all."
        ),
        figures=_figures(record),
        notes=_notes(evaluation),
        style=page.joinpath("report.css").read_text(encoding="utf-8"),
        script=page.joinpath("report.js").read_text(encoding="utf-8"),
        body="".join(
            _set(evaluation, one, measured)
            for one, measured in zip(record["sets"], evaluation.sets, strict=True)
        ),
        footer=f"Written by Tinct {text(__version__)}. Colours are inferred: plausible, not known. "
        "CIEDE2000 and PSNR reward caution; read them beside the colourfulness.",
    )


def _listed(names: list[str]) -> str:
    if len(names) > 3:
        return f"{names[0]} and {len(names) - 1} others colour"
    if len(names) == 1:
        return f"{names[0]} colours"
    return f"{', '.join(names[:-1])} and {names[-1]} colour"


def _notes(evaluation: Evaluation) -> str:
    items = "".join(f"<li>{text(note)}</li>" for note in evaluation.notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _figures(record: Record) -> str:
    """The first way that is no baseline, on each set, beside what it is compared with."""
    blocks = []
    for one in record["sets"]:
        first = next((way for way in one["ways"] if way["kind"] != "baseline"), None)
        if first is None:
            continue
        mean = first["means"]["ciede2000"]
        beside = ", ".join(
            f"{way['name']} {way['means']['ciede2000']['mean']:.2f}"
            for way in one["ways"]
            if way["kind"] == "baseline" and way["name"] != TRUTH
        )
        interval = f"{mean['low']:.2f} to {mean['high']:.2f}"
        blocks.append(
            f"<div><dt>{text(one['name'])}: CIEDE2000 of {text(first['name'])}, n = {one['n']}</dt>"
            f'<dd><span class="value">{mean["mean"]:.2f}</span><small>{interval}; lower is better'
            f"</small><small>{text(beside)}</small></dd></div>"
        )
    return f'<dl class="figures">{"".join(blocks)}</dl>' if blocks else ""


def _set(evaluation: Evaluation, one: Record, measured: Measured) -> str:
    record, options = evaluation.record, evaluation.options
    part = f" ({one['part']})" if one["part"] else ""
    left = len(one["left_out"])
    a, b = one["tint"]
    about = (
        f"{one['n']} pictures{part}, {record['protocol']}, sha256 of the files {one['sha256'][:12]}"
        + (f"; {left} without colour were left out" if left else "")
        + f". The tint, a* {a:g} b* {b:g}: {one['tint_from']}."
    )
    others = [way for way in evaluation.ways if way.kind != "baseline"]
    shown = drawn(measured, evaluation.ways, options.protocol, seed=options.seed)
    failures = {way.name: worst(measured, way, options.protocol) for way in others}
    return (
        f"<section><h2>{text(one['name'])}</h2><p>{text(about)}</p>{_table(one)}"
        f'<div class="plots">{_errors(one)}{curves.charts(one)}</div>{curves.equal_table(one)}'
        f"{_groups(one)}{_all_measures(one)}"
        f"{sheets.contact_sheet(shown, total=one['n'], seed=options.seed)}"
        f"{sheets.failures(failures)}</section>"
    )


# ---- tables -------------------------------------------------------------------------------


def _table(one: Record) -> str:
    """The main measures, sortable, the best model of each column marked."""
    keys = [key for key in COLUMNS if any(key in way["means"] for way in one["ways"])]
    against = next((way["wins"]["against"] for way in one["ways"] if way["wins"]), "")
    head = ["", *(METRICS[key].title for key in keys)]
    head += [_title(key) for key in (*_SETS[:2], *distances_of(one))]
    head += [f"nearer than {against}", "p", *_FACTS.values()]
    rows = []
    for way in one["ways"]:
        cells = [_mean(one, way, key, "means") for key in keys]
        cells += [_mean(one, way, key, "set_measures") for key in (*_SETS[:2], *distances_of(one))]
        cells += _wins(way)
        cells += [_cell(way["about"].get(key), "{:,}") for key in _FACTS]
        rows.append(_row(way, cells))
    return _sortable("All ways side by side", head, rows)


def _all_measures(one: Record) -> str:
    keys = list(dict.fromkeys(key for way in one["ways"] for key in way["means"]))
    sets = list(dict.fromkeys(key for way in one["ways"] for key in way["set_measures"]))
    rows = [
        _row(
            way,
            [_mean(one, way, key, "means") for key in keys]
            + [_mean(one, way, key, "set_measures") for key in sets],
        )
        for way in one["ways"]
    ]
    head = ["", *(_title(key) for key in (*keys, *sets))]
    return (
        f"<details><summary>All measures</summary>{_sortable('All measures', head, rows)}</details>"
    )


def _groups(one: Record) -> str:
    found = []
    for kind, groups in one["groups"].items():
        if not groups:
            continue
        names = [way["name"] for way in one["ways"] if way["name"] != TRUTH]
        rows = [
            f'<tr><th scope="row">{text(label)}</th><td>{group["n"]}</td>'
            + "".join(_cell(group["ways"][name]["ciede2000"], "{:.2f}") for name in names)
            + "</tr>"
            for label, group in groups.items()
        ]
        title = f"CIEDE2000 by {kind}"
        table = _sortable(title, ["", "n", *names], rows)
        found.append(f"<details><summary>By {kind}</summary>{table}</details>")
    return "".join(found)


def _sortable(title: str, head: list[str], rows: list[str]) -> str:
    top = "".join(f'<th scope="col">{text(_plain(cell)) or "way"}</th>' for cell in head)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(title)}">'
        f'<table class="sortable"><thead><tr>{top}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def _row(way: Record, cells: list[str]) -> str:
    kind = ' class="baseline"' if way["kind"] == "baseline" else ""
    return f'<tr{kind}><th scope="row">{text(way["name"])}</th>{"".join(cells)}</tr>'


def _mean(one: Record, way: Record, key: str, kind: str) -> str:
    value = way[kind].get(key)
    if value is None or value["mean"] is None:
        return "<td data-value=''>–</td>"
    metric = METRICS.get(key.partition(" (")[0])
    show = metric.show if metric else "{:.2f}".format
    span = ""
    if "low" in value and value["low"] != value["high"]:
        span = f" <small>{text(show(value['low']))}–{text(show(value['high']))}</small>"
    best = ' class="best"' if _is_best(one, way, key, kind) else ""
    return f'<td{best} data-value="{value["mean"]}">{text(show(value["mean"]))}{span}</td>'


def _is_best(one: Record, way: Record, key: str, kind: str) -> bool:
    """Whether a way is the best of several that are no baselines, by a measure with a better."""
    metric = METRICS.get(key.partition(" (")[0])
    others = [other for other in one["ways"] if other["kind"] != "baseline" and key in other[kind]]
    if metric is None or metric.direction == "none" or way not in others or len(others) < 2:
        return False
    values = [other[kind][key]["mean"] for other in others]
    best = min(values) if metric.direction == "lower" else max(values)
    return bool(way[kind][key]["mean"] == best and max(values) != min(values))


def _wins(way: Record) -> list[str]:
    share, p = won(way["wins"])
    if way["wins"] is None or not way["wins"]["won"] + way["wins"]["lost"]:
        return ["<td data-value=''>–</td>"] * 2
    total = way["wins"]["won"] + way["wins"]["lost"]
    return [
        f'<td data-value="{way["wins"]["won"] / total:.4f}">{text(share)}</td>',
        f'<td data-value="{way["wins"]["p"]}">{text(p)}</td>',
    ]


def _cell(value: float | None, shown: str) -> str:
    if not value:
        return "<td data-value=''></td>"
    return f'<td data-value="{value}">{shown.format(value)}</td>'


def _title(key: str) -> str:
    metric = METRICS.get(key)
    return metric.title if metric else _TITLES.get(key) or distance_title(key)


def _plain(title: str) -> str:
    return title.replace("\\", "")


def _errors(one: Record) -> str:
    spans = [
        Span(
            label=way["name"],
            shown=f"{way['means']['ciede2000']['mean']:.2f}",
            baseline=way["kind"] == "baseline",
            **way["means"]["ciede2000"],
        )
        for way in one["ways"]
        if way["name"] != TRUTH
    ]
    spans.sort(key=lambda span: span.mean)
    plot = forest(spans, title="CIEDE2000 with its 95 % interval; lower is nearer to the truth")
    return f"<section><h3>Error</h3>{plot}</section>"
