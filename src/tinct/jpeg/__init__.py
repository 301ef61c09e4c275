"""The short way for JPEG: colour is added and the luma coefficients stay bit for bit.

A JPEG may keep each component in scans of its own, and a scan of one component visits its
blocks in the same order whatever else the file holds (ITU-T T.81, A.2.2). So the scans of a
grey JPEG are also the luma scans of a colour JPEG: they are copied byte for byte, the frame
header is told of two more components of half the size, and the scans of two more grey JPEGs
follow, one of Cb and one of Cr. Luma is never even entropy-decoded.

A JPEG that stores its grey (or its toning) as YCbCr has luma and chroma interleaved; its luma
coefficients are first written out alone, unchanged, by jpeglib. So are those of a JPEG with
restart markers: in scans of one component some decoders (Go's among them) look for the markers
in the wrong places.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinct.background import Background
from tinct.errors import InputError, OutputUnwritable, Unreadable, Unsupported
from tinct.jpeg import segments as seg
from tinct.jpeg.file import CHROMA_TABLE, JpegFile, dqt, grey_size, parse, scaled
from tinct.jpeg.segments import Segment, leading

__all__ = [
    "JpegFile",
    "coefficients",
    "colour",
    "grey_size",
    "leading",
    "luma",
    "parse",
    "same_luma",
    "separated",
    "shortcut",
]

Plane = NDArray[np.uint8]
#: what libjpeg complains of although nothing of the picture is missing: bytes between the picture
#: and the end of the file, as some cameras leave them
_HARMLESS = "extraneous bytes before marker 0xd9"


def shortcut(data: bytes) -> JpegFile | None:
    """What `parse` says of a file that `colour` can take; None of any other.

    It takes a grey or YCbCr JPEG with luma at full size.
    """
    try:
        file = parse(data)
        return file if _obstacle(file) is None else None
    except InputError:
        return None


def luma(data: bytes, *, scale: Literal[1, 2, 4, 8] = 1, file: JpegFile | None = None) -> Plane:
    """The luma plane (ceil(H / scale), ceil(W / scale)), decoded at that size.

    Args:
        data: a JPEG that `shortcut` accepts.
        scale: how many times smaller.
        file: what `parse` says of it, where that is known; the search for its scans is not free.

    Raises:
        Unreadable: the file is damaged or cut short.
        Unsupported: the file is of a kind that `shortcut` turns down.
    """
    import simplejpeg

    file = file or parse(data)
    _refuse(_obstacle(file))
    height, width = -(-file.height // scale), -(-file.width // scale)
    given = {"min_height": height, "min_width": width, "min_factor": scale}
    try:
        try:
            plane: Plane = simplejpeg.decode_jpeg(data, "GRAY", **given)
        except ValueError as error:
            if _HARMLESS not in str(error):
                raise
            plane = simplejpeg.decode_jpeg(data, "GRAY", strict=False, **given)
    except ValueError as error:
        raise Unreadable(
            f"damaged JPEG: {error}",
            remedy="get a fresh copy of the file, or open and re-save it in an image editor",
        ) from error
    if plane.shape[:2] != (height, width):
        raise Unsupported(f"a JPEG that cannot be decoded at 1/{scale}")
    return plane[:, :, 0]


def colour(
    data: bytes,
    cb: Plane,
    cr: Plane,
    *,
    quality: int = 90,
    file: JpegFile | None = None,
    scans: Callable[[], JpegFile] | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    xmp_extension: bytes = b"",
    icc: bytes | None = None,
    iptc: bytes | None = None,
) -> bytes:
    """A colour JPEG (4:2:0) of the luma of `data`, bit for bit, and new chroma.

    Args:
        data: a JPEG that `shortcut` accepts. Its own chroma, if any, is left out.
        cb: blue difference (ceil(H / 2), ceil(W / 2)), 128 is neutral.
        cr: red difference, likewise.
        quality: IJG quality of the chroma, 1..100.
        file: what `parse` says of `data`, where that is known.
        scans: gives what `separated` says of it, where somebody asked already; called last.
        exif: TIFF block; None keeps what the file has, b"" leaves it out. The same for the rest.
        xmp: main packet.
        xmp_extension: what it has no room for, by its digest.
        icc: profile of an RGB space; a grey profile of the source must be replaced or left out.
        iptc: IPTC-IIM records.

    Raises:
        Unreadable: the file is damaged.
        Unsupported: `shortcut` turns it down, or its metadata do not fit a JPEG.
    """
    file = file or parse(data)
    _refuse(_obstacle(file))
    half = (-(-file.height // 2), -(-file.width // 2))
    if cb.shape != half or cr.shape != half:
        raise ValueError(f"chroma planes must be {half}, not {cb.shape} and {cr.shape}")
    profile = file.icc if icc is None else icc
    if profile and profile[16:20] == b"GRAY":
        raise ValueError("a grey ICC profile cannot stand in a colour JPEG")
    metadata = seg.replace_metadata(
        file.segments, exif=exif, xmp=xmp, xmp_extension=xmp_extension, icc=icc, iptc=iptc
    )
    if scans is None and file.is_mixed:
        luma(data, scale=8, file=file)
        scans = partial(separated, file)
    table = scaled(CHROMA_TABLE, quality)
    progressive = file.progressive and scans is None  # what is written anew is not
    encoded = partial(_grey_jpeg, table=table, progressive=progressive)
    with Background(partial(encoded, cr)) as other:
        chroma = parse(encoded(cb)), parse(other.result())
    file = scans() if scans else file
    tables = _free_huffman_tables(file)
    pieces = [
        *metadata,
        dqt(0, file.luma_table),
        dqt(1, table),
        Segment(file.sof, _frame(file.width, file.height)),
        *_as_component(file, 1),
    ]
    for number, component in zip((2, 3), chroma, strict=True):
        pieces += _as_component(component, number, tables=tables)
    return _file_of(pieces)


def separated(file: JpegFile) -> JpegFile:
    """A grey JPEG of the luma coefficients of another, in scans of their own.

    Args:
        file: what `parse` says of a JPEG that `shortcut` accepts. Only `luma` tells whether the
            file is whole: bytes that are missing are taken for zeros here.

    Raises:
        Unreadable: the file is damaged.
        OutputUnwritable: there is no room for a temporary file.
    """
    import jpeglib

    y, table = _read_luma(file)
    grey = jpeglib.from_dct(Y=y, qt=table[np.newaxis])
    grey.height, grey.width = file.height, file.width
    with _scratch() as path:
        grey.write_dct(str(path))
        return parse(path.read_bytes())


def coefficients(data: bytes) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Quantised luma coefficients (rows, columns, 8, 8) of blocks, and their table (8, 8).

    Raises:
        Unreadable: the file is damaged or cut short.
        Unsupported: the file is of a kind that `shortcut` turns down.
    """
    luma(data, scale=8)  # jpeglib takes missing bytes for zeros; this does not
    return _read_luma(parse(data))


