"""Models that a training made: ONNX files that say what they are, and the runs they belong to."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from tinct.errors import ModelError
from tinct.models import MODELS
from tinct.models.spec import ModelSpec
from tinct.models.wire import field

#: name of the exported model in the folder of a run
ONNX_NAME = "model.onnx"
#: what `tinct export` calls the form of its descriptions
FORM = "1"
#: files of which every run has one
_OF_A_RUN = ("recipe.toml", "history.jsonl", "last.pt", "best.safetensors")
_KNOWN = "give a model of `tinct models list`, a run, or a file that `tinct export` wrote"

# fields of ModelProto and StringStringEntryProto in onnx.proto
_METADATA, _KEY, _VALUE = 14, 1, 2


def file_of(name: str | Path) -> Path | None:
    """The ONNX file that a path leads to; None where `name` is no path but some name.

    Raises:
        ModelError: the path leads to something else, to a run without a model, or nowhere.
    """
    path = Path(name)
    if os.path.isdir(path):  # noqa: PTH112 - no name is too strange for it
        if (path / ONNX_NAME).is_file():
            return path / ONNX_NAME
        if any((path / part).exists() for part in _OF_A_RUN):
            raise ModelError(
                "this run is not exported yet", where=str(name), remedy=f"`tinct export {name}`"
            )
        raise ModelError("is no folder of a run", where=str(name), remedy=_KNOWN)
    if os.path.isfile(path):  # noqa: PTH113
        if path.suffix in (".safetensors", ".pt"):
            raise ModelError(
                "holds weights for training, not a model",
                where=str(name),
                remedy=f"`tinct export {path.parent}` makes one of them",
            )
        return path
    if path.suffix == ".onnx" or os.sep in str(name):
        raise ModelError("there is no such file or run", where=str(name), remedy=_KNOWN)
    return None


def spec_of(file: Path) -> ModelSpec:
    """What is known about the model in an ONNX file.

    Raises:
        ModelError: it cannot be read, or `tinct export` did not write it.
    """
    try:
        state = file.stat()
    except OSError as error:
        raise _unreadable(file, error) from error
    return _spec_of(file.absolute(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _spec_of(file: Path, _changed: int, _size: int) -> ModelSpec:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(file, error) from error
    for spec in MODELS.values():
        if spec.sha256 == digest:
            return replace(spec, file=str(file))
    said = properties(file)
    if said.get("tinct") != FORM:
        raise ModelError(
            "is a network, but does not say how Tinct is to use it"
            if "tinct" not in said
            else "was written by another version of Tinct",
            where=str(file),
            remedy=_KNOWN if "tinct" not in said else "export it again, or upgrade Tinct",
        )
    try:
        return _described(said, file, digest)
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"what it says of itself is wrong: {error}", where=str(file), remedy="export it again"
        ) from error


def _described(said: Mapping[str, str], file: Path, digest: str) -> ModelSpec:
    """What the properties of an exported file say; KeyError and ValueError where they do not."""
    if not re.fullmatch(r"[\w.+-]+", said["name"]) or not said["name"].strip("."):
        raise ValueError(f"'{said['name']}' is no name")  # it becomes part of files' names
    if said["outputs"] not in ("ab", "distribution"):
        raise ValueError(f"outputs are '{said['outputs']}'")
    return ModelSpec(
        name=said["name"],
        file=str(file),
        sha256=digest,
        licence=said["licence"],
        parameters=_whole(said["parameters"]),
        trained_on=said["trained_on"],
        pictures_seen=_count(said.get("pictures_seen", "0")),
        working_size=_whole(said["working_size"]),
        largest_side=_whole(said["largest_side"]),
        multiple=_whole(said["multiple"]),
        reduction=_whole(said["reduction"]),
        outputs="ab" if said["outputs"] == "ab" else "distribution",
        temperature=_positive(said["temperature"]),
        vividness=_calibrated(said.get("vividness", "")),
        gain=_positive(said["gain"]),
        hints=said.get("hints") == "true",
        grid=_count(said.get("grid", "14")) if said["outputs"] == "distribution" else 0,
        card="",
        features=tuple(said.get("features", "").split()),
    )


def _calibrated(text: str) -> tuple[tuple[float, float, float], ...]:
    """`0.5:1.2:0.9 1:0.7:1.1` as triples of positive numbers, ascending; thirds may be left out."""
    rows = []
    for word in text.split():
        vividness, temperature, *factor = map(_positive, word.split(":"))
        rows.append((vividness, temperature, *(factor or (1.0,))))
    heads = [row[0] for row in rows]
    if sorted(set(heads)) != heads or {len(row) for row in rows} - {3}:
        raise ValueError(f"vividness is '{text}'")
    return tuple((row[0], row[1], row[2]) for row in rows)


def _whole(text: str) -> int:
    if not int(text):
        raise ValueError(f"{text} is not possible")
    return _count(text)


def _count(text: str) -> int:
    if not 0 <= int(text) < 2**40:
        raise ValueError(f"{text} is not possible")
    return int(text)


def _positive(text: str) -> float:
    if not (math.isfinite(float(text)) and float(text) > 0):
        raise ValueError(f"{text} is not possible")
    return float(text)


def properties(file: Path) -> dict[str, str]:
    """What an ONNX file says of itself, read without the network: `metadata_props` by key.

    The few fields of the outermost message are stepped over, so that a large network costs no
    more than a small one, and nothing need be installed.

    Raises:
        ModelError: it cannot be read, or is no ONNX file.
    """
    found: dict[str, str] = {}
    try:
        with file.open("rb") as stream:
            end = file.stat().st_size
            while stream.tell() < end:
                number, length = field(stream, end)
                if number == _METADATA:
                    stop = stream.tell() + length
                    texts = {}
                    while stream.tell() < stop:
                        part, size = field(stream, stop)
                        texts[part] = stream.read(size).decode()
                    found[texts[_KEY]] = texts.get(_VALUE, "")
                else:
                    stream.seek(length, os.SEEK_CUR)
    except OSError as error:
        raise _unreadable(file, error) from error
    except (ValueError, KeyError) as error:
        raise ModelError("is no ONNX file", where=str(file), remedy=_KNOWN) from error
    return found


def _unreadable(file: Path, error: OSError) -> ModelError:
    return ModelError(f"cannot be read: {error.strerror}", where=str(file), remedy=_KNOWN)
