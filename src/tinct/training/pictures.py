"""From a folder of pictures, or shards with a manifest, to the set a network learns from.

Every picture is decoded once into a cache that all runs share. Grey and evenly toned pictures
are left out, since there are no colours to learn from them, and the rest is split by artist.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color import rgb_to_lab
from tinct.download import cache_folder
from tinct.errors import InputError, UsageError
from tinct.image.atomic import output_errors
from tinct.training.cache import INDEX, PIXELS, Entry, PictureCache, Progress, place, write_cache
from tinct.training.distribution import is_monochrome
from tinct.training.sources import Listing, list_pictures

if sys.platform != "win32":
    import fcntl

ABOUT = "about.json"
MONOCHROME = "monochrome.npy"
#: changes whenever an older cache would not do any more
_FORMAT = 2
_AT_ONCE = 2048  # thumbnails: their float planes then take some 50 MB


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Decoded pictures, and which of them are learned from."""

    cache: PictureCache
    """All pictures that could be read; `cache[i]` is uint8 (H, W, 3) sRGB."""
    training: NDArray[np.int64]
    """Positions in the cache to learn from, rising."""
    validation: NDArray[np.int64]
    """Positions held out, rising; no artist is on both sides."""
    source: str
    """Where the pictures come from."""
    unreadable: tuple[tuple[str, str], ...]
    """(id, reason) of those that could not be read."""
    grey: int
    """Grey or evenly toned pictures left out."""
    sha256: str
    """Of the sorted ids and sizes in bytes of all pictures that could be read: names the set."""
    folder: Path
    """Of the cache; what is worked out once for each picture lies there too."""

    def colours(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """a*b* (N, 576, 2) in CIE units of small copies of the pictures at `positions`."""
        return _chroma(self.cache.thumbnails(), positions)


def open_pictures(
    source: Path,
    *,
    shorter: int,
    validation: float = 0.03,
    folder: Path | None = None,
    unreadable: float = 0.05,
    colour_only: bool = True,
    packed: bool = False,
    progress: Progress | None = None,
) -> PictureSet:
    """The pictures of `source`, decoded now or in an earlier run.

    Args:
        source: a folder, searched with its sub-folders but for hidden ones; a manifest or a folder
            with a `manifest.tsv` (see `tinct.training.sources`); or a single picture.
        shorter: larger pictures are reduced to this shorter side, in pixels.
        validation: share of the pictures held out, in 0..1. Whole artists are, where they are
            known; of several at least one is, unless the share is 0, and never all are.
        folder: where caches lie; by default `pictures` in the user's cache folder.
        unreadable: share of pictures that may be unreadable.
        colour_only: leave grey and evenly toned pictures out.
        packed: keep decoded pictures as JPEG: a fifth of the room, and 0.3 ms more for each draw.
        progress: told how many pictures are decoded, where that has to be done.

    Raises:
        InputError: no such source, nothing in it, too many unreadable or none in colour.
        UsageError: `shorter` or `validation` is out of range.
        OutputUnwritable: the disk with the cache is full, or may not be written to.
    """
    if shorter < 1 or not 0 <= validation < 1:
        raise UsageError(
            f"pictures of {shorter} pixels, {validation:g} of them held out",
            remedy="give a size of at least 1, and a share from 0 to below 1",
        )
    listing = list_pictures(source)
    key = hashlib.sha256(f"{_FORMAT} {shorter} {listing.stamp}".encode()).hexdigest()[:16]
    kind = f"{shorter}-packed" if packed else f"{shorter}"
    target = (folder or cache_folder() / "pictures") / f"{kind}-{key}"
    if not (target / INDEX).exists():
        _build(listing, target, shorter=shorter, packed=packed, progress=progress)
    about = json.loads((target / ABOUT).read_text(encoding="utf-8"))
    failed = tuple((str(name), str(reason)) for name, reason in about["unreadable"])
    cache = PictureCache(target)
    _check_readable(listing, failed, readable=len(cache), limit=unreadable)
    monochrome: NDArray[np.bool_] = np.load(target / MONOCHROME)
    usable = ~monochrome if colour_only else np.ones(len(cache), bool)
    if not usable.any():
        raise InputError(
            f"none of its {len(cache)} pictures is in colour",
            where=str(source),
            remedy="colours are learned from pictures in colour",
        )
    training, held_out = split(cache.entries, np.flatnonzero(usable), validation)
    if not len(training):
        raise InputError("holds no picture to learn from: all are held out", where=str(source))
    return PictureSet(
        cache=cache,
        training=training,
        validation=held_out,
        source=str(source),
        unreadable=failed,
        grey=int((~usable).sum()),
        sha256=_name(cache.entries),
        folder=target,
    )


def split(
    entries: Sequence[Entry], positions: NDArray[np.int64], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions to learn from and positions held out, by a hash of the artist or else the id.

    Where a manifest splits the pictures, its word counts instead: those for testing are in neither
    part, and with a share of 0 those for validation are not used.

    Args:
        entries: of the cache.
        positions: those to split.
        share: about which share is held out. Of two groups or more, one at least is held out
            unless the share is 0, and one at least is not.
    """
    said = np.array([entries[position].split for position in positions])
    if said.any():
        held = positions[said == "validation"]
        return positions[(said == "train") | (said == "")], held if share > 0 else held[:0]
    places = np.array([place(entries[position]) for position in positions])
    groups = np.unique(places)
    if share <= 0 or len(groups) < 2:
        return positions, positions[:0]
    held = places < np.clip(share, np.nextafter(groups[0], 1), groups[-1])
    return positions[~held], positions[held]


def _chroma(thumbnails: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.float32]:
    small = thumbnails[positions].reshape(len(positions), -1, 3)
    return rgb_to_lab(small * np.float32(1 / 255))[..., 1:]


def _name(entries: Sequence[Entry]) -> str:
    lines = sorted(f"{entry.id}\t{entry.bytes}\n" for entry in entries)
    return hashlib.sha256("".join(lines).encode("utf-8", errors="surrogateescape")).hexdigest()


def _check_readable(
    listing: Listing, failed: Sequence[tuple[str, str]], *, readable: int, limit: float
) -> None:
    if readable and len(failed) <= limit * (readable + len(failed)):
        return
    named = "; ".join(f"{name}: {reason}" for name, reason in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    raise InputError(
        f"{len(failed)} of {readable + len(failed)} pictures cannot be read: {named}{more}",
        where=str(listing.source),
        remedy="remove or replace them",
    )


def _build(
    listing: Listing, target: Path, *, shorter: int, packed: bool, progress: Progress | None
) -> None:
    """Decode into a folder beside `target`, and give it that name when it is whole."""
    with output_errors(target), sole_builder(target):
        if (target / INDEX).exists():  # another process built it while this one waited
            return
        partial = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
        partial.mkdir()
        try:
            failed = write_cache(
                listing.encoded(),
                partial,
                total=listing.count,
                shorter=shorter,
                packed=packed,
                progress=progress,
            )
            if (partial / PIXELS).stat().st_size == 0:
                _check_readable(listing, failed, readable=0, limit=0)
            cache = PictureCache(partial)
            found = {entry.id for entry in cache.entries} | {name for name, _ in failed}
            failed += [
                (name, f"not in {row['shard']}")
                for name, row in listing.rows.items()
                if name not in found
            ]
            np.save(partial / MONOCHROME, _monochrome(cache))
            about = {"source": str(listing.source), "shorter": shorter, "unreadable": failed}
            (partial / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
            with contextlib.suppress(OSError):  # where there are no locks, another was faster
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _monochrome(cache: PictureCache) -> NDArray[np.bool_]:
    thumbnails = cache.thumbnails()
    parts = [
        is_monochrome(_chroma(thumbnails, positions))
        for positions in np.split(np.arange(len(cache)), range(_AT_ONCE, len(cache), _AT_ONCE))
    ]
    return np.concatenate(parts)


@contextlib.contextmanager
def sole_builder(target: Path) -> Iterator[None]:
    """Wait until no other process builds `target`; what killed ones left behind is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:  # a disk without locks: both build, and the first to end wins
            yield
            return
        for left in target.parent.glob(f".{target.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)
