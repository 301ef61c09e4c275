"""Which suffix stands for which format, and what results are called when nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

#: suffix of each format that Tinct writes, the usual one first
WRITTEN_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
    "avif": (".avif",),
}
#: of results that are many files, for viewers that zoom
TILED_SUFFIXES: Mapping[str, tuple[str, ...]] = {"dzi": (".dzi",), "iiif": (".iiif",)}
#: what lies in every folder of tiles that Tinct wrote, and in none that it did not
TILES_MARK = "tinct.json"
#: beside it: the label, and all XMP of the source
TILES_LABEL = "tinct.xmp"
#: what a picture becomes when its own format is only read: lossless, 8 or 16 bit, carries the label
FALLBACK_FORMAT = "png"
#: names that are taken for pictures when a folder is searched; a file the user names may have any
PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp", ".avif"),
        *(".heic", ".heif", ".jp2", ".j2k", ".bmp", ".gif", ".pbm", ".pgm", ".ppm", ".pnm"),
    )
)

DEFAULT_NAME = "{stem}.colorized{ext}"
#: of each of several results of one picture
VARIANT_NAME = "{stem}.colorized.{variant}{ext}"


def written_format(suffix: str) -> str | None:
    """The format that a result's suffix stands for, or None where Tinct writes none such."""
    known = (*WRITTEN_SUFFIXES.items(), *TILED_SUFFIXES.items())
    return next((name for name, all_ in known if suffix.lower() in all_), None)


def result_suffix(source: PurePath, *, format: str) -> str:  # noqa: A002 - the option's name
    """Suffix of a result: the source's own where that format is asked for, else the usual one."""
    own = written_format(source.suffix)
    wanted = (own or FALLBACK_FORMAT) if format == "same" else format
    return source.suffix if own == wanted else {**WRITTEN_SUFFIXES, **TILED_SUFFIXES}[wanted][0]


def default_target(source: Path, *, format: str = "same") -> Path:  # noqa: A002
    """Where the result goes when nothing is said: beside the source, `name.colorized.ext`."""
    suffix = result_suffix(source, format=format)
    return source.with_name(DEFAULT_NAME.format(stem=source.stem, ext=suffix))
