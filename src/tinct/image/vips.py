"""The door to libvips: loaded on first use, silent on stderr, its errors turned into ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinct.errors import TinctError, Unreadable, Unsupported

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

#: what libvips can decode here, by our name of the format
LOADERS = {
    "jpeg": "jpegload_source",
    "png": "pngload_source",
    "tiff": "tiffload_source",
    "webp": "webpload_source",
    "gif": "gifload_source",
    "avif": "heifload_source",
}
_UNLIMITED = {"jpeg", "png", "tiff", "avif"}
_LOCK = threading.Lock()


@cache
def vips() -> Any:
    """The pyvips module; its messages go to Python's logging and no farther by default."""
    with _LOCK:
        import logging

        log = logging.getLogger("pyvips")
        # without a handler of its own, Python prints a library's warnings to stderr
        log.addHandler(logging.NullHandler())
        import pyvips

        def text(pointer: Any) -> str:
            if pointer == pyvips.ffi.NULL:
                return ""
            found: bytes = pyvips.ffi.string(pointer)
            return found.decode("utf-8", "replace")

        # messages quote names from damaged files; pyvips takes them to be UTF-8, and fails loudly
        pyvips._to_string = pyvips.error._to_string = text
        return pyvips


@contextmanager
def input_errors(where: str) -> Iterator[None]:
    """Turn the errors of decoders about an input into `Unreadable`."""
    pyvips = vips()
    try:
        yield
    except TinctError as error:
        raise placed(error, where) from error.__cause__
    except pyvips.Error as error:
        line = first_line(error)
        if "support" in line or "labq" in line:
            raise Unsupported(
                f"of a kind that is not handled: {line}",
                where=where,
                remedy="export it as 16-bit TIFF",
            ) from error
        raise Unreadable(
            f"damaged or cut short: {line}",
            where=where,
            remedy="get a fresh copy of the file, or open and re-save it in an image editor",
        ) from error


def placed(error: TinctError, where: str) -> TinctError:
    """An error about an input with its place and a remedy filled in, where it has none."""
    if error.remedy is None and isinstance(error, Unreadable):
        error.remedy = "get a fresh copy of the file"
    return error.at(where)


def first_line(error: Exception) -> str:
    """The telling line of a message of libvips, on one line and without its function's name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("unable to call", "unable to write"))]
    line = (telling or lines or [type(error).__name__])[0]
    return "".join(c for c in line.split(": ", 1)[-1] if c.isprintable())[:160].rstrip(".")


def open_image(
    source: Path | bytes, *, kind: str, page: int = 0, options: dict[str, Any] | None = None
) -> Any:
    """Open one page for reading from top to bottom.

    Args:
        source: a file, or its content.
        kind: a key of `LOADERS`.
        page: number of the page, from 0; only TIFF, GIF, WebP and AVIF have pages.
        options: further options of that loader, such as `shrink` for JPEG.
    """
    pyvips = vips()
    given: dict[str, Any] = {"access": "sequential", "fail_on": "error", **(options or {})}
    if kind in _UNLIMITED:
        given["unlimited"] = True  # the number of pixels is limited by us, before decoding
    if page:
        given["page"] = page
    stream = (
        pyvips.Source.new_from_memory(source)
        if isinstance(source, bytes)
        else pyvips.Source.new_from_file(os.fsencode(source) if os.name == "posix" else str(source))
    )
    return getattr(pyvips.Image, LOADERS[kind])(stream, **given)


def fetch_strips(image: Any, rows: int) -> Iterator[tuple[int, Pixels]]:
    """Evaluate an image in strips of so many rows: (top, pixels (h, W, bands))."""
    region = vips().Region.new(image)
    kind: Any = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}[image.format]
    for top in range(0, image.height, rows):
        height = min(rows, image.height - top)
        raw = region.fetch(0, top, image.width, height)
        yield top, np.frombuffer(raw, dtype=kind).reshape(height, image.width, image.bands)


@contextmanager
def no_silent_damage() -> Iterator[None]:
    """Raise where libvips noted that a tile of a TIFF is damaged, but gave black instead.

    Its cache of tiles does that whatever `fail_on` says; the note is all there is. Notes are
    kept for the whole process, so a file that another thread reads may be taken for this one.

    Raises:
        Unreadable: such a note was made within the block.
    """
    pyvips = vips()
    pyvips.vips_lib.vips_error_clear()
    yield
    note = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer())
    if b"tiff2vips" in note:
        pyvips.vips_lib.vips_error_clear()
        line = first_line(ValueError(note.decode("utf-8", "replace")))
        raise Unreadable(
            f"damaged or cut short: {line}",
            remedy="get a fresh copy of the file, or open and re-save it in an image editor",
        )


def to_array(image: Any) -> NDArray[Any]:
    """A whole (small) image as an array (H, W, bands)."""
    array: NDArray[Any] = image.numpy()
    return array.reshape(image.height, image.width, image.bands)


class Sink:
    """Lets libvips write into a Python file, from `base` on, and remembers that file's errors."""

    def __init__(self, file: BinaryIO, *, base: int = 0, seekable: bool = False) -> None:
        """Wrap a binary file.

        Args:
            file: where bytes go; positions seen by libvips begin at `base`.
            base: where in the file the picture starts.
            seekable: whether the encoder may go back; TIFF needs that.
        """
        self.error: BaseException | None = None
        self._file = file
        self._base = base
        self.target = vips().TargetCustom()
        self.target.on_write(self._write)
        if seekable:
            self.target.on_seek(self._seek)
            self.target.on_read(self._read)

    def _write(self, data: Any) -> int:
        if self.error is not None:
            return -1
        try:
            self._file.write(data)
        except BaseException as error:
            self.error = error
            return -1
        return len(data)

    def _seek(self, offset: int, whence: int) -> int:
        if self.error is not None:
            return -1
        try:
            shift = self._base if whence == os.SEEK_SET else 0
            return self._file.seek(offset + shift, whence) - self._base
        except BaseException as error:
            self.error = error
            return -1

    def _read(self, size: int) -> bytes | None:
        try:
            return self._file.read(size) or None
        except BaseException as error:
            self.error = error
            return None
