"""Lists of pictures' addresses: plain, in ImageNet's manner, or tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tinct.datasets.manifest import Row
from tinct.datasets.wanted import Wanted
from tinct.errors import InputError

#: names of columns, in lower case, that hold a picture's address
ADDRESSES = ("url", "image url", "image_url", "imageurl", "link", "originalurl")
#: what columns of tables are called elsewhere
MEANINGS = {
    "artist": ("artist", "author", "creator", "photographer"),
    "title": ("title", "name"),
    "year": ("year", "date"),
    "licence": ("licence", "license"),
    "category": ("category", "class", "label", "labels"),
    "split": ("split", "subset"),
}
SPLITS = {
    **dict.fromkeys(("train", "training", "training_set", "trainval"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "validation_set"), "validation"),
    **dict.fromkeys(("test", "testing", "test_set"), "test"),
}
_WEB = re.compile(r"https?://\S", re.IGNORECASE)
_SYNSET = re.compile(r"(n\d{8})_\w+")


def read_list(path: Path, *, licence: str = "") -> Iterator[Wanted]:
    """The pictures that a file lists.

    Either a line each with an address, which an id may precede (`n01440764_10026 http://...`, as
    ImageNet has them), blank lines and those that begin with # passed over; or a table, separated
    by tabs or commas, with one of the columns of `ADDRESSES`, and perhaps of `MEANINGS`.

    Args:
        path: the file, in UTF-8.
        licence: of all, where the table has no such column.

    Raises:
        InputError: no such file, or no address in it.
    """
    empty, about = True, Row(licence=licence)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            first = next((line for line in file if line.strip() and line[:1] != "#"), "")
            file.seek(0)
            rows = _plain(file) if _WEB.search(first) else _table(file, first)
            for url, known in rows:
                empty = False
                yield Wanted(url, url, replace(about, **known))  # type: ignore[arg-type]
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="check the name"
        ) from error
    except csv.Error as error:
        raise InputError(
            f"not a table: {error}", where=str(path), remedy="save as UTF-8"
        ) from error
    if empty:
        raise InputError(
            "lists no addresses",
            where=str(path),
            remedy="write one on each line, or a table with a column url",
        )


def _plain(lines: Iterator[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, _, rest = text.partition("\t") if "\t" in text else text.partition(" ")
        if _WEB.match(name) or not _WEB.match(rest.strip()):
            yield text.split()[0] if _WEB.match(name) else text, {}
            continue
        synset = _SYNSET.fullmatch(name)
        yield rest.strip(), {"category": synset[1]} if synset else {"title": name}


def _table(lines: Iterator[str], head: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    rows = csv.DictReader(lines, delimiter="\t" if "\t" in head else ",", restval="")
    names = {name.strip().lower(): name for name in rows.fieldnames or () if name}
    address = next((names[name] for name in ADDRESSES if name in names), None)
    if address is None:
        return
    columns = {
        meaning: next((names[name] for name in called if name in names), None)
        for meaning, called in MEANINGS.items()
    }
    for row in rows:
        url = _bare(row[address])
        if url:
            known = {meaning: _bare(row[name]) for meaning, name in columns.items() if name}
            known = {meaning: text for meaning, text in known.items() if text}
            if "split" in known:
                known["split"] = SPLITS.get(known["split"].lower(), "")
            yield url, known


def _bare(text: str | None) -> str:
    """Without the quotes that some tables have within their quotes."""
    return (text or "").strip().strip("'\"").strip()


def row_of_path(name: str, *, artists: bool, licence: str = "") -> Row:
    """What the path of a picture says of it.

    Args:
        name: with `/` between folders.
        artists: the folder is called after who painted it, not after what is seen.
        licence: under which it may be used.
    """
    folders = name.split("/")[:-1]
    split = next((SPLITS[part.lower()] for part in folders if part.lower() in SPLITS), "")
    kind = next((part for part in reversed(folders) if part.lower() not in SPLITS), "")
    kind = kind.replace("_", " ").strip()
    title = name.rpartition("/")[2].rpartition(".")[0]
    artist, category = (kind, "") if artists else ("", kind)
    return Row(
        licence=licence,
        artist=artist,
        category=category,
        title=title,
        split=split,
    )
