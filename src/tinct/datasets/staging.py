"""Work that outlives being killed: each finished picture is noted, and a second run goes on.

`.build` in the set's folder holds the encoded pictures, `journal.jsonl` with a line for each that
is done, and `lights.u8` with what they are compared by. While it is there, the set is unfinished.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinct.datasets.likeness import SIDE
from tinct.errors import OutputExists, UsageError
from tinct.image.atomic import output_errors, write_atomic

if sys.platform != "win32":
    import fcntl

FOLDER = ".build"
RECORD = "build.json"
_GONE = ".build-done"
_LIGHT = SIDE * SIDE


@dataclass(frozen=True)
class Variant:
    """One encoded picture that waits in the staging folder."""

    bytes: int
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class Done:
    """What became of one picture."""

    where: str
    """Its place in the source, see `Row.where`."""
    id: str = ""
    """Its name in the set; empty where it is left out."""
    reason: str = ""
    """Why it is left out."""
    failed: bool = False
    """Whether that is because it cannot be read."""
    variants: tuple[Variant, ...] = ()
    light: int = -1
    """Its number in `lights.u8`."""


@dataclass
class Staging:
    """The journal, and where encoded pictures wait."""

    folder: Path
    suffix: str
    done: dict[str, Done] = field(default_factory=dict)
    _journal: BinaryIO | None = None
    _lights: BinaryIO | None = None

    def path(self, size: int, name: str) -> Path:
        """Where a variant waits; few enough files share a folder."""
        return self.folder / str(size) / name[-2:] / f"{name}{self.suffix}"

    def keep(self, done: Done, data: Mapping[int, bytes], light: NDArray[np.uint8] | None) -> None:
        """Write a picture's variants, and then that it is done.

        Raises:
            OSError: the disk is full, or may not be written to.
        """
        assert self._journal is not None
        assert self._lights is not None
        for size, encoded in data.items():
            path = self.path(size, done.id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded)
        if light is not None:
            self._lights.seek(done.light * _LIGHT)
            self._lights.write(light.tobytes())
            self._lights.flush()
        self._journal.write(json.dumps(asdict(done)).encode() + b"\n")
        self._journal.flush()
        self.done[done.where] = done

    def lights(self) -> NDArray[np.uint8]:
        """(N, 64, 64) of all pictures that are done; a view of the file."""
        path = self.folder / "lights.u8"
        if not path.stat().st_size:
            return np.empty((0, SIDE, SIDE), np.uint8)
        return np.memmap(path, np.uint8, "r").reshape(-1, SIDE, SIDE)


def stands(out: Path, settings: Mapping[str, Any], stamp: str) -> bool:
    """Whether the set is there already, made with these settings from these pictures.

    Raises:
        OutputExists: something else is there.
    """
    if not os.path.lexists(out) or (out / FOLDER).is_dir():
        return False
    with output_errors(out):
        if not any(out.iterdir()):
            return False
    known = _read(out / RECORD)
    if known is None:
        raise OutputExists(
            "is not empty", where=str(out), remedy="choose a folder that is, or is not there"
        )
    if known.get("settings") == settings and known.get("stamp") == stamp:
        shutil.rmtree(out / _GONE, ignore_errors=True)
        return True
    what = "settings" if known.get("settings") != settings else "pictures"
    raise OutputExists(
        f"holds a set made with other {what}", where=str(out), remedy="choose another folder"
    )


@contextmanager
def staging(
    out: Path, settings: Mapping[str, Any], *, suffix: str, sizes: tuple[int, ...]
) -> Iterator[Staging]:
    """Begin to build a set, or go on; what the block leaves is kept for the next run.

    Raises:
        OutputExists: an unfinished build with other settings is there.
        UsageError: another process builds there.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    folder = out / FOLDER
    with output_errors(out):
        folder.mkdir(parents=True, exist_ok=True)
        with _sole(folder):
            known = _read(folder / "settings.json")
            if known is not None and known != settings:
                raise OutputExists(
                    "holds an unfinished build with other settings",
                    where=str(out),
                    remedy=f"the same options go on with it; or remove {folder}",
                )
            with write_atomic(folder / "settings.json", overwrite=True) as temporary:
                temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
            stage = Staging(folder, suffix)
            (folder / "lights.u8").touch()
            with (
                (folder / "journal.jsonl").open("ab+") as journal,
                (folder / "lights.u8").open("rb+") as lights,
            ):
                _recover(stage, journal, sizes)
                count = 1 + max((done.light for done in stage.done.values()), default=-1)
                lights.truncate(count * _LIGHT)
                stage._journal, stage._lights = journal, lights
                yield stage


def recorded(out: Path) -> dict[str, Any]:
    """What is noted of a set that was built: `settings` and `counts`; empty where nothing is."""
    return _read(out / RECORD) or {}


def finish(out: Path, settings: Mapping[str, Any], stamp: str, counts: Mapping[str, Any]) -> None:
    """Note that the set is whole, and remove what was only needed on the way."""
    known = {"settings": settings, "stamp": stamp, "counts": counts}
    with write_atomic(out / RECORD, overwrite=True) as temporary:
        temporary.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    # under another name first: half of it would be taken for an unfinished build
    shutil.rmtree(out / _GONE, ignore_errors=True)
    (out / FOLDER).rename(out / _GONE)
    shutil.rmtree(out / _GONE, ignore_errors=True)


def _recover(stage: Staging, journal: BinaryIO, sizes: tuple[int, ...]) -> None:
    """Read what is done, but for a line cut short and for pictures that are not there any more."""
    journal.seek(0)
    whole = 0
    for line in journal:
        if not line.endswith(b"\n"):
            break
        try:
            known = json.loads(line)
        except ValueError:
            break
        whole += len(line)
        variants = tuple(Variant(**variant) for variant in known.pop("variants"))
        done = Done(**known, variants=variants)
        if all(
            _size(stage.path(size, done.id)) == variant.bytes
            for size, variant in zip(sizes, variants, strict=bool(variants))
        ):
            stage.done[done.where] = done
    journal.truncate(whole)
    journal.seek(0, os.SEEK_END)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _read(path: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) else None


@contextmanager
def _sole(folder: Path) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "another process is building there", where=str(folder.parent), remedy="wait for it"
            ) from None
        except OSError:  # a disk without locks
            pass
        yield
