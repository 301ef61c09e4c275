"""From what the user typed to a list of pictures, and from a template to the results' names."""

from __future__ import annotations

import os
import stat
import string
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from tinct.batch.places import Place, Url, absolute, is_url, place, sha256
from tinct.errors import InputError, TinctError, Unreadable, UsageError
from tinct.naming import DEFAULT_NAME, PICTURE_SUFFIXES, TILES_MARK, written_format

NAME_FIELDS = ("stem", "ext", "parent", "relative", "model", "variant", "sha256")


@dataclass(frozen=True)
class Source:
    """One input picture, or one input that is none (then `problem` says why)."""

    path: Place
    relative: PurePath
    """Its place below the folder that results go to, its own name included."""
    named: bool
    """Whether the user named it, rather than a folder that holds it."""
    problem: TinctError | None = None


def expand(
    arguments: Iterable[str],
    *,
    files_from: str | None = None,
    recursive: bool = False,
    exclude: Place | None = None,
) -> list[Source]:
    """All pictures that arguments stand for, in a stable order, each once.

    Args:
        arguments: files, folders, URLs, and patterns such as `scans/*.tif` where the shell left
            them.
        files_from: a file with a path or URL on each line, or separated by NUL; `-` is standard
            input.
        recursive: whether folders are searched with their sub-folders.
        exclude: a folder not searched: where the results go.

    Raises:
        UsageError: there is no argument at all, or the list cannot be read.
    """
    arguments = list(arguments)
    found: list[Source] = []
    remote = _of_urls(arguments, recursive=recursive, exclude=exclude)
    for argument in arguments:
        if argument in remote:
            found += remote[argument]
        else:
            found += _one(argument, recursive=recursive, exclude=exclude)
    if len(arguments) == 2 and exclude is None:
        _hint_at_output(found[-1])
    lines = _listed(files_from) if files_from is not None else []
    remote = _of_urls(lines, recursive=recursive, exclude=exclude, mirrored=True)
    for line in lines:
        if line in remote:
            found += remote[line]
            continue
        path = _local(line)
        keeps_folders = not path.is_absolute() and ".." not in path.parts
        found += _path(
            path,
            relative=path if keeps_folders else PurePath(path.name),
            recursive=recursive,
            exclude=exclude,
        )
    if not found:
        raise UsageError(
            "no input", where="INPUT", remedy="name a picture or a folder, or give --files-from"
        )
    unique: dict[str, Source] = {}
    for source in found:
        unique.setdefault(absolute(source.path), source)
    return list(unique.values())


def _of_urls(
    texts: Iterable[str], *, recursive: bool, exclude: Place | None, mirrored: bool = False
) -> dict[str, list[Source]]:
    """The pictures of those that are URLs of servers."""
    urls = [text for text in texts if is_url(text) and isinstance(place(text), Url)]
    if not urls:
        return {}
    from tinct.batch.listing import expand_urls

    return expand_urls(urls, recursive=recursive, exclude=exclude, mirrored=mirrored)


def _local(text: str) -> Path:
    path = place(text)
    assert isinstance(path, Path)
    return path


def _hint_at_output(last: Source) -> None:
    """Many commands take `input output`; say it where the second of two names looks like that."""
    if isinstance(last.path, Url):
        return
    missing = isinstance(last.problem, Unreadable) and not os.path.lexists(last.path)
    if missing and last.problem and written_format(last.path.suffix):
        last.problem.remedy = f"is it where the result should go? then write -o {last.path}"


def _one(argument: str, *, recursive: bool, exclude: Place | None) -> list[Source]:
    path = _local(argument)
    if not argument:  # mostly a variable of the shell that is not set
        return [_failed(path, Unreadable("an empty name", where="INPUT", remedy="name a picture"))]
    if not os.path.lexists(path) and any(sign in argument for sign in "*?["):
        import glob

        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - as typed
        if not matches:
            return [
                _failed(
                    path, Unreadable("matches no file", where=argument, remedy="check the pattern")
                )
            ]
        sources = []
        for match in matches:
            if recursive or not os.path.isdir(match):  # noqa: PTH112
                sources += _path(Path(match), recursive=recursive, exclude=exclude)
        return sources
    return _path(path, recursive=recursive, exclude=exclude)


