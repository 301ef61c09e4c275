"""A picture comes to the worker and its result goes where it belongs, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tinct.batch import remote
from tinct.batch.places import Place, Url
from tinct.errors import OutputUnwritable, TinctError

if TYPE_CHECKING:
    from tinct.batch.workers import ColourFile, Job
    from tinct.result import Result

#: of names of files, on every common disk
_LONGEST = 200


def colour_carried(colour: ColourFile, job: Job) -> Result:
    """Colour a picture of which a URL says where it lies, or where its result goes.

    The picture passes through a private folder, so that everything is as for files. The result is
    put as one whole; a record beside it follows.

    Raises:
        TinctError: see `tinct.errors`.
    """
    with TemporaryDirectory(prefix="tinct-") as name:
        folder = Path(name)
        try:
            return _carried(colour, job, folder)
        except TinctError as error:
            if error.where is not None and error.where.startswith(name):
                given = error.where.startswith(str(folder / "in"))
                error.where = str(job.source if given else job.target)
            raise


def _carried(colour: ColourFile, job: Job, folder: Path) -> Result:
    source, target = job.source, job.target
    if isinstance(target, Url) and not job.overwrite and remote.state(target) is not None:
        raise remote.taken(target)  # before anything is done for nothing
    if isinstance(source, Url):
        source = _staged(folder / "in", source)
        assert isinstance(job.source, Url)
        remote.fetch(job.source, source)
    if isinstance(target, Path):
        result = colour(source, target, overwrite=job.overwrite, variant=job.variant)
        return replace(result, input=str(job.source))
    made = _staged(folder / "out", target)
    result = colour(source, made, overwrite=False, variant=job.variant)
    result = replace(result, input=str(job.source), output=str(target))
    if result.status != "done":
        return result
    if made.is_dir():
        raise OutputUnwritable(
            "is a folder, and an object is one file", where=str(target), remedy="give a folder here"
        )
    # records that say what the result cannot
    records = {target.with_name(one.name): one for one in made.parent.iterdir() if one != made}
    for at in records:
        if not job.overwrite and remote.state(at) is not None:
            raise remote.taken(at)
    state = remote.put(made, target, overwrite=job.overwrite)
    for at, record in records.items():
        remote.put(record, at, overwrite=job.overwrite)
    return replace(result, state_out=state)


def _staged(folder: Path, place: Place) -> Path:
    """A file of the same name: the label calls the picture by it."""
    folder.mkdir()
    name = place.name.replace("/", "_").replace("\0", "_")
    if len(name.encode()) > _LONGEST:
        name = name[-_LONGEST // 4 :]
    return folder / (name or "picture")
