"""What is measured: how a truth is cut to size, and how it is greyed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import UsageError

Image8 = NDArray[np.uint8]
Kind = Literal["crop", "stretch", "full"]
#: smaller pictures say little of colours, and Frechet networks need so much
SMALLEST = 16


@dataclass(frozen=True)
class Protocol:
    """How pictures are brought to one size before they are greyed."""

    kind: Kind = "crop"
    """`crop`: shorter side to `size`, then the square in the centre, as DDColor and CT2 take their
    first 5,000 of ImageNet; `stretch`: squashed to a square, as ColorFormer does; `full`: shorter
    side to `size`, the aspect kept, and smaller pictures stay as they are."""
    size: int = 256
    """Pixels."""

    def __post_init__(self) -> None:
        if self.size < SMALLEST:
            raise UsageError(
                f"{self.size} pixels are too few",
                where="--size",
                remedy=f"give {SMALLEST} or more; papers take 256",
            )

    @property
    def name(self) -> str:
        """For the head of every table."""
        return f"{self.kind} {self.size}"

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what `fit` makes of a picture of that size."""
        if self.kind == "full":
            return _shorter(height, width, min(self.size, height, width))
        return self.size, self.size

    def fit(self, picture: Image8) -> Image8:
        """A picture (H, W, 3), uint8 sRGB, cut or reduced; reduction is bicubic, with antialiasing.

        A picture that has the size already is given back as it is, to the bit.
        """
        height, width = picture.shape[:2]
        if self.kind != "crop":
            return _resized(picture, *self.shape(height, width))
        tall, wide = _shorter(height, width, self.size)
        enlarged = _resized(picture, tall, wide)
        top, left = (tall - self.size) // 2, (wide - self.size) // 2
        return np.ascontiguousarray(enlarged[top : top + self.size, left : left + self.size])


def grey(truth: Image8) -> Image8:
    """Rec. 601 grey (H, W) of an sRGB picture, as cameras and software make it."""
    luma = truth.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.round(luma).astype(np.uint8)


def _shorter(height: int, width: int, side: int) -> tuple[int, int]:
    scale = side / min(height, width)
    return max(side, round(height * scale)), max(side, round(width * scale))


def _resized(picture: Image8, height: int, width: int) -> Image8:
    if picture.shape[:2] == (height, width):
        return picture
    size = (width, height)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