def _path(
    path: Path, *, recursive: bool, exclude: Place | None, relative: PurePath | None = None
) -> list[Source]:
    try:
        is_folder = path.is_dir()
        path.stat()
    except (OSError, ValueError) as error:
        return [_failed(path, unreadable(path, error))]
    if not is_folder:
        return [Source(path, relative or PurePath(path.name), named=True)]
    below = relative or PurePath()
    sources = list(walk(path, below, recursive=recursive, exclude=exclude))
    if not sources:
        remedy = "name the files" if recursive else "name the files, or add --recursive"
        empty = InputError("holds no pictures", where=str(path), remedy=remedy)
        return [_failed(path, empty)]
    return sources


def walk(
    folder: Path, below: PurePath, *, recursive: bool, exclude: Place | None
) -> Iterator[Source]:
    """Pictures of a folder; hidden files and linked folders are passed over.

    Args:
        folder: where.
        below: its place below the folder that was named.
        recursive: whether its sub-folders are searched.
        exclude: a sub-folder that is not.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _failed(folder, unreadable(folder, error))
        return
    folders = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            if not (path / TILES_MARK).is_file():  # parts of a result
                folders.append(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES and not _is_special(entry):
            yield Source(path, below / entry.name, named=False)
    for path in folders if recursive else ():
        if not isinstance(exclude, Path) or not _same(path, exclude):
            yield from walk(path, below / path.name, recursive=True, exclude=exclude)


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether it is a linked folder, a pipe or a device; a broken link is for the user to know."""
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False


def _listed(files_from: str) -> list[str]:
    try:
        data = sys.stdin.buffer.read() if files_from == "-" else Path(files_from).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}",
            where=f"--files-from {files_from}",
            remedy="check the name",
        ) from error
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(part) for part in parts if part.strip()]


def _failed(path: Path, problem: TinctError) -> Source:
    return Source(path, PurePath(path.name), named=True, problem=problem)


def unreadable(path: Place, error: Exception) -> Unreadable:
    """What an error of the operating system means for an input."""
    if isinstance(error, FileNotFoundError):
        return Unreadable("no such file", where=str(path), remedy="check the path")
    if isinstance(error, PermissionError):
        return Unreadable("no rights to read it", where=str(path), remedy="check its permissions")
    reason = getattr(error, "strerror", None) or str(error)
    return Unreadable(
        f"cannot be read: {reason}", where=str(path), remedy="check the name and the disk"
    )


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def check_template(template: str) -> None:
    """Check a name template before any work starts.

    Raises:
        UsageError: unknown fields, bad braces, or a name that leads out of the output folder.
    """
    sample = dict.fromkeys(NAME_FIELDS, "x")
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template)]
        filled = template.format_map(sample)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise _bad_template(template) from error
    if not all(field is None or field in NAME_FIELDS for field in fields):
        raise _bad_template(template)
    path = PurePath(filled)
    if not path.name or filled.endswith("/") or path.is_absolute() or ".." in path.parts:
        raise UsageError(
            f"{template!r} is not a name inside the output folder",
            where="--name",
            remedy=f"for example {DEFAULT_NAME!r}",
        )


def _bad_template(template: str) -> UsageError:
    fields = " ".join(f"{{{field}}}" for field in NAME_FIELDS)
    return UsageError(
        f"{template!r} cannot be filled in", where="--name", remedy=f"the fields are {fields}"
    )


def fill_template(
    template: str, source: Source, *, suffix: str, model: str, variant: int = 0
) -> PurePath:
    """The result's name, with the folders that the template asks for.

    Args:
        template: checked by `check_template`.
        source: the input.
        suffix: of the result, with its dot.
        model: the model's name.
        variant: which of several results of this input it is.

    Raises:
        Unreadable: `{sha256}` is asked for and the input cannot be read.
        UsageError: with this input's name the result would leave the output folder.
    """
    values = {
        "stem": source.path.stem,
        "ext": suffix,
        "parent": _folder_name(source.path),
        "relative": str(source.relative.parent),
        "model": model,
        "variant": str(variant),
        "sha256": _digest(source.path) if "{sha256" in template else "",
    }
    filled = PurePath(template.format_map(values))
    if filled.is_absolute() or ".." in filled.parts:
        raise UsageError(
            f"{str(filled)!r} leaves the output folder",
            where=str(source.path),
            remedy="leave {relative} or {parent} out of --name",
        )
    return filled


def _folder_name(at: Place) -> str:
    if isinstance(at, Path):
        return Path(absolute(at)).parent.name
    return at.parent.name


def _digest(at: Place) -> str:
    try:
        return sha256(at)
    except OSError as error:
        raise unreadable(at, error) from error
