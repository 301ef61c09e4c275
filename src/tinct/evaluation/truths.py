"""Pictures in colour to measure against, and the digest that names a set of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import UsageError

#: folders of TINCT_DATA/eval
SETS = ("paintings", "photos")


@dataclass(frozen=True, eq=False)
class Truths:
    """A set of pictures in colour."""

    name: str
    """What it is called."""
    pictures: Sequence[NDArray[np.uint8]]
    """sRGB (H, W, 3)."""
    sha256: str
    """Of the pictures' files in the order of their names."""


def data_folder() -> Path:
    """Where pictures lie: TINCT_DATA, or `../shared/data`."""
    return Path(os.environ.get("TINCT_DATA", "../shared/data"))


def open_truths(folder: Path) -> Truths:
    """The JPEG files of a folder.

    Raises:
        UsageError: there are none.
    """
    files = sorted(folder.glob("*.jpg"))
    if not files:
        raise UsageError("holds no pictures", where=str(folder), remedy="set TINCT_DATA")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return Truths(folder.name, [read(file) for file in files], digest)


def squashed(truths: Truths, side: int) -> Truths:
    """The pictures at `side` x `side` pixels, whatever their shape, as some systems want them."""
    size = (side, side)
    small = [
        np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
        for picture in truths.pictures
    ]
    return Truths(f"{truths.name} at {side} x {side}", small, truths.sha256)


def read(file: Path) -> NDArray[np.uint8]:
    """A picture as uint8 sRGB (H, W, 3)."""
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))
