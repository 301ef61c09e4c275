"""Which pictures show one and the same work: for splits that must not have it on both sides.

Collections hold works twice, once squeezed into a square and once with only its middle: no hash
finds those two alike, and a network that learned one has seen the colours of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

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


def folds(
    numbers: NDArray[np.int64], count: int, learned: int, *, seed: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Cross-validation: every work is measured once, by who learned from others alone.

    Args:
        numbers: the work of each picture.
        count: parts of the works, each of which is measured in turn.
        learned: at most so many pictures are learned from, of as many works as possible: works of
            which there are two pictures give both only where there are too few works.
        seed: of the parts, and of what is chosen.

    Yields:
        Places of the pictures to learn from, and of those to measure.
    """
    rng = np.random.default_rng(seed)
    for part in np.array_split(rng.permutation(np.unique(numbers)), count):
        measured = np.flatnonzero(np.isin(numbers, part))
        left = rng.permutation(np.flatnonzero(~np.isin(numbers, part)))
        before: Counter[int] = Counter()
        turns = []
        for place in left:
            turns.append(before[int(numbers[place])])
            before[int(numbers[place])] += 1
        first = left[np.argsort(turns, kind="stable")]
        yield sorted(map(int, first[:learned])), [int(place) for place in measured]


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
