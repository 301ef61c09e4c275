"""Finding copies of pictures: rescaled, mirrored, cropped, recompressed, in other colours.

Two stages. A 64-bit hash (signs of the lowest frequencies of a cosine transform) of each whole
picture, and of windows into each, finds candidates: where a window of one has nearly the hash of
another, that may be a crop. Each candidate is then verified: the window is moved until the two
agree best, and their light and their fine detail must correlate. Only light is compared, so that
another photograph of a work, with other colours, is found too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.datasets.likeness import SIDE, Agreement, agree, window_matrix
from tinct.datasets.parallel import side_by_side

#: bits that may differ between the hashes of candidates
RADIUS = 10
_CHUNKS, _CHUNK_BITS = 4, 16
_AT_ONCE = 512
_QUERIES = 1 << 18
_COMPARED = 1 << 20
#: in a pile where hundreds show nearly the same, such as avatars, each picture is laid over so many
#: others at most, those with the nearest hashes; else the work would grow with the square
_NEAREST = 16
_BASES = 8  # frequencies along each axis
_GRID = 32

#: shares cut off at either end of an axis; every pair of these is a window
_CUTS = (
    *((0.0, 0.0), (0.0, 0.08), (0.08, 0.0), (0.08, 0.08), (0.0, 0.16), (0.16, 0.0)),
    *((0.16, 0.16), (0.05, 0.12), (0.12, 0.05), (0.0, 0.26), (0.26, 0.0), (0.24, 0.24)),
)
_LEAST_AREA = 0.4

Lights = NDArray[np.uint8]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, order=True)
class Copy:
    """Two pictures that show the same."""

    first: int
    """Position of the one that is the larger part of the scene."""
    second: int
    """Position of the other, which is the whole or a part of the first."""
    likeness: float
    """Correlation of their light, in 0..1."""
    mirrored: bool
    """Whether the second is mirrored left to right."""
    window: tuple[float, float, float, float]
    """What the second shows of the first: left, top, right, bottom as shares."""


def small_light(pixels: NDArray[np.uint8]) -> Lights:
    """What pictures are compared by: Rec. 601 luma squashed to (64, 64), of uint8 (H, W, 3)."""
    grey = Image.fromarray(pixels).convert("L")
    small = grey.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(small)


def hashes(lights: Lights) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """64-bit hashes of whole pictures, (N, 2): as they are and mirrored; of windows, (N, W).

    Args:
        lights: (N, 64, 64), see `small_light`.
    """
    rows, columns = windows()
    basis = _basis()
    whole = np.empty((len(lights), 2), np.uint64)
    parts = np.empty((len(lights), len(rows)), np.uint64)
    sign = np.where(np.arange(_BASES) % 2, -1, 1)  # mirrored, odd waves change their sign
    for start in range(0, len(lights), _AT_ONCE):
        some = lights[start : start + _AT_ONCE].astype(np.float32)
        waves = (basis @ some) @ basis.T
        waves = waves.reshape(len(some), len(_CUTS), _BASES, len(_CUTS), _BASES)
        found = waves.transpose(0, 1, 3, 2, 4)[:, rows, columns]
        parts[start : start + _AT_ONCE] = _bits(found)
        whole[start : start + _AT_ONCE, 0] = parts[start : start + _AT_ONCE, 0]
        whole[start : start + _AT_ONCE, 1] = _bits(found[:, 0] * sign)
    return whole, parts


@cache
def windows() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which cuts make each window: of its rows, and of its columns; the first is the whole."""
    kept = np.array([1 - a - b for a, b in _CUTS])
    rows, columns = np.nonzero(np.outer(kept, kept) >= _LEAST_AREA)
    return rows, columns


@cache
def _basis() -> NDArray[np.float32]:
    """From 64 values along an axis to the 8 lowest waves of each cut: (12 * 8, 64)."""
    at = (np.arange(_GRID) + 0.5) / _GRID
    waves = np.cos(np.pi * np.outer(np.arange(_BASES), at))
    cuts = window_matrix(np.array(_CUTS), _GRID)
    return (waves @ cuts).reshape(-1, SIDE).astype(np.float32)


def _bits(waves: NDArray[np.floating[Any]]) -> NDArray[np.uint64]:
    """The signs of (..., 8, 8) waves as one number each; the mean, which has none, counts as 0."""
    signs = (waves > 0).reshape(*waves.shape[:-2], 64)
    signs[..., 0] = False
    # a chunk of the number then holds waves of all directions and lengths
    mixed = signs[..., np.arange(64).reshape(16, 4).T.ravel()]
    packed = np.ascontiguousarray(np.packbits(mixed, axis=-1))
    return packed.view(np.uint64)[..., 0]


