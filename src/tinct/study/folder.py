"""A study's folder: settings, the manifest that never leaves the server, pictures, answers.

::

study.json       what is asked, of how many, by which draw; the manifest's hash
manifest.json    which file is which picture in which way
pictures/        all of them PNG, all of the same number of bytes
answers.sqlite   what participants said
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tinct.errors import InputError, TinctError, Unreadable
from tinct.study.options import ORIGINAL, StudyOptions
from tinct.version import __version__

SETTINGS = "study.json"
MANIFEST = "manifest.json"
PICTURES = "pictures"
ANSWERS = "answers.sqlite"
VERSION = 1


@dataclass(frozen=True)
class Way:
    """One way in which pictures are shown."""

    name: str
    kind: str
    """`original`, `model` or `predictions`."""
    sha256: str = ""
    """Of a model's file."""


@dataclass(frozen=True)
class File:
    """A picture in one way, as it is shown."""

    name: str
    """In `pictures/`."""
    sha256: str


@dataclass(frozen=True)
class Picture:
    """One picture in all ways."""

    id: str
    name: str
    """Where it lies in its source."""
    category: str
    sha256: str
    """Of the source's file."""
    width: int
    """Pixels as shown."""
    height: int
    check: bool
    """Whether it is an attention check, which is shown in wrong colours and never scored."""
    files: Mapping[str, File]
    """Way to file."""


@dataclass(frozen=True)
class Study:
    """A built study, opened."""

    folder: Path
    options: StudyOptions
    ways: tuple[Way, ...]
    """The original first, where it takes part."""
    pictures: tuple[Picture, ...]
    """Those that are scored."""
    checks: tuple[Picture, ...]
    """Those that are attention checks."""
    facts: Mapping[str, Any]
    """What the build noted: sources, how many there were, how many were left out and why."""
    sha256: str
    """Of the manifest, which holds the hash of every file: names the study."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the ways are called."""
        return tuple(way.name for way in self.ways)

    @property
    def coloured(self) -> tuple[str, ...]:
        """The ways that are no originals."""
        return tuple(name for name in self.names if name != ORIGINAL)

    @property
    def per_participant(self) -> int:
        """Pictures that each participant judges, without attention checks."""
        return self.options.per_participant or len(self.pictures)

    @property
    def total(self) -> int:
        """All that each participant is asked."""
        return self.per_participant + len(self.checks)

    def picture(self, name: str) -> Picture:
        """The picture of an id."""
        return next(one for one in (*self.pictures, *self.checks) if one.id == name)


def write_study(
    folder: Path,
    options: StudyOptions,
    ways: tuple[Way, ...],
    pictures: tuple[Picture, ...],
    facts: Mapping[str, Any],
) -> str:
    """Write settings and manifest into a folder whose pictures are there, and give the hash."""
    shown = {"ways": [asdict(way) for way in ways], "pictures": [asdict(one) for one in pictures]}
    manifest = (
        json.dumps({"v": VERSION, "mode": options.mode, **shown}, ensure_ascii=False, indent=1)
        + "\n"
    )
    data = manifest.encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(data).hexdigest()
    settings = {"v": VERSION, "tinct": __version__, **asdict(options), **facts, "sha256": digest}
    (folder / MANIFEST).write_bytes(data)
    (folder / SETTINGS).write_text(
        json.dumps(settings, ensure_ascii=False, indent=1) + "\n", "utf-8", "surrogateescape"
    )
    return digest


def open_study(folder: Path, *, files: bool = False) -> Study:
    """A study that was built.

    Args:
        folder: of `tinct study build`.
        files: whether every picture is compared with its hash too.

    Raises:
        InputError: it is no study, an empty one, or one that was changed or damaged.
    """
    try:
        settings = json.loads((folder / SETTINGS).read_text("utf-8", "surrogateescape"))
        data = (folder / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            f"holds no study: there is no {Path(str(error.filename)).name} in it",
            where=str(folder),
            remedy="build one with `tinct study build`",
        ) from error
    except NotADirectoryError as error:
        raise InputError(
            "is no folder", where=str(folder), remedy="name the folder of a study"
        ) from error
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}", where=str(folder)) from error
    except ValueError as error:
        raise _damaged(folder / SETTINGS) from error
    if not isinstance(settings, dict) or settings.get("v") != VERSION:
        raise _damaged(folder / SETTINGS)
    if hashlib.sha256(data).hexdigest() != settings.get("sha256"):
        raise Unreadable(
            f"is not the one that {SETTINGS} names by its hash",
            where=str(folder / MANIFEST),
            remedy="build the study again; answers belong to the pictures they were given to",
        )
    study = _study(folder, settings, data)
    if not study.pictures:
        raise InputError("the study is empty: it has no pictures", where=str(folder))
    if files:
        _compare(study)
    return study


def _study(folder: Path, settings: Mapping[str, Any], data: bytes) -> Study:
    chosen = {field.name: settings.get(field.name) for field in fields(StudyOptions)}
    try:
        options = StudyOptions(**chosen)  # type: ignore[arg-type] # its own checks follow
        known = json.loads(data.decode("utf-8", "surrogateescape"))
        if known["mode"] != options.mode:  # answers of one mode mean nothing in another
            raise ValueError("mode")
        ways = tuple(Way(**way) for way in known["ways"])
        pictures = tuple(
            Picture(**{**one, "files": {w: File(**f) for w, f in one["files"].items()}})
            for one in known["pictures"]
        )
    except (TinctError, KeyError, TypeError, ValueError) as error:
        raise _damaged(folder / SETTINGS) from error
    return Study(
        folder=folder,
        options=options,
        ways=ways,
        pictures=tuple(one for one in pictures if not one.check),
        checks=tuple(one for one in pictures if one.check),
        facts={key: value for key, value in settings.items() if key not in chosen},
        sha256=str(settings["sha256"]),
    )


def _compare(study: Study) -> None:
    for picture in (*study.pictures, *study.checks):
        for file in picture.files.values():
            path = study.folder / PICTURES / file.name
            try:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise Unreadable(
                    f"a picture of the study cannot be read: {reason}", where=str(path)
                ) from error
            if digest != file.sha256:
                raise Unreadable(
                    "a picture of the study was changed since it was built",
                    where=str(path),
                    remedy="build the study again",
                )


def _damaged(path: Path) -> Unreadable:
    return Unreadable(
        "is damaged, or of another version of Tinct",
        where=str(path),
        remedy="build the study again with `tinct study build`",
    )
