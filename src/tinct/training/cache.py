"""Decoded pictures in one memory-mapped file.

Opening a scan costs more than a small network's training step, so every picture is decoded, turned
upright, brought to sRGB and reduced once. `pixels.u8` holds all of them one after another, as they
are or, `packed`, as JPEG without subsampling in a fifth of the room. `index.tsv` says where each
lies, `thumbnails.u8` holds each as a small square.
"""

from __future__ import annotations

import csv
import hashlib
import os
import tarfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tinct.color import SRGB, encode
from tinct.color import decode as to_lab
from tinct.color.icc import space_of
from tinct.errors import InputError
from tinct.image import load, upright
from tinct.provenance import is_ours

PIXELS = "pixels.u8"
THUMBNAILS = "thumbnails.u8"
INDEX = "index.tsv"
COLUMNS = ("id", "category", "artist", "height", "width", "offset", "length", "bytes", "split")
#: of the JPEG that packed pictures are kept as: 1.2 codes of mean error, 25 kB for 224 x 224
QUALITY = 95
#: side of a thumbnail
SIDE = 24

#: told how many pictures are done, and how many there are
Progress = Callable[[int, int], None]
Picture8 = NDArray[np.uint8]
_TIFF = threading.Lock()


@dataclass(frozen=True)
class Entry:
    """Where one decoded picture lies in the cache, and what it is."""

    id: str
    category: str
    artist: str
    height: int
    width: int
    offset: int
    length: int = 0
    """Bytes it takes in the cache; those of its pixels, unless it is kept as JPEG."""
    bytes: int = 0
    """Bytes of the file it came from."""
    split: str = ""
    """`train`, `validation` or `test` where a manifest says so."""


@dataclass(frozen=True)
class Encoded:
    """A picture that is still to be decoded."""

    id: str
    data: Path | bytes
    """Its file, or that file's content."""
    bytes: int
    category: str = ""
    artist: str = ""
    split: str = ""


