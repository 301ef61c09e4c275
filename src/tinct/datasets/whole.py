"""Whole files of sources, such as archives and tables: fetched once, and the same ever after.

Where a checksum was found published, the registry states it. Where none was, that of the first file
is noted in `checksums.json` in the cache, with the day, and later ones must equal it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tinct.datasets.answers import Failed
from tinct.datasets.web import Web
from tinct.download import cache_folder, is_offline
from tinct.errors import InputError, UsageError
from tinct.image.atomic import output_errors, write_atomic

NOTED = "checksums.json"
#: bytes; the largest archive of the registry has some 2 GB
_LARGEST = 64 << 30
_PAGE = {"text/html", "application/xhtml+xml"}


def fetch_whole(
    web: Web,
    url: str,
    target: Path,
    *,
    sha256: str = "",
    headers: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """A file of a source, unless it is there already.

    Args:
        web: fetches.
        url: where it is.
        target: where it goes; a part of it lies beside it meanwhile.
        sha256: of the file, where it is known.
        headers: that hold the user's key.
        say: told what a user wants to know.

    Raises:
        InputError: it cannot be had, or is not what it was.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    if target.is_file() and _agrees(url, target, sha256):
        return target
    check_online(url)
    part = target.with_name(target.name + ".part")
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        say(f"fetching {url}")
        try:
            web.fetch(url, part, largest=_LARGEST, headers=headers, check=_no_page, robots=False)
        except Failed as error:
            wants = not headers and re.search(r"answers 40[13]\b", str(error))
            key = "; it may want your own key" if wants else ""
            raise InputError(
                f"cannot be fetched: {error}",
                where=url,
                remedy=f"try again later; what came is kept{key}",
            ) from error
        check_whole(url, part, sha256, say=say)
        part.replace(target)
    return target


def check_whole(
    url: str, file: Path, sha256: str = "", *, say: Callable[[str], None] = lambda _: None
) -> None:
    """See that a file is what its source publishes, or what it was the first time.

    Raises:
        InputError: it is not. A file that was fetched is removed then.
    """
    found = _hash(file)
    known = sha256 or _noted().get(url, {}).get("sha256", "")
    if not known:
        _note(url, found)
        say(f"sha256 {found}: none is published, so this one counts from now on")
        return
    if found == known:
        return
    if file.suffix == ".part":
        file.unlink()
    told = "published" if sha256 else "of the first one"
    where = "" if sha256 else f"; if it is a newer edition, forget its line in {_notes()}"
    raise InputError(
        f"is not the file expected (sha256 {found[:16]}, {told}: {known[:16]})",
        where=str(file) if file.suffix != ".part" else url,
        remedy=f"get it again{where}",
    )


def check_online(where: str) -> None:
    """Raise where the user forbids fetching."""
    if is_offline():
        raise UsageError(
            "may not be fetched", where=where, remedy="TINCT_OFFLINE or HF_HUB_OFFLINE forbids it"
        )


def _no_page(kind: str) -> None:
    if kind in _PAGE:
        raise Failed("the server sent a web page instead of the file")


def _agrees(url: str, file: Path, sha256: str) -> bool:
    known = sha256 or _noted().get(url, {}).get("sha256", "")
    return bool(known) and _hash(file) == known


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _notes() -> Path:
    return cache_folder() / NOTED


def _noted() -> dict[str, dict[str, str]]:
    try:
        known: dict[str, dict[str, str]] = json.loads(_notes().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known


def _note(url: str, sha256: str) -> None:
    notes = _notes()
    today = datetime.now(UTC).date().isoformat()
    known = _noted() | {url: {"sha256": sha256, "first": today}}
    with output_errors(notes):
        notes.parent.mkdir(parents=True, exist_ok=True)
    with write_atomic(notes, overwrite=True) as temporary:
        temporary.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
