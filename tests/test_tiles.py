"""Folders of tiles, read as a viewer reads them: by what the standards say, not by our own code."""

from __future__ import annotations

import json
import math
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

import tinct
from tests.originals import picture
from tinct import provenance
from tinct.errors import Unreadable, UsageError
from tinct.image import decode, feed
from tinct.options import Format
from tinct.verify import verify

Kind = Literal["dzi", "iiif"]
ADDRESS = "https://example.org/pictures"


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(size=64, tile_format="png", tile_address=ADDRESS)


def asked(colorizer: tinct.Colorizer, **options: Any) -> tinct.Colorizer:
    given = {"size": 64, "tile_format": "png", "tile_address": ADDRESS, **options}
    return tinct.Colorizer.of(tinct.Colorizer(**given), colorizer.network)


def tiff(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, **options)
    return path


def image(path: Path) -> NDArray[Any]:
    with Image.open(path) as opened:
        return np.asarray(opened)


def deep_zoom(file: Path) -> list[NDArray[Any]]:
    """All levels, the largest first; every file of the folder is accounted for."""
    root = ET.parse(file).getroot()
    space = "{http://schemas.microsoft.com/deepzoom/2008}"
    assert root.tag == f"{space}Image"
    size = root.find(f"{space}Size")
    assert size is not None
    width, height = int(size.attrib["Width"]), int(size.attrib["Height"])
    side, overlap = int(root.attrib["TileSize"]), int(root.attrib["Overlap"])
    folder = file.with_name(f"{file.stem}_files")
    left = {path for path in folder.rglob("*") if path.is_file()}
    left -= {folder / "tinct.json", folder / "tinct.xmp"}
    found = []
    lossless = root.attrib["Format"] == "png"
    top = math.ceil(math.log2(max(width, height)))
    for level in range(top, -1, -1):
        share = 2 ** (top - level)
        across, down = math.ceil(width / share), math.ceil(height / share)
        whole: NDArray[Any] | None = None
        for column in range(math.ceil(across / side)):
            for row in range(math.ceil(down / side)):
                path = folder / str(level) / f"{column}_{row}.{root.attrib['Format']}"
                left.remove(path)
                tile = image(path)
                x, y = column * side, row * side
                x0, y0 = max(0, x - overlap), max(0, y - overlap)
                x1, y1 = min(across, x + side + overlap), min(down, y + side + overlap)
                assert tile.shape[:2] == (y1 - y0, x1 - x0)
                if whole is None:
                    whole = np.zeros((down, across, *tile.shape[2:]), tile.dtype)
                    done = np.zeros((down, across), bool)
                known = done[y0:y1, x0:x1]
                if lossless:
                    assert np.array_equal(whole[y0:y1, x0:x1][known], tile[known])
                whole[y0:y1, x0:x1] = tile
                done[y0:y1, x0:x1] = True
        assert whole is not None
        assert done.all()
        found.append(whole)
    assert not left
    return found


def requests(info: dict[str, Any]) -> Iterator[tuple[int, tuple[int, int, int, int], str]]:
    """What a viewer asks for: scale, place in the level, and the canonical path (section 4.7)."""
    width, height = info["width"], info["height"]
    side = info["tiles"][0]["width"]
    for scale in info["tiles"][0]["scaleFactors"]:
        across, down = math.ceil(width / scale), math.ceil(height / scale)
        for x in range(0, across, side):
            for y in range(0, down, side):
                w, h = min(side, across - x), min(side, down - y)
                region = [x * scale, y * scale]
                region += [
                    min(side * scale, width - x * scale),
                    min(side * scale, height - y * scale),
                ]
                whole = region == [0, 0, width, height]
                name = "full" if whole else ",".join(map(str, region))
                size = "max" if whole and (w, h) == (width, height) else f"{w},{h}"
                yield scale, (x, y, w, h), f"{name}/{size}/0/default"


