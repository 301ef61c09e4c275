"""An evaluation as tables: Markdown for model cards, CSV with a row for each picture and way."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinct.evaluation.catalogue import METRICS

Record = Mapping[str, Any]
#: measures of a Markdown table, in this order, where they were taken; distances between sets and
#: wins follow
COLUMNS = ("ciede2000", "psnr", "ssim", "psnr_ab", "lab_accuracy_5", "hue_histogram", "bleeding")
#: of those, the ones whose interval is shown
WITH_INTERVAL = ("ciede2000", "psnr")
DASH = "–"


def markdown(record: Record) -> str:
    """Of each set a heading and a table, its groups, and what was measured on demand."""
    return "\n\n".join(part for one in record["sets"] for part in _parts(record, one)) + "\n"


def _parts(record: Record, one: Record) -> Iterator[str]:
    yield heading(record, one)
    yield set_table(one)
    facts = f"of {_safe(one['name'])}, n = {one['n']}, sha256 {one['sha256'][:12]}"
    for kind in ("category", "artist"):
        groups = group_table(one, kind)
        if groups:
            yield f"CIEDE2000 by {kind}, groups of five pictures or more, {facts}:"
            yield groups
    for title, rows in _asked(one):
        if len(rows) > 1:
            yield f"{title}, {facts}:"
            yield _lines(rows)


def _asked(one: Record) -> Iterator[tuple[str, list[list[str]]]]:
    """Headings and rows of what is measured only where it is asked for."""
    points = one.get("hints", {"counts": [], "ways": {}})
    yield (
        "CIEDE2000 with points of true colour",
        [
            ["model", *map(str, points["counts"])],
            *(
                [_safe(name), *(_ranged(row["ciede2000"]) for row in rows)]
                for name, rows in points["ways"].items()
            ),
        ],
    )
    yield (
        "Working sizes",
        [
            ["model", "working size", "CIEDE2000", "colourfulness ratio", "times own"],
            *(
                [
                    _safe(name),
                    f"{row['working_size']}{' (its own)' if row['own'] else ''}",
                    _ranged(row["ciede2000"]),
                    f"{row['colourfulness_ratio']:.2f}",
                    f"{row['times_own']:.2f}",
                ]
                for name, rows in one.get("working_sizes", {"ways": {}})["ways"].items()
                for row in rows
            ),
        ],
    )
    scaled = one.get("trade_off", {"gains": [], "curves": {}})
    yield (
        "CIEDE2000 (colourfulness ratio) with the chroma multiplied",
        [
            ["way", *(f"by {gain:g}" for gain in scaled["gains"])],
            *(
                [
                    _safe(name),
                    *(f"{at['ciede2000']:.2f} ({at['colourfulness_ratio']:.2f})" for at in curve),
                ]
                for name, curve in scaled["curves"].items()
            ),
        ],
    )
    equal = scaled.get("equal") or {"ways": {}, "pairs": []}
    yield (
        "All at one colourfulness",
        [
            ["way", "chroma times", "colourfulness ratio", "CIEDE2000"],
            *(
                [
                    _safe(name),
                    f"{way['gain']:.2f}",
                    f"{way['colourfulness_ratio']:.2f}",
                    _ranged(way["ciede2000"]),
                ]
                for name, way in equal["ways"].items()
            ),
            *([_safe(name), "out of reach", DASH, DASH] for name in equal.get("out_of_reach", ())),
        ],
    )
    yield (
        "Pairs at one colourfulness",
        [
            ["way", "against", "nearer on", "p"],
            *([_safe(pair["way"]), _safe(pair["against"]), *won(pair)] for pair in equal["pairs"]),
        ],
    )
    yield (
        "Mean CIEDE2000 between results that should be the same",
        [
            ["model", "moved by the working size", "moved by a flip"],
            *(
                [
                    _safe(name),
                    *(_ranged(found[key]) for key in ("size_consistency", "flip_consistency")),
                ]
                for name, found in one.get("consistency", {}).items()
            ),
        ],
    )


def _ranged(value: Record) -> str:
    return f"{value['mean']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table, the first of them its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def heading(record: Record, one: Record) -> str:
    """What was measured: set, number, protocol, hash, tint."""
    part = f" ({one['part']})" if one["part"] else ""
    left = len(one["left_out"])
    a, b = one["tint"]
    return (
        f"**{_safe(one['name'])}**{_safe(part)}: n = {one['n']}, {record['protocol']}, "
        f"pictures sha256 {one['sha256'][:12]}"
        + (f"; {left} without colour left out" if left else "")
        + f". Tint a\\* {a:g} b\\* {b:g}: {_safe(one['tint_from'])}. Brackets: 95 % bootstrap "
        f"intervals, {record['resamples']:,} resamples."
    )


def set_table(one: Record, *, facts: bool = True) -> str:
    """One set: a row for each way, baselines first.

    Args:
        one: a set of the record.
        facts: with parameters and pictures seen.
    """
    ways = one["ways"]
    metrics = [key for key in COLUMNS if any(key in way["means"] for way in ways)]
    distances = distances_of(one)
    against = next((way["wins"]["against"] for way in ways if way["wins"]), "")
    head = ["what", *(["parameters", "pictures seen"] if facts else [])]
    head += [METRICS[key].title for key in metrics]
    head += ["colourfulness ratio", "colourfulness difference"]
    head += [distance_title(key) for key in distances]
    head += [f"nearer than {_safe(against)}", "p"] if against else []
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for way in ways:
        cells = [_safe(way["name"])]
        if facts:
            cells += [_count(way["about"].get(key)) for key in ("parameters", "pictures_seen")]
        cells += [_mean(key, way["means"].get(key)) for key in metrics]
        cells += [
            _distance(key, way["set_measures"].get(key))
            for key in ("colourfulness_ratio", "colourfulness_difference", *distances)
        ]
        cells += list(won(way["wins"])) if against else []
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def distances_of(one: Record) -> list[str]:
    """Distances between sets that were measured, such as `frechet (mobilenet_v2)`."""
    keys = dict.fromkeys(key for way in one["ways"] for key in way["set_measures"])
    return [key for key in keys if "(" in key]


def distance_title(key: str) -> str:
    """The head of a column: the measure, and the network in brackets."""
    name, _, network = key.partition(" (")
    metric = METRICS.get(name)
    title = metric.title if metric else name.replace("_", " ")
    return f"{title} ({network}" if network else title


def won(wins: Record | None) -> tuple[str, str]:
    """Share of pictures won, ties left out, and the p of the sign test."""
    if wins is None or not wins["won"] + wins["lost"]:
        return DASH, DASH
    total = wins["won"] + wins["lost"]
    ties = f", {wins['ties']} ties" if wins["ties"] else ""
    return f"{100 * wins['won'] / total:.0f} % of {total}{ties}", probability(wins["p"])


def probability(p: float) -> str:
    """A p value: three decimals, or as a bound where it is tiny."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def group_table(one: Record, kind: str) -> str:
    """Means of each category or artist; empty where no group is large enough."""
    groups = one["groups"].get(kind, {})
    if not groups:
        return ""
    names = [way["name"] for way in one["ways"] if way["name"] != "truth"]
    head = [kind, "n", *(_safe(name) for name in names)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for label, group in groups.items():
        cells = [f"{group['ways'][name]['ciede2000']:.2f}" for name in names]
        lines.append(f"| {' | '.join([_safe(label), str(group['n']), *cells])} |")
    return "\n".join(lines)


def as_csv(record: Record) -> str:
    """A row for each picture and way; the hash of the set and its n are in each."""
    metrics = dict.fromkeys(
        key for _, _, row in _rows(record) for key in row if key not in ("id", "category", "artist")
    )
    head = ["set", "n", "sha256", "protocol", "way", "kind", "id", "category", "artist", *metrics]
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n", restval="")
    writer.writeheader()
    for one, way, row in _rows(record):
        known = {"set": one["name"], "n": one["n"], "sha256": one["sha256"], "way": way["name"]}
        writer.writerow({**known, "kind": way["kind"], "protocol": record["protocol"], **row})
    return text.getvalue()


def _rows(record: Record) -> Iterator[tuple[Record, Record, Record]]:
    for one in record["sets"]:
        for way in one["ways"]:
            for row in way["pictures"]:
                yield one, way, row


def _mean(key: str, value: Record | None) -> str:
    if value is None or value["mean"] is None:
        return DASH
    show = METRICS[key].show
    if key not in WITH_INTERVAL or value["low"] == value["high"]:
        return show(value["mean"])
    return f"{show(value['mean'])} [{show(value['low'])}, {show(value['high'])}]"


def _distance(key: str, value: Record | None) -> str:
    if value is None or value.get("mean") is None:
        return DASH
    metric = METRICS.get(key.partition(" (")[0])
    return metric.show(value["mean"]) if metric else f"{value['mean']:.2f}"


def _count(number: int | None) -> str:
    return f"{number:,}" if number else ""


def _safe(text: str) -> str:
    """Text that Markdown leaves as it is, in a cell too."""
    for mark in "\\*|_<>`[]":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of words as lines for a terminal, columns one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
