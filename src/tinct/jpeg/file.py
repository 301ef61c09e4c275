"""What a JPEG says of itself: its frame, tables and metadata, without decoding a pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinct.errors import Unreadable, Unsupported, UsageError
from tinct.jpeg import segments as seg
from tinct.jpeg.segments import Segment

BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
# What else a frame may be, in words (T.81, table B.1).
_FRAME_KINDS = {3: "lossless", 5: "hierarchical", 6: "hierarchical", 7: "hierarchical"}
# Order in which a DQT segment lists its 64 values: row-major index of each.
_ZIGZAG = sorted(
    range(64),
    key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8),
)


@dataclass(frozen=True)
class Component:
    """One component of the frame: its id, sampling factors and quantisation table's number."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class JpegFile:
    """What a JPEG says of itself.

    Attributes:
        width: in pixels.
        height: in pixels.
        components: one (grey) or three.
        sof: marker of the frame: 0xC0 baseline, 0xC1 extended, 0xC2 progressive.
        adobe_transform: of the Adobe segment: 0 RGB or grey, 1 YCbCr; None without one.
        restart_interval: the largest there is, in MCUs; 0 for none.
        segments: all of the file in order, scans with their bytes, without SOI and EOI.
    """

    width: int
    height: int
    components: tuple[Component, ...]
    sof: int
    adobe_transform: int | None
    restart_interval: int
    segments: tuple[Segment, ...]

    @property
    def progressive(self) -> bool:
        """Whether the frame is a progressive one."""
        return self.sof == PROGRESSIVE

    @cached_property
    def color(self) -> Literal["grey", "ycbcr", "rgb"]:
        """What the components are, by the rule every libjpeg follows."""
        if len(self.components) == 1:
            return "grey"
        if any(s.marker == seg.APP0 and s.payload.startswith(seg.JFIF) for s in self.segments):
            return "ycbcr"
        if self.adobe_transform is not None:
            return "ycbcr" if self.adobe_transform else "rgb"
        return "rgb" if bytes(c.id for c in self.components) == b"RGB" else "ycbcr"

    @property
    def is_mixed(self) -> bool:
        """Whether its luma has to be written anew to lie in scans that others can take over."""
        return self.color != "grey" or self.restart_interval > 0

    @cached_property
    def luma_table(self) -> NDArray[np.uint16]:
        """Quantisation table (8, 8) of the first component.

        Raises:
            Unreadable: the file lacks it.
        """
        tables = _quantisation_tables(self.segments)
        if self.components[0].table not in tables:
            raise Unreadable("damaged JPEG: no quantisation table")
        return tables[self.components[0].table]

    @property
    def quality(self) -> int:
        """The IJG quality, 1..100, whose table comes nearest to that of luma."""
        table = self.luma_table.astype(np.int64)
        return min(
            range(1, 101), key=lambda quality: int(abs(table - scaled(LUMA_TABLE, quality)).sum())
        )

    @property
    def exif(self) -> bytes | None:
        """EXIF from its TIFF header on."""
        return seg.read_exif(self.segments)

    @property
    def xmp(self) -> bytes | None:
        """The main XMP packet."""
        return seg.read_xmp(self.segments)

    @property
    def icc(self) -> bytes | None:
        """The ICC profile, whole."""
        return seg.read_icc(self.segments)

    @property
    def iptc(self) -> bytes | None:
        """IPTC-IIM records."""
        return seg.read_iptc(self.segments)

    @property
    def signed(self) -> bool:
        """Whether a C2PA manifest signs the file; colouring would void it, so it is left out."""
        return seg.is_signed(self.segments)


