"""Find the pictures of a pile that are no good to learn colours from, and say why.

Nothing is moved or changed unless that is asked for, see `tinct.datasets.moving`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.datasets.cleaned import Finding, as_table
from tinct.datasets.duplicates import Copy, clusters, find_copies, small_light
from tinct.datasets.lights import Lights
from tinct.datasets.manifest import Row
from tinct.datasets.page import Shown, clean_page, thumbnail
from tinct.datasets.parallel import side_by_side
from tinct.datasets.pictures import Content, Pile, open_pile
from tinct.datasets.rules import SIDE, Limits, rules, share
from tinct.errors import InputError
from tinct.image import load, upright_size
from tinct.image.atomic import output_errors, write_atomic
from tinct.training.cache import decode

REPORT, PAGE = "report.tsv", "report.html"
#: of each reason, so many pictures are shown on the page
SHOWN = 60
_THUMBNAIL = 160
_COPY_OF, _BY_WAY = "copy of ", " by way of another"

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
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    findings, count = _findings(pile, out, limits or Limits(), only, progress)
    cleaned = Cleaned(count, sorted(findings, key=lambda one: (one.file, one.reason)))
    _write(out / REPORT, as_table(cleaned.findings))
    _write(out / PAGE, clean_page(str(source), cleaned, _shown(cleaned, pile), RULES))
    return cleaned


def _findings(
    pile: Pile, out: Path, limits: Limits, only: Sequence[str], progress: Progress
) -> tuple[list[Finding], int]:
    """Every reason against every picture, and how many pictures there are."""
    findings: list[Finding] = []
    compared: list[_Compared] = []
    count = 0
    with Lights(out) as lights:
        for found, one, light in side_by_side(
            lambda content: _look(content, limits), pile.contents()
        ):
            findings += found
            if one is not None and light is not None:
                compared.append(one)
                lights.add(light)
            count += 1
            progress("look", count, len(pile.rows))
        if not only or "duplicate" in only:
            findings += _duplicates(compared, lights.all(), progress)
    return [one for one in findings if not only or one.reason in only], count


@dataclass(frozen=True, slots=True)
class _Compared:
    """What decides which of several copies stays."""

    row: Row
    sound: bool
    """No rule advises to leave it out."""
    pixels: float
    """How many would be left by the crop that is advised, roughly."""


def _look(
    content: Content, limits: Limits
) -> tuple[list[Finding], _Compared | None, NDArray[np.uint8] | None]:
    where = content.row.where
    try:
        data = content.read()
        page = load(data, name=where).pages[0]
        width, height = upright_size(page.width, page.height, page.orientation)
        pixels = decode(data, shorter=SIDE, name=where, inferred=False)
    except InputError as error:
        return [Finding(where, "unreadable", detail=error.message)], None, None
    hits = list(rules(pixels, width, height, limits))
    findings = [Finding(where, hit.rule, hit.score, hit.box) for hit in hits]
    # what needs no crop is worth a little more: boxes are not exact to the pixel
    left = min((0.9 * share(hit.box) for hit in hits if hit.box), default=1.0)
    sound = all(one.action != "drop" for one in findings)
    return findings, _Compared(content.row, sound, left * width * height), small_light(pixels)


def _duplicates(
    compared: Sequence[_Compared], lights: NDArray[np.uint8], progress: Progress
) -> list[Finding]:
    """Of each group of copies, all but the best are found.

    The best is one against which nothing else speaks; of those, the one with most pixels.
    """
    if len(compared) < 2:
        return []
    copies = find_copies(lights, progress=lambda done, total: progress("compare", done, total))
    known: dict[frozenset[int], Copy] = {
        frozenset((copy.first, copy.second)): copy for copy in copies
    }

    def worth(at: int) -> tuple[bool, float, str]:
        return compared[at].sound, compared[at].pixels, compared[at].row.where

    findings = []
    for group in clusters(copies, len(compared)):
        best = max(group, key=worth)
        findings += [
            _copy(compared[at].row, compared[best].row, known.get(frozenset((at, best))), at)
            for at in group
            if at != best
        ]
    return findings


def _copy(row: Row, kept: Row, copy: Copy | None, at: int) -> Finding:
    """What is said of the picture at a position, of which another is kept."""
    how = _BY_WAY if copy is None else ""
    if copy is not None:
        if share(copy.window) < 0.97:
            how += ", cropped" if copy.second == at else ", with more around it"
        how += ", mirrored" if copy.mirrored else ""
    if kept.split and row.split not in ("", kept.split):
        how += f", which is in {kept.split} and this in {row.split}"
    likeness = copy.likeness if copy else 0.0
    return Finding(
        row.where, "duplicate", likeness, detail=f"{_COPY_OF}{kept.where}{how}", of=kept.where
    )


def _shown(cleaned: Cleaned, pile: Pile) -> dict[str, list[Shown]]:
    """Of each reason the pictures that the page shows, evenly from the surest to the least."""
    chosen: dict[str, list[Finding]] = {}
    for name in RULES:
        found = sorted(
            (one for one in cleaned.findings if one.reason == name), key=lambda one: -one.score
        )
        chosen[name] = found[:: max(1, -(-len(found) // SHOWN))]
    wanted = {file for some in chosen.values() for one in some for file in (one.file, one.of)}
    thumbnails = _thumbnails(pile, wanted)
    return {
        name: [
            Shown(
                thumbnails.get(one.file, b""),
                one.file,
                one.detail or f"{one.score:.3g}",
                one.box,
                thumbnails.get(one.of, b""),
            )
            for one in some
        ]
        for name, some in chosen.items()
    }


def _thumbnails(pile: Pile, wanted: Set[str]) -> dict[str, bytes]:
    """Small copies of some pictures, WebP; those that cannot be read have none."""

    def work(content: Content) -> tuple[str, bytes]:
        where = content.row.where
        try:
            return where, thumbnail(decode(content.read(), shorter=_THUMBNAIL, name=where))
        except InputError:
            return where, b""

    return dict(side_by_side(work, pile.contents(lambda row: row.where in wanted)))


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
