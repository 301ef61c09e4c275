"""The folder of an evaluation: results.json, pictures.csv, table.md and report.html."""

from __future__ import annotations

import os
from pathlib import Path

from tinct.errors import OutputExists
from tinct.evaluation.report import report
from tinct.evaluation.results import as_json
from tinct.evaluation.run import Evaluation
from tinct.evaluation.tables import as_csv, markdown
from tinct.image.atomic import output_errors, write_atomic

RESULTS, TABLE, PICTURES, PAGE = "results.json", "table.md", "pictures.csv", "report.html"


def check_folder(folder: Path) -> None:
    """Make the folder, before hours are spent on what could not be written to it.

    Raises:
        OutputExists: it is there and not empty.
        OutputUnwritable: it cannot be made.
    """
    with output_errors(folder):
        if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputExists(
                "exists already and is not empty" if folder.is_dir() else "is a file",
                where=str(folder),
                remedy="name a new folder: --out FOLDER",
            )
        folder.mkdir(parents=True, exist_ok=True)


def write_outputs(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write everything; each file appears whole or not at all, the page last.

    Raises:
        OutputExists: a file is there already.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    texts = {
        RESULTS: as_json(evaluation.record),
        PICTURES: as_csv(evaluation.record),
        TABLE: markdown(evaluation.record),
        PAGE: report(evaluation),
    }
    for name, text in texts.items():
        with write_atomic(folder / name, overwrite=False) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
    return [folder / name for name in texts]
