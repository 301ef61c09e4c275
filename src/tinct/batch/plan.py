"""What will be done to each input, decided and checked before any work starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from tinct.batch.inputs import Source, check_template, fill_template
from tinct.batch.places import Place, Url, content, exists, identity, is_folder
from tinct.errors import OutputExists, OutputUnwritable, TinctError, UsageError
from tinct.naming import (
    DEFAULT_NAME,
    TILED_SUFFIXES,
    VARIANT_NAME,
    result_suffix,
    written_format,
)
from tinct.options import OnExists

if TYPE_CHECKING:
    from tinct.batch.entries import Entry
    from tinct.batch.journal import Journal, Recalled

Identity = tuple[int, int] | str


@dataclass(frozen=True)
class Task:
    """One input and what is to be done with it."""

    source: Place
    target: Place | None
    """None where the input has a problem already."""
    named: bool
    """Whether the user named the input, rather than a folder that holds it."""
    overwrite: bool = False
    skip: str | None = None
    """Why nothing is to be done."""
    problem: TinctError | None = None
    """Why nothing can be done."""
    relative: PurePath = field(default_factory=PurePath)
    """The input's place below the folder that was named, its own name included."""
    variant: int = 0
    """Which of several results of the input; 0 where there is one."""
    before: Entry | None = None
    """What an earlier run made of it, where nothing has changed since."""
    again: bool = False
    """What lies at the target is the rest of a run that was killed."""

    @property
    def action(self) -> Literal["colour", "skip", "fail"]:
        """What the plan says of it."""
        return "fail" if self.problem else "skip" if self.skip else "colour"


def make_plan(
    sources: Sequence[Source],
    *,
    output: Place | None = None,
    output_is_folder: bool = False,
    name: str | None = None,
    on_exists: OnExists = "fail",
    format: str = "same",  # noqa: A002 - the option's name
    model: str = "",
    variant: int = 0,
    journal: Journal | None = None,
) -> list[Task]:
    """Give every source its target and settle what may not be done.

    Args:
        sources: from `tinct.batch.inputs.expand`.
        output: a folder, or the one result's file; None puts results beside their inputs.
        output_is_folder: whether `output` is meant as a folder whatever it looks like.
        name: template of the results' names.
        on_exists: what happens where something is at the target already.
        format: of the results.
        model: its name, for the template.
        variant: number of the results among several of the same inputs, for the template; 0 where
            there is one result each.
        journal: what is done already, and needs no work.

    Raises:
        UsageError: the template is bad, two inputs would have the same result, or one output file
            is given for several inputs.
    """
    template = name or (VARIANT_NAME if variant else DEFAULT_NAME)
    check_template(template)
    if output is None and "{relative" in template:
        raise UsageError(
            "{relative} is a place below the output folder", where="--name", remedy="add -o FOLDER"
        )
    if variant and "{variant" not in template:
        raise UsageError(
            "several results of a picture would have one name",
            where="--name",
            remedy="add {variant} to it",
        )
    single = output is not None and not output_is_folder and is_file_target(output, sources)
    if single and variant:
        raise UsageError(
            "one file cannot take several results",
            where=f"-o {output}",
            remedy="give a folder, or choose one with --variant",
        )
    if isinstance(output, Url) and {format, written_format(output.suffix)} & {*TILED_SUFFIXES}:
        raise UsageError(
            "tiles are many files, which no URL names",
            where=f"-o {output}",
            remedy="write them into a folder, and copy that",
        )
    if single and output is not None:
        _check_single(output, name=name, format=format)
    elif (
        output is not None
        and not (output_is_folder or is_folder(output))
        and written_format(output.suffix)
        and len(sources) > 1
    ):
        raise UsageError(
            f"one file cannot take {len(sources)} results",
            where=f"-o {output}",
            remedy=f"give a folder, or -o {output}/ if that is meant",
        )
    if output is None:
        sources = _without_results(sources, template, format=format, model=model, variant=variant)
    inputs = {known for source in sources if (known := identity(source.path))}
    taken: dict[str, Place] = {}
    clashes: list[Task] = []
    tasks = []
    for source in sources:
        task = Task(
            source.path,
            None,
            source.named,
            problem=source.problem,
            relative=source.relative,
            variant=variant,
        )
        try:
            if task.problem is None and single:
                task = replace(task, target=output)
            elif task.problem is None:
                place = _target(
                    source, output, template, format=format, model=model, variant=variant
                )
                task = replace(task, target=place)
        except TinctError as problem:
            task = replace(task, problem=problem)
        if task.target is not None:
            task = _placed(task, on_exists, inputs, taken, journal)
            target = task.target or Path()
            if taken.setdefault(_key(target), source.path) is not source.path:
                clashes.append(task)
        tasks.append(task)
    if clashes:
        raise _collision(clashes, taken)
    return tasks


def _without_results(
    sources: Sequence[Source],
    template: str,
    *,
    format: str,  # noqa: A002
    model: str,
    variant: int,
) -> list[Source]:
    """The inputs but those that an earlier run made of other inputs beside them.

    A folder that is coloured in place holds its results, too, when it is coloured again.
    """
    targets = set()
    for source in sources:
        with suppress(TinctError):
            targets.add(
                _target(source, None, template, format=format, model=model, variant=variant)
            )
    return [
        source
        for source in sources
        if source.named or source.path not in targets or not _made_by_tinct(source.path)
    ]


