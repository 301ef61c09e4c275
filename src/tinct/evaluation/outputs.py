"""The folder of an evaluation: results.json, pictures.csv, table.md and report.html."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tinct.errors import OutputExists
from tinct.evaluation.report import report
from tinct.evaluation.results import as_json
from tinct.evaluation.run import Evaluation
from tinct.evaluation.tables import as_csv, markdown
from tinct.image.atomic import output_errors, write_atomic

RESULTS, TABLE, PICTURES, PAGE = "results.json", "table.md", "pictures.csv", "report.html"


def check_folder(folder: Path) -> None:
    """See that the folder can be made, before hours are spent on what goes into it.

    It is made and taken away again: nothing is left where the evaluation fails or is stopped.

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
        for made in reversed(_made(folder)):
            made.rmdir()


def write_outputs(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write everything, the page last; where one file cannot be written, none is left.

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
    with output_errors(folder):
        made = _made(folder)
    files: list[Path] = []
    try:
        for name, text in texts.items():
            with write_atomic(folder / name, overwrite=False) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
            files.append(folder / name)
    except BaseException:
        with suppress(OSError):
            for file in files:
                file.unlink()
            for one in reversed(made):
                one.rmdir()
        raise
    return files


def _made(folder: Path) -> list[Path]:
    """Make a folder with those above it, and say which were not there, the highest first."""
    absent = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return absent[::-1]
