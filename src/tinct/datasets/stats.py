"""What a pile of pictures is made of: who, when, how large, and above all which colours."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.color import lab_to_rgb, rgb_to_lab
from tinct.datasets.manifest import Row
from tinct.datasets.page import (
    Shown,
    bars,
    image,
    mosaic,
    page,
    section,
    table,
    text,
    thumbnail,
    whole,
)
from tinct.datasets.parallel import side_by_side
from tinct.datasets.pictures import Content, open_pile
from tinct.datasets.split import artist_key
from tinct.errors import InputError
from tinct.evaluation.metrics import colourfulness
from tinct.image import load, upright_size
from tinct.image.atomic import output_errors, write_atomic
from tinct.training.cache import decode

FIGURES, PAGE = "stats.json", "stats.html"
#: a*b* squares: 2 CIE units wide, from -_REACH to _REACH
_REACH, _BINS = 110, 110
_SIDE, _THUMBNAIL, _LISTED = 96, 160, 40
#: pictures of the mosaic; groups that have their own, and pictures of each of those
_MOSAIC, _GROUPS, _ROW = 48, 8, 7

#: told what is being done, how much of it is, and how much there is
Progress = Callable[[str, int, int], None]
Array = NDArray[np.floating[Any]]
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Figures:
    """One picture in figures."""

    row: Row
    width: int
    height: int
    colourfulness: float
    """Hasler and Suesstrunk 2003: 0 is grey, 33 moderate, 82 high."""
    mean: Array
    """(3,) CIELAB."""
    thumbnail: bytes = b""
    """WebP, of those that a mosaic may show."""


@dataclass(frozen=True, eq=False)
class Stats:
    """All pictures in figures."""

    pictures: Sequence[Figures]
    unreadable: Sequence[tuple[str, str]]
    chroma: NDArray[np.int64]
    """(110, 110) pixels in each square of a* and b*, of small copies of all pictures."""


def stats(
    source: Path,
    out: Path,
    *,
    progress: Progress = lambda _what, _done, _total: None,
) -> Stats:
    """Look at every picture and write stats.json and stats.html into `out`.

    Raises:
        InputError: there are no pictures, or none can be read.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    pile = open_pile(source)
    pile = replace(pile, rows=_named_alike(pile.rows))
    chroma = np.zeros((_BINS, _BINS), np.int64)
    pictures: list[Figures] = []
    unreadable: list[tuple[str, str]] = []
    shown = _chosen(pile.rows)

    def work(content: Content) -> tuple[Figures, NDArray[np.int64]] | tuple[str, str]:
        return _look(content, pictured=content.row.where in shown)

    for done, found in enumerate(side_by_side(work, pile.contents()), start=1):
        figures, counts = found
        if isinstance(figures, Figures) and not isinstance(counts, str):
            chroma += counts
            pictures.append(figures)
        else:
            unreadable.append((str(figures), str(counts)))
        progress("look", done, len(pile.rows))
    if not pictures:
        raise InputError(
            f"none of its {len(unreadable)} pictures can be read: {unreadable[0][1]}",
            where=str(source),
            remedy="name a folder of pictures or a manifest",
        )
    known = Stats(pictures, unreadable, chroma)
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    _write(out / FIGURES, json.dumps(as_json(known), ensure_ascii=False, indent=1) + "\n")
    _write(out / PAGE, _page(str(source), known))
    return known


def _named_alike(rows: Sequence[Row]) -> list[Row]:
    """The rows with one spelling of each artist's name, the commonest."""
    keys = [artist_key(row) for row in rows]
    spellings: dict[str, Counter[str]] = {}
    for row, key in zip(rows, keys, strict=True):
        spellings.setdefault(key, Counter())[row.artist] += 1
    names = {key: some.most_common(1)[0][0] for key, some in spellings.items()}
    return [
        replace(row, artist=names[key]) if key else row for row, key in zip(rows, keys, strict=True)
    ]


