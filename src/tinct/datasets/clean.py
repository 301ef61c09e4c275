"""Find the pictures of a pile that are no good to learn colours from, and say why.

Nothing is moved or changed unless that is asked for, see `tinct.datasets.moving`.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.datasets.cleaned import Finding, as_table
from tinct.datasets.duplicates import Copy, clusters, find_copies, small_light
from tinct.datasets.manifest import Row
from tinct.datasets.page import Shown, clean_page
from tinct.datasets.parallel import side_by_side
from tinct.datasets.pictures import Content, open_pile
from tinct.datasets.rules import SIDE, Limits, rules
from tinct.errors import InputError
from tinct.image import load, upright_size
from tinct.image.atomic import output_errors, write_atomic
from tinct.training.cache import decode

REPORT, PAGE = "report.tsv", "report.html"
#: of each reason, so many pictures are shown on the page
SHOWN = 60
_THUMBNAIL = 160

#: name of each rule, and what it finds
RULES: Mapping[str, str] = {
    "unreadable": "cannot be opened: damaged, cut short, or no picture at all",
    "small": "shorter side under the limit",
    "aspect": "longer than the limit allows",
    "grey": "grey, or toned in one colour: nothing to learn from",
    "text": "a page of print",
    "clipart": "flat colours, as computers draw",
    "white": "a cut-out on white",
    "border": "a border of one colour; the box would cut it off",
    "frame": "a picture frame, or the wall around a picture; the box would cut it off",
    "duplicate": "a copy of another picture: rescaled, mirrored or cropped",
}

#: told what is being done, how much of it is, and how much there is
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Cleaned:
    """What was found."""

    pictures: int
    """How many were looked at."""
    findings: Sequence[Finding]
    """Every reason against every picture."""

    @property
    def counts(self) -> dict[str, int]:
        """How many pictures each rule speaks against."""
        found = Counter(one.reason for one in self.findings)
        return {name: found[name] for name in RULES if found[name]}

    @property
    def flagged(self) -> int:
        """How many pictures any rule speaks against."""
        return len({one.file for one in self.findings})


def clean(
    source: Path,
    out: Path,
    *,
    limits: Limits | None = None,
    only: Sequence[str] = (),
    progress: Progress = lambda _what, _done, _total: None,
) -> Cleaned:
    """Look at every picture and write report.tsv and report.html into `out`.

    Args:
        source: folder of pictures or manifest.
        out: where the report goes; made if it is not there.
        limits: from where on rules speak.
        only: names of `RULES`; none means all.
        progress: told how far it is.

    Raises:
        InputError: there are no pictures.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    pile = open_pile(source)
    looked: list[_Looked] = []

    def work(content: Content) -> _Looked:
        return _look(content, limits or Limits())

    for one in side_by_side(work, pile.contents()):
        looked.append(one)
        progress("look", len(looked), len(pile.rows))
    findings = [finding for one in looked for finding in one.findings]
    if not only or "duplicate" in only:
        findings += _duplicates([one for one in looked if one.light is not None], progress)
    findings = [one for one in findings if not only or one.reason in only]
    cleaned = Cleaned(len(looked), sorted(findings, key=lambda one: (one.file, one.reason)))
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    _write(out / REPORT, as_table(cleaned.findings))
    _write(out / PAGE, clean_page(str(source), cleaned, _shown(cleaned, looked), RULES))
    return cleaned


@dataclass(frozen=True, eq=False)
class _Looked:
    """What is kept of one picture: some 10 kB."""

    row: Row
    pixels: int
    findings: Sequence[Finding]
    light: NDArray[np.uint8] | None = None
    thumbnail: bytes = b""


def _look(content: Content, limits: Limits) -> _Looked:
    where = content.row.where
    try:
        data = content.read()
        page = load(data, name=where).pages[0]
        width, height = upright_size(page.width, page.height, page.orientation)
        pixels = decode(data, shorter=SIDE, name=where)
    except InputError as error:
        return _Looked(content.row, 0, [Finding(where, "unreadable", detail=error.message)])
    hits = list(rules(pixels, width, height, limits))
    findings = [Finding(where, hit.rule, hit.score, hit.box) for hit in hits]
    return _Looked(content.row, width * height, findings, small_light(pixels), _thumbnail(pixels))


def _thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    small = Image.fromarray(pixels)
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=70)
    return buffer.getvalue()


def _duplicates(looked: Sequence[_Looked], progress: Progress) -> list[Finding]:
    """Of each group of copies, all but the best are found: the one with most pixels stays."""
    if len(looked) < 2:
        return []
    lights = np.stack([one.light for one in looked if one.light is not None])
    copies = find_copies(lights, progress=lambda done, total: progress("compare", done, total))
    known: dict[frozenset[int], Copy] = {
        frozenset((copy.first, copy.second)): copy for copy in copies
    }
    findings = []
    for group in clusters(copies, len(looked)):
        best = max(group, key=lambda at: (looked[at].pixels, looked[at].row.where))
        findings += [
            _copy(looked, at, best, known.get(frozenset((at, best)))) for at in group if at != best
        ]
    return findings


def _copy(looked: Sequence[_Looked], at: int, best: int, copy: Copy | None) -> Finding:
    kept = looked[best].row
    how = " by way of another" if copy is None else ""
    if copy is not None:
        left, top, right, bottom = copy.window
        if (right - left) * (bottom - top) < 0.97:
            how += ", cropped" if copy.second == at else ", with more around it"
        how += ", mirrored" if copy.mirrored else ""
    if kept.split and looked[at].row.split not in ("", kept.split):
        how += f", which is in {kept.split} and this in {looked[at].row.split}"
    likeness = copy.likeness if copy else 0.0
    return Finding(looked[at].row.where, "duplicate", likeness, detail=f"copy of {kept.where}{how}")


def _shown(cleaned: Cleaned, looked: Sequence[_Looked]) -> dict[str, list[Shown]]:
    """Of each reason the pictures that the page shows, evenly from the surest to the least."""
    pictures = {one.row.where: one for one in looked}
    shown: dict[str, list[Shown]] = {}
    for name in RULES:
        found = sorted(
            (one for one in cleaned.findings if one.reason == name), key=lambda one: -one.score
        )
        step = max(1, -(-len(found) // SHOWN))
        shown[name] = [
            Shown(
                pictures[one.file].thumbnail,
                one.file,
                one.detail or f"{one.score:.3g}",
                one.box,
                _beside(one, pictures),
            )
            for one in found[::step]
        ]
    return shown


def _beside(one: Finding, pictures: Mapping[str, _Looked]) -> bytes:
    """Of a copy, the picture that stays."""
    if one.reason != "duplicate":
        return b""
    name = one.detail.removeprefix("copy of ").partition(", ")[0].removesuffix(" by way of another")
    return pictures[name].thumbnail if name in pictures else b""


def _write(target: Path, text: str) -> None:
    with write_atomic(target, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


def names(text: str) -> tuple[str, ...]:
    """Rules from their names with commas between them.

    Raises:
        ValueError: there is none of such a name.
    """
    wanted = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown: Iterable[str] = [name for name in wanted if name not in RULES]
    for name in unknown:
        raise ValueError(f"{name!r} is no rule; there are {', '.join(RULES)}")
    return wanted
