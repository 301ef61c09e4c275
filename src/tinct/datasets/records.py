"""Pictures that are no files yet: avatars on a sheet, and the records of CIFAR-10."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tinct.datasets.archives import members
from tinct.datasets.manifest import Row
from tinct.datasets.wanted import Wanted
from tinct.errors import InputError

#: side of an avatar in pixels
AVATAR = 24
#: times that they are enlarged where nothing is said: the first that gives 256 pixels
ENLARGED = 11
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_RECORD = 1 + 3 * 32 * 32


def avatars(sheet: Path, *, enlarge: int = ENLARGED, licence: str = "") -> Iterator[Wanted]:
    """The avatars of a sheet, row by row, each pixel a square of `enlarge` pixels.

    Args:
        sheet: a picture whose sides are multiples of 24 pixels; transparency stays.
        enlarge: times that they are enlarged, without smoothing.
        licence: under which they may be used.

    Raises:
        InputError: no such sheet.
    """
    try:
        with Image.open(sheet) as opened:
            pixels = np.asarray(opened.convert("RGBA" if _transparent(opened) else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"no picture: {error}", where=str(sheet), remedy="get it again") from error
    height, width = pixels.shape[:2]
    if height % AVATAR or width % AVATAR:
        raise InputError(
            f"a sheet of {width} x {height} pixels has no whole number of avatars",
            where=str(sheet),
            remedy=f"its sides have to be multiples of {AVATAR}",
        )
    for number in range(height // AVATAR * (width // AVATAR)):
        top, left = (AVATAR * at for at in divmod(number, width // AVATAR))

        def read(top: int = top, left: int = left) -> bytes:
            avatar = pixels[top : top + AVATAR, left : left + AVATAR]
            return _png(avatar.repeat(enlarge, 0).repeat(enlarge, 1))

        row = Row(licence=licence, title=f"#{number}", category="avatar")
        yield Wanted(f"cryptopunks:{number}x{enlarge}", row=row, read=read, suffix=".png")


def cifar(archive: Path, *, licence: str = "") -> Iterator[Wanted]:
    """The pictures of CIFAR-10's binary version: a byte for the class, then red, green, blue.

    Args:
        archive: the tar file as published.
        licence: under which they may be used.

    Raises:
        InputError: damaged, or something else.
    """
    found = False
    for member in members(archive, lambda name: name.endswith(".bin")):
        if member.refused:
            continue
        data = member.read()
        if len(data) % _RECORD:
            break
        found = True
        name = member.name.rpartition("/")[2]
        for number in range(len(data) // _RECORD):
            record = data[number * _RECORD : (number + 1) * _RECORD]

            def read(record: bytes = record) -> bytes:
                planes = np.frombuffer(record, np.uint8, offset=1).reshape(3, 32, 32)
                return _png(np.ascontiguousarray(planes.transpose(1, 2, 0)))

            row = Row(
                licence=licence,
                title=f"{name} {number}",
                category=CLASSES[record[0]] if record[0] < len(CLASSES) else "",
                split="test" if name.startswith("test") else "train",
            )
            yield Wanted(f"cifar-10:{name}:{number}", row=row, read=read, suffix=".png")
    if not found:
        raise InputError(
            "holds no records of CIFAR-10",
            where=str(archive),
            remedy="give the binary version, cifar-10-binary.tar.gz",
        )


def _transparent(picture: Image.Image) -> bool:
    return "A" in picture.getbands() or "transparency" in picture.info


def _png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
