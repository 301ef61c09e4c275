"""What lies beside tiles: the label, the record, and for IIIF the documents that viewers read.

    tinct.xmp       the label, and all XMP of the source
    tinct.json      the full record, as a sidecar has it
    info.json       IIIF Image API 3, level 0 (https://iiif.io/api/image/3.0/)
    manifest.json   IIIF Presentation API 3: a viewer shows its `requiredStatement`

Tiles themselves carry no label: there are thousands, and each would grow by some kilobytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tinct import provenance
from tinct.errors import UsageError
from tinct.image.folders import write_folder
from tinct.image.savers import TILE_SUFFIXES
from tinct.image.tiles import DESCRIPTION, OVERLAPS, SIDES, TILES, levels, max_size
from tinct.naming import TILES_LABEL, TILES_MARK
from tinct.options import ColorizeOptions
from tinct.version import __version__

#: where tiles are where nothing else is said: what `python -m http.server` serves
ADDRESS = "http://localhost:8000"
_RIGHTS = re.compile(r"https?://(creativecommons\.org/|rightsstatements\.org/vocab/)\S+\Z")
_MEDIA = {"jpeg": "image/jpeg", "png": "image/png"}


def place_tiles(target: Path, kind: str, *, overwrite: bool) -> AbstractContextManager[Path]:
    """`write_folder` for tiles: the folder itself for "iiif", a file and a folder for "dzi"."""
    parts = {"": target}
    if kind == "dzi":
        if target.suffix.lower() != ".dzi":
            raise UsageError("no name of tiles", where=str(target), remedy="end it in .dzi")
        parts = {TILES: target.with_name(f"{target.stem}_files"), DESCRIPTION: target}
    return write_folder(target, overwrite=overwrite, parts=parts)


def complete(
    folder: Path,
    target: Path,
    kind: str,
    *,
    size: tuple[int, int],
    options: ColorizeOptions,
    packet: bytes,
    model: str,
) -> None:
    """Lay everything but the tiles and the record into a folder of tiles.

    Args:
        folder: as `place_tiles` gave it; the tiles lie in it.
        target: the result's name.
        kind: "dzi" or "iiif".
        size: width and height of the picture, upright.
        options: how it was coloured.
        packet: the labelled XMP.
        model: name of the model.
    """
    inside = within(folder, kind)
    side = options.tile_size or SIDES[kind]
    (inside / TILES_LABEL).write_bytes(packet)
    if kind == "dzi":
        text = _deep_zoom(size, side, TILE_SUFFIXES[options.tile_format])
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    else:
        address = f"{(options.tile_address or ADDRESS).rstrip('/')}/{quote(target.name)}"
        rights = _rights(packet)
        info = image_information(address, size, side, options.tile_format, rights)
        _write_json(inside / "info.json", info)
        manifest = presentation(address, target.stem, info, options.tile_format, model, rights)
        _write_json(inside / "manifest.json", manifest)


def write_record(folder: Path, kind: str, record: Mapping[str, Any]) -> None:
    """Lay the full record among the tiles; it also marks them as written by Tinct."""
    _write_json(within(folder, kind) / TILES_MARK, record)


def within(folder: Path, kind: str) -> Path:
    """Where the tiles lie in a folder that `place_tiles` gave."""
    return folder / TILES if kind == "dzi" else folder


def image_information(
    address: str, size: tuple[int, int], side: int, tile_format: str, rights: str | None
) -> dict[str, Any]:
    """`info.json` of IIIF Image API 3.0, section 5, compliance level 0.

    `maxWidth` and `maxHeight` are those of a tile, so that `full/max`, which level 0 has to have,
    is a small picture.
    """
    sizes = levels("iiif", *size, side)
    small = sorted({sizes[-1], max_size(*size, side)})
    info: dict[str, Any] = {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": address,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level0",
        "width": size[0],
        "height": size[1],
        "maxWidth": side,
        "maxHeight": side,
        "sizes": [{"width": width, "height": height} for width, height in small],
        "tiles": [{"width": side, "scaleFactors": [1 << at for at in range(len(sizes))]}],
    }
    if tile_format != "jpeg":
        info |= {"preferredFormats": [tile_format], "extraFormats": [tile_format]}
    if rights:
        info["rights"] = rights
    info["seeAlso"] = [
        _see(address, TILES_MARK, "application/json", "How the colours were made"),
        _see(address, TILES_LABEL, "application/rdf+xml", "Metadata of the picture (XMP)"),
    ]
    return info


def presentation(
    address: str,
    title: str,
    info: Mapping[str, Any],
    tile_format: str,
    model: str,
    rights: str | None,
) -> dict[str, Any]:
    """A manifest of one canvas; IIIF Presentation API 3.0.

    Its `requiredStatement` says that the colours were added, and viewers have to show it.
    """
    width, height = info["width"], info["height"]
    suffix = TILE_SUFFIXES[tile_format]
    canvas, page = f"{address}/canvas/1", f"{address}/page/1"
    small = info["sizes"][-1]
    body = {
        "id": f"{address}/full/{small['width']},{small['height']}/0/default{suffix}",
        "type": "Image",
        "format": _MEDIA[tile_format],
        **small,
        "service": [{"id": address, "type": "ImageService3", "profile": "level0"}],
    }
    annotation = {
        "id": f"{page}/1",
        "type": "Annotation",
        "motivation": "painting",
        "body": body,
        "target": canvas,
    }
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": f"{address}/manifest.json",
        "type": "Manifest",
        "label": {"none": [title]},
        "requiredStatement": {
            "label": {"en": ["Colours"]},
            "value": {"en": [f"{provenance.SENTENCE} {provenance.SYSTEM} {__version__}, {model}."]},
        },
        **({"rights": rights} if rights else {}),
        "seeAlso": info["seeAlso"],
        "items": [
            {
                "id": canvas,
                "type": "Canvas",
                "width": width,
                "height": height,
                "items": [{"id": page, "type": "AnnotationPage", "items": [annotation]}],
            }
        ],
    }


def hash_of(folder: Path, kind: str, tiles: str) -> str:
    """SHA-256 of the result's name: that of the tiles for a folder, else of what describes them."""
    return provenance.sha256_of(folder / DESCRIPTION) if kind == "dzi" else tiles


def entry(folder: Path, kind: str) -> Path:
    """What describes tiles in a folder that `place_tiles` gave."""
    return folder / DESCRIPTION if kind == "dzi" else folder


def _deep_zoom(size: tuple[int, int], side: int, suffix: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<!-- {provenance.SENTENCE} See {TILES_MARK} beside the tiles. -->\n"
        '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" '
        f'Format="{suffix[1:]}" Overlap="{OVERLAPS["dzi"]}" TileSize="{side}">\n'
        f'  <Size Width="{size[0]}" Height="{size[1]}"/>\n'
        "</Image>\n"
    )


def _rights(packet: bytes) -> str | None:
    """The licence that the source's XMP names, where IIIF allows it: CC or RightsStatements.org."""
    found = provenance.rights_of(packet)
    match = next((text for text in found if _RIGHTS.match(text)), None)
    return re.sub("^https:", "http:", match) if match else None


def _see(address: str, name: str, media: str, label: str) -> dict[str, Any]:
    return {
        "id": f"{address}/{name}",
        "type": "Dataset",
        "label": {"en": [label]},
        "format": media,
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
