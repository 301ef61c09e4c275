"""What a coloured film says about itself, in the words that pictures use.

Containers have tags: the comment gets a sentence and the terms of IPTC that XMP has in pictures.
MP4 and MOV get that XMP too, in a box of its own at their end (XMP part 3, 1.2.7).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tinct import provenance
from tinct.errors import AlreadyTinct, Signed
from tinct.provenance import COMPOSITE, SENTENCE, SYSTEM, Step
from tinct.version import __version__
from tinct.video.options import VideoOptions
from tinct.video.source import Film

XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
#: containers made of boxes
BOXED = frozenset(("mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v"))
_LARGEST_XMP = 1 << 26
#: tags that tell of the container that was, and would be untrue of the new one
_OLD = frozenset(
    ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "filesize")
)


def check(film: Film, options: VideoOptions) -> None:
    """Refuse what is not to be coloured.

    Raises:
        Signed: it carries content credentials, which are not to be dropped.
        AlreadyTinct: Tinct made it, and it is not to be recoloured.
    """
    boxes = dict(private_boxes(film.path))
    if C2PA_BOX in boxes and not options.drop_credentials:
        raise Signed(
            "it carries signed content credentials (C2PA), which hold for the file as it is",
            where=str(film.path),
            remedy="colour an unsigned copy, or add --drop-credentials",
        )
    ours = provenance.is_ours(boxes.get(XMP_BOX)) or is_ours(film.metadata)
    if ours and options.if_color != "recolor":
        raise AlreadyTinct(
            "Tinct coloured this film before",
            where=str(film.path),
            remedy="colour the original instead, or add --if-color recolor",
        )


def is_ours(metadata: Mapping[str, str]) -> bool:
    """Whether the tags of a container say that Tinct coloured it."""
    return any(
        SENTENCE in text and f"{SYSTEM} / " in text
        for key, text in metadata.items()
        if key.lower() in ("comment", "description")
    )


def tags(metadata: Mapping[str, str], step: Step) -> dict[str, str]:
    """The tags of the result: those of the source, and the label."""
    kept = {key: text for key, text in metadata.items() if key.lower() not in _OLD}
    said = [
        f"AISystemUsed: {SYSTEM} / {step.model}",
        f"AISystemVersionUsed: {__version__} sha256:{step.sha256_model[:12]}",
        f"DigitalSourceType: {COMPOSITE}",
        f"derived from sha256:{step.sha256_in}",
    ]
    key = next((key for key in kept if key.lower() == "comment"), "comment")
    before = [line for line in kept.get(key, "").splitlines() if SENTENCE not in line]
    kept[key] = "\n".join([*before, f"{SENTENCE} {'; '.join(said)}"])
    kept["DIGITAL_SOURCE_TYPE"] = COMPOSITE
    kept["AI_SYSTEM_USED"] = f"{SYSTEM} / {step.model}"
    return kept


def add_xmp(path: Path, film: Film, step: Step) -> None:
    """Put the labelled XMP at the end of an MP4 or MOV, with what the source's said."""
    known = dict(private_boxes(film.path)).get(XMP_BOX)
    packet = provenance.label(known, step)
    with path.open("ab") as stream:
        stream.write((24 + len(packet)).to_bytes(4, "big") + b"uuid" + XMP_BOX + packet)
        stream.flush()
        os.fsync(stream.fileno())


def private_boxes(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes at the top of an MP4 or MOV that carry a UUID."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        at = 0
        while at + 8 <= size:
            stream.seek(at)
            head = stream.read(32)
            length, start = int.from_bytes(head[:4], "big"), 8
            if length == 1:
                length, start = int.from_bytes(head[8:16], "big"), 16
            elif length == 0:
                length = size - at
            # of other files the first number is no length
            if length < start or at + length > size or not head[4:8].isascii():
                return
            if head[4:8] == b"uuid":
                kind = head[start : start + 16]
                stream.seek(at + start + 16)
                inside = length - start - 16
                yield kind, stream.read(inside) if inside <= _LARGEST_XMP else b""
            at += length
