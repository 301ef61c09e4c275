"""Opening a picture: what kind of file it is, its pages and metadata; no pixels are decoded."""

from __future__ import annotations

import io
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tinct import jpeg
from tinct.errors import InputError, TinctError, TooLarge, Unreadable, UsageError
from tinct.image import exif, metadata
from tinct.image.chunks import webp_chunks
from tinct.image.decode import KEPT, STREAMED, PixelSource, Shape, content, shape_of, try_profile
from tinct.image.metadata import Metadata
from tinct.image.pages import Page, Picture
from tinct.image.sniff import ENOUGH, sniff
from tinct.image.vips import LOADERS, input_errors, open_image, placed

if TYPE_CHECKING:
    from tinct.image.tiff import TiffPage

_FLOAT_SAMPLES = 3
_LOSSY = {"jpeg", "avif", "heic"}


def load(
    source: Path | str | bytes | BinaryIO,
    *,
    max_megapixels: float = 2000,
    pages: Sequence[int] | None = None,
    name: str | None = None,
) -> Picture:
    """Open a picture: its kind, pages and metadata; pixels are read later.

    Of an animation (GIF, WebP, AVIF) the first picture is used, and a warning says so.

    Args:
        source: a file, its content, or an open binary stream, which is read to its end.
        max_megapixels: pages with more pixels are refused before they are decoded.
        pages: the pages wanted, numbered from 1; None means all.
        name: what to call the picture in messages; by default the file's path.

    Raises:
        Unreadable: not there, no rights, empty, not a picture, or damaged.
        Unsupported: a kind of picture that is not handled.
        TooLarge: more than `max_megapixels`.
        UsageError: a page that the picture does not have.
    """
    where = name or (str(source) if isinstance(source, (str, Path)) else "")
    try:
        data = _data(source)
        opened = _Opened(data, where or "input", max_megapixels)
        opened.read()
    except TinctError as error:
        raise placed(error, where or "input") from error.__cause__
    except OSError as error:
        raise _unreadable(error, where or "input") from error
    picture = Picture(
        name=where,
        format=opened.format,
        pages=tuple(opened.pages),
        data=data,
        lossless=opened.lossless,
        warnings=tuple(dict.fromkeys(opened.warnings)),
    )
    return picture if pages is None else _chosen(picture, pages)


def _chosen(picture: Picture, pages: Sequence[int]) -> Picture:
    wrong = [number for number in pages if not 1 <= number <= len(picture.pages)]
    if wrong or not pages:
        raise UsageError(
            f"no page {wrong[0]}" if wrong else "no page asked for",
            where=picture.name or "input",
            remedy=f"it has {len(picture.pages)}, numbered from 1",
        )
    return replace(picture, pages=tuple(picture.pages[number - 1] for number in pages))


def _data(source: Path | str | bytes | BinaryIO) -> Path | bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not isinstance(source, (str, Path)):
        return source.read()
    path = Path(source)
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise Unreadable("is a folder, not a picture", remedy="give the pictures in it")
    if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
        raise Unreadable("is a device, not a picture", remedy="give a file")
    # a pipe cannot be read twice
    return path if stat.S_ISREG(kind) else path.read_bytes()


def _unreadable(error: OSError, where: str) -> Unreadable:
    if isinstance(error, FileNotFoundError):
        return Unreadable("no such file", where=where, remedy="check the name")
    if isinstance(error, PermissionError):
        return Unreadable("no rights to read it", where=where, remedy="change its permissions")
    reason = error.strerror or str(error)
    return Unreadable(
        f"cannot be read: {reason}", where=where, remedy="check the name and the disk"
    )


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


