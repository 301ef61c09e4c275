"""Writing coloured pictures: what each format can carry, and the encoders.

Pixels come as strips and go to libvips as a stream, so that memory does not grow with the
picture; WebP and AVIF alone are encoded from memory, because their encoders need the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.errors import UsageError
from tinct.image.atomic import output_errors
from tinct.image.pages import Page, Picture
from tinct.image.savers import SAVERS, TILINGS, Layout, saver_of
from tinct.image.vips import Pixels

if TYPE_CHECKING:
    from tinct.image.encoders import Job


PLAIN = Layout()


@dataclass(frozen=True)
class ColouredPage:
    """The result for one page.

    Attributes:
        page: where size, alpha, orientation and metadata come from.
        depth: bits of a value in the result.
        icc: the profile of the coloured pixels; None means sRGB, untagged.
        strips: (h, W, 3) arrays of uint8 or uint16, top to bottom, in the order of the file.
        xmp: the new XMP packet; None keeps the source's.
        xmp_extension: what a JPEG has no room for in its packet, which names this; b"" for none.
    """

    page: Page
    depth: Literal[8, 16]
    icc: bytes | None
    strips: Iterator[NDArray[np.uint8]] | Iterator[NDArray[np.uint16]]
    xmp: bytes | None = None
    xmp_extension: bytes = b""


def save(
    picture: Picture,
    pages: Iterable[ColouredPage],
    target: Path | BinaryIO,
    *,
    format: str,  # noqa: A002 - the word users know
    quality: int,
    software: str,
    layout: Layout = PLAIN,
) -> tuple[str, ...]:
    """Write a coloured picture; metadata, alpha, resolution and layout are the source's.

    Args:
        picture: the source.
        pages: the results, one for each page, in order; consumed one after the other.
        target: a path (see `write_atomic`) or a binary stream open for writing; for tiles an
            empty folder (see `write_folder`).
        format: a key of `SAVERS`, or one of `TILINGS`.
        quality: 1 to 100, for lossy encodings.
        software: who wrote the file, for the tags that name it.
        layout: of pyramids and tiles.

    Returns:
        What the format could not carry, one sentence each.

    Raises:
        UsageError: the format is unknown, or cannot carry the depth, the alpha or the pages.
        OutputUnwritable: no rights or no space.
        InputError: the source turned out to be damaged while its pixels were read.
    """
    # a grey JPEG that becomes a JPEG needs none of these
    import shutil
    import tempfile

    from tinct.image.encoders import WRITERS

    if format not in (*SAVERS, *TILINGS):
        raise UsageError(f"cannot write {format!r}", remedy=f"choose one of {', '.join(SAVERS)}")
    if format in TILINGS and not isinstance(target, Path):
        raise UsageError(
            f"{format} is a folder of tiles, which no stream can take",
            remedy="give the result a name, or choose a format of one file",
        )
    if not 1 <= quality <= 100:
        raise UsageError(f"quality {quality}", remedy="give a number from 1 to 100")
    jobs = _jobs(picture, pages, name=format, quality=quality, software=software, layout=layout)
    warnings: list[str] = []
    where = target if isinstance(target, Path) else "output"
    with output_errors(where):
        if format in TILINGS and isinstance(target, Path):
            from tinct.image.tiles import write_tiles

            for job in jobs:
                write_tiles(job, target, format)
        elif isinstance(target, Path):
            with target.open("w+b") as file:
                WRITERS[format](jobs, file, warnings)
        else:
            # TIFF goes back and forth in its file, and nobody wants half a picture in a pipe
            with tempfile.TemporaryFile() as file:
                WRITERS[format](jobs, file, warnings)
                file.seek(0)
                shutil.copyfileobj(file, target)
    return tuple(dict.fromkeys(warnings))


def _jobs(
    picture: Picture,
    pages: Iterable[ColouredPage],
    *,
    name: str,
    quality: int,
    software: str,
    layout: Layout,
) -> Iterator[Job]:
    from tinct.image.encoders import Job

    saver = saver_of(name, layout)
    tiles = name in TILINGS
    named = f"{layout.tile_format} tiles" if tiles else name
    for number, coloured in enumerate(pages):
        page = coloured.page
        if number and not saver.pages:
            raise UsageError(f"{name} holds one page only", remedy="choose TIFF")
        if coloured.depth not in saver.depths:
            raise UsageError(
                f"{named} cannot hold {coloured.depth} bits",
                remedy="add --depth 8 or --tile-format png"
                if tiles
                else "add --depth 8, or choose --format tiff or png",
            )
        if page.alpha and not saver.alpha:
            raise UsageError(
                f"{named} cannot hold transparency",
                remedy="add --tile-format png" if tiles else "choose PNG, TIFF, WebP or AVIF",
            )
        if max(page.width, page.height) > saver.largest_side:
            raise UsageError(
                f"{page.width} x {page.height} pixels; {name} ends at {saver.largest_side}",
                remedy="choose TIFF or PNG",
            )
        yield Job(
            page=page,
            depth=coloured.depth,
            icc=coloured.icc,
            rows=_rows(coloured),
            source=picture,
            xmp=coloured.xmp,
            xmp_extension=coloured.xmp_extension,
            quality=quality,
            software=software,
            total=len(picture.pages),
            layout=layout,
        )


def _rows(coloured: ColouredPage) -> Iterator[Pixels]:
    """Strips (h, W, 3 or 4): the coloured pixels, the source's alpha beside them."""
    page = coloured.page
    kind = np.uint8 if coloured.depth == 8 else np.uint16
    alphas = _alpha(page, coloured.depth) if page.alpha else None
    done = 0
    waiting: NDArray[Any] = np.zeros((0, page.width), kind)
    for strip in coloured.strips:
        if strip.dtype != kind or strip.ndim != 3 or strip.shape[1:] != (page.width, 3):
            raise ValueError(f"a strip of {strip.shape} {strip.dtype} for a page {page.width} wide")
        done += len(strip)
        if alphas is None:
            yield strip
            continue
        while len(waiting) < len(strip):
            waiting = np.concatenate([waiting, next(alphas)])
        yield np.concatenate([strip, waiting[: len(strip), :, None]], axis=2)
        waiting = waiting[len(strip) :]
    if done != page.height:
        raise ValueError(f"{done} rows for a page of {page.height}")


def _alpha(page: Page, depth: Literal[8, 16]) -> Iterator[Pixels]:
    for strip in page.rows():
        if strip.alpha is None:
            raise ValueError("a page without the alpha it announced")
        if depth == page.depth:
            yield strip.alpha
        elif depth == 16:
            yield strip.alpha.astype(np.uint16) * np.uint16(257)
        else:
            yield ((strip.alpha.astype(np.uint32) + 128) // 257).astype(np.uint8)