def parse(data: bytes) -> JpegFile:
    """Read the headers of a JPEG; entropy-coded bytes are found, not decoded.

    Raises:
        Unreadable: not a JPEG, damaged or cut short.
        Unsupported: lossless, hierarchical or arithmetic coding, 12 bit, CMYK, height by DNL.
    """
    segments = tuple(seg.cut(data))
    frames = [s for s in segments if s.marker in seg.FRAMES]
    if len(frames) != 1 or not any(s.marker == seg.SOS for s in segments):
        raise Unreadable("damaged JPEG: it needs one frame and a scan")
    frame = frames[0]
    if frame.marker not in (BASELINE, EXTENDED, PROGRESSIVE):
        kind = _FRAME_KINDS.get(frame.marker & 0xF, "arithmetic-coded")
        raise Unsupported(f"a {kind} JPEG")
    body = frame.payload
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise Unreadable("damaged JPEG: its frame header")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if body[0] != 8:
        raise Unsupported(f"a JPEG of {body[0]} bits a sample")
    if body[5] not in (1, 3):
        raise Unsupported(f"a JPEG of {body[5]} components (CMYK or the like)")
    if height == 0 or any(s.marker == seg.DNL for s in segments):
        raise Unsupported("a JPEG that gives its height after the scan (DNL)")
    components = tuple(
        Component(body[i], body[i + 1] >> 4, body[i + 1] & 15, body[i + 2])
        for i in range(6, len(body), 3)
    )
    if width == 0 or any(
        not (1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4 and c.table < 4) for c in components
    ):
        raise Unreadable("damaged JPEG: its frame header")
    for scan in segments:
        if scan.marker == seg.SOS and not (
            scan.payload and len(scan.payload) == 4 + 2 * scan.payload[0] > 4
        ):
            raise Unreadable("damaged JPEG: a scan header")
    adobe = [s.payload for s in segments if s.marker == seg.APP14]
    transforms = [p[11] for p in adobe if p.startswith(seg.ADOBE) and len(p) >= 12]
    restarts = [int.from_bytes(s.payload[:2], "big") for s in segments if s.marker == seg.DRI]
    return JpegFile(
        width=width,
        height=height,
        components=components,
        sof=frame.marker,
        adobe_transform=transforms[-1] if transforms else None,
        restart_interval=max(restarts, default=0),
        segments=segments,
    )


def grey_size(segments: Iterable[Segment]) -> tuple[int, int] | None:
    """Width and height of a JPEG whose frame is a grey one of a kind that `parse` knows."""
    frames = [s for s in segments if s.marker in seg.FRAMES]
    if len(frames) != 1 or frames[0].marker not in (BASELINE, EXTENDED, PROGRESSIVE):
        return None
    body = frames[0].payload
    if len(body) != 9 or body[0] != 8 or body[5] != 1:
        return None
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    return (width, height) if width and height else None


# ---- tables -------------------------------------------------------------------------------


def _table(*rows: str) -> NDArray[np.uint16]:
    return np.array(" ".join(rows).split(), np.uint16).reshape(8, 8)


#: the example tables of T.81, annex K, row by row: what quality 50 means to nearly everyone
LUMA_TABLE = _table(
    "16 11 10 16 24 40 51 61    12 12 14 19 26 58 60 55    14 13 16 24 40 57 69 56",
    "14 17 22 29 51 87 80 62    18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92",
    "49 64 78 87 103 121 120 101                           72 92 95 98 112 100 103 99",
)
CHROMA_TABLE = _table(
    "17 18 24 47 99 99 99 99    18 21 26 66 99 99 99 99    24 26 56 99 99 99 99 99",
    "47 66 99 99 99 99 99 99   " + " 99" * 32,
)


def scaled(table: NDArray[np.uint16], quality: int) -> NDArray[np.uint16]:
    """The table for an IJG quality 1..100 (jpeg_quality_scaling of libjpeg)."""
    if not 1 <= quality <= 100:
        raise UsageError(f"quality must be 1..100, not {quality}", where="quality")
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    values = (table.astype(np.int64) * percent + 50) // 100
    return np.clip(values, 1, 255).astype(np.uint16)


def dqt(number: int, table: NDArray[np.uint16]) -> Segment:
    """A DQT segment of one table (8, 8); of 16-bit values only where it needs them."""
    wide = bool(table.max() > 255)
    values = table.reshape(64)[_ZIGZAG].astype(">u2" if wide else ">u1").tobytes()
    return Segment(seg.DQT, bytes([wide << 4 | number]) + values)


def _quantisation_tables(segments: Iterable[Segment]) -> dict[int, NDArray[np.uint16]]:
    """The tables (8, 8) in force at the first scan, by number."""
    tables = {}
    for segment in segments:
        if segment.marker == seg.SOS:
            break
        body = segment.payload if segment.marker == seg.DQT else b""
        while body:
            kind = np.dtype(">u2" if body[0] >> 4 else ">u1")
            values = np.frombuffer(body[1 : 1 + 64 * kind.itemsize], kind)
            if values.size != 64:
                raise Unreadable("damaged JPEG: a quantisation table")
            table = np.empty(64, np.uint16)
            table[_ZIGZAG] = values
            tables[body[0] & 15] = table.reshape(8, 8)
            body = body[1 + 64 * kind.itemsize :]
    return tables