def same_luma(first: bytes, second: bytes) -> bool:
    """Whether two JPEGs have the same size, luma coefficients and luma quantisation table.

    Raises:
        Unreadable: one of them is damaged or cut short.
        Unsupported: one of them is of a kind that `shortcut` turns down.
    """
    files = parse(first), parse(second)
    if (files[0].width, files[0].height) != (files[1].width, files[1].height):
        return False
    if not np.array_equal(files[0].luma_table, files[1].luma_table):
        return False
    return np.array_equal(coefficients(first)[0], coefficients(second)[0])


def _obstacle(file: JpegFile) -> str | None:
    """Why the short way does not work for this file, if so."""
    if file.color == "rgb":
        return "a JPEG that stores RGB"
    widest = max(c.horizontal for c in file.components), max(c.vertical for c in file.components)
    if (file.components[0].horizontal, file.components[0].vertical) != widest:
        return "a JPEG with luma at less than full size"
    return None


def _refuse(obstacle: str | None) -> None:
    if obstacle:
        raise Unsupported(obstacle)


# ---- frames and scans ---------------------------------------------------------------------


def _free_huffman_tables(file: JpegFile) -> int:
    """Number of Huffman tables for chroma: one that luma leaves alone, where there is one."""
    used = {
        number
        for s in file.segments
        if s.marker == seg.SOS
        for number in (s.payload[2] >> 4, s.payload[2] & 15)
    }
    return next((number for number in (1, 0) if number not in used), 1)


