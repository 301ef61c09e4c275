"""The eight EXIF orientations, on arrays whose first two axes are rows and columns.

The tag says how *stored* pixels must be turned to stand upright (TIFF 6.0, Exif 3.0 section
4.6.5): 1 as they are, 2 mirrored, 3 by half a turn, 4 upside down, 5 transposed, 6 a quarter
turn clockwise, 7 transposed over the other diagonal, 8 a quarter turn counter-clockwise.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def upright(stored: NDArray[_Scalar], orientation: int) -> NDArray[_Scalar]:
    """Stored pixels (H, W, ...) turned as a viewer shows them; a view where possible.

    Args:
        stored: pixels in the order of the file.
        orientation: EXIF value 1 to 8; any other counts as 1, as viewers do.
    """
    if orientation in (5, 6, 7, 8):
        stored = np.swapaxes(stored, 0, 1)
    return _flipped(stored, rows=orientation in (3, 4, 7, 8), columns=orientation in (2, 3, 6, 7))


def from_upright(shown: NDArray[_Scalar], orientation: int) -> NDArray[_Scalar]:
    """The inverse of `upright`: pixels as shown, put back into the order of the file."""
    shown = _flipped(shown, rows=orientation in (3, 4, 7, 8), columns=orientation in (2, 3, 6, 7))
    return np.swapaxes(shown, 0, 1) if orientation in (5, 6, 7, 8) else shown


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height as shown, of a picture stored as `width` by `height`."""
    return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _flipped(array: NDArray[_Scalar], *, rows: bool, columns: bool) -> NDArray[_Scalar]:
    step: Any = slice(None, None, -1)
    whole: Any = slice(None)
    view: NDArray[_Scalar] = array[step if rows else whole, step if columns else whole]
    return view
