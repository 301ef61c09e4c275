"""Which format a result gets, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from tinct import provenance
from tinct.errors import TooLarge, UsageError
from tinct.image import SAVERS, Page, Picture, load
from tinct.image.savers import TILINGS, Layout
from tinct.jpeg.segments import ROOM_FOR_XMP
from tinct.naming import FALLBACK_FORMAT, written_format
from tinct.options import ColorizeOptions
from tinct.result import Result


def opened(source: Path | bytes, options: ColorizeOptions) -> Picture:
    """A picture to be coloured.

    Raises:
        InputError: see `tinct.image.load`.
    """
    try:
        return load(source, max_megapixels=options.max_megapixels)
    except TooLarge as error:
        error.remedy = "cut it into parts, or allow more with --max-megapixels"
        raise


def format_of(
    picture: Picture, options: ColorizeOptions, suffix: str
) -> tuple[str, tuple[str, ...]]:
    """The format to write, and a warning where the file's name hides another format.

    Args:
        picture: the source.
        options: how it is coloured.
        suffix: of the result's name; "" where it has none.

    Raises:
        UsageError: no format is written under that suffix, or tiles under another than theirs.
    """
    own = picture.format if picture.format in SAVERS else FALLBACK_FORMAT
    asked = written_format(suffix) if suffix else None
    if options.format != "same":
        # what looks for tiles has only their name to go by
        if suffix and options.format != asked and {options.format, asked} & {*TILINGS}:
            raise UsageError(
                f"{options.format} does not go into a file that ends in '{suffix}'",
                remedy="leave the format out, or change the name",
            )
        return options.format, ()
    if suffix and asked is None:
        raise UsageError(
            f"no format is written to files that end in '{suffix}'",
            remedy="end the name in .jpg, .png, .tif, .webp, .avif, .dzi or .iiif",
        )
    if asked is None or asked == own:
        return own, ()
    if written_format(Path(picture.name).suffix) == asked and picture.format in SAVERS:
        return asked, (f"the input is {picture.format.upper()} in spite of its name",)
    return asked, ()


def layout_of(options: ColorizeOptions, written: str) -> Layout:
    """Of pyramids and tiles.

    Raises:
        UsageError: tiles that no TIFF can have, or a pyramid where there can be none.
    """
    side = options.tile_size
    if written == "tiff" and side is not None and side % 16:
        raise UsageError(
            f"tiles of {side} pixels; TIFF has multiples of 16",
            where="--tile-size",
            remedy=f"give {side // 16 * 16} or {side // 16 * 16 + 16}",
        )
    if written != "tiff" and options.pyramid in ("pages", "subifds"):
        raise UsageError(
            f"{written} holds no smaller copies",
            where="--pyramid",
            remedy="choose --format tiff, or leave it out",
        )
    return Layout(options.pyramid, side, options.tile_format)


def packet_of(page: Page, step: provenance.Step, written: str) -> tuple[bytes, bytes]:
    """The labelled XMP of a page, and what a JPEG has no room for in it."""
    known = page.metadata
    packet = provenance.label(known.xmp, step, extension=known.xmp_extension)
    return provenance.split(packet, ROOM_FOR_XMP) if written == "jpeg" else (packet, b"")


def label_warnings(picture: Picture, packets: list[tuple[bytes, bytes]]) -> list[str]:
    """What could not be said, or not as it was."""
    blocks = (b for p in picture.pages for b in (p.metadata.xmp, p.metadata.xmp_extension))
    found = [problem for block in blocks if (problem := provenance.problem(block))]
    if any(page.metadata.signed for page in picture.pages):
        found.append("its content credentials are left out: they vouch for the file as it was")
    if any(extension for _, extension in packets):
        found.append("its XMP is too large for one segment; parts of it became extended XMP")
    return list(dict.fromkeys(found))


def skipped(source: str, target: str) -> Result:
    """The record of a picture that was passed over."""
    return Result(input=source, output=target, status="skipped", warnings=("has colours already",))
