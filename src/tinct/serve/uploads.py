"""From the body of a request to a file in a private folder and the options that came with it."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tinct.errors import UsageError
from tinct.serve.choices import choices, from_words
from tinct.serve.problems import Malformed, MediaType
from tinct.serve.store import Folder
from tinct.serve.tasks import File

_NAMELESS = "picture"
_LONGEST_NAME = 150
_MOST_FIELDS = 64
#: options that can be files
_BESIDE = ("hints", "reference")
_MOST_IN_FIELD = 256 * 1024
#: kinds of body that are taken for the picture itself; curl says the last of them unless told
_RAW = re.compile(r"image/[\w.+-]+|application/octet-stream|application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Upload:
    """A picture that has arrived."""

    folder: Folder
    name: str
    """What its sender calls it, fit to be shown."""
    chosen: dict[str, Any]
    """The options that were given."""
    rest: dict[str, str]
    """Other fields that were given."""


async def receive(request: Request, folder: Folder, *, others: Iterable[str] = ()) -> Upload:
    """Put the picture of a request into `folder`.

    A form has the picture as a file, whatever the field is called, unless that is the name of an
    option that is a file; options are its other fields. Any other body is the picture itself.
    Options may also stand in the query.

    Args:
        request: its body is read to the end.
        folder: empty.
        others: fields that are known beside the options.

    Raises:
        UsageError: a field is unknown, given twice or makes no sense, or there is no picture.
        MediaType: a body that is neither a form nor a picture.
        Malformed: a form that does not hold together.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    words = list(request.query_params.multi_items())
    files: dict[str, Any] = {}
    if kind == "multipart/form-data":
        name, more, files = await _form(request, folder)
        words += more
    elif not kind or _RAW.fullmatch(kind):
        from_words(words, others=others)  # said before the picture is sent in vain
        name = _sent_name(request.headers.get("content-disposition", ""))
        await _raw(request, folder)
    else:
        raise MediaType(
            f"a body of {kind[:80]}",
            remedy="send multipart/form-data, an image type or application/octet-stream",
        )
    chosen, rest = from_words(words, others=others)
    if not folder.given.exists() or not folder.given.stat().st_size:
        what = "the file is empty" if folder.given.exists() else "there is no picture in it"
        raise UsageError(what, where="picture", remedy="send a picture's bytes")
    if twice := next((field for field in files if field in chosen), None):
        raise UsageError("given twice", where=twice, remedy="give it once")
    return Upload(folder, name, {**chosen, **files}, rest)


async def _raw(request: Request, folder: Folder) -> None:
    with folder.given.open("xb") as file:
        async for chunk in request.stream():
            file.write(chunk)


async def _form(
    request: Request, folder: Folder
) -> tuple[str, list[tuple[str, str]], dict[str, Any]]:
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=1 + len(_BESIDE),
        max_fields=_MOST_FIELDS,
        max_part_size=_MOST_IN_FIELD,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise _malformed(str(error)) from error
    name = None
    words: list[tuple[str, str]] = []
    files: dict[str, Any] = {}
    try:
        for field, value in form.multi_items():
            if not isinstance(value, UploadFile):
                words.append((field, value))
            elif field in _BESIDE:
                if field in files:
                    raise UsageError("given twice", where=field, remedy="give it once")
                files[field] = await asyncio.to_thread(_beside, value, field, folder)
            elif name is not None:
                raise UsageError("more than one picture", where=field, remedy="send one a request")
            else:
                name = clean_name(value.filename or "")
                await asyncio.to_thread(_copy, value, folder.given)
    finally:
        await form.close()
    return name or _NAMELESS, words, files


def _copy(upload: UploadFile, place: Path) -> None:
    upload.file.seek(0)
    with place.open("xb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)


def _beside(upload: UploadFile, field: str, folder: Folder) -> Any:
    """A file that steers: kept for a worker, or, if it is JSON, read."""
    place = folder.beside(field)
    _copy(upload, place)
    with place.open("rb") as file:
        start = file.read(_MOST_IN_FIELD)
    if field == "hints" and not start.startswith(b"\x89PNG"):
        if len(start) == _MOST_IN_FIELD:
            raise UsageError("too many hints", where=field, remedy="send fewer")
        return choices()[field].read(start.decode("utf-8", "replace"))
    return File(place, clean_name(upload.filename or ""))


def _malformed(why: str) -> Malformed:
    shown = "".join(letter for letter in why if letter.isprintable())[:200]
    return Malformed(
        f"the form does not hold together: {shown or 'it is no form'}",
        remedy="send one file part and options as plain parts",
    )


def _sent_name(disposition: str) -> str:
    """The file's name in a Content-Disposition header (RFC 6266), if there is one."""
    message = Message()
    message["content-disposition"] = disposition.encode("ascii", "ignore").decode()
    name = message.get_filename("")
    return clean_name(unquote(name) if name else "")


def clean_name(name: str) -> str:
    """A file's name without folders, control characters and what else does not belong in one."""
    plain = re.split(r"[/\\]", name)[-1]
    plain = "".join(letter for letter in plain if letter.isprintable()).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    if dot and len(suffix) <= 10:
        return (stem[: _LONGEST_NAME - 11] + dot + suffix) if stem else _NAMELESS
    return plain[:_LONGEST_NAME] or _NAMELESS
