"""What a command orders of a batch: which results of which pictures, noted and reported where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.batch.inputs import Source
from tinct.batch.places import Place, Url
from tinct.batch.plan import Task, is_file_target, make_plan
from tinct.errors import OutputExists, UsageError
from tinct.options import ColorizeOptions, OnExists

if TYPE_CHECKING:
    from tinct.batch.journal import Journal
    from tinct.batch.report import Report
    from tinct.batch.shard import Shard


@dataclass(frozen=True, kw_only=True)
class Order:
    """How the inputs of a command become tasks."""

    output: Place | None
    """Folder, file or URL of the results; None puts them beside their inputs."""
    output_is_folder: bool
    """Whether `output` is meant as a folder whatever it looks like."""
    name: str | None
    """Template of the results' names."""
    on_exists: OnExists
    """What happens where something is at the target already."""
    options: ColorizeOptions
    """How pictures are coloured."""
    model: str
    """The model's name."""
    shard: Shard | None = None
    """Which part of the pictures is taken; None takes all."""

    @property
    def variants(self) -> Sequence[int]:
        """Numbers of the results of each picture; 0 where there is one."""
        several = self.options.variants > 0 and self.options.variant == 0
        return range(1, self.options.variants + 1) if several else [0]

    def tasks(self, sources: Sequence[Source], journal: Journal | None) -> list[Task]:
        """The plan, all results of a first kind before those of a second.

        All parts of a batch make the plan of the whole, so that all find the same collisions.

        Raises:
            UsageError: see `tinct.batch.plan.make_plan`.
        """
        tasks: list[Task] = []
        for variant in self.variants:
            tasks += make_plan(
                sources,
                output=self.output,
                output_is_folder=self.output_is_folder,
                name=self.name,
                on_exists=self.on_exists,
                format=self.options.format,
                model=self.model,
                variant=variant,
                journal=journal,
            )
        if self.shard is None:
            return tasks
        from tinct.batch.shard import part_of

        part, parts = self.shard
        return [task for task in tasks if part_of(task.relative, parts) == part]


def journal_of(
    order: Order, sources: Sequence[Source], file: Path | None, *, refused: bool = False
) -> Journal | None:
    """The journal of a command: the file that was named, or that of several results in a folder.

    One picture has none, nor have results that lie beside their inputs.

    Raises:
        UsageError: a journal was named and refused.
        OutputError: the file is no journal, or cannot be read.
    """
    if file is not None and refused:
        raise UsageError("excludes --no-journal", where="--journal", remedy="give only one")
    several = len(sources) * len(order.variants) > 1 or any(not one.named for one in sources)
    if file is None:
        if order.output is None or not several:
            return None
        if not order.output_is_folder and is_file_target(order.output, sources):
            return None
    from tinct.batch.entries import settings_of
    from tinct.batch.journal import Journal
    from tinct.models import DEFAULT, find_model

    settings = settings_of(order.options, find_model(order.options.model or DEFAULT))
    return Journal(file or _journal_file(order.output), settings, shard=order.shard)


def _journal_file(output: Place | None) -> Path:
    """In the folder of the results; of a store, where this user's programs keep their state.

    Nothing can be added to an object, and nothing locks one.
    """
    from tinct.batch.journal import NAME

    if not isinstance(output, Url):
        return (output or Path()) / NAME
    import hashlib
    import re

    import platformdirs

    name = str(output).rstrip("/")
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", name.partition("://")[2])[-80:].strip("-.")
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    folder = platformdirs.user_state_path("tinct") / "journals"
    return folder / f"{readable}-{digest}.jsonl"


def reports_of(files: Sequence[Path], sources: Sequence[Source]) -> list[Report]:
    """The reports that are asked for, checked before any work starts.

    Raises:
        UsageError: a name says neither HTML nor CSV.
        OutputError: something else lies there, or nothing can be written there.
    """
    if not files:
        return []
    from tinct.batch.report import Report

    inputs = {os.path.realpath(one.path) for one in sources if isinstance(one.path, Path)}
    for file in files:
        if os.path.realpath(file) in inputs:
            raise OutputExists(
                "is an input, and inputs are never written to",
                where=f"--report {file}",
                remedy="give another name",
            )
    return [Report(file) for file in dict.fromkeys(files)]
