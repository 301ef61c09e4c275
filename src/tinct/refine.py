"""Chroma from a small map to the picture's size, rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinct.color import FloatArray
from tinct.errors import ModelError
from tinct.resample import deepen, strips, widen

#: rows of the strips that `upsample` yields
STRIP_ROWS = 256


class Upsampler:
    """A small map at the picture's size, by bicubic interpolation, any rows of it at a time."""

    def __init__(self, chroma: FloatArray, height: int, width: int) -> None:
        """Interpolate along the rows; the columns follow with `rows`.

        Args:
            chroma: (h, w, 2), a* and b* in CIE units.
            height: of the picture.
            width: of the picture.

        Raises:
            ModelError: the map holds something that is not a finite number.
        """
        check(chroma)
        self.height, self.width = height, width
        self._wide = widen(np.moveaxis(chroma, 2, 0), width)

    def rows(self, top: int, bottom: int) -> FloatArray:
        """Rows top..bottom, (bottom - top, width, 2); the same however the picture is cut.

        In memory all a* come first, then all b*: what takes them one after the other is faster so.
        """
        planes = np.empty((2, bottom - top, self.width), np.float32)
        for start, stop in strips(top, bottom, self.width):
            planes[:, start - top : stop - top] = deepen(self._wide, self.height, start, stop)
        return planes.transpose(1, 2, 0)


def upsample(
    chroma: FloatArray, height: int, width: int, *, rows: int = STRIP_ROWS
) -> Iterator[FloatArray]:
    """The strips of an `Upsampler` from top to bottom, (rows, width, 2); the last may be lower."""
    enlarged = Upsampler(chroma, height, width)
    for top in range(0, height, rows):
        yield enlarged.rows(top, min(height, top + rows))


def enlarge(chroma: FloatArray, height: int, width: int) -> FloatArray:
    """The whole of an `Upsampler`, (height, width, 2)."""
    return Upsampler(chroma, height, width).rows(0, height)


def check(chroma: FloatArray) -> None:
    """Refuse a map that holds something else than numbers.

    Raises:
        ModelError: it does.
    """
    if not np.isfinite(chroma).all():
        raise ModelError("chroma is not a finite number", remedy="use another model")
