"""One writer for each output format. libvips writes bare pixels; metadata is put in beside them.

That way every block arrives byte for byte: libvips itself would rewrite EXIF, and drop the tags
of TIFF and the text of PNG.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from tinct.image import boxes, chunks, exif, tiff
from tinct.image.feed import Feed, encode, image_of
from tinct.image.metadata import Metadata, fitting_exif, joined_resources, renewed
from tinct.image.pages import Page, Picture
from tinct.image.pyramid import TILE, aligned, write_levels
from tinct.image.savers import Layout
from tinct.image.vips import Pixels
from tinct.jpeg import segments as jpeg_segments

_MOST_OPTIMISED = 16_000_000
_LARGEST_ROW_OF_TILES = 1 << 25  # pixels
_MOST_CLASSIC_TIFF = 2_500_000_000
_COMPRESSIONS = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate", 32773: "packbits"}


@dataclass(frozen=True)
class Job:
    """One page to be written."""

    page: Page
    depth: Literal[8, 16]
    icc: bytes | None
    rows: Iterator[Pixels]
    source: Picture
    xmp: bytes | None
    xmp_extension: bytes
    quality: int
    software: str
    total: int
    layout: Layout

    @property
    def bands(self) -> int:
        """Bands of the result."""
        return 4 if self.page.alpha else 3

    def image(self) -> Feed:
        """The pixels as a libvips image to be read once, from top to bottom."""
        page = self.page
        return image_of(self.rows, page.width, page.height, self.bands, self.depth)

    def metadata(self, *, iptc: bool, orientation: int | None = None) -> Metadata:
        """The metadata of the result."""
        return renewed(
            self.page.metadata,
            orientation=self.page.orientation if orientation is None else orientation,
            icc=self.icc,
            software=self.software,
            xmp=self.xmp,
            blocks_for_iptc=iptc,
        )


def _exif(metadata: Metadata, warnings: list[str]) -> bytes | None:
    """The EXIF block, made to fit formats other than TIFF."""
    block, lost = fitting_exif(metadata.exif)
    warnings += lost
    return block


def _only(jobs: Iterator[Job]) -> tuple[Job, Iterator[Job]]:
    first = next(jobs, None)
    if first is None:
        raise ValueError("no page to write")
    return first, jobs


def _finish(jobs: Iterator[Job]) -> None:
    for _ in jobs:  # a second page makes the generator raise
        pass


def _write_jpeg(jobs: Iterator[Job], file: BinaryIO, warnings: list[str]) -> None:
    job, others = _only(jobs)
    known = job.metadata(iptc=True)
    own = known.native if job.source.format == "jpeg" else ()
    source = [jpeg_segments.Segment(kind[0], body) for kind, body in own]
    if not any(s.payload.startswith(jpeg_segments.JFIF) for s in source) and known.dpi:
        across, down = (min(round(value), 65535).to_bytes(2, "big") for value in known.dpi)
        head = jpeg_segments.JFIF + b"\1\2\1" + across + down + b"\0\0"
        source.insert(0, jpeg_segments.Segment(jpeg_segments.APP0, head))
    segments = jpeg_segments.replace_metadata(
        source,
        exif=_exif(known, warnings) or b"",
        xmp=known.xmp or b"",
        xmp_extension=job.xmp_extension,
        icc=known.icc or b"",
        iptc=joined_resources(known) or b"",
    )
    head = b"".join(bytes(segment) for segment in segments)
    # optimal tables take a second pass over all coefficients, which then lie in memory
    small = job.page.width * job.page.height <= _MOST_OPTIMISED
    options = {"Q": job.quality, "optimize_coding": small}
    encode(job.image(), "jpegsave_target", _Jpeg(file, head), options)
    _finish(others)


def _write_png(jobs: Iterator[Job], file: BinaryIO, warnings: list[str]) -> None:
    job, others = _only(jobs)
    known = job.metadata(iptc=True)
    kept = known.native if job.source.format == "png" else ()
    if job.icc != job.page.metadata.icc:
        kept = tuple(chunk for chunk in kept if chunk[0] not in chunks.PNG_COLOUR)
    head = chunks.png_metadata(
        icc=known.icc,
        exif=_exif(known, warnings),
        xmp=known.xmp,
        resources=joined_resources(known),
        dpi=known.dpi,
        kept=kept,
    )
    options = {"compression": 6, "filter": "sub"}
    encode(job.image(), "pngsave_target", _Png(file, head), options)
    _finish(others)


def _write_webp(jobs: Iterator[Job], file: BinaryIO, warnings: list[str]) -> None:
    job, others = _only(jobs)
    known = job.metadata(iptc=False)
    lossless = job.source.format == "webp" and job.source.lossless
    data = io.BytesIO()
    options = {"Q": job.quality, "lossless": lossless, "exact": True, "smart_subsample": True}
    encode(job.image(), "webpsave_target", data, options)
    file.write(
        chunks.webp_with_metadata(
            data.getvalue(),
            width=job.page.width,
            height=job.page.height,
            alpha=job.page.alpha,
            icc=known.icc,
            exif=_exif(known, warnings),
            xmp=known.xmp,
        )
    )
    _finish(others)


def _write_avif(jobs: Iterator[Job], file: BinaryIO, warnings: list[str]) -> None:
    job, others = _only(jobs)
    # viewers of AVIF do not heed EXIF's orientation: the pixels have to stand upright
    known = job.metadata(iptc=False, orientation=1)
    block = _exif(known, warnings)
    data = io.BytesIO()
    options = {
        "compression": "av1",
        "Q": job.quality,
        "bitdepth": 8 if job.depth == 8 else 12,
        "subsample_mode": "off",
        "effort": 2,  # 4 takes three times as long for files 4 % smaller
    }
    encode(
        job.image(),
        "heifsave_target",
        data,
        options,
        orientation=job.page.orientation,
        blocks={"icc-profile-data": known.icc, "xmp-data": known.xmp, "exif-data": block},
    )
    content = data.getvalue()
    file.write(boxes.with_exif(content, block) if block else content)
    _finish(others)


def _write_tiff(jobs: Iterator[Job], file: BinaryIO, _warnings: list[str]) -> None:
    written = []
    big = None
    for number, job in enumerate(jobs):
        page = job.page
        if big is None:
            pixels = sum(p.width * p.height for p in job.source.pages) * 4 // 3  # with all copies
            big = pixels * job.bands * job.depth // 8 > _MOST_CLASSIC_TIFF
        base = aligned(file)
        kind = _pyramid(job)
        options = {**_layout(page, job.layout, tiled=kind != "flat"), "bigtiff": big}
        encode(job.image(), "tiffsave_target", file, options, base=base, seekable=True)
        size = page.width, page.height
        levels = () if kind == "flat" else tuple(write_levels(file, base, size, options))
        known = job.metadata(iptc=True)
        resources = joined_resources(known) if known.photoshop else None
        blocks = {
            tiff.ICC: known.icc,
            tiff.XMP: known.xmp,
            tiff.IPTC: known.iptc,
            tiff.PHOTOSHOP: resources,
        }
        written.append(
            tiff.Written(
                base=base,
                tags=exif.as_directory(known.exif, "<"),
                blocks={tag: block for tag, block in blocks.items() if block},
                orientation=page.orientation,
                extra=(page.tiff.extra[0] if page.tiff and page.tiff.extra else 2),
                software=job.software,
                page_number=(number, job.total) if job.total > 1 else None,
                dpi=known.dpi,
                levels=levels,
                below=kind == "subifds",
            )
        )
    if not written:
        raise ValueError("no page to write")
    tiff.compose(file, written)


def _pyramid(job: Job) -> str:
    if job.layout.pyramid != "same":
        return job.layout.pyramid
    return job.page.tiff.pyramid if job.page.tiff else "flat"


def _layout(page: Page, wanted: Layout, *, tiled: bool) -> dict[str, Any]:
    """The source's compression and tiles or strips; deflate for what is lossy or for 1 bit.

    A row of tiles is held in memory, so that large tiles of a wide picture become smaller.
    """
    own = page.tiff
    compression = _COMPRESSIONS.get(own.compression, "deflate") if own else "deflate"
    layout: dict[str, Any] = {"compression": compression}
    if compression in ("lzw", "deflate"):
        layout["predictor"] = "none" if own and own.predictor == 1 else "horizontal"
    tile = own.tile if own else None
    if tiled or tile:
        tile = (wanted.tile_size,) * 2 if tiled and wanted.tile_size else tile or (TILE, TILE)
        width, height = (max(16, side // 16 * 16) for side in tile)
        while height > TILE and height * page.width > _LARGEST_ROW_OF_TILES:
            width, height = (max(16, side // 32 * 16) for side in (width, height))
        layout |= {"tile": True, "tile_width": width, "tile_height": height}
    else:
        rows = own.rows_per_strip if own else 64
        # one strip for a whole picture is legal, and would be held in memory as a whole
        rows = max(1, min(rows, 8 * 1024 * 1024 // (page.width * 6) or 1, 1024))
        # libvips loses the last row where that is a strip by itself and strips have odd heights
        layout["tile_height"] = rows + rows % 2 if rows < page.height else rows
    return layout


class _Head(ABC):
    """A stream that replaces the head of what an encoder writes."""

    def __init__(self, file: BinaryIO, metadata: bytes) -> None:
        self._file = file
        self._metadata = metadata
        self._start: bytearray | None = bytearray()

    def write(self, data: Any) -> int:
        if self._start is None:
            self._file.write(data)
            return len(data)
        self._start += data
        head = self._head(bytes(self._start))
        if head is not None:
            self._start = None
            self._file.write(head)
        return len(data)

    @abstractmethod
    def _head(self, start: bytes) -> bytes | None:
        """The new head and all of `start` behind the old one; None while there is too little."""


class _Jpeg(_Head):
    def _head(self, start: bytes) -> bytes | None:
        at = 2
        while len(start) >= at + 4:
            if not 0xE0 <= start[at + 1] <= 0xEF:
                return start[:2] + self._metadata + start[at:]
            at += 2 + int.from_bytes(start[at + 2 : at + 4], "big")
        return None


class _Png(_Head):
    def _head(self, start: bytes) -> bytes | None:
        at = 33  # signature and IHDR
        while len(start) >= at + 8:
            if start[at + 4 : at + 8] == b"IDAT":
                return start[:33] + self._metadata + start[at:]
            at += 12 + int.from_bytes(start[at : at + 4], "big")
        return None


WRITERS: dict[str, Callable[[Iterator[Job], BinaryIO, list[str]], None]] = {
    "jpeg": _write_jpeg,
    "png": _write_png,
    "tiff": _write_tiff,
    "webp": _write_webp,
    "avif": _write_avif,
}