@dataclass
class _Opened:
    """A file while its headers are being read."""

    data: Path | bytes
    where: str
    max_megapixels: float
    format: str = ""
    lossless: bool = True
    pages: list[Page] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read(self) -> None:
        with self._file() as file:
            self.format = sniff(file.read(ENOUGH))
        self.lossless = self.format not in _LOSSY
        if self.format == "tiff":
            self._read_tiff()
        elif self.format in LOADERS:
            self._read_single()
        else:
            self._read_other()

    def _file(self) -> BinaryIO:
        return io.BytesIO(self.data) if isinstance(self.data, bytes) else self.data.open("rb")

    def _read_tiff(self) -> None:
        from tinct.image.tiff import read_pages

        with self._file() as file:
            found, warnings = read_pages(file)
        self.warnings += warnings
        for page in found:
            self._check_size(page.width, page.height)
            self.lossless = self.lossless and page.compression not in (6, 7, 50001, 34712, 33003)
            floating = page.sample_format == _FLOAT_SAMPLES
            source = PixelSource(
                self.data,
                self.where,
                "tiff",
                page.number,
                white_is_zero=floating and page.photometric == 0,
            )
            self._add(source, metadata.read_tiff(page), page.orientation, tiff=page)

    def _read_single(self) -> None:
        known = Metadata()
        grey = None
        with self._file() as file:
            if self.format == "jpeg":
                segments = list(jpeg.leading(file))
                known, grey = metadata.read_jpeg(segments), jpeg.grey_size(segments)
            elif self.format == "png":
                known = metadata.read_png(file)
            elif self.format == "webp":
                known = metadata.read_webp(file)
                file.seek(0)
                self.lossless = any(kind == b"VP8L" for kind, _ in webp_chunks(file))
            elif self.format == "avif":
                from tinct.image.boxes import has_impossible_size, is_signed

                whole = content(self.data)
                if has_impossible_size(whole):
                    raise Unreadable("damaged: its size is impossible")
                known = Metadata(signed=is_signed(whole))
        source = PixelSource(self.data, self.where, self.format, luma=grey is not None)
        orientation = 1 if self.format in ("avif", "gif") else exif.orientation(known.exif)
        shape = None
        if grey is not None:
            self._check_size(*grey)
            shape = Shape(*grey, depth=8, bands=1, alpha=False)
        self._add(source, known, orientation, shape=shape)

    def _read_other(self) -> None:
        from tinct.image import decode_other

        head = decode_other.headline(content(self.data), self.format)
        self.warnings += head.warnings
        self._check_size(head.width, head.height)
        source = PixelSource(self.data, self.where, self.format)
        self._add(source, head.metadata, 1, shape=head.shape)

    def _add(
        self,
        source: PixelSource,
        known: Metadata,
        orientation: int,
        *,
        tiff: TiffPage | None = None,
        shape: Shape | None = None,
    ) -> None:
        """Add a page; `shape` where it is known, and its size checked, without libvips."""
        bits = 0
        if shape is None:
            with input_errors(self.where):
                image = open_image(self.data, kind=self.format, page=source.page)
                self._check_size(image.width, image.height)
                if self.format in ("avif", "gif"):
                    known = replace(_from_fields(image), signed=known.signed)
                if self.format != "tiff" and _number(image, "n-pages") > 1:
                    self.warnings.append("an animation: only its first picture is used")
                bits = _number(image, "bits-per-sample") if self.format == "avif" else 0
                shape = shape_of(image)
        known, convert = self._profile(known, shape)
        if convert:
            shape = replace(shape, bands=3)
        self.pages.append(
            Page(
                width=shape.width,
                height=shape.height,
                depth=shape.depth,
                bands=shape.bands,
                alpha=shape.alpha,
                orientation=orientation,
                metadata=known if not (convert or shape.converted) else replace(known, icc=None),
                source=replace(
                    source,
                    bits=bits if 8 < bits < 16 else 0,
                    icc=known.icc,
                    convert=convert,
                    whole=self.format not in STREAMED and shape.bytes <= KEPT,
                ),
                tiff=tiff,
            )
        )

    def _profile(self, known: Metadata, shape: Shape) -> tuple[Metadata, bool]:
        """The metadata, without a profile that cannot be used, and whether to convert by it."""
        if known.icc is None or shape.converted:
            return known, False
        from tinct.color.icc import needs_conversion

        try:
            convert = needs_conversion(known.icc, bands=shape.bands)
            if convert:
                try_profile(known.icc, bands=shape.bands)
        except InputError as error:
            self.warnings.append(f"its colour profile is ignored: {error.message}")
            return replace(known, icc=None), False
        return known, convert

    def _check_size(self, width: int, height: int) -> None:
        megapixels = width * height / 1e6
        if megapixels > self.max_megapixels:
            raise TooLarge(
                f"{width} x {height} pixels are {_rounded(megapixels)} megapixels; "
                f"the limit is {_rounded(self.max_megapixels)}",
                remedy="reduce it first, or cut it into parts",
            )


def _from_fields(image: Any) -> Metadata:
    """The blocks libvips found in a file of boxes."""

    def block(name: str) -> bytes | None:
        if not image.get_typeof(name):
            return None
        value = image.get(name)
        return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None

    return metadata.from_blocks(
        icc=block("icc-profile-data"), block=block("exif-data"), xmp=block("xmp-data")
    )


def _number(image: Any, name: str) -> int:
    return int(image.get(name)) if image.get_typeof(name) else 0
