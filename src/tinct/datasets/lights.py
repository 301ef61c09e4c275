"""What pictures are compared by, kept on the disk: 4 kB each are much for a large pile's memory."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tinct.datasets.likeness import SIDE
from tinct.image.atomic import output_errors


class Lights:
    """A file without a name, that is gone when this is closed or the process ends."""

    def __init__(self, folder: Path | None = None) -> None:
        """Make the file.

        Args:
            folder: on which disk; None takes where temporary files go.

        Raises:
            OutputUnwritable: it may not be written to.
        """
        self._folder = folder or Path(tempfile.gettempdir())
        with output_errors(self._folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # where the disk is full, that has been said
            self._file.close()

    def add(self, light: NDArray[np.uint8]) -> None:
        """Append one, (64, 64).

        Raises:
            OutputUnwritable: the disk is full.
        """
        with output_errors(self._folder):
            self._file.write(light.tobytes())
        self._count += 1

    def all(self) -> NDArray[np.uint8]:
        """(N, 64, 64), read from the disk as it is used.

        Raises:
            OutputUnwritable: the disk is full.
        """
        with output_errors(self._folder):
            self._file.flush()
        if not self._count:  # nothing cannot be mapped
            return np.empty((0, SIDE, SIDE), np.uint8)
        return np.memmap(self._file, np.uint8, "r", shape=(self._count, SIDE, SIDE))
