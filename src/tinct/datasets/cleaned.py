"""The report of `tinct data clean` as a table: what it found, and what is advised."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinct.errors import InputError

COLUMNS = ("file", "action", "reason", "score", "left", "top", "right", "bottom", "detail")


@dataclass(frozen=True)
class Finding:
    """One reason against one picture."""

    file: str
    """Where it lies, see `Row.where`."""
    reason: str
    """Name of the rule."""
    score: float = 1.0
    """How sure the rule is, or what it measured."""
    box: tuple[float, float, float, float] | None = None
    """What a crop would leave: left, top, right, bottom as shares; None advises to leave it out."""
    detail: str = ""
    """What it is a copy of, or why it cannot be read."""
    of: str = ""
    """Of a copy, where the picture lies that stays."""

    @property
    def action(self) -> str:
        """What is advised: `drop` or `crop`."""
        return "drop" if self.box is None else "crop"


@dataclass(frozen=True)
class Verdict:
    """What all findings about one picture come to."""

    reason: str
    drop: bool
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


def as_table(findings: Iterable[Finding]) -> str:
    """Findings as tab-separated text."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in findings:
        box: Sequence[object] = ("",) * 4 if one.box is None else [f"{v:.4f}" for v in one.box]
        writer.writerow((one.file, one.action, one.reason, f"{one.score:.3g}", *box, one.detail))
    return text.getvalue()


def read_verdicts(path: Path) -> Mapping[str, Verdict]:
    """What a report advises for each picture it names; a reason to drop outweighs all crops.

    Raises:
        InputError: no such file, or not such a report.
    """
    verdicts: dict[str, Verdict] = {}
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                drop = row["action"] != "crop"
                if row["file"] in verdicts and (verdicts[row["file"]].drop or not drop):
                    continue
                left, top, right, bottom = (
                    (0.0, 0.0, 1.0, 1.0)
                    if drop
                    else (float(row[side]) for side in ("left", "top", "right", "bottom"))
                )
                if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                    raise ValueError("a crop outside the picture")
                verdicts[row["file"]] = Verdict(row["reason"], drop, (left, top, right, bottom))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        why = f"it has no column {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"not a report of `tinct data clean`: {why}",
            where=str(path),
            remedy="name its report.tsv",
        ) from error
    return verdicts
