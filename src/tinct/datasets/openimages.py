"""Photographs of Open Images by class, from the tables that it publishes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tinct.datasets.manifest import Row
from tinct.datasets.wanted import Settled, Wanted
from tinct.datasets.web import Web
from tinct.datasets.whole import fetch_whole
from tinct.download import cache_folder
from tinct.errors import UsageError

PICTURES = "https://open-images-dataset.s3.amazonaws.com"


@dataclass(frozen=True)
class Table:
    """A table of Open Images."""

    path: str
    """Below where all of them lie."""
    sha256: str = ""
    """As public fetchers state it; recorded at the first download where none does."""


CLASSES = Table(
    "v7/oidv7-class-descriptions.csv",
    "84a4373a0efb7fd6d93fe19b0e7ceb6c1b855c233d13b9b78a9a33655c9fdce3",
)
#: of each set: which pictures show what, and what is known of each picture
SETS = {
    "validation": (
        Table(
            "v7/oidv7-val-annotations-human-imagelabels.csv",
            "92ddbdfceb3626e044df5e89100b24f6c22a79c1888a4bddd00a6f231d86d56a",
        ),
        Table(
            "2018_04/validation/validation-images-with-rotation.csv",
            "ed93a0e121fe345effdfc7359b848dbc64a1ff6778c8c73563157cb500b33a17",
        ),
    ),
    "test": (
        Table("v7/oidv7-test-annotations-human-imagelabels.csv"),
        Table("2018_04/test/test-images-with-rotation.csv"),
    ),
}


def open_images(web: Web, base: str, words: str, settled: Settled) -> Iterator[Wanted]:
    """Pictures in which people saw a class, those of the validation set first.

    Pictures that are known to lie on their side are left out: their files do not say so.

    Args:
        web: fetches the tables.
        base: where they are.
        words: a class, such as `Painting`; capitals do not matter.
        settled: not asked; the tables have all that is known.

    Raises:
        UsageError: no such class.
        InputError: a table cannot be had, or has changed.
    """
    del settled
    label, name = _class(_table(web, base, CLASSES), words)
    for split, (labels, pictures) in SETS.items():
        shown = _showing(_table(web, base, labels), label)
        with _table(web, base, pictures).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                number = row["ImageID"]
                if number not in shown or row.get("Rotation") not in {"", "0", "0.0", None}:
                    continue
                known = Row(
                    source=row.get("OriginalLandingURL") or "",
                    licence=row.get("License") or "",
                    artist=row.get("Author") or "",
                    title=row.get("Title") or "",
                    category=name,
                )
                key = f"open-images:{number}"
                yield Wanted(key, f"{PICTURES}/{split}/{number}.jpg", known)


def _class(table: Path, words: str) -> tuple[str, str]:
    with table.open(encoding="utf-8", newline="") as file:
        names = {row[1].casefold(): (row[0], row[1]) for row in csv.reader(file) if len(row) > 1}
    if words.casefold() not in names:
        near = get_close_matches(words.casefold(), list(names), n=3)
        raise UsageError(
            "no such class in Open Images",
            where=words,
            remedy=f"there is {', '.join(names[name][1] for name in near)}"
            if near
            else f"see {table}",
        )
    return names[words.casefold()]


def _showing(table: Path, label: str) -> set[str]:
    """Pictures that people said show the class; they also say what pictures do not show."""
    with table.open(encoding="utf-8", newline="") as file:
        return {
            row["ImageID"]
            for row in csv.DictReader(file)
            if row["LabelName"] == label and float(row["Confidence"] or 0) == 1
        }


def _table(web: Web, base: str, table: Table) -> Path:
    target = cache_folder() / "open-images" / table.path.rpartition("/")[2]
    return fetch_whole(web, base + table.path, target, sha256=table.sha256)
