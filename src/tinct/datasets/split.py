"""Which pictures are learned from and which are held out, so that nothing leaks between them.

Pictures of one artist, and copies of one work, stand on one side. The split is stratified by
category and depends on the seed and the groups alone, never on the order of the pictures.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from tinct.datasets.manifest import SPLITS, Row
from tinct.datasets.options import By
from tinct.errors import UsageError

_ACCENT, _WORD = re.compile(r"[\u0300-\u036f]"), re.compile(r"\w+")
_NOBODY = re.compile(
    r"(the )?(unknown|anonymous|anonymus|anon\.?|unidentified|various|n/a|none|nobody|-|\?)"
    r"( (artists?|painters?|authors?|makers?|photographers?|masters?))?",
)


def artist_key(row: Row) -> str:
    """Names one artist however the name is written; empty for none and for unknown ones.

    Case, accents, punctuation and the order of names do not matter: `GOGH, Vincent van` is
    `Vincent van Gogh`. Other spellings and shorter forms of a name are another artist.
    """
    plain = " ".join(row.artist.casefold().replace("_", " ").split())
    if _NOBODY.fullmatch(plain):
        return ""
    letters = unicodedata.normalize("NFKD", plain)
    return " ".join(sorted(_WORD.findall(_ACCENT.sub("", letters)))) or plain


def work_key(row: Row) -> str:
    """Names one work of a known artist by its title; empty where either is unknown."""
    artist, title = artist_key(row), " ".join(row.title.casefold().split())
    return f"{artist}\n{title}" if artist and title and not title.startswith("untitled") else ""


def groups(rows: Sequence[Row], *, by: By, alike: Iterable[tuple[int, int]] = ()) -> list[int]:
    """The number of each row's group: rows that must not be torn apart share one.

    Args:
        rows: the pictures.
        by: `artist` keeps artists and works together, `work` works, `none` files of one content.
        alike: positions of pictures that show one work.
    """
    parents = list(range(len(rows)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    first: dict[str, int] = {}
    for at, row in enumerate(rows):
        keys = [f"sha256 {row.sha256}"] if row.sha256 else []
        if by != "none":
            keys += [f"work {key}" for key in (work_key(row),) if key]
        if by == "artist":
            keys += [f"artist {key}" for key in (artist_key(row),) if key]
        for key in keys:
            one, other = sorted((root(first.setdefault(key, at)), root(at)))
            parents[other] = one
    for a, b in alike if by != "none" else ():
        one, other = sorted((root(a), root(b)))
        parents[other] = one
    return [root(at) for at in range(len(rows))]


def split(
    rows: Sequence[Row],
    *,
    validation: float,
    test: float = 0.0,
    by: By = "artist",
    seed: int = 0,
    alike: Iterable[tuple[int, int]] = (),
) -> list[str]:
    """`train`, `validation` or `test` for each row.

    Each category gives its share; a group with pictures in several counts for the one that most
    of them are in. Groups are drawn by a hash of the seed and what they are made of; those larger
    than a quarter of the share are passed over while smaller ones will do, so that a share shows
    many artists. A share above 0 is never empty where there are groups enough.

    Args:
        rows: the pictures, with ids.
        validation: share held out to watch a training, in 0..1.
        test: share held out to the end, in 0..1.
        by: see `groups`.
        seed: another one draws another split.
        alike: positions of pictures that show one work.

    Raises:
        UsageError: the shares are out of range or leave nothing to learn from.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise UsageError(
            f"{validation:g} and {test:g} of the pictures held out",
            where="--validation, --test",
            remedy="give shares from 0 that add up to less than 1",
        )
    members: dict[int, list[int]] = {}
    for at, group in enumerate(groups(rows, by=by, alike=alike)):
        members.setdefault(group, []).append(at)
    drawn = sorted(members.values(), key=lambda group: _draw(rows, group, seed, by))
    strata: dict[str, list[list[int]]] = {}
    for some in drawn:
        strata.setdefault(_stratum(rows, some), []).append(some)
    sides = ["train"] * len(rows)
    for name, share in (("test", test), ("validation", validation)):
        for stratum in strata.values():
            _hold_out(stratum, share * sum(map(len, stratum)), name, sides)
        left = [group for group in drawn if sides[group[0]] == "train"]
        if share and name not in sides and len(left) > 1:
            for at in min(left, key=len):
                sides[at] = name
    return sides


def _hold_out(stratum: Sequence[list[int]], wanted: float, name: str, sides: list[str]) -> None:
    # groups that are a small part of the share come first: it is to be made of many artists
    for most in (max(1.0, wanted / 4), wanted / 2, math.inf):
        for group in stratum:
            free = sides[group[0]] == "train" and len(group) <= most
            # half a group too many is as near to the share as half a group too few
            if free and len(group) / 2 <= wanted:
                wanted -= len(group)
                for at in group:
                    sides[at] = name


def _draw(rows: Sequence[Row], group: Sequence[int], seed: int, by: By) -> bytes:
    """Where a group stands in the draw; that of an artist stays when pictures are added."""
    names = {artist_key(rows[at]) for at in group} - {""} if by == "artist" else set()
    name = min(names) if names else min(rows[at].id or rows[at].where for at in group)
    text = f"{seed}\n{name}"
    return hashlib.sha256(text.encode("utf-8", errors="surrogateescape")).digest()


def _stratum(rows: Sequence[Row], group: Sequence[int]) -> str:
    counts: dict[str, int] = {}
    for at in group:
        counts[rows[at].category] = counts.get(rows[at].category, 0) + 1
    return min(counts, key=lambda name: (-counts[name], name))


def leaks(rows: Sequence[Row], *, by: By = "artist") -> list[tuple[str, Sequence[int]]]:
    """What stands on several sides of a split: (what it is, positions of its pictures)."""
    kinds: Mapping[str, dict[str, list[int]]] = {"file": {}, "work": {}, "artist": {}}
    for at, row in enumerate(rows):
        if row.split not in SPLITS:
            continue
        keys = {"file": row.sha256}
        if by != "none":
            keys["work"] = work_key(row)
        if by == "artist":
            keys["artist"] = artist_key(row)
        for kind, key in keys.items():
            if key:
                kinds[kind].setdefault(key, []).append(at)
    return [
        (f"{kind} {_called(rows[found[0]], kind)}", found)
        for kind, known in kinds.items()
        for found in known.values()
        if len({rows[at].split for at in found}) > 1
    ]


def _called(row: Row, kind: str) -> str:
    if kind == "file":
        return row.sha256
    return " ".join((row.artist if kind == "artist" else f"{row.artist}: {row.title}").split())


def balanced(rows: Sequence[Row], count: int, *, seed: int = 0) -> list[int]:
    """Positions of `count` pictures drawn evenly among artists, none of them twice.

    Artists give one picture each in turn until they have no more; a picture by nobody known
    counts as its category's. Fewer come back where there are fewer.
    """
    piles: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        key = artist_key(row)
        piles.setdefault(f"artist {key}" if key else f"category {row.category}", []).append(at)

    def chance(name: str) -> bytes:
        return hashlib.sha256(f"{seed}\n{name}".encode("utf-8", errors="surrogateescape")).digest()

    order = sorted(piles, key=chance)
    for pile in piles.values():
        pile.sort(key=lambda at: chance(rows[at].id or rows[at].where))
    taken: list[int] = []
    turn = 0
    while len(taken) < count and order:
        order = [name for name in order if len(piles[name]) > turn]
        taken += [piles[name][turn] for name in order]
        turn += 1
    return sorted(taken[:count])
