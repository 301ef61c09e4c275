"""Which pictures a study shows: drawn, never picked."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tinct.datasets.manifest import TSV, Row
from tinct.datasets.pictures import Pile, members, open_pile
from tinct.errors import InputError, Unreadable
from tinct.evaluation import truths
from tinct.evaluation.sets import check_manifest, folder_set, held_out, says_where
from tinct.study.options import Sample
from tinct.study.pictures import Pixels


@dataclass(frozen=True)
class Candidate:
    """A picture that may be drawn."""

    name: str
    """Its source and where it lies there."""
    category: str
    folder: Path
    """What its row is relative to."""
    row: Row

    @property
    def stem(self) -> str:
        """What predictions for it are called, without a suffix."""
        return Path(self.row.file or self.row.id).with_suffix("").as_posix()

    def read(self) -> tuple[Pixels, str]:
        """Its pixels, uint8 sRGB (H, W, 3), and the hash of its file.

        Raises:
            InputError: it is missing, or no picture.
        """
        try:
            if not self.row.shard:
                path = self.folder / self.row.file
                return truths.read(path), hashlib.sha256(path.read_bytes()).hexdigest()
            wanted = {self.row.file or self.row.id, self.row.id}
            for name, data in members(self.folder / self.row.shard):
                if name in wanted or Path(name).stem in wanted:
                    with Image.open(io.BytesIO(data)) as picture:
                        pixels = np.asarray(picture.convert("RGB"))
                    return pixels, hashlib.sha256(data).hexdigest()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise Unreadable(
                "cannot be read as a picture",
                where=str(self.folder / self.row.where),
                remedy="take it out of the set, or see `tinct data clean`",
            ) from error
        raise InputError("is not in its shard", where=str(self.folder / self.row.where))


def candidates(sources: Sequence[Path]) -> list[Candidate]:
    """All pictures of some folders or manifests, in a stable order.

    Of a manifest that is split, the part held out to the end counts alone.

    The category is the manifest's, or the sub-folder, or, of several sources, the source's name.

    Raises:
        InputError: a source is missing or holds none.
    """
    found = []
    for source in sources:
        pile = _pile(source)
        title = source.resolve().name
        for row in held_out(pile.rows) or pile.rows:
            alone = title if len(sources) > 1 else ""
            known = row.category if row.category not in {"", "."} else alone
            where = f"{title}/{row.where}" if len(sources) > 1 else row.where
            found.append(Candidate(where, known, pile.folder, row))
    return sorted(found, key=lambda one: one.name)


def _pile(source: Path) -> Pile:
    """The pictures of a source; of a folder with a table that does not say where they lie, all."""
    if not source.is_dir() or not (source / TSV).is_file() or says_where(source / TSV):
        check_manifest(source)
        return open_pile(source)
    found = folder_set(source)
    rows = [
        Row(file=Path(one.where).relative_to(source).as_posix(), category=one.category)
        for one in found.truths
    ]
    return Pile(source, source, rows)


def in_drawn_order(found: Sequence[Candidate], sample: Sample, seed: int) -> Iterator[Candidate]:
    """All candidates, each once, in the order in which they are drawn.

    `stratified` goes round the categories, whose order is drawn too, until each is used up: any
    number of first ones is spread among categories as evenly as can be.
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    if sample == "random":
        yield from chance.sample(found, len(found))
        return
    strata: dict[str, list[Candidate]] = {}
    for one in found:
        strata.setdefault(one.category, []).append(one)
    piles = [chance.sample(pile, len(pile)) for _, pile in sorted(strata.items())]
    chance.shuffle(piles)
    while piles:
        for pile in piles:
            yield pile.pop()
        piles = [pile for pile in piles if pile]
