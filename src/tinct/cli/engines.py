"""Where a command's results go, and who works for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from tinct.errors import UsageError

if TYPE_CHECKING:
    from tinct.batch.engine import EngineOptions
    from tinct.batch.events import Reporter
    from tinct.batch.places import Place
    from tinct.batch.plan import Task
    from tinct.batch.workers import Crew, Make


def output_place(output: str | None) -> Place | None:
    """Where results go.

    Raises:
        UsageError: nothing can be written there.
    """
    if output is None:
        return None
    if output == "":
        raise UsageError("an empty name", where="-o", remedy="give a folder or a file")
    from tinct.batch.places import Url, place

    found = place(output)
    if isinstance(found, Url) and found.is_web:
        raise UsageError(
            "nothing can be written to a web server",
            where=f"-o {output}",
            remedy="give a folder, or s3://bucket/folder/",
        )
    return found


def crew_of(
    make: Make, engines: EngineOptions, tasks: list[Task], reporter: Reporter
) -> Callable[[], AbstractContextManager[Crew]] | None:
    """How the workers of a cluster are brought, where one is asked for."""
    if engines.engine == "local":
        return None
    from tinct.batch.actors import crew
    from tinct.batch.places import Url

    return partial(
        crew,
        make,
        engines,
        remote=any(isinstance(one, Url) for task in tasks for one in (task.source, task.target)),
        notice=reporter.notice,
    )
