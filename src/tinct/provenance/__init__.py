"""What a coloured file says about itself: the label in its XMP and the sidecar beside it.

The label follows IPTC Photo Metadata 2025.1 and XMP media management; it is merged into what the
file already carried, and nothing of that is erased:

    Iptc4xmpExt:DigitalSourceType    compositeWithTrainedAlgorithmicMedia
    Iptc4xmpExt:AISystemUsed         Tinct / <model>
    Iptc4xmpExt:AISystemVersionUsed  <version> sha256:<first 12 digits of the weights' hash>
    xmpMM:DerivedFrom                the source: its IDs (its hash where it has none), its file name
    xmpMM:DocumentID, InstanceID     new;  xmpMM:OriginalDocumentID kept, or the source's
    xmpMM:History                    one more event, `derived`
    dc:description                   one sentence added
    xmp:ModifyDate, MetadataDate     now
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from tinct.errors import UsageError
from tinct.image.atomic import write_atomic
from tinct.jpeg.segments import extension_digest
from tinct.naming import TILES_MARK
from tinct.provenance import xmp as packets
from tinct.provenance.xmp import (
    IPTC_EXT,
    PHOTOSHOP,
    ST_EVT,
    ST_REF,
    XMP,
    XMP_MM,
    BrokenPacketError,
    name,
)
from tinct.version import __version__

XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
CREATIVE_COMMONS = "http://creativecommons.org/ns#"
SYSTEM = "Tinct"
SIDECAR_SCHEMA = 1

_NEWSCODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = f"{_NEWSCODES}compositeWithTrainedAlgorithmicMedia"
#: the terms that may stand on a coloured picture; the others would be untrue of it
SOURCE_TYPES: Mapping[str, str] = {
    "compositeWithTrainedAlgorithmicMedia": COMPOSITE,
    "algorithmicallyEnhanced": f"{_NEWSCODES}algorithmicallyEnhanced",
}

SENTENCE = "The colours were added by an algorithm and are not a record of the original."

_HAS_EXTENSION = name(packets.XMP_NOTE, "HasExtendedXMP")
#: what stays in the main packet, come what may
_LABEL = frozenset(
    {_HAS_EXTENSION}
    | {
        name(IPTC_EXT, term)
        for term in ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed")
    }
    | {
        name(XMP_MM, term)
        for term in ("DerivedFrom", "DocumentID", "InstanceID", "OriginalDocumentID")
    }
)
_IDS = uuid.UUID("6f8a3d5e-0c7b-5b0a-9a52-5d3a4c1f7e60")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One act of colouring: which file, by which weights, with which options, when."""

    model: str
    model_version: str
    sha256_model: str
    sha256_in: str
    file_name: str
    options: Mapping[str, str] = field(default_factory=dict)
    when: str = field(default_factory=lambda: timestamp())
    """ISO 8601 with offset."""