def _chosen(rows: Sequence[Row]) -> set[str]:
    """The pictures that mosaics may show, where they lie; the others need no thumbnail."""
    step = max(1, -(-len(rows) // _MOSAIC))
    chosen = {row.where for row in rows[::step]}
    for _, some in _groups(rows, key=lambda row: row):
        every = max(1, len(some) // _ROW)
        chosen.update(row.where for row in some[::every][:_ROW])
    return chosen


def _groups(items: Sequence[Item], key: Callable[[Item], Row]) -> list[tuple[str, list[Item]]]:
    """The artists with most pictures and theirs; where there are none, the classes."""
    for name in (_artist, _class):
        groups: dict[str, list[Item]] = {}
        for item in items:
            groups.setdefault(name(key(item)), []).append(item)
        groups.pop("", None)
        if len(groups) > 1:
            largest = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
            return largest[:_GROUPS]
    return []


def _artist(row: Row) -> str:
    return row.artist if artist_key(row) else ""


def _class(row: Row) -> str:
    return row.category


def _look(
    content: Content, *, pictured: bool
) -> tuple[Figures, NDArray[np.int64]] | tuple[str, str]:
    """A picture in figures, and its pixels in each square of a* and b*; or what is wrong."""
    where = content.row.where
    try:
        data = content.read()
        first = load(data, name=where).pages[0]
        width, height = upright_size(first.width, first.height, first.orientation)
        pixels = decode(data, shorter=_THUMBNAIL, name=where)
    except InputError as error:
        return where, error.message
    small = Image.fromarray(pixels)
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    lab = rgb_to_lab(np.asarray(small, np.float32) * np.float32(1 / 255)).reshape(-1, 3)
    edges = np.linspace(-_REACH, _REACH, _BINS + 1)
    counts, _, _ = np.histogram2d(lab[:, 1], lab[:, 2], bins=(edges, edges))
    figures = Figures(
        content.row,
        width,
        height,
        colourfulness(np.asarray(small)),
        lab.mean(0),
        thumbnail(pixels) if pictured else b"",
    )
    return figures, counts.astype(np.int64)


def century(year: str) -> str:
    """`19th century` of `1850`, `c. 1850-60` or `19th century`; empty where nothing is known.

    Years before Christ have none here.
    """
    if year.startswith("-") or re.search(r"\bb\.? ?c", year, re.IGNORECASE):
        return ""
    named = re.search(r"(\d{1,2})(?:st|nd|rd|th)[\s-]+c", year)
    found = re.search(r"(?<!\d)(\d{3,4})(?!\d)", year)
    if not found and not named:
        return ""
    number = int(named[1]) if named else (int(found[1]) - 1) // 100 + 1 if found else 0
    ending = "th" if 10 < number < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending} century" if 1 <= number <= 21 else ""


def as_json(known: Stats) -> dict[str, Any]:
    """All figures that the page shows, for programs."""
    colourful = np.array([one.colourfulness for one in known.pictures])
    sides = np.array([min(one.width, one.height) for one in known.pictures])
    rows = [one.row for one in known.pictures]
    return {
        "pictures": len(known.pictures),
        "unreadable": [list(one) for one in known.unreadable],
        "artists": dict(_counts(map(_artist, rows))),
        "categories": dict(_counts(map(_class, rows))),
        "sources": dict(_counts(row.source for row in rows)),
        "splits": dict(_counts(row.split for row in rows)),
        "centuries": dict(_counts(century(row.year) for row in rows)),
        "shorter_side": _quantiles(sides),
        "colourfulness": {"mean": round(float(colourful.mean()), 2), **_quantiles(colourful)},
        "tint": {
            kind: {name: [round(float(v), 2) for v in mean] for name, mean, _ in tints}
            for kind, tints in (
                ("artists", _tints(known, _artist)),
                ("centuries", _tints(known, lambda row: century(row.year))),
                ("categories", _tints(known, _class)),
            )
        },
    }


def _counts(names: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(name for name in names if name).most_common()


def _quantiles(values: Array) -> dict[str, float]:
    shares = {"least": 0.0, "tenth": 0.1, "median": 0.5, "ninetieth": 0.9, "most": 1.0}
    return {name: round(float(np.quantile(values, share)), 2) for name, share in shares.items()}


def _tints(known: Stats, key: Callable[[Row], str]) -> list[tuple[str, Array, int]]:
    """The mean colour of each group, the largest groups first: (name, CIELAB, pictures)."""
    groups: dict[str, list[Array]] = {}
    for one in known.pictures:
        if key(one.row):
            groups.setdefault(key(one.row), []).append(one.mean)
    found = [(name, np.mean(means, 0), len(means)) for name, means in groups.items()]
    return sorted(found, key=lambda group: (-group[2], group[0]))


def _page(source: str, known: Stats) -> str:
    figures = as_json(known)
    median = figures["shorter_side"]["median"]
    artists, categories = figures["artists"], figures["categories"]
    body = "".join(
        section(title, bars(_listed(figures[key])), _more(figures[key]))
        for title, key in (
            ("Splits", "splits"),
            ("Classes", "categories"),
            ("Artists", "artists"),
            ("Centuries", "centuries"),
            ("Sources", "sources"),
        )
    )
    body += section("Sizes", _sizes(known), "Pictures by their shorter side in pixels.")
    body += section(
        "Colourfulness",
        _histogram([one.colourfulness for one in known.pictures], (0, 15, 33, 45, 59, 82, 109)),
        "After Hasler and Suesstrunk: 0 is grey, 33 moderate, 59 quite, 82 highly colourful.",
    )
    body += section(
        "Colours",
        image("png", _chroma_map(known.chroma), "Two-dimensional histogram of a* and b*"),
        "Each square is a colour, its brightness how often it occurs (by the logarithm); green to "
        "red from left to right, blue to yellow from bottom to top, grey in the middle.",
    )
    for title, tints in (
        ("Mean tint of each artist", _tints(known, _artist)),
        ("Mean tint of each century", _by_century(known)),
        ("Mean tint of each class", _tints(known, _class)),
    ):
        body += section(title, _swatches(tints[:_LISTED]))
    body += section("Some of them", _some(known))
    body += section("Some of the largest groups", _of_groups(known))
    body += section("Unreadable", table(("file", "reason"), known.unreadable[:200]))
    return page(
        source,
        f"{whole(len(known.pictures))} pictures in figures.",
        {
            "pictures": whole(len(known.pictures)),
            **({"artists": whole(len(artists))} if artists else {}),
            **({"classes": whole(len(categories))} if categories else {}),
            "median shorter side": whole(median),
            "mean colourfulness": f"{figures['colourfulness']['mean']:.1f}",
        },
        body,
    )


def _listed(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    return [(name, float(count)) for name, count in list(counts.items())[:_LISTED]]


def _more(counts: Mapping[str, int]) -> str:
    left = list(counts.values())[_LISTED:]
    return f"And {whole(len(left))} more with {whole(sum(left))} pictures." if left else ""


def _sizes(known: Stats) -> str:
    sides = [float(min(one.width, one.height)) for one in known.pictures]
    return _histogram(sides, (0, 64, 128, 200, 256, 512, 1024, 2048, 4096))


def _histogram(values: Sequence[float], edges: Sequence[float]) -> str:
    limits = (*edges, np.inf)
    counts, _ = np.histogram(values, limits)
    names = [f"{low:g} to {high:g}" for low, high in pairwise(limits[:-1])]
    names.append(f"{edges[-1]:g} and more")
    return bars(list(zip(names, counts.astype(float).tolist(), strict=True)))


def _by_century(known: Stats) -> list[tuple[str, Array, int]]:
    def number(group: tuple[str, Array, int]) -> int:
        return int(re.match(r"\d+", group[0])[0])  # type: ignore[index] # all begin with one

    return sorted(_tints(known, lambda row: century(row.year)), key=number)


def _swatches(tints: Sequence[tuple[str, Array, int]]) -> str:
    cells = []
    for name, mean, count in tints:
        rgb = np.rint(np.clip(lab_to_rgb(np.asarray(mean, np.float32)), 0, 1) * 255).astype(int)
        said = f"a* {mean[1]:.1f}, b* {mean[2]:.1f}; {whole(count)}"
        cells.append(
            f'<div><i style="background:rgb({rgb[0]},{rgb[1]},{rgb[2]})"></i>{text(name)}'
            f"<small>{text(said)}</small></div>"
        )
    return f'<div class="swatches">{"".join(cells)}</div>' if cells else ""


def _chroma_map(counts: NDArray[np.int64]) -> bytes:
    """The histogram as a picture: each square in its own colour, PNG."""
    centres = (np.arange(_BINS) + 0.5) * (2 * _REACH / _BINS) - _REACH
    a, b = np.meshgrid(centres, centres, indexing="ij")
    lab = np.stack([np.full_like(a, 62), a, b], -1).astype(np.float32)
    often = np.log1p(counts) / max(float(np.log1p(counts).max()), 1.0)
    rgb = np.clip(lab_to_rgb(lab), 0, 1) * often[..., None] ** 1.2
    turned = np.rint(rgb * 255).astype(np.uint8).transpose(1, 0, 2)[::-1]
    # what hardly occurs would be a black margin
    used = np.flatnonzero((counts > 0).any(1) | (counts > 0).any(0))
    reach = max(_BINS // 2 - used.min(), used.max() + 1 - _BINS // 2) + 2
    middle = _BINS // 2
    shown = turned[max(0, middle - reach) : middle + reach, max(0, middle - reach) : middle + reach]
    large = Image.fromarray(shown).resize(
        (shown.shape[1] * 8, shown.shape[0] * 8), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    large.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _some(known: Stats) -> str:
    """A mosaic of pictures from all over the pile."""
    pictures = [one for one in known.pictures if one.thumbnail]
    return mosaic(map(_shown, pictures[:: max(1, -(-len(pictures) // _MOSAIC))]))


def _of_groups(known: Stats) -> str:
    """A mosaic of each of the largest groups, with its name."""
    return "".join(
        f"<h3>{text(name)}: {whole(len(some))}</h3>"
        + mosaic(map(_shown, [one for one in some if one.thumbnail][:_ROW]))
        for name, some in _groups(known.pictures, key=lambda one: one.row)
    )


def _shown(one: Figures) -> Shown:
    row = one.row
    about = ", ".join(filter(None, (_artist(row), row.year)))
    return Shown(one.thumbnail, row.title or row.file or row.id, about)


def _write(target: Path, said: str) -> None:
    with write_atomic(target, overwrite=True) as temporary:
        temporary.write_text(said, encoding="utf-8", errors="surrogateescape", newline="")
