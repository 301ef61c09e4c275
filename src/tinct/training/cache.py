"""Decoded pictures in one memory-mapped file.

Decoding an AVIF costs more than a small network's training step, so every picture is decoded once:
`pixels.u8` holds the RGB bytes of all pictures one after another, `index.tsv` says where each lies.
"""

from __future__ import annotations

import csv
import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

PIXELS = "pixels.u8"
INDEX = "index.tsv"
COLUMNS = ("id", "category", "artist", "height", "width", "offset")


@dataclass(frozen=True)
class Entry:
    """Where one decoded picture lies in the cache, and what it is."""

    id: str
    category: str
    artist: str
    height: int
    width: int
    offset: int


class PictureCache:
    """All pictures of a training set, decoded; `cache[i]` is a uint8 (H, W, 3) sRGB view."""

    def __init__(self, folder: Path) -> None:
        with (folder / INDEX).open(encoding="utf-8", newline="") as file:
            self.entries = [
                Entry(
                    id=row["id"],
                    category=row["category"],
                    artist=row["artist"],
                    height=int(row["height"]),
                    width=int(row["width"]),
                    offset=int(row["offset"]),
                )
                for row in csv.DictReader(file, delimiter="\t")
            ]
        self._pixels: NDArray[np.uint8] = np.memmap(folder / PIXELS, dtype=np.uint8, mode="r")

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, position: int) -> NDArray[np.uint8]:
        entry = self.entries[position]
        end = entry.offset + entry.height * entry.width * 3
        return self._pixels[entry.offset : end].reshape(entry.height, entry.width, 3)


def is_validation(entry: Entry, *, percent: int = 3) -> bool:
    """Whether a picture belongs to the validation split.

    The split hashes the artist where there is one, else the id, so that no artist is on both
    sides and the answer never changes when pictures are added.
    """
    key = f"artist:{entry.artist.casefold()}" if entry.artist else f"id:{entry.id}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100 < percent


def decode(data: bytes) -> NDArray[np.uint8]:
    """Encoded picture to uint8 (H, W, 3) sRGB."""
    image = pyvips.Image.new_from_buffer(data, "")
    if image.hasalpha():
        image = image.flatten(background=255)
    pixels: NDArray[np.uint8] = np.ascontiguousarray(image.colourspace("srgb").numpy())
    return pixels


def unit(picture: Image.Image) -> NDArray[np.float32]:
    """An 8-bit picture as float32 in 0..1."""
    return np.asarray(picture, np.float32) * np.float32(1 / 255)


def build_cache(
    shards: Iterable[Path], manifest: Path, folder: Path, *, exclude: frozenset[str] = frozenset()
) -> int:
    """Decode every picture of the tar `shards` into `folder` and return how many there are.

    Args:
        shards: tar files whose members are named `<id>.<extension>`.
        manifest: tab-separated table with the columns id, category and artist.
        folder: where the cache goes; nothing in it is valid until `index.tsv` exists.
        exclude: ids to leave out (works that also stand in an evaluation set).
    """
    with manifest.open(encoding="utf-8", newline="") as file:
        known = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
    folder.mkdir(parents=True, exist_ok=True)
    offset = count = 0
    partial = folder / (INDEX + ".partial")
    with (
        (folder / PIXELS).open("wb") as out,
        partial.open("w", encoding="utf-8", newline="") as table,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        rows = csv.writer(table, delimiter="\t", lineterminator="\n")
        rows.writerow(COLUMNS)
        members = (
            (name, data)
            for shard in shards
            for name, data in _members(shard)
            if name in known and name not in exclude
        )
        while batch := list(islice(members, 64)):
            for (name, _), pixels in zip(
                batch, pool.map(decode, (data for _, data in batch)), strict=True
            ):
                row = known[name]
                height, width = pixels.shape[:2]
                rows.writerow((name, row["category"], row["artist"], height, width, offset))
                out.write(pixels.tobytes())
                offset += pixels.size
                count += 1
    partial.replace(folder / INDEX)
    return count


def _members(shard: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(shard) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield Path(member.name).stem, stream.read()
