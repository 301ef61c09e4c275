"""The verb that watches a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tinct.errors import InputError, OutputError, UsageError
from tinct.options import ColorizeOptions, OnExists


def watch(
    *,
    folder: Path,
    output: Path,
    recursive: bool,
    interval: float,
    name: str | None,
    on_exists: OnExists,
    jobs: int,
    journal: Path | None,
    no_journal: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
    debug: bool,
    **chosen: Any,
) -> int:
    """Colour pictures as they arrive in a folder, until Ctrl-C."""
    from tinct.cli.verbs import effort_of, make_colour, telling

    options = ColorizeOptions(**(chosen | {"effort": effort_of(chosen, many=True)}))
    from tinct.models import DEFAULT, find_model

    model = find_model(options.model or DEFAULT)
    from tinct.batch.events import Several
    from tinct.batch.inputs import Source, check_template, unreadable
    from tinct.batch.order import Order, journal_of
    from tinct.batch.plan import Task
    from tinct.batch.watch import Scanner
    from tinct.batch.watch import watch as carry_out
    from tinct.cores import cores, workers
    from tinct.naming import DEFAULT_NAME

    try:
        folder.stat()
    except FileNotFoundError as error:
        raise InputError("no such folder", where=str(folder), remedy="check the path") from error
    except OSError as error:
        raise unreadable(folder, error) from error
    if not folder.is_dir():
        raise UsageError(
            "is no folder", where=str(folder), remedy="`tinct colorize` takes single pictures"
        )
    if os.path.realpath(folder) == os.path.realpath(output):
        raise UsageError(
            "results would arrive where pictures do",
            where=f"-o {output}",
            remedy="give another folder, which may lie in the watched one",
        )
    if output.is_file():
        raise OutputError(
            "is a file where a folder is needed", where=f"-o {output}", remedy="give a folder"
        )
    check_template(name or DEFAULT_NAME)
    jobs = jobs or workers()
    order = Order(
        output=output,
        output_is_folder=True,
        name=name,
        on_exists=on_exists,
        options=options,
        model=model.name,
    )
    order.tasks([], None)
    nobody = [Source(folder, Path(), named=False)]  # who arrives is not known yet
    noted = None
    if not no_journal or journal is not None:
        noted = journal_of(order, nobody, journal, refused=no_journal)

    def plan(arrived: Sequence[Source]) -> list[Task]:
        return order.tasks(arrived, noted)

    verbosity = -1 if quiet else verbose
    with telling(as_json=as_json, verbosity=verbosity, debug=debug, endless=True) as told:
        others = []
        if noted is not None:
            noted.open()
            others.append(noted)
        if not quiet:
            told.reporter.notice(f"watching {folder} every {interval:g} s; Ctrl-C ends it")
        summary = carry_out(
            Scanner(folder, recursive=recursive, exclude=output),
            plan=plan,
            make=partial(make_colour, options, max(1, cores() // jobs)),
            reporter=Several(*others, told.reporter),
            jobs=jobs,
            interval=interval,
            skip_own=options.if_color == "skip",
        )
    return 1 if summary.failures and summary.aborted is None else summary.exit_code