def timestamp() -> str:
    """Now in UTC, or the moment that SOURCE_DATE_EPOCH names; ISO 8601, to the second.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is not a number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return datetime.fromtimestamp(int(epoch), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{epoch!r} is not a number of seconds since 1970",
            where="SOURCE_DATE_EPOCH",
            remedy="unset it or give whole seconds",
        ) from error


def label(
    xmp: bytes | None,
    step: Step,
    *,
    extension: bytes | None = None,
    source_type: str = COMPOSITE,
    sentence: str | None = SENTENCE,
) -> bytes:
    """The packet to write into the coloured file: the source's properties and our label.

    A packet that cannot be read (see `problem`) is left out and the label stands alone.

    Args:
        xmp: the source's packet, as found in its file.
        step: what was done.
        extension: the source's extended XMP, which becomes part of the packet.
        source_type: one of SOURCE_TYPES, by name or by address.
        sentence: added to the description; None leaves the description as it is.

    Raises:
        UsageError: `source_type` is not one that may stand on a coloured picture.
    """
    address = SOURCE_TYPES.get(source_type, source_type)
    if address not in SOURCE_TYPES.values():
        raise UsageError(
            f"{source_type!r} is not a source type for a coloured picture",
            where="source_type",
            remedy=f"use one of {', '.join(SOURCE_TYPES)}",
        )
    packet = _parsed(xmp) or packets.empty()
    if more := _parsed(extension):
        packet = packets.merged(packet, more)
        packets.remove(packet, _HAS_EXTENSION)
    parameters = _parameters(packet, step)
    _set_system(packet, step, address)
    _set_identity(packet, step, parameters)
    packets.set_text(packet, name(XMP, "ModifyDate"), step.when)
    packets.set_text(packet, name(XMP, "MetadataDate"), step.when)
    packets.remove(packet, name(XMP, "Thumbnails"))  # shows the picture without its colours
    if packets.get_text(packet, name(PHOTOSHOP, "ColorMode")) is not None:
        packets.set_text(packet, name(PHOTOSHOP, "ColorMode"), "3")  # RGB, whatever it was
    if sentence:
        packets.append_sentence(packet, name(packets.DC, "description"), sentence)
    return packets.serialize(packet)


def split(packet: bytes, room: int) -> tuple[bytes, bytes]:
    """A labelled packet of at most `room` bytes, and what it has no room for, as extended XMP.

    The largest properties move; the label never does. b"" where the packet has room for all.
    """
    if len(packet) <= room:
        return packet, b""
    main, rest = packets.parse(packet), packets.empty()
    rest = packets.Packet(rest.rdf, main.prefixes)
    digest = "0" * 32
    packets.set_text(main, _HAS_EXTENSION, digest)
    while len(packets.serialize(main)) > room and packets.take_largest(main, rest, _LABEL):
        pass
    extension = packets.serialize(rest, wrapped=False)
    packets.set_text(main, _HAS_EXTENSION, extension_digest(extension))
    return packets.serialize(main), extension


def problem(xmp: bytes | None) -> str | None:
    """Why a packet cannot be merged and will be left out; None where it can."""
    if not xmp:
        return None
    try:
        packets.parse(xmp)
    except BrokenPacketError as error:
        return f"its XMP is damaged and was left out: {error}"
    return None


def is_ours(xmp: bytes | None) -> bool:
    """Whether a packet says that Tinct coloured the picture."""
    packet = _parsed(xmp)
    if packet is None:
        return False
    used = packets.get_text(packet, name(IPTC_EXT, "AISystemUsed"))
    if any(_is_our_name(system) for system in _listed(used)):
        return True
    return any(
        event.get(name(ST_EVT, "softwareAgent"), "").startswith(f"{SYSTEM} ")
        and event.get(name(ST_EVT, "action")) == "derived"
        for event in packets.get_structs(packet, name(XMP_MM, "History"))
    )


def rights_of(xmp: bytes | None) -> list[str]:
    """What a packet names as the terms of use, as addresses or texts."""
    packet = _parsed(xmp)
    terms = ((XMP_RIGHTS, "WebStatement"), (CREATIVE_COMMONS, "license"), (packets.DC, "rights"))
    found = [packets.get_text(packet, name(*term)) for term in terms] if packet else []
    return [text for text in found if text]


def sidecar_path(target: Path) -> Path:
    """Where the full record of a coloured file lies: beside it, `name.colorized.jpg.json`.

    The picture's suffix stays in the name, so that `a.jpg` and `a.png` have a record each.
    """
    return target.with_name(f"{target.name}.json")


def sidecar(
    step: Step,
    *,
    output: Path | str,
    sha256_out: str,
    measured: Mapping[str, object] = MappingProxyType({}),
    source_type: str = COMPOSITE,
    licence: str | None = None,
    warnings: Sequence[str] = (),
) -> dict[str, object]:
    """The full record of one act of colouring, ready for JSON.

    Args:
        step: what was done.
        output: the coloured file, of which the name alone is recorded.
        sha256_out: hash of the coloured file.
        measured: figures such as width, height, pages, seconds, max_delta_lightness.
        source_type: as given to `label`.
        licence: the model's licence.
        warnings: what did not go quite as asked.
    """
    return {
        "schema": SIDECAR_SCHEMA,
        "digital_source_type": SOURCE_TYPES.get(source_type, source_type),
        "statement": SENTENCE,
        "when": step.when,
        "input": {"name": step.file_name, "sha256": step.sha256_in},
        "output": {"name": Path(output).name, "sha256": sha256_out},
        "system": {"name": SYSTEM, "version": __version__},
        "model": {
            "name": step.model,
            "version": step.model_version,
            "sha256": step.sha256_model,
            "licence": licence,
        },
        "options": dict(step.options),
        "measured": dict(measured),
        "warnings": list(warnings),
        "environment": {"python": platform.python_version(), "system": platform.system()},
    }


def write_sidecar(target: Path, record: Mapping[str, object], *, overwrite: bool = False) -> Path:
    """Write a record beside the coloured file `target`, whole or not at all; give its path.

    Raises:
        OutputExists: there is one already and `overwrite` is False.
        OutputUnwritable: no rights, disk full.
    """
    path = sidecar_path(target)
    with write_atomic(path, overwrite=overwrite) as temporary:
        temporary.write_text(
            json.dumps(record, ensure_ascii=False, indent=2) + "\n",
            encoding="utf-8",
            errors="backslashreplace",  # file names need not be Unicode; \udcff is JSON too
        )
    return path


def sha256_of(source: Path | bytes) -> str:
    """SHA-256 of a file or of bytes, in hexadecimal.

    Of a folder of tiles: of the lines `SHA-256  PATH` of all files below, by name, its own
    record left out.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    if source.is_dir():
        below = {path.relative_to(source).as_posix(): path for path in source.rglob("*")}
        lines = [
            f"{sha256_of(path)}  {at}\n"
            for at, path in sorted(below.items())
            if path.is_file() and at != TILES_MARK
        ]
        return sha256_of("".join(lines).encode("utf-8", "surrogateescape"))
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _parsed(xmp: bytes | None) -> packets.Packet | None:
    if not xmp:
        return None
    try:
        return packets.parse(xmp)
    except BrokenPacketError:
        return None


