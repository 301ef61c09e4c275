"""What `tinct data get` may be given, and the pictures that each names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tinct.datasets.archives import is_archive, members
from tinct.datasets.lists import read_list, row_of_path
from tinct.datasets.records import ENLARGED, avatars, cifar
from tinct.datasets.sources import SOURCES, Source, find_source
from tinct.datasets.wanted import Settled, Wanted
from tinct.datasets.web import Web
from tinct.datasets.whole import check_online, check_whole, fetch_whole
from tinct.errors import InputError, UsageError
from tinct.naming import PICTURE_SUFFIXES

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".rar", ".7z")


@dataclass(frozen=True)
class Origin:
    """Where pictures are to come from."""

    name: str
    """What the manifest calls it."""
    source: Source | None = None
    """The entry of the registry, if it is one."""
    file: Path | None = None
    """A list, an archive or a folder on this computer."""
    url: str = ""
    """Of an archive or picture that the user named."""
    query: str = ""
    """What an interface is to search for."""
    enlarge: int = ENLARGED
    """Times that avatars are enlarged."""

    @property
    def online(self) -> bool:
        """Whether the net is needed."""
        if self.file is None:
            return True
        return self.file.is_file() and not is_archive(self.file) and self._kind != "sheet"

    @property
    def _kind(self) -> str:
        return self.source.kind if self.source else ""

    def pictures(
        self,
        web: Web | None,
        keep: Path,
        settled: Settled,
        say: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Wanted]:
        """All pictures, in the order of the origin.

        Args:
            web: needed where the origin is `online`.
            keep: folder for archives while they are read.
            settled: whether there is nothing left to do for a key.
            say: told what a user wants to know.

        Raises:
            InputError: it cannot be had, or holds none.
            UsageError: it is not used rightly, or something it needs is not installed.
            Failed: an interface does not answer.
        """
        if web is not None:
            check_online(self.name)
        if self._kind == "interface":
            assert self.source is not None
            assert web is not None
            module, _, function = self.source.listing.partition(":")
            ask = getattr(import_module(f"tinct.datasets.{module}"), function)
            yield from ask(web, self.source.url, self.query, settled)
            return
        if self.url and not self.url.lower().endswith(_ARCHIVES):
            yield Wanted(self.url, self.url)
            return
        file = self.file or self._fetched(web, keep, say)
        if self.source and self.source.sha256 and self.file:
            check_whole(self.source.url, file, self.source.sha256)
        yield from self._of_file(file)

    def _of_file(self, file: Path) -> Iterator[Wanted]:
        licence = self.source.licence if self.source else ""
        if self._kind == "sheet":
            yield from avatars(file, enlarge=self.enlarge, licence=licence)
        elif self._kind == "cifar":
            yield from cifar(file, licence=licence)
        elif file.is_dir():
            yield from self._of_folder(file, licence)
        elif is_archive(file):
            yield from self._of_archive(file, licence)
        else:
            yield from read_list(file, licence=licence)

    def _of_archive(self, file: Path, licence: str) -> Iterator[Wanted]:
        only, artists = (self.source.only, self.source.artists) if self.source else ("", False)
        empty = True
        for member in members(file, partial(_is_picture, only=only)):
            empty = False
            yield Wanted(
                f"{self.name}:{member.name}",
                row=row_of_path(member.name, artists=artists, licence=licence),
                read=member.read,
                refused=member.refused,
            )
        if empty:
            raise InputError("holds no pictures", where=str(file), remedy="is it the right file?")

    def _of_folder(self, folder: Path, licence: str) -> Iterator[Wanted]:
        only, artists = (self.source.only, self.source.artists) if self.source else ("", False)
        empty = True
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(place, name)
                within = path.relative_to(folder).as_posix()
                lost = path.is_symlink() and not path.exists()
                if _is_picture(within, only=only) and (lost or path.is_file()):
                    empty = False
                    row = row_of_path(within, artists=artists, licence=licence)
                    refused = "a link that leads nowhere" if lost else ""
                    key = f"{self.name}:{within}"
                    yield Wanted(key, row=row, read=path.read_bytes, refused=refused)
        if empty:
            raise InputError("holds no pictures", where=str(folder), remedy="check the name")

    def _fetched(self, web: Web | None, keep: Path, say: Callable[[str], None]) -> Path:
        assert web is not None
        url, sha256 = self.url, ""
        headers: dict[str, str] = {}
        if self.source:
            url, sha256 = self.source.url, self.source.sha256
            if "www.kaggle.com" in self.source.hosts:
                from tinct.datasets.keys import kaggle

                headers = kaggle()
        target = keep / (unquote(urlsplit(url).path).rpartition("/")[2] or "archive")
        return fetch_whole(web, url, target, sha256=sha256, headers=headers, say=say)


def find_origin(
    what: str, *, query: str = "", archive: Path | None = None, enlarge: int = ENLARGED
) -> Origin:
    """What the user means.

    Args:
        what: a source's name; a list, archive or folder; or an address.
        query: what an interface is to search for.
        archive: of a source, where the user has it already; or a folder it was unpacked to.
        enlarge: times that avatars are enlarged.

    Raises:
        UsageError: no such thing, or used otherwise than it can be.
        InputError: no such archive.
    """
    path = Path(what)
    if archive is not None and not archive.exists():
        raise InputError("no such file", where=str(archive), remedy="check the name")
    if what in SOURCES:
        source = SOURCES[what]
        _check_use(source, query, archive)
        return Origin(source.name, source, file=archive, query=query, enlarge=enlarge)
    if query or archive is not None:
        find_source(what)
    if urlsplit(what).scheme in {"http", "https"}:
        return Origin(urlsplit(what).netloc, url=what)
    if path.exists():
        return Origin(path.resolve().name, file=path)
    if os.sep in what or path.suffix:
        raise InputError("no such file", where=what, remedy="check the name")
    find_source(what)
    raise AssertionError  # it has just been found to be none


def _check_use(source: Source, query: str, archive: Path | None) -> None:
    if source.kind == "list":
        raise UsageError(
            "is the manner of a list, not a source", where=source.name, remedy="name your list"
        )
    if query and not source.words:
        raise UsageError("takes no words", where=source.name, remedy="leave --query out")
    if source.words == "must" and not query:
        raise UsageError(
            "has to be told what to look for", where=source.name, remedy="--query WORDS"
        )
    if archive is not None and source.kind == "interface":
        raise UsageError("comes as no archive", where=source.name, remedy="leave --archive out")


def _is_picture(name: str, *, only: str = "") -> bool:
    return name.startswith(only) and Path(name).suffix.lower() in PICTURE_SUFFIXES