def near_pairs(
    queries: NDArray[np.uint64], known: NDArray[np.uint64], *, radius: int = RADIUS
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Positions (in `queries`, in `known`) of hashes that differ in at most `radius` bits.

    All within 7 bits are found, and most within 10: of four chunks of 16 bits, one must have at
    most one bit wrong. A pair may come several times.
    """
    flips = np.array([0, *(1 << bit for bit in range(_CHUNK_BITS))], np.uint64)
    for chunk in range(_CHUNKS):
        shift = np.uint64(chunk * _CHUNK_BITS)
        values = (known >> shift) & np.uint64(0xFFFF)
        order = np.argsort(values, kind="stable")
        starts = np.searchsorted(values[order], np.arange(0x10001, dtype=np.uint64))
        sorted_known = known[order]
        for first in range(0, len(queries), _QUERIES):
            some = queries[first : first + _QUERIES]
            asked = (some >> shift) & np.uint64(0xFFFF)
            for flip in flips:
                key = (asked ^ flip).astype(np.int64)
                low = starts[key]
                counts = starts[key + 1] - low
                for begin, end in _shares_of(counts):
                    count = counts[begin:end]
                    query = np.repeat(np.arange(begin, end), count)
                    skipped = low[begin:end] - (np.cumsum(count) - count)
                    place = np.arange(len(query)) + np.repeat(skipped, count)
                    bits = np.bitwise_count(some[query] ^ sorted_known[place])
                    near = bits <= radius
                    yield query[near] + first, order[place[near]]


def _shares_of(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Parts of the queries that are compared with a million each, so that memory is bounded."""
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = int(ends[begin - 1]) if begin else 0
        end = int(np.searchsorted(ends, before + _COMPARED, "right"))
        yield begin, max(end, begin + 1)
        begin = max(end, begin + 1)


def find_copies(lights: Lights, *, progress: Progress | None = None) -> list[Copy]:
    """All pairs of pictures that show the same, each pair once.

    Args:
        lights: (N, 64, 64) uint8, see `small_light`; may be a memory map.
        progress: told how many of the stages are done.
    """
    stages = 3
    whole, parts = hashes(lights)
    told = progress or (lambda _done, _total: None)
    told(1, stages)
    candidates = _candidates(whole, parts)
    told(2, stages)
    copies = _verified(lights, candidates)
    told(3, stages)
    return copies


def _candidates(whole: NDArray[np.uint64], parts: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(M, 4): first, second, whether mirrored, window; the nearest window of each pair.

    Of more than `_NEAREST` pairs with one second picture, only the nearest are kept.
    """
    count = parts.shape[1]
    best: list[NDArray[np.int64]] = []
    kept = pending = 0
    for query, place in near_pairs(parts.ravel(), whole.ravel()):
        first, second = query // count, place // 2
        other = first != second
        query, place = query[other], place[other]
        bits = np.bitwise_count(parts.ravel()[query] ^ whole.ravel()[place])
        best.append(np.stack([query, place, bits.astype(np.int64)], 1))
        pending += len(query)
        if pending > _COMPARED + kept:
            best = [_nearest(np.concatenate(best), count)]
            kept, pending = len(best[0]), 0
    found = _nearest(np.concatenate(best), count) if best else np.empty((0, 3), np.int64)
    query, place = found[:, 0], found[:, 1]
    return np.stack([query // count, place // 2, place % 2, query % count], 1)


def _nearest(found: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Of each (first, second, mirrored) the window whose hash is nearest; and of those the best."""
    pair = (found[:, 0] // count) * (found[:, 1].max(initial=0) + 1) + found[:, 1]
    order = np.lexsort((found[:, 2], pair))
    _, first = np.unique(pair[order], return_index=True)
    found = found[order[first]]
    found = found[np.lexsort((found[:, 2], found[:, 1]))]
    at = np.arange(len(found))
    new = np.flatnonzero(np.diff(found[:, 1], prepend=-1))
    rank = at - np.repeat(new, np.diff(new, append=len(found)))
    return found[rank < _NEAREST]


def _verified(lights: Lights, candidates: NDArray[np.int64]) -> list[Copy]:
    rows, columns = windows()
    cuts = np.array(_CUTS)

    def work(start: int) -> tuple[NDArray[np.int64], Agreement]:
        some = candidates[start : start + _AT_ONCE]
        second = np.asarray(lights[some[:, 1]])
        second = np.where(some[:, 2, None, None] == 1, second[:, :, ::-1], second)
        first, window = np.asarray(lights[some[:, 0]]), some[:, 3]
        return some, agree(first, second, cuts[rows[window]], cuts[columns[window]])

    best: dict[tuple[int, int], Copy] = {}
    for some, found in side_by_side(work, range(0, len(candidates), _AT_ONCE)):
        for at in np.flatnonzero(found.likeness).tolist():
            a, b, mirrored, _ = some[at].tolist()
            pair, likeness = (min(a, b), max(a, b)), float(found.likeness[at])
            if pair not in best or best[pair].likeness < likeness:
                shares = _shares(found.window[at].tolist())
                best[pair] = Copy(a, b, likeness, bool(mirrored), shares)
    return [best[pair] for pair in sorted(best)]


def _shares(window: Sequence[float]) -> tuple[float, float, float, float]:
    top, bottom, left, right = (round(value, 3) for value in window)
    return left, top, round(1 - right, 3), round(1 - bottom, 3)


def clusters(copies: Sequence[Copy], count: int) -> list[list[int]]:
    """Positions that are copies of one another, directly or by way of others; of two or more."""
    from tinct.datasets.manifest import Row
    from tinct.datasets.split import groups

    members: dict[int, list[int]] = {}
    alike = [(copy.first, copy.second) for copy in copies]
    for at, group in enumerate(groups([Row()] * count, by="work", alike=alike)):
        members.setdefault(group, []).append(at)
    return [group for group in members.values() if len(group) > 1]
