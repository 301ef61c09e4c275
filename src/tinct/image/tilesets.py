"""Reading folders of tiles (Deep Zoom, IIIF level 0) as pictures, to prove what is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.errors import TooLarge, Unreadable, Unsupported
from tinct.image.decode import PixelSource, strip_rows
from tinct.image.metadata import Metadata
from tinct.image.pages import Page, Picture
from tinct.image.reading import load
from tinct.image.tiles import OVERLAPS, Tile, levels, tiles
from tinct.image.vips import Pixels, input_errors, to_array, vips
from tinct.naming import TILES_LABEL

_MOST_TEXT = 1 << 20
_DEEP_ZOOM = b"schemas.microsoft.com/deepzoom"


@dataclass(frozen=True)
class TileSource(PixelSource):
    """Pixels that lie in tiles.

    Attributes:
        folder: of the tiles.
        kind: "dzi" or "iiif".
        size: width and height of the picture.
        side: of a tile.
        suffix: of a tile's name.
        bands: of a pixel, alpha included.
        depth: bits of a value.
    """

    folder: Path = Path()
    kind: str = "dzi"
    size: tuple[int, int] = (0, 0)
    side: int = 0
    suffix: str = ".jpg"
    bands: int = 3
    depth: Literal[8, 16] = 8

    def strips(self, level: int = 0) -> Iterator[tuple[int, Pixels]]:
        """From top to bottom: (top, pixels (h, W, bands)); a row of tiles is held at a time.

        Args:
            level: how often the picture was halved.

        Raises:
            Unreadable: a tile is not there, damaged, or of another size than it should have.
        """
        overlap = OVERLAPS[self.kind]
        every = tiles(self.kind, *self.size, self.side, level)
        for top, row in groupby(every, key=lambda tile: tile.top):
            above = overlap if top else 0
            parts: list[NDArray[Any]] = []
            for tile in row:
                left = overlap if tile.left else 0
                parts.append(self._tile(tile)[above:, left:][: self.side, : self.side])
            whole: Pixels = np.concatenate(parts, 1)
            few = strip_rows(whole.shape[1], len(whole))  # what is made of them is larger still
            for start in range(0, len(whole), few):
                yield top + above + start, whole[start : start + few]

    def small(self, width: int, height: int, side: int) -> Pixels:  # noqa: ARG002 - as the base has it
        """The smallest level whose shorter side has at least `side` pixels."""
        sizes = levels(self.kind, *self.size, self.side)
        level = max(at for at, size in enumerate(sizes) if not at or min(size) >= side)
        return np.concatenate([pixels for _, pixels in self.strips(level)])

    def _tile(self, tile: Tile) -> Pixels:
        path = self.folder / f"{tile.name}{self.suffix}"
        if not path.is_file():
            raise Unreadable(
                f"the tile {path.relative_to(self.folder)} is not there",
                where=self.where,
                remedy="get a fresh copy of all its tiles",
            )
        with input_errors(str(path)):
            image = vips().Image.new_from_file(str(path), fail_on="error")
            found = image.height, image.width, image.bands
            if found != (tile.height, tile.width, self.bands):  # before anything is decoded
                raise Unreadable(
                    f"has {image.width} x {image.height} pixels of {image.bands} channels, "
                    f"instead of {tile.width} x {tile.height} of {self.bands}"
                )
            return to_array(image)


def open_result(data: Path | bytes, *, max_megapixels: float = 2000) -> Picture:
    """A result of Tinct, a file or tiles.

    Args:
        data: as `load` takes it, or as `open_tiles` does.
        max_megapixels: files with more are refused.

    Raises:
        InputError: see `load` and `open_tiles`.
    """
    tiles = open_tiles(data) if isinstance(data, Path) else None
    return load(data, max_megapixels=max_megapixels) if tiles is None else tiles


def open_tiles(path: Path) -> Picture | None:
    """A folder of tiles as a picture; None where the path is something else.

    Args:
        path: of a `.dzi` file, of a folder of IIIF tiles, or of its `info.json`.

    Raises:
        Unreadable: what describes the tiles is damaged, or the first of them.
        Unsupported: tiles of a kind that Tinct does not write.
        TooLarge: more pixels than there can be tiles for.
    """
    if path.is_dir() and (path / "info.json").is_file():
        path = path / "info.json"
    if not path.is_file() or path.suffix.lower() not in (".dzi", ".json"):
        return None
    with path.open("rb") as file:
        text = file.read(_MOST_TEXT)
    where = str(path)
    if path.suffix.lower() == ".dzi" and _DEEP_ZOOM in text:
        return _picture(path, _deep_zoom(path, text, where))
    if path.name == "info.json":
        return _picture(path.parent, _iiif(path.parent, text, where))
    return None


def _deep_zoom(path: Path, text: bytes, where: str) -> TileSource:
    known = {
        name: re.search(rb"[\s\"']" + name + rb"\s*=\s*[\"'](\w+)[\"']", text)
        for name in (b"Format", b"Overlap", b"TileSize", b"Width", b"Height")
    }
    found = {name: match[1].decode("ascii", "replace") for name, match in known.items() if match}
    numbers = [found.get(name, "") for name in (b"Width", b"Height", b"TileSize", b"Overlap")]
    if not all(re.fullmatch(r"\d{1,9}", number) for number in numbers):
        raise Unreadable("damaged: it does not say what its tiles are", where=where)
    width, height, side, overlap = map(int, numbers)
    if overlap != OVERLAPS["dzi"]:
        raise Unsupported(
            f"tiles that overlap by {overlap}; only {OVERLAPS['dzi']} is handled", where=where
        )
    folder = path.with_name(f"{path.stem}_files")
    return _source("dzi", folder, (width, height), side, f".{found.get(b'Format', '')}", where)


def _iiif(folder: Path, text: bytes, where: str) -> TileSource:
    try:
        known: Any = json.loads(text)
        size, side = (known["width"], known["height"]), known["tiles"][0]["width"]
        suffix = ".png" if "png" in known.get("preferredFormats", ()) else ".jpg"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable("damaged: it does not say what its tiles are", where=where) from error
    if not all(isinstance(number, int) for number in (*size, side)):
        raise Unreadable("damaged: it does not say what its tiles are", where=where)
    if not any(folder.glob("0,0,*/*/0/default.*")) and not any(folder.glob("full/*/0/default.*")):
        raise Unsupported("IIIF tiles that do not lie beside it", where=where)
    return _source("iiif", folder, size, side, suffix, where)


def _source(
    kind: str, folder: Path, size: tuple[int, int], side: int, suffix: str, where: str
) -> TileSource:
    if min(size) < 1 or not 16 <= side <= 1 << 14:
        raise Unreadable("damaged: its size is impossible", where=where)
    if max(size) > 10_000_000 or size[0] * size[1] > 1 << 40:
        raise TooLarge(f"{size[0]} x {size[1]} pixels", where=where, remedy="cut it into parts")
    return TileSource(
        folder, where, kind, folder=folder, kind=kind, size=size, side=side, suffix=suffix
    )


def _picture(data: Path, source: TileSource) -> Picture:
    first = next(tiles(source.kind, *source.size, source.side))
    path = source.folder / f"{first.name}{source.suffix}"
    if not path.is_file():
        raise Unreadable(f"its first tile, {path}, is not there", where=source.where)
    with input_errors(str(path)):
        image = vips().Image.new_from_file(str(path), fail_on="error")
        icc = bytes(image.get("icc-profile-data")) if image.get_typeof("icc-profile-data") else None
    depth: Literal[8, 16] = 16 if image.format == "ushort" else 8
    label = source.folder / TILES_LABEL
    full = replace(source, bands=image.bands, depth=depth)
    page = Page(
        width=source.size[0],
        height=source.size[1],
        depth=depth,
        bands=3 if image.bands >= 3 else 1,
        alpha=image.bands in (2, 4),
        orientation=1,
        metadata=Metadata(icc=icc, xmp=label.read_bytes() if label.is_file() else None),
        source=full,
    )
    lossless = source.suffix == ".png"
    return Picture(source.where, source.kind, (page,), data, lossless=lossless)