def _parameters(packet: packets.Packet, step: Step) -> str:
    """What the history event records, `key=value` joined by `; `."""
    values = {
        "model": step.model,
        "model_sha256": step.sha256_model,
        "source": step.file_name,
        "source_sha256": step.sha256_in,
        **step.options,
    }
    before = packets.get_text(packet, name(IPTC_EXT, "DigitalSourceType"))
    if before and before not in SOURCE_TYPES.values():
        values["source_type"] = before  # how the original was captured, which our term replaces
    return "; ".join(f"{key}={_clean(str(value))}" for key, value in values.items())


def _set_system(packet: packets.Packet, step: Step, source_type: str) -> None:
    """Name us as the system used, after any other system that had its part before."""
    used = name(IPTC_EXT, "AISystemUsed")
    version = name(IPTC_EXT, "AISystemVersionUsed")
    systems = _listed(packets.get_text(packet, used))
    versions = _listed(packets.get_text(packet, version))
    versions += ["-"] * (len(systems) - len(versions))
    others = [pair for pair in zip(systems, versions, strict=False) if not _is_our_name(pair[0])]
    others.append((f"{SYSTEM} / {step.model}", f"{__version__} sha256:{step.sha256_model[:12]}"))
    packets.set_text(packet, name(IPTC_EXT, "DigitalSourceType"), source_type)
    packets.set_text(packet, used, _clean("; ".join(system for system, _ in others)))
    packets.set_text(packet, version, _clean("; ".join(number for _, number in others)))


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(";") if part.strip()]


def _is_our_name(system: str) -> bool:
    return system.startswith(f"{SYSTEM} / ")


def _set_identity(packet: packets.Packet, step: Step, parameters: str) -> None:
    document = packets.get_text(packet, name(XMP_MM, "DocumentID"))
    instance = packets.get_text(packet, name(XMP_MM, "InstanceID"))
    original = packets.get_text(packet, name(XMP_MM, "OriginalDocumentID"))
    by_hash = f"sha256:{step.sha256_in}"
    # derived from content, so that the same act of colouring gives the same file
    seed = f"{step.sha256_in} {parameters}"
    new_document = f"xmp.did:{uuid.uuid5(_IDS, seed)}"
    new_instance = f"xmp.iid:{uuid.uuid5(_IDS, f'{seed} {step.when}')}"

    source = {"documentID": document or by_hash, "instanceID": instance or by_hash}
    if original:
        source["originalDocumentID"] = original
    source["filePath"] = _clean(step.file_name)
    packets.set_struct(
        packet,
        name(XMP_MM, "DerivedFrom"),
        {name(ST_REF, key): value for key, value in source.items()},
    )
    packets.set_text(packet, name(XMP_MM, "DocumentID"), new_document)
    packets.set_text(packet, name(XMP_MM, "InstanceID"), new_instance)
    packets.set_text(packet, name(XMP_MM, "OriginalDocumentID"), original or document or by_hash)
    event = {
        "action": "derived",
        "when": step.when,
        "softwareAgent": f"{SYSTEM} {__version__}",
        "parameters": parameters,
        "changed": "/colour",
        "instanceID": new_instance,
    }
    packets.append_struct(
        packet, name(XMP_MM, "History"), {name(ST_EVT, key): value for key, value in event.items()}
    )


def _clean(text: str) -> str:
    """Text that XML can hold: file names may have control characters and lone surrogates."""
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\N{REPLACEMENT CHARACTER}", text
    )
