"""From URLs that the user typed to a list of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath, PurePosixPath
from urllib.parse import unquote

from tinct.batch import remote
from tinct.batch.inputs import Source
from tinct.batch.places import UNKNOWN, Place, State, Url, place
from tinct.errors import InputError, TinctError, Unreadable
from tinct.naming import PICTURE_SUFFIXES

_SIGNS = "*?["


def expand_urls(
    texts: Iterable[str], *, recursive: bool, exclude: Place | None, mirrored: bool
) -> dict[str, list[Source]]:
    """The pictures that each URL stands for; the servers are asked about many at once.

    A URL is that of a picture; of a folder, where it ends in a slash or a store has objects below
    it; or a pattern, where nothing has exactly that name. Web servers list what they have where
    their page of a folder links to it.

    Args:
        texts: URLs of s3, http and https.
        recursive: whether folders are searched with all below them.
        exclude: a folder not searched: where the results go.
        mirrored: whether a single picture keeps its folders.

    Raises:
        UsageError: a URL that is not read, or what URLs need is not installed.
    """
    urls: dict[str, Url] = {}
    for text in texts:
        at = place(text)
        assert isinstance(at, Url)
        urls[text] = at
    found: dict[str, list[Source]] = {}
    singles = {}
    for text, at in urls.items():
        if not at.key or at.key.endswith("/"):
            found[text] = _folder(at, recursive, exclude)
        elif at.is_web and any(sign in at.key for sign in _SIGNS):
            found[text] = _pattern(at)
        else:
            singles[text] = at
    for (text, at), known in zip(
        singles.items(), remote.known(list(singles.values())), strict=True
    ):
        found[text] = _single(at, known, recursive, exclude, mirrored=mirrored)
    return found


def _single(
    at: Url,
    known: Url | InputError,
    recursive: bool,
    exclude: Place | None,
    *,
    mirrored: bool,
) -> list[Source]:
    if isinstance(known, Url):
        relative = _below(known.key, "", web=known.is_web)
        if mirrored and relative is not None:
            return [Source(known, relative, named=True)]
        return [Source(known, PurePath(known.name), named=True)]
    if at.is_web or not isinstance(known.__cause__, FileNotFoundError | None):
        return [_failed(at, known)]
    if any(sign in at.key for sign in _SIGNS):
        return _pattern(at)
    try:
        is_folder = remote.is_folder(at)
    except Unreadable as error:
        return [_failed(at, error)]
    return _folder(at, recursive, exclude) if is_folder else [_failed(at, known)]


def _folder(at: Url, recursive: bool, exclude: Place | None) -> list[Source]:
    try:
        states = remote.below(at, recursive=recursive)
    except Unreadable as error:
        return [_failed(at, error)]
    start = at.key if not at.key or at.key.endswith("/") else f"{at.key}/"
    kept = {}
    for key, state in states.items():
        name = PurePosixPath(unquote(key[len(start) :]) if at.is_web else key[len(start) :])
        hidden = any(part.startswith(".") and part not in (".", "..") for part in name.parts)
        if name.suffix.lower() in PICTURE_SUFFIXES and not hidden and not _is_in(at, key, exclude):
            kept[key] = state
    sources = []
    for known in _asked(replace(at, listing=states), kept):
        if not isinstance(known, Url):
            sources.append(_failed(at, known))
            continue
        relative = _below(known.key, start, web=at.is_web)
        if relative is None:
            problem = InputError(
                "its name is no path", where=str(known), remedy="give it another name"
            )
            sources.append(replace(_failed(known, problem), named=False))
        else:
            sources.append(Source(known, relative, named=False))
    if sources:
        return sources
    remedy = "name the objects" if recursive else "name the objects, or add --recursive"
    return [_failed(at, InputError("holds no pictures", where=str(at), remedy=remedy))]


def _pattern(at: Url) -> list[Source]:
    try:
        states = remote.matching(at)
    except Unreadable as error:
        return [_failed(at, error)]
    if not states:
        problem = Unreadable("matches no object", where=str(at), remedy="check the pattern")
        return [_failed(at, problem)]
    return [
        Source(known, PurePath(known.name), named=True)
        if isinstance(known, Url)
        else _failed(at, known)
        for known in _asked(at, states)
    ]


def _asked(at: Url, states: Mapping[str, State]) -> list[Url | InputError]:
    """The objects in order; a server whose lists say nothing of them is asked about each."""
    urls = [replace(at, key=key, query="", state=states[key]) for key in sorted(states)]
    if not any(url.state == UNKNOWN for url in urls):
        return list(urls)
    return remote.known([replace(url, state=None) for url in urls])


def _below(key: str, start: str, *, web: bool) -> PurePath | None:
    """The place below a folder; None where the name would lead out of it, or is no path."""
    parts = key[len(start) :].split("/")
    if web:
        parts = [unquote(part) for part in parts]
    if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
        return None
    return PurePath(*parts)


def _is_in(at: Url, key: str, folder: Place | None) -> bool:
    if not isinstance(folder, Url) or folder.root != at.root:
        return False
    start = folder.key.rstrip("/") + "/"
    return start != "/" and key.startswith(start)


def _failed(at: Url, problem: TinctError) -> Source:
    return Source(at, PurePath(at.name or "folder"), named=True, problem=problem)
