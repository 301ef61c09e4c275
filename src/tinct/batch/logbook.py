"""A file of lines of JSON that only grows, and that one process at a time writes to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from tinct.errors import OutputError, OutputUnwritable
from tinct.image.atomic import sole_user, unwritable

#: seconds after which what was written is sent to the disk; it is at the end, too
FLUSH_SECONDS = 1.0


class Logbook:
    """An open file; closed, everything that was written is on the disk."""

    def __init__(self, path: Path, *, size: int) -> None:
        """Open it, and its folder where there is none; a last line that was cut is cut off.

        Args:
            path: the file.
            size: its bytes when it was read, 0 where there was none.

        Raises:
            OutputError: another process writes to it, or has since it was read.
            OutputUnwritable: no rights, or no space.
        """
        self.path = path
        self._flushed = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise unwritable(error, path) from error
        try:
            sole_user(
                self._file,
                where=path.parent,
                at_work="colouring into this folder",
                remedy="wait until it is done, choose another folder, or add --no-journal",
            )
            _mend(self._file, path.parent, size)
        except OSError as error:
            self._file.close()
            raise unwritable(error, path) from error
        except OutputError:
            self._file.close()
            raise

    def check(self) -> None:
        """Stop where the folder is gone: results would be put where nobody looks for them.

        Raises:
            OutputUnwritable: it is.
        """
        mine = os.fstat(self._file.fileno())
        with contextlib.suppress(OSError):
            if os.path.samestat(self.path.stat(), mine):
                return
        raise OutputUnwritable(
            "the folder of the results has vanished",
            where=str(self.path.parent),
            remedy="see what became of it, and run the same command again",
        )

    def write(self, lines: Sequence[Mapping[str, Any]], *, flush: bool = False) -> None:
        """Add lines, all or none of them.

        Args:
            lines: one object each.
            flush: whether to wait until they are on the disk.

        Raises:
            OutputUnwritable: the folder is gone, or there is no space.
        """
        self.check()
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        descriptor = self._file.fileno()
        try:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, data) < len(data):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if flush or time.monotonic() - self._flushed > FLUSH_SECONDS:
                os.fsync(descriptor)
                self._flushed = time.monotonic()
        except OSError as error:
            raise unwritable(error, self.path) from error

    def close(self) -> None:
        """Send the rest to the disk."""
        with contextlib.suppress(OSError):  # what matters was waited for when it was written
            os.fsync(self._file.fileno())
        self._file.close()


def _mend(file: BinaryIO, folder: Path, size: int) -> None:
    """Cut off a line that was never finished; refuse what another run has added meanwhile."""
    if file.seek(0, os.SEEK_END) != size:
        raise OutputError(
            "another tinct has just coloured into this folder",
            where=str(folder),
            remedy="run the same command again",
        )
    file.seek(0)
    content = file.read()
    if content and not content.endswith(b"\n"):
        end = content.rfind(b"\n") + 1
        try:
            json.loads(content[end:])
        except ValueError:
            file.truncate(end)
        else:
            file.write(b"\n")