def _frame(width: int, height: int) -> bytes:
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\x08" + size + b"\x03" + b"\x01\x22\x00" + b"\x02\x11\x01" + b"\x03\x11\x01"


def _as_component(grey: JpegFile, number: int, *, tables: int | None = None) -> list[Segment]:
    """Scans of a grey JPEG, and what they need, as those of component `number` of another.

    Args:
        grey: the file.
        number: component id put into the scan headers.
        tables: number to give to its Huffman tables, all of which must be 0; None keeps theirs.
    """
    pieces = []
    for segment in grey.segments:
        if segment.marker == seg.DHT:
            pieces.append(segment)
        elif segment.marker == seg.SOS:
            body = segment.payload
            if len(body) != 6 or body[0] != 1 or body[1] != grey.components[0].id:
                raise Unreadable("damaged JPEG: a scan header")
            pieces.append(replace(segment, payload=b"\x01" + bytes([number]) + body[2:]))
    return pieces if tables is None else [_with_tables(piece, tables) for piece in pieces]


def _with_tables(piece: Segment, number: int) -> Segment:
    body = bytearray(piece.payload)
    if piece.marker == seg.SOS:
        body[2] = number << 4 | number
    elif piece.marker == seg.DHT:
        at = 0
        while at < len(body):
            size = sum(body[at + 1 : at + 17])
            body[at] = body[at] & 0xF0 | number
            at += 17 + size
    return replace(piece, payload=bytes(body))


def _grey_jpeg(plane: Plane, table: NDArray[np.uint16], *, progressive: bool) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    target.name = "chroma.jpg"  # asked for by name, Pillow loads this one format, not five
    Image.fromarray(np.ascontiguousarray(plane)).save(
        target,
        qtables=[table.reshape(64).tolist()],
        progressive=progressive,
        optimize=progressive,
    )
    return target.getvalue()


# ---- coefficients -------------------------------------------------------------------------


def _read_luma(file: JpegFile) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Luma coefficients and table, by jpeglib."""
    import jpeglib

    # Without metadata: jpeglib copies them, and has room for few.
    content = _file_of([s for s in file.segments if not s.is_metadata])
    # Its own reader would first decode the scans to count them.
    dct = jpeglib.DCTJPEG(
        path="",
        content=content,
        height=file.height,
        width=file.width,
        block_dims=np.array(_blocks(file)),
        samp_factor=np.array([(c.vertical, c.horizontal) for c in file.components]),
        markers=[],
        huffmans=[],
        jpeg_color_space=jpeglib.JCS_YCbCr if len(file.components) == 3 else jpeglib.JCS_GRAYSCALE,
        progressive_mode=file.progressive,
        num_scans=1,
        **dict.fromkeys(("Y", "Cb", "Cr", "K", "qt", "quant_tbl_no")),
    )
    try:
        dct.load()
    except OSError as error:
        raise _uncopied(error) from error
    return dct.Y, dct.qt[dct.quant_tbl_no[0]]


def _blocks(file: JpegFile) -> list[tuple[int, int]]:
    """Rows and columns of blocks of each component (ITU-T T.81, A.1.1 and A.2.2)."""
    down = 8 * max(c.vertical for c in file.components)
    across = 8 * max(c.horizontal for c in file.components)
    return [
        (-(-file.height * c.vertical // down), -(-file.width * c.horizontal // across))
        for c in file.components
    ]


def _file_of(segments: list[Segment]) -> bytes:
    return b"\xff\xd8" + b"".join(map(bytes, segments)) + b"\xff\xd9"


@contextmanager
def _scratch() -> Iterator[Path]:
    """A file name of our own: jpeglib knows files only."""
    try:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="tinct-") as folder:
            yield Path(folder) / "luma.jpg"
    except OSError as error:
        raise _uncopied(error) from error


def _uncopied(error: OSError) -> InputError | OutputUnwritable:
    if error.errno is None:  # jpeglib's own, for whatever it stumbles on
        return Unreadable("damaged JPEG: its luma cannot be copied")
    return OutputUnwritable(
        f"no temporary file can be written: {error}", remedy="set TMPDIR to a folder with room"
    )
