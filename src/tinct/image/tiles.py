"""Folders of tiles for viewers that zoom: Deep Zoom (DZI), and IIIF Image API 3, level 0.

libvips cuts the tiles while the picture streams by. Pixels are turned upright, because no viewer
heeds a tag in tiles, and carry their colour profile if it is not sRGB. What lies in the folder:

    dzi    picture.dzi, picture_files/LEVEL/COLUMN_ROW.jpg; level 0 is one pixel, tiles overlap
    iiif   info.json, X,Y,W,H/W,H/0/default.jpg for each tile, full/max and full/W,H of small copies
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.image.feed import upright_image
from tinct.image.savers import TILE_SUFFIXES
from tinct.image.vips import vips

if TYPE_CHECKING:
    from tinct.image.encoders import Job

#: side of tiles, and by how many pixels they overlap on each side
SIDES = {"dzi": 254, "iiif": 512}
OVERLAPS = {"dzi": 1, "iiif": 0}
#: names of the parts while they are being written
DESCRIPTION, TILES = "picture.dzi", "picture_files"
#: pixels up to which a picture that has to be turned is held in memory rather than on the disk
_TURNED_IN_MEMORY = 16_000_000
_NO_SPACE = ("no space left", "disk quota", "disc full", "disk full")


@dataclass(frozen=True)
class Tile:
    """One file of a folder of tiles, and what it shows, in pixels of its level.

    Attributes:
        name: path below the folder, without the suffix.
        left: first column, overlap included.
        top: first row.
        width: of the file.
        height: of the file.
    """

    name: str
    left: int
    top: int
    width: int
    height: int


def write_tiles(job: Job, folder: Path, kind: str) -> None:
    """Cut a picture into an empty folder.

    Args:
        job: the picture; 16 bits and alpha need PNG tiles.
        folder: is there, and empty.
        kind: "dzi" or "iiif".

    Raises:
        OSError: no space, or no rights.
        InputError: the source turned out to be damaged while its pixels were read.
    """
    pyvips = vips()
    side = job.layout.tile_size or SIDES[kind]
    suffix = TILE_SUFFIXES[job.layout.tile_format]
    options: dict[str, Any] = {
        "layout": "dz" if kind == "dzi" else "iiif3",
        "tile_size": side,
        "overlap": OVERLAPS[kind],
        "suffix": f"{suffix}[Q={job.quality}]" if suffix == ".jpg" else suffix,
        "keep": "icc" if job.icc else "none",
    }
    feed = job.image()
    turned = folder / "turned.v"
    try:
        image = feed.image
        if job.page.orientation != 1:
            # columns become rows: all pixels have to lie somewhere
            if image.width * image.height <= _TURNED_IN_MEMORY:
                image = image.copy_memory()
            else:
                image.write_to_file(str(turned))
                image = pyvips.Image.new_from_file(str(turned), access="random")
            image = upright_image(image, job.page.orientation)
        image = image.copy()
        if job.icc:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", job.icc)
        image.dzsave(str(folder / ("picture" if kind == "dzi" else "iiif")), **options)
        width, height = image.width, image.height
    except pyvips.Error as error:
        if feed.error:
            raise feed.error[0] from None
        raise _disk_error(error, folder) from error
    if feed.error:
        raise feed.error[0]
    turned.unlink(missing_ok=True)
    if kind == "iiif":
        for part in (folder / "iiif").iterdir():
            part.rename(folder / part.name)
        (folder / "iiif").rmdir()
        (folder / "vips-properties.xml").unlink(missing_ok=True)
        _write_small(folder, width, height, side, suffix, job)
    else:
        (folder / TILES / "vips-properties.xml").unlink(missing_ok=True)
    _check(folder if kind == "iiif" else folder / TILES, kind, width, height, side, suffix)


def levels(kind: str, width: int, height: int, side: int) -> list[tuple[int, int]]:
    """Width and height of each level, the picture itself first.

    The last is one pixel for "dzi", and the first that fits into a tile for "iiif".
    """
    sizes = [(width, height)]
    while max(sizes[-1]) > (1 if kind == "dzi" else side):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def tiles(kind: str, width: int, height: int, side: int, level: int = 0) -> Iterator[Tile]:
    """The tiles of one level, row by row.

    Args:
        kind: "dzi" or "iiif".
        width: of the picture.
        height: of the picture.
        side: of a tile, without overlap.
        level: how often the picture was halved.
    """
    sizes, overlap = levels(kind, width, height, side), OVERLAPS[kind]
    across, down = sizes[level]
    for row, top in enumerate(range(0, down, side)):
        for column, left in enumerate(range(0, across, side)):
            x, y = max(0, left - overlap), max(0, top - overlap)
            right = min(across, left + side + overlap)
            bottom = min(down, top + side + overlap)
            if kind == "dzi":
                name = f"{len(sizes) - 1 - level}/{column}_{row}"
            else:
                scale = 1 << level
                region = (left * scale, top * scale)
                extent = (
                    min(side * scale, width - region[0]),
                    min(side * scale, height - region[1]),
                )
                name = "{},{},{},{}/{},{}/0/default".format(*region, *extent, right - x, bottom - y)
                if level == len(sizes) - 1:
                    name = f"full/{across},{down}/0/default"
            yield Tile(name, x, y, right - x, bottom - y)


def _write_small(folder: Path, width: int, height: int, side: int, suffix: str, job: Job) -> None:
    """The whole at the largest size that one request may ask for, which level 0 has to offer."""
    small = max_size(width, height, side)
    place = folder / "full" / "{},{}".format(*small) / "0" / f"default{suffix}"
    if not place.exists():
        pyvips = vips()
        level = max(0, len(levels("iiif", width, height, side)) - 2)
        known = [
            (tile, pyvips.Image.new_from_file(str(folder / f"{tile.name}{suffix}")))
            for tile in tiles("iiif", width, height, side, level)
        ]
        first = known[0][1]
        right = max(tile.left + tile.width for tile, _ in known)
        bottom = max(tile.top + tile.height for tile, _ in known)
        whole = pyvips.Image.black(right, bottom, bands=first.bands).cast(first.format)
        for tile, image in known:
            whole = whole.insert(image, tile.left, tile.top)
        whole = whole.copy(interpretation=first.interpretation)
        reduced = whole.thumbnail_image(small[0], height=small[1], size="force")
        if job.icc:
            reduced = reduced.copy()
            reduced.set_type(pyvips.GValue.blob_type, "icc-profile-data", job.icc)
        place.parent.mkdir(parents=True)
        given = {"Q": job.quality} if suffix == ".jpg" else {}
        reduced.write_to_file(str(place), keep="icc" if job.icc else "none", **given)
    largest = folder / "full" / "max" / "0" / f"default{suffix}"
    largest.parent.mkdir(parents=True)
    shutil.copyfile(place, largest)


def max_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The picture's size within a tile, as `maxWidth` and `maxHeight` bound what `max` gives."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def describe_iiif(folder: Path) -> dict[str, Any]:
    """The content of `info.json`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON object.
    """
    found: dict[str, Any] = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    return found


def _check(folder: Path, kind: str, width: int, height: int, side: int, suffix: str) -> None:
    """All tiles have to be there: libvips may end without a word where a disk is full."""
    for level in range(len(levels(kind, width, height, side))):
        for tile in tiles(kind, width, height, side, level):
            path = folder / f"{tile.name}{suffix}"
            if not path.is_file() or not path.stat().st_size:
                raise OSError(errno.ENOSPC, f"the tile {tile.name} was not written")


def _disk_error(error: Exception, folder: Path) -> BaseException:
    from tinct.image.feed import encoder_error

    said = str(error).lower()
    if any(text in said for text in _NO_SPACE) or shutil.disk_usage(folder).free < 1 << 16:
        return OSError(errno.ENOSPC, "No space left on device")
    if "permission denied" in said:
        return OSError(errno.EACCES, "Permission denied")
    return encoder_error(error)
