"""Is a file that came a picture? All of it is decoded, so that half a picture does not pass."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from tinct.image import load

#: suffix of the files of each format that can be read
SUFFIXES = {
    "jpeg": ".jpg",
    "png": ".png",
    "tiff": ".tif",
    "webp": ".webp",
    "avif": ".avif",
    "heic": ".heic",
    "jp2": ".jp2",
    "bmp": ".bmp",
    "gif": ".gif",
    "pnm": ".ppm",
}
#: what is no picture, whatever follows; other types are left to the content
_NO_PICTURE = ("text/", "video/", "audio/", "application/json", "application/xhtml", "font/")
_MEGAPIXELS = 400
_TIFF = threading.Lock()


@dataclass(frozen=True, slots=True)
class Examined:
    """A whole picture."""

    suffix: str
    """Of the format that its content is."""
    width: int
    """As it is seen, in pixels."""
    height: int
    """As it is seen, in pixels."""


def is_picture_type(kind: str) -> bool:
    """Whether what a server calls so can be a picture; many call them by no name at all."""
    return not kind.startswith(_NO_PICTURE) and kind != "image/svg+xml"


def examine(path: Path, name: str) -> Examined:
    """Decode the first page of a picture.

    Args:
        path: the file.
        name: what to call it in messages.

    Raises:
        InputError: no picture, damaged, cut short, or of a kind that cannot be read.
    """
    picture = load(path, name=name, max_megapixels=_MEGAPIXELS)
    page = picture.pages[0]
    # damage to TIFFs is noted for the whole process, so one is read at a time
    with _TIFF if picture.format == "tiff" else nullcontext():
        for _ in page.rows():
            pass
    turned = page.orientation >= 5
    width, height = (page.height, page.width) if turned else (page.width, page.height)
    return Examined(SUFFIXES[picture.format], width, height)