class PictureCache:
    """All pictures of a training set, decoded; `cache[i]` is uint8 (H, W, 3) sRGB.

    Handing one to another process hands over the name of its folder only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with (folder / INDEX).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file, delimiter="\t")
            names = next(rows)
            at = [names.index(name) for name in COLUMNS if name in names]
            self.entries = [_entry([row[column] for column in at]) for row in rows]
        self._pixels: Picture8 = np.memmap(folder / PIXELS, dtype=np.uint8, mode="r")

    def __reduce__(self) -> tuple[type[PictureCache], tuple[Path]]:
        return PictureCache, (self.folder,)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, position: int) -> Picture8:
        entry = self.entries[position]
        plain = entry.height * entry.width * 3
        kept = self._pixels[entry.offset : entry.offset + (entry.length or plain)]
        if len(kept) == plain:
            return kept.reshape(entry.height, entry.width, 3)
        pixels: Picture8 = simplejpeg.decode_jpeg(kept)
        return pixels

    def thumbnails(self) -> Picture8:
        """All pictures squashed to squares: (M, 24, 24, 3), sRGB; a view of the file."""
        flat: Picture8 = np.memmap(self.folder / THUMBNAILS, dtype=np.uint8, mode="r")
        return flat.reshape(-1, SIDE, SIDE, 3)


def _entry(fields: list[str]) -> Entry:
    numbers = (int(field) for field in fields[3:8])
    return Entry(*fields[:3], *numbers, *fields[8:])  # type: ignore[arg-type]


def place(entry: Entry) -> float:
    """Where, in 0..1, a picture stands in the line that the validation split is cut from.

    It hashes the artist where there is one, else the id, so that no artist is on both sides and
    the answer never changes when pictures are added.
    """
    key = f"artist:{entry.artist.casefold()}" if entry.artist else f"id:{entry.id}"
    number = int.from_bytes(
        hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).digest()[:4]
    )
    return (number % 100 + number // 100 * 100 / 2**32) / 100


def decode(
    data: Path | bytes, *, shorter: int | None = None, name: str = "", inferred: bool = True
) -> Picture8:
    """A picture as training sees it: upright, sRGB by its profile, transparency over white.

    Args:
        data: a file or its content; of several pages the first is taken.
        shorter: larger pictures are reduced to this shorter side, none is enlarged.
        name: what to call it in messages.
        inferred: whether pictures that Tinct coloured will do: their colours are no truth.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: not a picture, damaged, of a kind that is not handled, or coloured by Tinct.
    """
    picture = load(data, name=name or None)
    page = picture.pages[0]
    if not inferred and is_ours(page.metadata.xmp):
        raise InputError(
            "was coloured by Tinct: nothing true can be learned from its colours",
            where=name,
            remedy="give pictures that were taken or painted in colour",
        )
    side = min(page.width, page.height)
    # damage to TIFFs is noted for the whole process, so one is read at a time
    with _TIFF if picture.format == "tiff" else nullcontext():
        pixels = page.source.small(page.width, page.height, min(side, shorter or side))
    colour: NDArray[Any] = pixels[..., :3] if page.bands == 3 else pixels[..., :1]
    space = space_of(page.metadata.icc, bands=page.bands)
    full = 255 if colour.dtype == np.uint8 else 65535
    if space is not SRGB:
        colour = encode(to_lab(np.repeat(colour, 4 - page.bands, 2)[..., :3], space))
        colour = colour * np.float32(full)
    if page.alpha:
        share = pixels[..., -1:].astype(np.float32) * np.float32(1 / full)
        colour = colour * share + full * (1 - share)
    if colour.dtype != np.uint8:
        colour = np.rint(colour * np.float32(255 / full)).astype(np.uint8)
    if colour.shape[2] == 1:
        colour = np.repeat(colour, 3, 2)
    return np.ascontiguousarray(upright(colour, page.orientation))


def write_cache(
    encoded: Iterable[Encoded],
    folder: Path,
    *,
    total: int,
    shorter: int | None = None,
    packed: bool = False,
    progress: Progress | None = None,
) -> list[tuple[str, str]]:
    """Decode pictures into `folder`, which is valid once this returns.

    Args:
        encoded: the pictures, read as they are needed.
        folder: an existing folder.
        total: how many there are, for `progress`.
        shorter: larger pictures are reduced to this shorter side.
        packed: keep pictures as JPEG, in a fifth of the room.
        progress: told from time to time how far it is.

    Returns:
        (id, reason) of each picture that cannot be read.

    Raises:
        OSError: the disk is full, or may not be written to.
    """
    unreadable: list[tuple[str, str]] = []
    offset = done = 0
    table = (folder / INDEX).open("w", encoding="utf-8", errors="surrogateescape", newline="")
    with (
        table,
        (folder / PIXELS).open("wb") as pixels,
        (folder / THUMBNAILS).open("wb") as thumbnails,
    ):
        rows = csv.writer(table, delimiter="\t", lineterminator="\n")
        rows.writerow(COLUMNS)

        def one(item: Encoded) -> tuple[Encoded, _Decoded | str]:
            return item, _prepare(item, shorter, packed)

        for item, found in _side_by_side(one, encoded):
            done += 1
            if isinstance(found, str):
                unreadable.append((item.id, found))
            else:
                pixels.write(found.kept)
                thumbnails.write(found.thumbnail)
                size = (found.height, found.width, offset, len(found.kept), item.bytes)
                rows.writerow((item.id, item.category, item.artist, *size, item.split))
                offset += len(found.kept)
            if progress is not None and (done % 50 == 0 or done == total):
                progress(done, total)
    return unreadable


@dataclass(frozen=True)
class _Decoded:
    height: int
    width: int
    kept: bytes
    thumbnail: bytes


def _prepare(item: Encoded, shorter: int | None, packed: bool) -> _Decoded | str:
    try:
        pixels = decode(item.data, shorter=shorter, name=item.id, inferred=False)
    except InputError as error:
        return error.message
    kept = b""
    if packed:
        kept = simplejpeg.encode_jpeg(
            pixels, quality=QUALITY, colorsubsampling="444", fastdct=False
        )
    if not 0 < len(kept) < pixels.size:  # a length that is not that of the pixels means JPEG
        kept = pixels.tobytes()
    small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    height, width, _ = pixels.shape
    return _Decoded(height, width, kept, small.tobytes())


def _side_by_side(
    work: Callable[[Encoded], tuple[Encoded, _Decoded | str]], items: Iterable[Encoded]
) -> Iterator[tuple[Encoded, _Decoded | str]]:
    """The outcomes in the order of the items, a few of which are worked on at a time."""
    threads = os.cpu_count() or 1
    waiting: deque[Future[tuple[Encoded, _Decoded | str]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 4 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:  # left early: what has not begun need not be done
                future.cancel()


def members(shard: Path) -> Iterator[tuple[str, bytes]]:
    """The pictures of a tar file: (id, content).

    Raises:
        InputError: it is no tar file, or cut short.
    """
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield Path(member.name).stem, stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(
            f"not a whole tar file: {error}", where=str(shard), remedy="fetch it again"
        ) from error
