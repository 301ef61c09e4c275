"""Which pictures show one and the same work: for splits that must not have it on both sides.

Collections hold works twice, once squeezed into a square and once with only its middle: no hash
finds those two alike, and a network that learned one has seen the colours of the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 40
#: heights by widths that a square may have been squeezed from, or cut out of
SHAPES = np.exp(np.linspace(-0.7, 0.7, 57))
#: correlation of details from which two pictures are one work; of 200 pictures by others none came
#: above 0.47 with any of 334 by one artist, and among these hardly any lay between 0.36 and 0.5
ALIKE = 0.48

Picture = NDArray[np.uint8]


def works(pictures: Sequence[Picture]) -> NDArray[np.int64]:
    """The number of the work that each picture (H, W, 3) shows."""
    greys = [Image.fromarray(one).convert("L").convert("F") for one in pictures]
    plain = np.stack([_details(grey, 1.0) for grey in greys])
    alike = np.zeros((len(greys), len(greys)), bool)
    for shape in SHAPES:
        alike |= np.stack([_details(grey, float(shape)) for grey in greys]) @ plain.T >= ALIKE
    numbers = np.arange(len(greys))
    for one, other in np.argwhere(alike | alike.T):
        numbers[numbers == numbers[other]] = numbers[one]
    return numbers


def split(numbers: NDArray[np.int64], first: int, *, seed: int) -> tuple[list[int], list[int]]:
    """Places of at least `first` pictures, whole works of them, and of the others."""
    taken: list[int] = []
    for work in np.random.default_rng(seed).permutation(np.unique(numbers)):
        if len(taken) >= first:
            break
        taken += [int(at) for at in np.flatnonzero(numbers == work)]
    return taken, [at for at in range(len(numbers)) if at not in set(taken)]


def _details(grey: Image.Image, shape: float) -> NDArray[np.float32]:
    """What is finer than a sixth of the middle of a picture, evenly strong, of length 1."""
    width, height = grey.size
    wide, high = (width, height / shape) if shape >= 1 else (width * shape, height)
    box = ((width - wide) / 2, (height - high) / 2, (width + wide) / 2, (height + high) / 2)
    seen = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX, box=box), np.float32)
    fine = seen - _coarse(seen)
    fine = fine / (np.sqrt(np.maximum(_coarse(fine * fine), 1)) + 3)
    fine = (fine - fine.mean()).ravel()
    result: NDArray[np.float32] = fine / max(float(np.linalg.norm(fine)), 1e-6)
    return result


def _coarse(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    small = Image.fromarray(plane).resize((SIDE // 6, SIDE // 6), Image.Resampling.BOX)
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
