"""What of a film is done already: encoded parts in a private folder beside the result.

A part is `00007.packets`, as the encoder gave them, and `00007.npz`, which says what they are; of
the last two there is `00007.state.npz` too, which is remembered for the next. The index appears
whole, when the others are safe on the disk; what has no index is made anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tinct.errors import OutputExists
from tinct.image.atomic import output_errors, sole_user, write_atomic

_PLAN = "plan.json"
_LOCK = "lock"


def work_folder(target: Path) -> Path:
    """Where the parts of a result lie while it is made."""
    return target.parent / f".{target.name}.tinct"


@dataclass(frozen=True, eq=False)
class Segment:
    """An encoded part."""

    packets: Path
    sizes: NDArray[np.int64]
    """Bytes of each packet."""
    numbers: NDArray[np.int64]
    """Within the film, of the frame that each packet holds."""
    keys: NDArray[np.bool_]
    times: NDArray[np.int64]
    """When each frame is shown, in units of the source's time base."""
    lengths: NDArray[np.int64]
    """For how long; 0 where that is not known."""
    state: Mapping[str, NDArray[Any]]
    """What is remembered at its end; nothing of any but the last."""
    counts: Mapping[str, int]
    """Frames and other figures for the report."""

    @property
    def next_frame(self) -> int:
        """Number of the first frame after it."""
        return int(self.counts["first"]) + len(self.times)


@contextmanager
def opened(target: Path, plan: Mapping[str, Any], *, restart: bool) -> Iterator[Path]:
    """The folder of parts, locked, and made where there is none.

    Args:
        target: the result.
        plan: all that shapes it; parts of another plan are not gone on with.
        restart: whether parts that are there are thrown away.

    Raises:
        OutputExists: parts of another plan are there.
        OutputError: another process is at work there, or it cannot be written.
    """
    folder = work_folder(target)
    with output_errors(target):
        folder.mkdir(exist_ok=True)
        lock = (folder / _LOCK).open("ab")
    with lock:
        sole_user(
            lock,
            where=folder,
            at_work="at work on this film",
            remedy="wait until it is done, or name another result",
        )
        if restart:
            clear(folder)
        known = _read_plan(folder)
        if known is None:
            clear(folder)
            with write_atomic(folder / _PLAN, overwrite=True) as temporary:
                temporary.write_text(json.dumps(plan, indent=1), encoding="utf-8")
        elif known != json.loads(json.dumps(plan)):
            differs = sorted(key for key in {*known, *plan} if known.get(key) != plan.get(key))
            raise OutputExists(
                f"an unfinished run with another {', '.join(differs)} is there",
                where=str(folder),
                remedy="repeat that command, or add --restart to throw its parts away",
            )
        yield folder


def discard(folder: Path) -> None:
    """Remove a folder of parts that is no longer needed."""
    shutil.rmtree(folder, ignore_errors=True)


def clear(folder: Path) -> None:
    """Remove all but the lock."""
    with output_errors(folder):
        for path in folder.iterdir():
            if path.name != _LOCK:
                path.unlink()


def finished(folder: Path) -> list[Segment]:
    """The parts that are complete, from the first on."""
    found: list[Segment] = []
    while (segment := _read(folder, len(found))) is not None:
        if segment.counts["first"] != (found[-1].next_frame if found else 0):
            break
        found.append(segment)
    while found:
        try:
            with np.load(_state_of(folder, len(found) - 1)) as file:
                state = {key: file[key] for key in file.files}
        except (OSError, ValueError, EOFError, BadZipFile):
            found.pop()
            continue
        found[-1] = replace(found[-1], state=state)
        break
    return found


@contextmanager
def writing(folder: Path, number: int) -> Iterator[BinaryIO]:
    """The file for the packets of a part, safe on the disk when the block ends."""
    path = folder / f"{number:05}.packets"
    with output_errors(folder), path.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def commit(folder: Path, number: int, segment: Segment) -> Segment:
    """Note that a part is complete."""
    path = folder / f"{number:05}.npz"
    _save(_state_of(folder, number), segment.state)
    arrays = {
        "sizes": segment.sizes,
        "numbers": segment.numbers,
        "keys": segment.keys,
        "times": segment.times,
        "lengths": segment.lengths,
        **{f"count.{key}": np.array(value) for key, value in segment.counts.items()},
    }
    _save(path, arrays)
    _state_of(folder, number - 2).unlink(missing_ok=True)
    return replace(segment, state={})


def _save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    with write_atomic(path, overwrite=True) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type] # its stubs take no arrays by name


def _state_of(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.state.npz"


def _read(folder: Path, number: int) -> Segment | None:
    packets, path = folder / f"{number:05}.packets", folder / f"{number:05}.npz"
    try:
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        if packets.stat().st_size != int(arrays["sizes"].sum()):
            return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return Segment(
        packets=packets,
        sizes=arrays["sizes"],
        numbers=arrays["numbers"],
        keys=arrays["keys"],
        times=arrays["times"],
        lengths=arrays["lengths"],
        state={},
        counts={
            k.removeprefix("count."): int(v) for k, v in arrays.items() if k.startswith("count.")
        },
    )


def _read_plan(folder: Path) -> dict[str, Any] | None:
    try:
        known = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known if isinstance(known, dict) else None
