"""The curves of an evaluation's page: vividness, points of colour, working sizes, steadiness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinct.datasets.page import table, text
from tinct.evaluation.plots import Series, chart
from tinct.evaluation.tables import probability
from tinct.evaluation.ways import TRUTH

Record = Mapping[str, Any]
WIDE = ' class="wide"'


def charts(one: Record) -> str:
    """Each plot that there are figures for, with a heading."""
    return "".join(
        f"<section{WIDE if '<table' in body else ''}><h3>{title}</h3>{body}<p>{text(said)}</p>"
        "</section>"
        for title, body, said in (_vividness(one), _points(one), _sizes(one), _steady(one))
        if body
    )


def _vividness(one: Record) -> tuple[str, str, str]:
    curves = one.get("trade_off", {}).get("curves", {})
    gains = one.get("trade_off", {}).get("gains", [])
    series = []
    for way in one["ways"]:
        if way["name"] == TRUTH or "colourfulness_ratio" not in way["set_measures"]:
            continue
        own = way["set_measures"]["colourfulness_ratio"]["mean"], way["means"]["ciede2000"]["mean"]
        points = [(p["colourfulness_ratio"], p["ciede2000"]) for p in curves.get(way["name"], ())]
        mark = gains.index(1.0) if points else 0
        series.append(Series(way["name"], points or [own], mark=mark))
    said = "Right is more vivid (1: as the truth), lower is nearer to it."
    if curves:
        said += " Curves: the same model with its chroma scaled; the number is the model as it is."
    return (
        "Error against vividness",
        chart(
            series,
            across="colourfulness ratio",
            up="CIEDE2000",
            title="CIEDE2000 against the colourfulness ratio of each way",
        ),
        said,
    )


def _points(one: Record) -> tuple[str, str, str]:
    found = one.get("hints")
    if not found:
        return "", "", ""
    counts = found["counts"]
    series = [
        Series(
            name,
            [(at, row["ciede2000"]["mean"]) for at, row in enumerate(rows)],
            [(row["ciede2000"]["low"], row["ciede2000"]["high"]) for row in rows],
        )
        for name, rows in found["ways"].items()
    ]
    drawing = chart(
        series,
        across="number of points",
        up="CIEDE2000",
        title="CIEDE2000 against the number of points of true colour",
        names=[str(count) for count in counts],
    )
    rows = [
        [name, *(f"{row['ciede2000']['mean']:.2f}" for row in rows)]
        for name, rows in found["ways"].items()
    ]
    return (
        "Points of colour",
        drawing + table(["CIEDE2000 with", *map(str, counts)], rows),
        "Points are drawn at random, each with the true mean colour of the 7 x 7 pixels around it.",
    )


def _sizes(one: Record) -> tuple[str, str, str]:
    found = one.get("working_sizes")
    if not found:
        return "", "", ""
    series = []
    lines = []
    for name, rows in found["ways"].items():
        own = next(at for at, row in enumerate(rows) if row["own"])
        points = [(row["times_own"], row["ciede2000"]["mean"]) for row in rows]
        series.append(Series(name, points, mark=own))
        for row in rows:
            size = f"{row['working_size']}{' (its own)' if row['own'] else ''}"
            mean = row["ciede2000"]
            lines.append(
                [
                    name,
                    size,
                    f"{mean['mean']:.2f} [{mean['low']:.2f}, {mean['high']:.2f}]",
                    f"{row['colourfulness_ratio']:.2f}",
                    f"{1000 * row['seconds']:.0f} ms",
                    f"{row['times_own']:.2f}",
                ]
            )
    head = ["model", "working size", "CIEDE2000", "colourfulness ratio", "a picture", "times own"]
    drawing = chart(
        series,
        across="time, as a multiple of that at its own size",
        up="CIEDE2000",
        title="CIEDE2000 against time at several working sizes",
    )
    return (
        "Working size",
        drawing + table(head, lines),
        f"Milliseconds of one processor core on this machine, the median of {found['timed']} "
        "pictures coloured alone; compare the ratios.",
    )


def _steady(one: Record) -> tuple[str, str, str]:
    found = one.get("consistency")
    if not found:
        return "", "", ""
    rows = [
        [
            name,
            *(
                f"{values[key]['mean']:.2f} [{values[key]['low']:.2f}, {values[key]['high']:.2f}]"
                for key in ("size_consistency", "flip_consistency")
            ),
        ]
        for name, values in found.items()
    ]
    return (
        "Steadiness",
        table(["model", "moved by working size", "moved by a flip"], rows),
        "Mean CIEDE2000 between results that should be the same; lower is steadier.",
    )


def equal_table(one: Record) -> str:
    """All ways at one colourfulness, and each pair."""
    equal = one.get("trade_off", {}).get("equal")
    if not equal:
        return ""
    ratio = equal["colourfulness_ratio"]
    rows = [
        [
            name,
            f"{way['gain']:.2f}",
            f"{way['colourfulness_ratio']:.2f}",
            f"{way['ciede2000']['mean']:.2f} [{way['ciede2000']['low']:.2f}, "
            f"{way['ciede2000']['high']:.2f}]",
        ]
        for name, way in equal["ways"].items()
    ]
    pairs = [
        [
            pair["way"],
            pair["against"],
            f"{pair['won']} : {pair['lost']}" + (f", {pair['ties']} ties" if pair["ties"] else ""),
            probability(pair["p"]),
        ]
        for pair in equal["pairs"]
    ]
    beyond = equal["out_of_reach"]
    said = (
        f"Each model's chroma is scaled so that the set is {ratio:.2f} times as colourful as the "
    )
    said += "truth; then a duller guess is no longer the better one. "
    said += f"Out of reach: {', '.join(beyond)}." if beyond else ""
    return (
        f"<h3>At equal colourfulness</h3><p>{text(said)}</p>"
        + table(["way", "chroma times", "colourfulness ratio", "CIEDE2000"], rows)
        + table(["way", "against", "nearer on", "p"], pairs)
    )
