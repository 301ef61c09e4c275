"""The figures of a study as text for a terminal, and the votes as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tinct.study.findings import Counted
from tinct.study.folder import Study
from tinct.study.options import ORIGINAL

Record = Mapping[str, Any]

QUESTIONS = {
    "real": "Real or coloured?",
    "pair": "Which of two looks more natural?",
    "rate": "How natural, from 1 to 5?",
}
COLUMNS = (
    *("participant", "position", "picture", "category", "way", "other", "answer"),
    *("response_ms", "late", "check", "excluded"),
)


def text(found: Record) -> str:
    """What a terminal shows: one line for each way, and who took part."""
    mode, people = found["study"]["mode"], found["participants"]
    head, rows = HEADS[mode], [CELLS[mode](row) for row in found["ways"]]
    lines = [f"{found['study']['title']} ({QUESTIONS[mode]})", "", *_columns(head, rows), ""]
    if mode == "pair":
        pairs = [
            (f"{row['name']} over {row['other']}", str(row["votes"]), percent(row["share"]))
            for row in found["pairs"]
        ]
        lines += [*_columns(("pair", "votes", "preferred, 95 %"), pairs), ""]
    agreed = found["agreement"]
    lines.append(f"agreement: {agreed['measure']} {figure(agreed, 3)}")
    lines.append(
        f"participants: {people['scored']} scored, {people['excluded']} left out for failed "
        f"attention checks, {people['finished']} of {people['joined']} finished"
    )
    checks = people["checks"]
    lines.append(f"attention checks: {checks['failed']} of {checks['answered']} failed")
    if people["always_the_same"]:
        lines.append(f"always the same answer: {people['always_the_same']} participants")
    lines.append(f"study: {found['study']['sha256'][:16]}")
    return "\n".join(lines)


def _real_cells(row: Record) -> tuple[str, ...]:
    fooling = "" if row["name"] == ORIGINAL else percent(row["fooling"])
    share = percent(row["share"])
    return row["name"], str(row["votes"]), share, _range(row["share_by_participants"]), fooling


def _pair_cells(row: Record) -> tuple[str, ...]:
    return (
        row["name"],
        str(row["votes"]),
        percent(row["share"]),
        figure(row["score"], 2, none="not to be told"),
        "" if row["name"] == ORIGINAL else percent(row["beats_original"]),
    )


def _rate_cells(row: Record) -> tuple[str, ...]:
    return row["name"], str(row["votes"]), figure(row["mean"], 2), *map(str, row["counts"])


#: what each mode has in the columns of its table, of which every interval is one of 95 %
HEADS: Mapping[str, tuple[str, ...]] = {
    "real": (
        *("way", "votes", "voted real (Wilson)", "by participants", "fooling rate (MOVER-R)"),
    ),
    "pair": ("way", "votes", "preferred (Wilson)", "Bradley-Terry score", "beats the original"),
    "rate": ("way", "votes", "mean (bootstrap)", *"12345"),
}
CELLS = {"real": _real_cells, "pair": _pair_cells, "rate": _rate_cells}


def percent(estimate: Record) -> str:
    """A share with its interval."""
    if estimate["value"] is None:
        return "-"
    high = "no end" if estimate["high"] is None else f"{100 * estimate['high']:.1f}"
    if estimate["low"] is None:
        return f"{100 * estimate['value']:.1f} %"
    return f"{100 * estimate['value']:.1f} % ({100 * estimate['low']:.1f} to {high})"


def figure(estimate: Record, decimals: int, *, none: str = "-") -> str:
    """A number with its interval."""
    if estimate["value"] is None:
        return none
    value = f"{estimate['value']:.{decimals}f}"
    if estimate["low"] is None:
        return value
    return f"{value} ({estimate['low']:.{decimals}f} to {estimate['high']:.{decimals}f})"


def _range(span: Sequence[float] | None) -> str:
    return "-" if span is None else f"{100 * span[0]:.1f} to {100 * span[1]:.1f}"


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        cells = [
            f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines


def votes_csv(study: Study, counted: Counted) -> str:
    """Every vote a row, participants as numbers that mean nothing elsewhere.

    `answer` is 1 for real and 0 for coloured, the name of the way preferred, or 1 to 5.
    """
    known = {one.id: one for one in (*study.pictures, *study.checks)}
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for vote in counted.everything:
        slot, picture = vote.slot, known[vote.slot.picture]
        pair = len(slot.ways) > 1
        writer.writerow(
            (
                *(vote.participant, vote.position, picture.name, picture.category),
                *(slot.ways[0], slot.ways[1] if pair else ""),
                slot.ways[vote.choice] if pair else vote.choice,
                *(vote.response_ms, int(vote.late), int(slot.check)),
                int(vote.participant in counted.excluded),
            )
        )
    return table.getvalue()
