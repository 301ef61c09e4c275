"""Where pictures are while the server has them: a private folder that goes with the server.

Nothing a client says becomes part of a path: folders have random names, files constant ones. What
is known by an id, which nobody can guess, is known to those who were given it, and there is no
list of ids.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tinct.serve.problems import Busy, NotFound

_PREFIX = "tinct-serve-"
#: most things of one kind that are known at a time, whatever their size
_MOST = 10_000


class Folder:
    """A folder for one picture and its result; `remove` takes all of it away."""

    def __init__(self, root: Path) -> None:
        self.path = root / secrets.token_hex(16)
        self.path.mkdir(mode=0o700)

    @property
    def given(self) -> Path:
        """Where the upload is put."""
        return self.path / "given"

    def beside(self, option: str) -> Path:
        """Where the file of an option is put; `option` is one of this server's own words."""
        return self.path / f"option-{option}"

    @property
    def size(self) -> int:
        """Bytes of all that is in it."""
        with contextlib.suppress(OSError):
            return sum(entry.stat().st_size for entry in os.scandir(self.path))
        return 0

    def remove(self) -> None:
        """Take all away."""
        shutil.rmtree(self.path, ignore_errors=True)


class Room:
    """The server's private folder, and how much may be in it."""

    def __init__(self, storage: int) -> None:
        """Make a folder that nobody else may enter, and sweep those of servers that were killed.

        Args:
            storage: most bytes kept at a time.
        """
        sweep()
        self.root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._storage = storage
        self._sizes: dict[Path, int] = {}
        self._incoming = 0
        self.make_room: Callable[[], bool] = lambda: False
        """Takes something away that can be spared; False where nothing can."""

    @property
    def used(self) -> int:
        """Bytes kept, and those on their way in."""
        return self._incoming + sum(self._sizes.values())

    def folder(self) -> Folder:
        """A new folder."""
        return Folder(self.root)

    def expect(self, count: int) -> None:
        """Count bytes that are on their way in; negative ones have arrived, or never will.

        Raises:
            Busy: there is no room for them.
        """
        while count > 0 and self.used + count > self._storage:
            if self.make_room():
                continue
            raise Busy(
                "there is no room for more pictures now",
                remedy="try again later, or delete what is done with",
                headers={"Retry-After": "30"},
            )
        self._incoming += count

    def measure(self, folder: Folder) -> None:
        """Look how much a folder holds now."""
        self._sizes[folder.path] = folder.size

    def remove(self, folder: Folder) -> None:
        """Take a folder away."""
        self._sizes.pop(folder.path, None)
        folder.remove()

    def close(self) -> None:
        """Take everything away."""
        shutil.rmtree(self.root, ignore_errors=True)


def sweep() -> None:
    """Remove what servers of this user left that had no time to clean up."""
    if not hasattr(os, "getuid"):
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        number = re.fullmatch(rf"{_PREFIX}(\d+)-.*", folder.name)
        with contextlib.suppress(OSError):
            if number and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
                try:
                    os.kill(int(number[1]), 0)
                except ProcessLookupError:
                    shutil.rmtree(folder, ignore_errors=True)


class Kind(Protocol):
    """Something that is known by an id for some time."""

    id: str
    used: float
    """When it was used last."""

    @property
    def is_under_way(self) -> bool:
        """Whether it must not go yet, however old it is."""

    def drop(self) -> None:
        """Let go of all that belongs to it."""


Item = TypeVar("Item", bound=Kind)


class Shelf(Generic[Item]):
    """Things that are known by their ids until they are dropped or too old."""

    def __init__(self, what: str, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is on it yet.

        Args:
            what: the kind of thing, for messages.
            ttl: seconds after their last use that things are kept.
            clock: tells seconds.
        """
        self._what = what
        self._ttl = ttl
        self._clock = clock
        self._items: dict[str, Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Keep a thing."""
        item.used = self._clock()
        self._items[item.id] = item
        if len(self._items) > _MOST:
            self.make_room()

    def find(self, key: str) -> Item:
        """The thing of an id, which is thereby used.

        Raises:
            NotFound: there is none, any more or at all.
        """
        item = self._items.get(key)
        if item is None or self._is_old(item):
            raise NotFound(
                f"there is no such {self._what}",
                remedy=f"it may be deleted, or older than {self._ttl:g} s: send the picture again",
            )
        item.used = self._clock()
        return item

    def drop(self, key: str) -> None:
        """Let go of a thing, if it is there."""
        item = self._items.pop(key, None)
        if item is not None:
            item.drop()

    def sweep(self) -> None:
        """Drop what is too old."""
        for key, item in list(self._items.items()):
            if self._is_old(item):
                self.drop(key)

    def make_room(self) -> bool:
        """Drop the thing that was not used for the longest time; False where there is none."""
        idle = [item for item in self._items.values() if not item.is_under_way]
        if not idle:
            return False
        self.drop(min(idle, key=lambda item: item.used).id)
        return True

    def left(self, item: Item) -> float:
        """Seconds that a thing is kept from now on, if it is not used."""
        return max(0.0, item.used + self._ttl - self._clock())

    def _is_old(self, item: Item) -> bool:
        return not item.is_under_way and self.left(item) <= 0


def new_id() -> str:
    """An id that nobody guesses: 192 random bits."""
    return secrets.token_urlsafe(24)
