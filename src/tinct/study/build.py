"""Build a study: draw pictures, colour each in every way, write a folder that holds all of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tinct.errors import InputError, OutputExists, UsageError
from tinct.evaluation.evaluate import Colourer, colour, colourer
from tinct.evaluation.protocol import Protocol
from tinct.image.atomic import output_errors
from tinct.models import load_model
from tinct.study import folder as places
from tinct.study.draw import Candidate, candidates, in_drawn_order
from tinct.study.folder import File, Picture, Way
from tinct.study.options import ORIGINAL, PER_PARTICIPANT, PICTURES, SPOILED, StudyOptions
from tinct.study.pictures import (
    LEAST_CHROMA,
    PADDING,
    Pixels,
    chroma_of,
    encode,
    padded,
    spoil,
)
from tinct.study.predictions import Predictions

#: told what is being done, how much of it is, and how much there is
Progress = Callable[[str, int, int], None]
#: a picture that was drawn and its truth at the study's size, to it in colours of some way
Paint = Callable[[Candidate, Pixels, tuple[int, int]], Pixels]


@dataclass(frozen=True)
class Drawn:
    """A picture that takes part."""

    candidate: Candidate
    truth: Pixels
    """At the size of the study."""
    shape: tuple[int, int]
    """Height and width of its file."""
    sha256: str


@dataclass(frozen=True)
class Built:
    """What a build made."""

    pictures: int
    checks: int
    ways: tuple[str, ...]
    left_out: Mapping[str, int]
    """Reason to how many pictures were drawn and not taken."""
    sha256: str
    """Names the study."""


def build(
    folder: Path,
    *,
    models: Mapping[str, str],
    predictions: Mapping[str, Path],
    data: Sequence[Path],
    options: StudyOptions,
    progress: Progress = lambda _what, _done, _total: None,
) -> Built:
    """Build a study; the folder appears whole or not at all.

    The same pictures, ways, options and seed give the same study, to the bit.

    Args:
        folder: new, or empty.
        models: name shown in the report to what `tinct.models.load_model` takes.
        predictions: name to a folder of pictures that another tool has coloured.
        data: folders or manifests of pictures in true colours.
        options: what is asked.
        progress: told of every picture.

    Raises:
        UsageError: no way to colour, or a single one where two are compared.
        OutputExists: the folder holds something.
        InputError: too few pictures, or one missing among predictions.
        ModelError: no such model.
    """
    _check_ways(models, predictions, options)
    if not data:
        raise UsageError("no pictures are given", where="--data", remedy="name a folder of them")
    with _fresh(folder) as place:
        ways, paints = _ways(models, predictions, options)
        found = candidates(data)
        options = _counted(options, len(found))
        left_out: dict[str, int] = {}
        taken = _taken(found, options, left_out)
        assert options.pictures is not None
        pictures: list[Picture] = []
        for number in range(options.pictures + options.attention_checks):
            drawn = next(taken, None)
            if drawn is None:
                raise _too_few(options, len(pictures), left_out)
            check = number >= options.pictures
            pictures.append(_picture(place, number, drawn, check, paints))
            progress("colour", number + 1, options.pictures + options.attention_checks)
        facts = {
            "data": [source.resolve().name for source in data],
            "found": len(found),
            "left_out": left_out,
        }
        with output_errors(folder):
            level = _level(place, pictures)
            digest = places.write_study(place, options, ways, level, facts)
    return Built(
        pictures=options.pictures,
        checks=options.attention_checks,
        ways=tuple(way.name for way in ways),
        left_out=left_out,
        sha256=digest,
    )


def _check_ways(
    models: Mapping[str, str], predictions: Mapping[str, Path], options: StudyOptions
) -> None:
    names = [*models, *predictions]
    remedy = "name --models NAME, or --predictions NAME=FOLDER"
    if not names:
        raise UsageError("there is no way to colour the pictures", remedy=remedy)
    for name in names:
        if name in {ORIGINAL, SPOILED, ""} or names.count(name) > 1:
            raise UsageError(
                f"the name {name!r} is taken" if name else "a name is empty",
                where="--predictions" if name in predictions else "--models",
                remedy="give another: NAME=MODEL, or NAME=FOLDER",
            )
    if options.mode == "pair" and len(names) + options.originals < 2:
        raise UsageError(
            f"mode pair needs two ways, and {names[0]} is the only one",
            where="--mode",
            remedy=f"{remedy}, or leave out --without-originals",
        )


def _ways(
    models: Mapping[str, str], predictions: Mapping[str, Path], options: StudyOptions
) -> tuple[tuple[Way, ...], dict[str, Paint]]:
    ways: list[Way] = []
    paints: dict[str, Paint] = {}
    if options.originals:
        ways.append(Way(ORIGINAL, "original"))
        paints[ORIGINAL] = lambda _candidate, truth, _shape: truth
    for name, model in models.items():
        loaded = load_model(model)
        ways.append(Way(name, "model", loaded.spec.sha256))
        paints[name] = _painted(colourer(loaded))
    for name, where in predictions.items():
        ways.append(Way(name, "predictions"))
        paints[name] = Predictions(name, where, options).paint
    return tuple(ways), paints


def _painted(paint: Colourer) -> Paint:
    return lambda _candidate, truth, _shape: colour(truth, paint)


def _counted(options: StudyOptions, found: int) -> StudyOptions:
    """The options with numbers in place of None, as far as there are pictures."""
    room = found - options.attention_checks
    pictures = options.pictures or max(1, min(PICTURES, room))
    if pictures > room:
        raise _too_few(options, found, {})
    each = options.per_participant or min(PER_PARTICIPANT, pictures)
    if each > pictures:
        raise UsageError(
            f"{each} is more than the {pictures} pictures of the study, and none is shown twice",
            where="--per-participant",
            remedy=f"give {pictures} or fewer",
        )
    return replace(options, pictures=pictures, per_participant=each)


def _too_few(options: StudyOptions, found: int, left_out: Mapping[str, int]) -> InputError:
    wanted = (options.pictures or 1) + options.attention_checks
    reasons = ", ".join(f"{count} left out as {reason}" for reason, count in left_out.items())
    return InputError(
        f"{wanted} pictures are needed, {options.attention_checks} of them for attention checks, "
        f"and there are {found}" + (f" ({reasons})" if reasons else ""),
        where="--data",
        remedy="give more, or ask for fewer with --pictures and --attention-checks",
    )


def _taken(
    found: Sequence[Candidate], options: StudyOptions, left_out: dict[str, int]
) -> Iterator[Drawn]:
    """Pictures in drawn order without copies and without those that have no colours to judge."""
    seen: set[str] = set()
    protocol = Protocol(options.protocol, options.size)
    for candidate in in_drawn_order(found, options.sample, options.seed):
        whole, digest = candidate.read()
        truth = protocol.fit(whole)
        reason = "copies" if digest in seen else "grey" if chroma_of(truth) < LEAST_CHROMA else ""
        seen.add(digest)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            yield Drawn(candidate, truth, (whole.shape[0], whole.shape[1]), digest)


def _picture(
    place: Path, number: int, drawn: Drawn, check: bool, paints: Mapping[str, Paint]
) -> Picture:
    """Write one picture in every way that it is shown in."""
    if check:
        shown = {ORIGINAL: drawn.truth, SPOILED: spoil(drawn.truth)}
    else:
        shown = {
            way: paint(drawn.candidate, drawn.truth, drawn.shape) for way, paint in paints.items()
        }
    files = {}
    for index, (way, pixels) in enumerate(shown.items()):
        name = f"{number:04d}-{index}.png"
        with output_errors(place):
            (place / places.PICTURES / name).write_bytes(encode(pixels))
        files[way] = File(name, "")
    return Picture(
        id=f"{number:04d}",
        name=drawn.candidate.name,
        category=drawn.candidate.category,
        sha256=drawn.sha256,
        width=drawn.truth.shape[1],
        height=drawn.truth.shape[0],
        check=check,
        files=files,
    )


def _level(place: Path, pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Give all files one length, and note their hashes."""
    shown = place / places.PICTURES
    length = max(file.stat().st_size for file in shown.iterdir()) + PADDING
    level = []
    for picture in pictures:
        files = {}
        for way, file in picture.files.items():
            data = padded((shown / file.name).read_bytes(), length)
            (shown / file.name).write_bytes(data)
            files[way] = File(file.name, hashlib.sha256(data).hexdigest())
        level.append(replace(picture, files=files))
    return tuple(level)


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that becomes it when the block ends well."""
    with output_errors(folder):
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise OutputExists(
                "is there already",
                where=str(folder),
                remedy="give a new folder: answers belong to the pictures they were given to",
            )
        place = Path(tempfile.mkdtemp(prefix=".tinct-study-", dir=folder.resolve().parent))
        (place / places.PICTURES).mkdir()
    try:
        yield place
        with output_errors(folder):
            place.chmod(0o777 & ~_umask())  # mkdtemp's folder is for its owner alone
            if folder.is_dir():
                folder.rmdir()
            place.rename(folder.resolve())
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def named(words: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` or `VALUE` alone to a name and a value each; commas separate values.

    Raises:
        UsageError: a name is there twice.
    """
    found: dict[str, str] = {}
    for word in (part.strip() for given in words for part in given.split(",")):
        if not word:
            continue
        name, equals, value = word.partition("=")
        if not equals:
            value = name
        if name in found:
            raise UsageError(f"{name!r} is given twice", where=option, remedy="once is enough")
        found[name] = value
    return found
