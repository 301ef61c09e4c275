"""The directories of TIFF files: what a page is made of, and putting coloured pages together.

libvips decodes and encodes the pixels. It carries few tags and cannot save pages of different
sizes, so the tags are read here, and a coloured file is composed here: libvips writes each page
as a file of its own at some place of the output, and directories with all tags follow.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from tinct.errors import InputError, Unreadable, Unsupported
from tinct.image.exif import SOFTWARE, resolution_entries
from tinct.image.ifd import (
    IFD,
    IFD8,
    LONG,
    LONG8,
    UNDEFINED,
    Directory,
    Entry,
    Header,
    Reader,
    numbers,
    read_directory,
    read_header,
    text,
    write_directory,
)
from tinct.image.pyramid import aligned, count_levels

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_LENGTHS = 273, 274, 277, 278, 279
PAGE_NUMBER, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS = 297, 317, 322, 323, 324
TILE_LENGTHS = 325
SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT = 330, 338, 339
XMP, IPTC, PHOTOSHOP, ICC, LAYERS, DNG_VERSION = 700, 33723, 34377, 34675, 37724, 50706
CREDENTIALS = 52545
#: tags of how pixels are stored, of other pixels (thumbnails, layers), or of the whole file
STRUCTURAL = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281}
    | {284, 288, 289, 290, 291, 292, 293, 297, 301, 317, 320, 321, 322, 323, 324, 325, 326, 327}
    | {328, 330, 332, 333, 334, 336, 337, 338, 339, 340, 341, 342, 347, 351, 512, 513, 514, 515}
    | {517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 34232, LAYERS, CREDENTIALS}
)
BLOCKS = frozenset({XMP, IPTC, PHOTOSHOP, ICC})
_REDUCED, _MASK = 1, 4
_SAMPLE_FORMATS = (1, 3, 4)  # unsigned, floating point, undefined
_CAMERA_RAW = (32803, 34892)
_MOST_PAGES = 20_000
_MOST_COPIES = 64


@dataclass(frozen=True)
class TiffPage:
    """One directory of a file: its layout, and the tags that are not about layout."""

    number: int
    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    compression: int
    predictor: int
    sample_format: int
    tile: tuple[int, int] | None
    rows_per_strip: int
    orientation: int
    extra: tuple[int, ...]
    page_number: tuple[int, ...]
    layers: bool
    signed: bool
    directory: Directory
    blocks: dict[int, bytes]
    order: str
    pyramid: Literal["flat", "pages", "subifds"] = "flat"


@dataclass(frozen=True)
class Written:
    """A page as libvips wrote it: where its file begins within the output, and the tags to add.

    `levels` are where its smaller copies begin, which lie below it if `below`, else behind it.
    """

    base: int
    tags: Directory
    blocks: dict[int, bytes]
    orientation: int
    extra: int
    software: str
    page_number: tuple[int, int] | None
    dpi: tuple[float, float] | None
    levels: tuple[int, ...] = ()
    below: bool = False


def read_pages(file: BinaryIO) -> tuple[list[TiffPage], tuple[str, ...]]:
    """The pages of a TIFF file, without thumbnails and masks, and warnings about what is left out.

    Raises:
        Unreadable: no directory can be read, or the chain of pages is damaged.
        Unsupported: camera raw (DNG and the like), or more than 20,000 pages.
    """
    header = read_header(file.read(16))
    if header is None:
        raise Unreadable("damaged: the TIFF header is incomplete")
    read = file_reader(file)
    size = file.seek(0, 2)
    pages: list[TiffPage] = []
    masks = number = 0
    behind: list[list[TiffPage]] = []  # smaller copies of each page
    below: list[list[TiffPage]] = []
    seen: set[int] = set()
    at = header.first
    while at:
        if at in seen or number >= _MOST_PAGES:
            raise Unreadable("damaged: its list of pages does not end")
        seen.add(at)
        found = read_directory(read, at, header)
        if found is None:
            raise Unreadable(
                "damaged or cut short: a page's list of tags cannot be read",
                remedy="get a fresh copy of the file",
            )
        page = _page(found[0], header.order, number)
        _check_data(found[0], header.order, size)
        kind = (numbers(found[0].entries.get(SUBFILE), header.order) or (0,))[0]
        if pages and kind & _REDUCED:
            behind[-1].append(page)
        masks += not kind & _REDUCED and bool(kind & _MASK)
        if not (kind & _MASK or (pages and kind & _REDUCED)):
            pages.append(page)
            behind.append([])
            below.append(_below(read, found[0], header))
        number += 1
        at = found[1]
    reduced = 0
    for at, page in enumerate(pages):
        levels = count_levels(page, behind[at])
        reduced += len(behind[at]) - levels
        if levels:
            pages[at] = replace(page, pyramid="pages")
        elif count_levels(page, below[at]):
            pages[at] = replace(page, pyramid="subifds")
    warnings = []
    if reduced:
        warnings.append(f"{reduced} reduced copies of the picture (thumbnails) are left out")
    if masks:
        warnings.append(f"{masks} mask pages are left out")
    if any(page.layers for page in pages):
        warnings.append("Photoshop layers are left out; the flattened picture is used")
    if not pages:
        raise Unreadable("damaged: no page with a picture in it")
    return pages, tuple(warnings)


def _below(read: Reader, found: Directory, header: Header) -> list[TiffPage]:
    """The reduced copies that hang below a page; damaged ones do no harm."""
    copies = []
    for at in numbers(found.entries.get(SUB_IFDS), header.order)[:_MOST_COPIES]:
        child = read_directory(read, at, header)
        kind = numbers(child[0].entries.get(SUBFILE), header.order) if child else ()
        if child and kind and kind[0] & _REDUCED:
            with suppress(InputError):
                copies.append(_page(child[0], header.order, -1))
    return copies


def _check_data(found: Directory, order: str, size: int) -> None:
    """All strips or tiles have to lie within the file: libvips passes over missing tiles."""
    for places, lengths in ((STRIP_OFFSETS, STRIP_LENGTHS), (TILE_OFFSETS, TILE_LENGTHS)):
        starts = numbers(found.entries.get(places), order)
        counts = numbers(found.entries.get(lengths), order)
        if any(at + count > size for at, count in zip(starts, counts, strict=False)):
            raise Unreadable(
                "cut short: pixels are missing at its end", remedy="get a fresh copy of the file"
            )


def file_reader(file: BinaryIO) -> Reader:
    """A reader over an open file; places beyond its end give nothing."""

    def read(at: int, size: int) -> bytes:
        if at > 1 << 62:
            return b""
        file.seek(at)
        return file.read(size)

    return read


def _page(found: Directory, order: str, number: int) -> TiffPage:
    def value(tag: int, default: int) -> int:
        return (numbers(found.entries.get(tag), order) or (default,))[0]

    photometric = value(PHOTOMETRIC, 1)
    if photometric in _CAMERA_RAW or DNG_VERSION in found.entries:
        raise Unsupported("camera raw", remedy="develop it to a TIFF first, then colour that")
    samples = value(SAMPLE_FORMAT, 1)
    if samples not in _SAMPLE_FORMATS:
        raise Unsupported(
            "its numbers are signed or complex; only unsigned and floating point are handled",
            remedy="export it as 16-bit TIFF",
        )
    width, height = value(WIDTH, 0), value(HEIGHT, 0)
    if not width or not height:
        raise Unreadable("damaged: a page without a size")
    tile = (value(TILE_WIDTH, 0), value(TILE_HEIGHT, 0))
    orientation = value(ORIENTATION, 1)
    return TiffPage(
        number=number,
        width=width,
        height=height,
        bits=value(BITS, 1),
        samples=value(SAMPLES, 1),
        photometric=photometric,
        compression=value(COMPRESSION, 1),
        predictor=value(PREDICTOR, 1),
        sample_format=samples,
        tile=tile if all(tile) else None,
        rows_per_strip=min(value(ROWS_PER_STRIP, height), height),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        extra=numbers(found.entries.get(EXTRA_SAMPLES), order),
        page_number=numbers(found.entries.get(PAGE_NUMBER), order),
        layers=LAYERS in found.entries,
        signed=CREDENTIALS in found.entries,
        directory=Directory(
            {t: e for t, e in found.entries.items() if t not in STRUCTURAL | BLOCKS},
            found.children,
        ),
        blocks={t: found.entries[t].data for t in BLOCKS & found.entries.keys()},
        order=order,
    )


def compose(file: BinaryIO, pages: Sequence[Written]) -> None:
    """Write the directories of all pages to the end of the file and chain them.

    Args:
        file: open for reading and writing; each page lies in it as libvips wrote it.
        pages: in order; the first begins the file.
    """
    read = file_reader(file)
    header = read_header(read(0, 16))
    if header is None:
        raise Unreadable("the TIFF encoder gave no picture")
    order, big = header.order, header.big
    word = 8 if big else 4
    link = 8 if big else 4  # where the place of the next directory is to be written
    for page in pages:
        directory = _composed(read, page, order)
        copies = [_copy(read, base, directory, order) for base in page.levels]
        if page.below and copies:
            places = [_placed(file, copy, order=order, big=big) for copy in copies]
            kind, code = (IFD8, "Q") if big else (IFD, "I")
            packed = struct.pack(f"{order}{len(places)}{code}", *places)
            directory.entries[SUB_IFDS] = Entry(kind, len(places), packed)
            copies = []
        for each in (directory, *copies):
            at = _placed(file, each, order=order, big=big)
            file.seek(link)
            file.write(struct.pack(order + ("Q" if big else "I"), at))
            rows = len(each.entries) + len(each.children)
            link = at + (8 + 20 * rows if big else 2 + 12 * rows)
    file.seek(link)
    file.write(bytes(word))


def _placed(file: BinaryIO, directory: Directory, *, order: str, big: bool) -> int:
    """Write a directory at the end of the file, and tell where that is."""
    at = aligned(file)
    file.write(write_directory(directory, at, order=order, big=big))
    return at


def _copy(read: Reader, base: int, whole: Directory, order: str) -> Directory:
    """The tags of a smaller copy: its own layout, and what says how its pixels are to be shown."""
    entries = _layout_of(read, base, order)
    entries[SUBFILE] = Entry(LONG, 1, struct.pack(order + "I", _REDUCED))
    for tag in (ORIENTATION, EXTRA_SAMPLES, ICC, SOFTWARE):
        if tag in whole.entries:
            entries[tag] = whole.entries[tag]
    return Directory(entries)


def _composed(read: Reader, page: Written, order: str) -> Directory:
    """All tags of a page: layout as written, shifted to its place, and the picture's own."""
    layout = _layout_of(read, page.base, order)
    entries = {t: e for t, e in page.tags.entries.items() if t not in STRUCTURAL} | layout
    entries[ORIENTATION] = _short(order, page.orientation)
    if page.extra >= 0 and EXTRA_SAMPLES in entries:
        entries[EXTRA_SAMPLES] = _short(order, page.extra)
    if page.page_number:
        entries[SUBFILE] = Entry(LONG, 1, struct.pack(order + "I", 2))
        entries[PAGE_NUMBER] = _short(order, *page.page_number)
    if page.dpi and not {282, 283} <= entries.keys():
        entries |= resolution_entries(page.dpi, order)
    if page.software:
        entries[SOFTWARE] = text(page.software)
    for tag, block in page.blocks.items():
        entries[tag] = Entry(1 if tag in (XMP, PHOTOSHOP) else UNDEFINED, len(block), block)
    return Directory(entries, page.tags.children)


def _layout_of(read: Reader, base: int, order: str) -> dict[int, Entry]:
    """How the pixels lie that libvips wrote at a place of the file."""

    def shifted(at: int, size: int) -> bytes:
        return read(at + base, size)

    header = read_header(shifted(0, 16))
    found = read_directory(shifted, header.first, header) if header else None
    if header is None or found is None:
        raise Unreadable("the TIFF encoder gave no picture")
    layout = {t: e for t, e in found[0].entries.items() if t in STRUCTURAL}
    for tag in (STRIP_OFFSETS, TILE_OFFSETS):
        if tag in layout:
            places = [place + base for place in numbers(layout[tag], order)]
            kind, code = (LONG8, "Q") if header.big else (LONG, "I")
            layout[tag] = Entry(
                kind, len(places), struct.pack(f"{order}{len(places)}{code}", *places)
            )
    return layout


def _short(order: str, *values: int) -> Entry:
    return Entry(3, len(values), struct.pack(f"{order}{len(values)}H", *values))