def _made_by_tinct(place: Place) -> bool:
    from tinct.image import load
    from tinct.provenance import is_ours

    try:
        return any(is_ours(page.metadata.xmp) for page in load(content(place)).pages)
    except TinctError:
        return False


def is_file_target(output: Place, sources: Sequence[Source]) -> bool:
    """Whether `-o` names the result itself, rather than the folder it goes to."""
    try:
        if len(sources) != 1 or not sources[0].named:
            return False
        if is_folder(output):  # a folder of tiles is one result
            return written_format(output.suffix) in TILED_SUFFIXES
        return bool(output.suffix) or (isinstance(output, Path) and output.is_file())
    except (OSError, ValueError) as error:
        raise OutputUnwritable(
            f"cannot be written: {getattr(error, 'strerror', None) or error}",
            where=f"-o {output}",
            remedy="give another name",
        ) from error


def _check_single(output: Place, *, name: str | None, format: str) -> None:  # noqa: A002
    written = written_format(output.suffix)
    if written is None:
        raise UsageError(
            f"no format is written to files that end in {output.suffix or 'nothing'!r}",
            where=f"-o {output}",
            remedy="end the name in .jpg, .png, .tif, .webp, .avif, .dzi or .iiif; a folder in /",
        )
    if format not in ("same", written):
        raise UsageError(
            f"--format {format} does not fit the name", where=f"-o {output}", remedy="give only one"
        )
    if name is not None:
        raise UsageError(
            "--name and a file after -o exclude each other",
            where=f"-o {output}",
            remedy="give a folder after -o, or leave --name out",
        )


def _target(
    source: Source,
    output: Place | None,
    template: str,
    *,
    format: str,  # noqa: A002
    model: str,
    variant: int,
) -> Place:
    """Where the result goes; sub-folders are mirrored unless the template places them itself."""
    if output is None and isinstance(source.path, Url) and source.path.is_web:
        raise UsageError(
            "nothing can be written beside it", where=str(source.path), remedy="add -o FOLDER"
        )
    suffix = result_suffix(PurePath(source.path.name), format=format)
    filled = fill_template(template, source, suffix=suffix, model=model, variant=variant)
    if output is None:
        return source.path.parent / filled
    return output / filled if "{relative" in template else output / source.relative.parent / filled


def _placed(
    task: Task,
    on_exists: OnExists,
    inputs: set[Identity],
    taken: Mapping[str, Place],
    journal: Journal | None,
) -> Task:
    """The task, done already or with a target of its own."""
    known = None
    if journal is not None and task.target is not None:
        renamed = on_exists == "rename"
        known = journal.recall(task.source, task.target, variant=task.variant, renamed=renamed)
        if known.entry is not None and known.target is not None:
            reason = known.entry.reason or "coloured already"
            return replace(task, target=known.target, skip=reason, before=known.entry)
        if known.again and identity(task.target) not in inputs:
            return replace(task, overwrite=True, again=True)
    if on_exists == "rename" and task.target is not None:
        task = replace(task, target=_free_name(task.target, taken))
    return _settle(task, on_exists, inputs, known)


def _settle(task: Task, on_exists: OnExists, inputs: set[Identity], known: Recalled | None) -> Task:
    """Decide what happens where something is at the target already."""
    if task.target is None or not exists(task.target):
        return task
    if identity(task.target) in inputs:
        problem = OutputExists(
            "is an input, and inputs are never written to",
            where=str(task.target),
            remedy="choose another folder with -o, or another --name",
        )
        return replace(task, problem=problem)
    if on_exists == "skip":
        return replace(task, skip="the result exists already")
    if on_exists == "overwrite":
        return replace(task, overwrite=True)
    other = f", but {known.other}" if known is not None and known.other else ""
    problem = OutputExists(
        f"exists already{other}",
        where=str(task.target),
        remedy="--on-exists skip, overwrite or rename",
    )
    return replace(task, problem=problem)


def _key(target: Place) -> str:
    """The same for paths that would be the same file."""
    if isinstance(target, Url):
        return str(target)
    key = os.path.join(os.path.realpath(target.parent), target.name)  # noqa: PTH118
    if sys.platform in ("darwin", "win32"):  # disks there know neither case nor composed letters
        import unicodedata

        key = unicodedata.normalize("NFC", key).casefold()
    return key


def _free_name(target: Place, taken: Mapping[str, Place]) -> Place:
    candidate, number = target, 1
    while _key(candidate) in taken or exists(candidate):
        number += 1
        candidate = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return candidate


def _collision(clashes: Sequence[Task], taken: Mapping[str, Place]) -> UsageError:
    second = clashes[0]
    first = taken[_key(second.target or Path())]
    others = f", and {len(clashes) - 1} more such pairs" if len(clashes) > 1 else ""
    return UsageError(
        f"{first} and {second.source} would both become {second.target}{others}",
        where="--name",
        remedy="add {ext} or {sha256:.8} to --name, or use --on-exists rename",
    )