def iiif(folder: Path) -> list[NDArray[Any]]:
    """All levels, the largest first; every file of the folder is accounted for."""
    info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    suffix = f".{info['preferredFormats'][0]}" if "preferredFormats" in info else ".jpg"
    left = {path for path in folder.rglob("*") if path.is_file()}
    for name in ("info.json", "manifest.json", "tinct.json", "tinct.xmp"):
        left.remove(folder / name)
    for size in info["sizes"]:
        path = folder / f"full/{size['width']},{size['height']}/0/default{suffix}"
        assert image(path).shape[:2] == (size["height"], size["width"])
        left.discard(path)
    largest = image(folder / f"full/max/0/default{suffix}")
    assert largest.shape[0] <= info["maxHeight"]
    assert largest.shape[1] <= info["maxWidth"]
    left.remove(folder / f"full/max/0/default{suffix}")
    levels: dict[int, NDArray[Any]] = {}
    for scale, (x, y, w, h), name in requests(info):
        path = folder / f"{name}{suffix}"
        left.discard(path)
        tile = image(path)
        assert tile.shape[:2] == (h, w)
        down, across = math.ceil(info["height"] / scale), math.ceil(info["width"] / scale)
        level = levels.setdefault(scale, np.zeros((down, across, *tile.shape[2:]), tile.dtype))
        level[y : y + h, x : x + w] = tile
    assert not left
    return list(levels.values())


