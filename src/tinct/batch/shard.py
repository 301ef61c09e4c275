"""Which part of a batch a machine takes, so that several share it without talking to each other."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from unicodedata import normalize

Shard = tuple[int, int]
"""Which part, from 1, of how many."""


def part_of(relative: PurePath, parts: int) -> int:
    """The part, from 1 to `parts`, that a picture belongs to.

    It follows from the picture's place below the folder that was named, not from where that folder
    is mounted, nor from what else lies in it. A part has its share of the pictures but for chance:
    of n pictures, about n / parts, give or take the square root of that.
    """
    # a disk of another system may compose letters differently
    name = normalize("NFC", relative.as_posix()).encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
    return number % parts + 1
