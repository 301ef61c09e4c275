"""Where pictures lie: files of this machine, and objects that a URL names.

A plan asks the same of both: what it is called, whether it is there, whether it has changed. What
goes over the net for that is in `tinct.batch.remote`, which is loaded when there is a URL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from tinct.errors import OutputUnwritable, Unreadable, UsageError

State = tuple[int, int]
"""Size in bytes, and a number that changes with the content: a file's time of change in
nanoseconds, or what a store says of an object. -1 where that is not known."""

UNKNOWN: State = (-1, -1)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_WEB = ("http", "https")
#: in the path of a web address, what is not to be escaped again
_PLAIN = "/%:@!$&'()*+,;=~-._[]"


@dataclass(frozen=True)
class Url:
    """An object of a store, or of a web server; in use much like a `Path`."""

    root: str
    """`s3://bucket`, or `https://host`."""
    key: str
    """What follows the slash; of a web address as it is sent, escapes included."""
    query: str = ""
    """Of a web address, with its question mark."""
    state: State | None = field(default=None, compare=False)
    """What a list has said of it already."""
    listing: Mapping[str, State] | None = field(default=None, compare=False, repr=False)
    """All that lies below some folder that this is in, from when the plan was made."""

    def __str__(self) -> str:
        return f"{self.root}/{self.key}{self.query}"

    def __truediv__(self, below: PurePath | str) -> Url:
        own = self.key if not self.key or self.key.endswith("/") else f"{self.key}/"
        return replace(self, key=own + "/".join(PurePath(below).parts), query="", state=None)

    @property
    def is_web(self) -> bool:
        """Whether a web server has it, which can only be read from."""
        return self.root.startswith(_WEB)

    @property
    def name(self) -> str:
        """The last part, for people."""
        last = self.key.rstrip("/").rpartition("/")[2]
        return unquote(last) if self.is_web else last

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """From the last full stop of the name on."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Url:
        """The folder it lies in."""
        return replace(self, key=self.key.rstrip("/").rpartition("/")[0], query="", state=None)

    @property
    def bare(self) -> Url:
        """The name alone, without what was known of it."""
        return replace(self, state=None, listing=None)

    def with_name(self, name: str) -> Url:
        """Another object of the same folder."""
        return self.parent / name


Place = Path | Url


def place(text: str) -> Place:
    """What a user means by a name: a URL where it looks like one.

    Raises:
        UsageError: a URL of a kind that is not read.
    """
    found = _SCHEME.match(text)
    if not found:
        return Path(text)
    scheme = found[1].lower()
    if scheme == "file":
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise UsageError("is on another machine", where=text, remedy="write file:///folder")
        from urllib.request import url2pathname  # with all of HTTP behind it

        return Path(url2pathname(parts.path))
    if scheme == "s3":
        bucket, _, key = text[found.end() :].partition("/")
        if not bucket:
            raise UsageError("names no bucket", where=text, remedy="write s3://bucket/folder/")
        return Url(f"s3://{bucket}", key)
    if scheme in _WEB:
        return _web(text, scheme)
    raise UsageError(
        f"{scheme}:// is not read", where=text, remedy="give a path, s3://, http:// or https://"
    )


def _web(text: str, scheme: str) -> Url:
    parts = urlsplit(text)
    if not parts.hostname:
        raise UsageError("names no server", where=text, remedy=f"write {scheme}://server/picture")
    if "@" in parts.netloc:  # it would be noted in the journal and the report
        raise UsageError(
            "holds a password",
            where=f"{scheme}://{parts.netloc.rpartition('@')[2]}",
            remedy="put it into ~/.netrc",
        )
    query = f"?{parts.query}" if parts.query else ""
    return Url(f"{scheme}://{parts.netloc}", quote(parts.path.lstrip("/"), safe=_PLAIN), query)


def is_url(text: str) -> bool:
    """Whether a user's word is meant as a URL; that of a file is a path like any other."""
    return _SCHEME.match(text) is not None


def listed(place: Place, *, folder: bool) -> Place:
    """Where results go; of a store, with all that its folder holds, asked for at once.

    Args:
        place: a folder, or a single result.
        folder: whether it is a folder.

    Raises:
        OutputUnwritable: the store cannot be asked.
    """
    if isinstance(place, Path) or place.is_web:
        return place
    from tinct.batch import remote

    try:
        if folder:
            return replace(place, listing=remote.below(place, recursive=True))
        remote.state(place)
    except Unreadable as error:
        raise OutputUnwritable(error.message, where=error.where, remedy=error.remedy) from error
    return place


def bare(place: Place) -> Place:
    """The place alone, without what was known of it when the plan was made."""
    return place.bare if isinstance(place, Url) else place


def exists(place: Place) -> bool:
    """Whether anything is there, a broken link included."""
    if isinstance(place, Path):
        return os.path.lexists(place)
    return state_of(place) is not None


def is_folder(place: Place) -> bool:
    """Whether there is a folder; with a store, anything below that name."""
    if isinstance(place, Path):
        return place.is_dir()
    if place.key.endswith("/") or not place.key:
        return True
    from tinct.batch import remote

    return remote.is_folder(place)


def state_of(place: Place) -> State | None:
    """By what a change would be known; None where there is nothing, or it cannot be asked."""
    if isinstance(place, Path):
        try:
            status = place.stat()
        except (OSError, ValueError):
            return None
        return status.st_size, status.st_mtime_ns
    if place.state is not None:
        return place.state
    if place.listing is not None:
        return place.listing.get(place.key)
    from tinct.batch import remote

    return remote.state(place)


def identity(place: Place) -> tuple[int, int] | str | None:
    """What is behind a name: the same through every link to a file."""
    if isinstance(place, Url):
        return str(place)
    try:
        status = place.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def absolute(place: Place) -> str:
    """Its name, whatever the folder is that the program was started in; links are kept."""
    return os.path.abspath(place) if isinstance(place, Path) else str(place)  # noqa: PTH100


def content(place: Place) -> Path | bytes:
    """A picture as `tinct.image.load` takes it.

    Raises:
        Unreadable: an object cannot be fetched.
    """
    if isinstance(place, Path):
        return place
    from tinct.batch import remote

    return remote.read(place)


def sha256(place: Place) -> str:
    """Of the content, in hex.

    Raises:
        OSError: a file cannot be read.
        Unreadable: an object cannot be fetched.
    """
    from tinct.provenance import sha256_of

    return sha256_of(content(place))


def is_of(place: Place, source_sha256: str, model_sha256: str = "") -> bool:
    """Whether the label of a picture says that it was made of this input, by this model."""
    from tinct.errors import TinctError
    from tinct.image.tilesets import open_result

    try:
        known = open_result(content(place)).pages[0].metadata
    except (TinctError, OSError):
        return False
    packet = (known.xmp or b"") + (known.xmp_extension or b"")
    wanted = [f"source_sha256={source_sha256}", f"model_sha256={model_sha256}"]
    return all(text.encode() in packet for text in wanted)