READERS = {"dzi": deep_zoom, "iiif": iiif}
SIZES = [(1, 1), (64, 64), (65, 130), (129, 1), (300, 203)]


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_tiles_are_the_picture_pixel_for_pixel(
    kind: Kind, width: int, height: int, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source = tiff(tmp_path / "a.tif", picture(width, height))
    colorizer.file(source, tmp_path / "flat.tif")
    target = tmp_path / f"b.{kind}"
    result = asked(colorizer, tile_size=64).file(source, target)
    assert (result.label, result.warnings) == ("sidecar", ())
    levels = READERS[kind](target)
    assert np.array_equal(levels[0], tifffile.imread(tmp_path / "flat.tif"))
    for above, level in pairwise(levels):
        assert level.shape[0] == math.ceil(above.shape[0] / 2)
        assert abs(level.mean() - above.mean()) < 4
    verdict = verify(source, target)
    assert verdict.ok
    assert verdict.max_delta_lightness == pytest.approx(result.max_delta_lightness)


@pytest.mark.parametrize("kind", READERS)
def test_large_pictures_are_cut_as_they_stream(
    kind: Kind, colorizer: tinct.Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiff(tmp_path / "a.tif", picture(403, 277), tile=(64, 64))
    colorizer.file(source, tmp_path / "flat.tif")
    monkeypatch.setattr(decode, "STRIP_PIXELS", 403 * 18)
    monkeypatch.setattr(feed, "_IN_MEMORY", 0)
    colorizer.file(source, tmp_path / f"b.{kind}")
    assert np.array_equal(
        READERS[kind](tmp_path / f"b.{kind}")[0], tifffile.imread(tmp_path / "flat.tif")
    )


@pytest.mark.parametrize("kind", READERS)
def test_jpeg_tiles_say_how_much_light_they_lost(
    kind: Kind, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source = tiff(tmp_path / "a.tif", picture(300, 203))
    colorizer.file(source, tmp_path / "flat.tif")
    result = asked(colorizer, tile_format="jpeg", quality=95).file(source, tmp_path / f"b.{kind}")
    assert "lossy" in result.warnings[0]
    whole = READERS[kind](tmp_path / f"b.{kind}")[0]
    error = np.abs(whole.astype(int) - tifffile.imread(tmp_path / "flat.tif"))
    assert error.mean() < 4
    verdict = verify(source, tmp_path / f"b.{kind}")
    assert not verdict.ok
    assert verdict.max_delta_lightness == result.max_delta_lightness


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("large", [False, True])
def test_tiles_stand_upright(
    kind: Kind,
    orientation: int,
    large: bool,
    colorizer: tinct.Colorizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if large:
        monkeypatch.setattr("tinct.image.tiles._TURNED_IN_MEMORY", 0)
        monkeypatch.setattr(feed, "_IN_MEMORY", 0)
    grey = picture(120, 90)
    source = tiff(tmp_path / "a.tif", grey, extratags=[(274, 3, 1, orientation, True)])
    colorizer.file(source, tmp_path / f"b.{kind}")
    seen = READERS[kind](tmp_path / f"b.{kind}")[0].mean(2)
    wanted = np.rot90(grey, 2) if orientation == 3 else np.rot90(grey, -1)
    assert seen.shape == wanted.shape
    assert np.corrcoef(seen.ravel(), wanted.ravel())[0, 1] > 0.99
    assert verify(source, tmp_path / f"b.{kind}").ok


def test_sixteen_bits_and_alpha_need_png(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    wide = tiff(tmp_path / "wide.tif", picture(90, 70).astype(np.uint16) * 257)
    clear = tiff(
        tmp_path / "clear.tif",
        np.dstack([picture(90, 70), np.full((70, 90), 77, np.uint8)]),
        photometric="minisblack",
        extrasamples=["unassalpha"],
    )
    kinds: tuple[Format, ...] = ("dzi", "iiif")
    for kind in kinds:
        lossy = asked(colorizer, tile_format="jpeg")
        with pytest.raises(UsageError, match=r"16 bits.*--tile-format png"):
            lossy.file(wide, tmp_path / f"a.{kind}")
        with pytest.raises(UsageError, match=r"transparency.*--tile-format png"):
            lossy.file(clear, tmp_path / f"a.{kind}")
        assert not [path for path in tmp_path.iterdir() if path.suffix != ".tif"]
        asked(colorizer, tile_format="jpeg", depth="8").file(wide, tmp_path / f"8.{kind}")
        colorizer.file(wide, tmp_path / f"w.{kind}")
        assert verify(wide, tmp_path / f"w.{kind}").bound == 0.002
        assert verify(wide, tmp_path / f"w.{kind}").ok
        colorizer.file(clear, tmp_path / f"c.{kind}")
        assert (READERS[kind](tmp_path / f"c.{kind}")[0][..., 3] == 77).all()
        for path in tmp_path.iterdir():
            if path.suffix != ".tif":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_tiles_carry_the_profile(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.dstack([picture(90, 70)] * 3)
    source = tiff(tmp_path / "a.tif", pixels, iccprofile=profile)
    for tile_format in ("png", "jpeg"):
        asked(colorizer, tile_format=tile_format).file(source, tmp_path / "b.dzi", overwrite=True)
        tile = next((tmp_path / "b_files" / "7").glob("0_0.*"))
        with Image.open(tile) as opened:
            assert opened.info["icc_profile"] == profile
    asked(colorizer, tile_format="png").file(source, tmp_path / "c.iiif")
    assert verify(source, tmp_path / "c.iiif").ok


RIGHTS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" xmlns:r="http://ns.adobe.com/xap/1.0/rights/" '
    b'r:WebStatement="https://creativecommons.org/publicdomain/mark/1.0/"/></rdf:RDF></x:xmpmeta>'
)


def test_the_label_lies_among_the_tiles(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = tiff(
        tmp_path / "a.tif", picture(90, 70), extratags=[(700, 1, len(RIGHTS), RIGHTS, True)]
    )
    for kind, inside in (("dzi", "b_files"), ("iiif", "b.iiif")):
        result = colorizer.file(source, tmp_path / f"b.{kind}")
        folder = tmp_path / inside
        assert provenance.is_ours((folder / "tinct.xmp").read_bytes())
        record = json.loads((folder / "tinct.json").read_text(encoding="utf-8"))
        assert record["output"] == {"name": f"b.{kind}", "sha256": result.sha256_out}
        assert record["input"]["sha256"] == provenance.sha256_of(source)
        assert record["measured"]["tiles_sha256"] == provenance.sha256_of(folder)
        assert provenance.sha256_of(tmp_path / f"b.{kind}") == result.sha256_out
        assert provenance.SENTENCE in (tmp_path / "b.dzi").read_text(encoding="utf-8")
        tile = next(folder.rglob("*.png"))
        tile.write_bytes(tile.read_bytes() + b"x")
        assert record["measured"]["tiles_sha256"] != provenance.sha256_of(folder)


def test_iiif_documents_say_what_the_standard_wants(
    colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source = tiff(
        tmp_path / "a.tif", picture(300, 203), extratags=[(700, 1, len(RIGHTS), RIGHTS, True)]
    )
    target = tmp_path / "a street, 1931.iiif"
    asked(colorizer, tile_size=128, tile_format="jpeg").file(source, target)
    info = json.loads((target / "info.json").read_text(encoding="utf-8"))
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    here = f"{ADDRESS}/a%20street%2C%201931.iiif"
    assert info["id"] == here
    assert info["@context"] == "http://iiif.io/api/image/3/context.json"
    assert (info["type"], info["profile"]) == ("ImageService3", "level0")
    assert info["protocol"] == "http://iiif.io/api/image"
    assert (info["width"], info["height"]) == (300, 203)
    assert info["tiles"] == [{"width": 128, "scaleFactors": [1, 2, 4]}]
    rights = "http://creativecommons.org/publicdomain/mark/1.0/"
    assert info["rights"] == manifest["rights"] == rights
    assert {see["id"] for see in info["seeAlso"]} == {f"{here}/tinct.json", f"{here}/tinct.xmp"}
    assert manifest["id"] == f"{here}/manifest.json"
    statement = manifest["requiredStatement"]["value"]["en"][0]
    assert provenance.SENTENCE in statement
    canvas = manifest["items"][0]
    assert (canvas["width"], canvas["height"]) == (300, 203)
    annotation = canvas["items"][0]["items"][0]
    assert annotation["target"] == canvas["id"]
    body = annotation["body"]
    assert body["service"][0]["id"] == here
    path = target / body["id"].removeprefix(f"{here}/")
    assert image(path).shape[:2] == (body["height"], body["width"])


def test_without_an_address_the_tiles_are_those_of_a_trial(
    colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source = tiff(tmp_path / "a.tif", picture(90, 70))
    result = asked(colorizer, tile_address=None).file(source, tmp_path / "b.iiif")
    assert "--tile-address" in result.warnings[0]
    info = json.loads((tmp_path / "b.iiif" / "info.json").read_text(encoding="utf-8"))
    assert re.match(r"http://localhost:\d+/b\.iiif\Z", info["id"])
    for address in ("ftp://a/b", "example.org", "https://a b", "https://a/?b", ""):
        with pytest.raises(UsageError, match="not possible"):
            tinct.Colorizer(tile_address=address)


def test_damage_is_one_line(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = tiff(tmp_path / "a.tif", picture(300, 203))
    for kind in READERS:
        asked(colorizer, tile_size=64).file(source, tmp_path / f"b.{kind}")
    tile = tmp_path / "b_files" / "9" / "1_1.png"
    content = tile.read_bytes()
    for damage, said in (
        (None, "is not there"),
        (content[:200], "damaged"),
        ((tmp_path / "b_files" / "9" / "4_3.png").read_bytes(), "instead of"),
    ):
        tile.unlink()
        if damage is not None:
            tile.write_bytes(damage)
        else:
            with pytest.raises(Unreadable, match=said):
                verify(source, tmp_path / "b.dzi")
            tile.write_bytes(content)
            continue
        with pytest.raises(Unreadable, match=said):
            verify(source, tmp_path / "b.dzi")
    info = tmp_path / "b.iiif" / "info.json"
    for text in (
        "{",
        "[]",
        '{"width": 1}',
        '{"width": 1e9, "height": 2, "tiles": [{"width": 64}]}',
    ):
        info.write_text(text, encoding="utf-8")
        with pytest.raises(Unreadable, match="damaged"):
            verify(source, tmp_path / "b.iiif")
    (tmp_path / "b.dzi").write_text(
        '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008"/>', encoding="utf-8"
    )
    with pytest.raises(Unreadable, match="damaged"):
        verify(source, tmp_path / "b.dzi")
