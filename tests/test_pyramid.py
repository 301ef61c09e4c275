"""Pyramids in TIFF: read as one picture, written in both layouts, exact at every level."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import pyvips
import tifffile
from numpy.typing import NDArray

import tinct
from tests.originals import picture
from tinct import provenance
from tinct.errors import UsageError
from tinct.image import decode, encoders, feed, load
from tinct.options import Pyramid
from tinct.verify import verify

GREY = picture(403, 277)


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(size=64)


def asked(colorizer: tinct.Colorizer, **options: Any) -> tinct.Colorizer:
    return tinct.Colorizer.of(tinct.Colorizer(size=64, **options), colorizer.network)


def flat(path: Path, pixels: NDArray[Any] = GREY, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, **{"tile": (64, 64), **options})
    return path


def pyramidal(path: Path, *, below: bool = False, pixels: NDArray[Any] = GREY) -> Path:
    image = pyvips.Image.new_from_array(pixels)
    options = {"tile": True, "tile_width": 64, "tile_height": 64, "compression": "deflate"}
    image.tiffsave(str(path), pyramid=True, subifd=below, **options)
    return path


def levels(path: Path) -> list[NDArray[Any]]:
    with tifffile.TiffFile(path) as file:
        assert len(file.series) == 1
        found = [level.asarray() for level in file.series[0].levels]
        flags = [int(level.pages[0].subfiletype) for level in file.series[0].levels]
        assert flags == [0] + [1] * (len(found) - 1)
    return found


def halved(whole: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of squares of four; at an odd edge the last row and column count twice."""
    padded = np.pad(whole, ((0, whole.shape[0] % 2), (0, whole.shape[1] % 2), (0, 0)), mode="edge")
    parts = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, -1)
    return np.asarray(parts.mean((1, 3)))


@pytest.mark.parametrize("kind", ["pages", "subifds"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_pyramid_is_exact_at_every_level(
    kind: Pyramid, dtype: type, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    pixels: NDArray[Any] = GREY.astype(dtype) * (257 if dtype is np.uint16 else 1)
    source = flat(tmp_path / "a.tif", pixels)
    colorizer.file(source, tmp_path / "flat.tif")
    asked(colorizer, pyramid=kind).file(source, tmp_path / "b.tif")
    found = levels(tmp_path / "b.tif")
    assert [level.shape[:2] for level in found] == [(277, 403), (139, 202), (70, 101), (35, 51)]
    assert np.array_equal(found[0], tifffile.imread(tmp_path / "flat.tif"))
    for above, level in pairwise(found):
        assert level.dtype == dtype
        assert np.abs(halved(above) - level).max() <= 1
    verdict = verify(source, tmp_path / "b.tif")
    assert verdict.ok
    assert verdict.pages == 1


@pytest.mark.parametrize("kind", ["pages", "subifds"])
def test_other_readers_find_the_levels_too(
    kind: Pyramid, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    asked(colorizer, pyramid=kind, tile_size=128).file(
        flat(tmp_path / "a.tif", tile=None), tmp_path / "b.tif"
    )
    name = str(tmp_path / "b.tif")
    for level, (height, width) in enumerate([(277, 403), (139, 202), (70, 101)]):
        if kind == "pages":
            image = pyvips.Image.tiffload(name, page=level)
        else:
            image = pyvips.Image.tiffload(name, **({"subifd": level - 1} if level else {}))
        assert (image.width, image.height, image.bands) == (width, height, 3)
        assert image.avg() > 0
    whole = pyvips.Image.tiffload(name)
    assert int(whole.get("n-pages" if kind == "pages" else "n-subifds")) == 3 - (kind != "pages")


@pytest.mark.parametrize("below", [False, True])
def test_a_pyramid_stays_one(below: bool, colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = pyramidal(tmp_path / "a.tif", below=below)
    opened = load(source)
    assert (len(opened.pages), opened.warnings) == (1, ())
    result = colorizer.file(source, tmp_path / "b.tif")
    assert (result.pages, result.warnings) == (1, ())
    assert [level.shape[:2] for level in levels(tmp_path / "b.tif")][:2] == [(277, 403), (139, 202)]
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == (1 if below else 4)
        assert file.pages[0].tile == (64, 64)
    assert verify(source, tmp_path / "b.tif").ok
    asked(colorizer, pyramid="flat").file(source, tmp_path / "c.tif")
    assert len(levels(tmp_path / "c.tif")) == 1
    colorizer.file(source, tmp_path / "d.png")  # levels are no pages, so one picture holds all


def test_a_thumbnail_is_no_pyramid(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    with tifffile.TiffWriter(source) as file:
        file.write(GREY, metadata=None)
        file.write(GREY[::10, ::10], subfiletype=1, metadata=None)
    opened = load(source)
    assert len(opened.pages) == 1
    assert "thumbnails" in opened.warnings[0]
    colorizer.file(source, tmp_path / "b.tif")
    assert len(levels(tmp_path / "b.tif")) == 1


def test_each_page_may_be_a_pyramid(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    with tifffile.TiffWriter(source) as file:
        for page in (GREY, GREY[:150, ::-1]):
            for step in (1, 2, 4):
                small = page[::step, ::step]
                file.write(small, subfiletype=int(step > 1), tile=(64, 64), metadata=None)
    opened = load(source)
    assert [(page.width, page.height) for page in opened.pages] == [(403, 277), (403, 150)]
    for kind in get_args(Pyramid):
        target = tmp_path / f"{kind}.tif"
        asked(colorizer, pyramid=kind).file(source, target)
        again = load(target)
        assert [(page.width, page.height) for page in again.pages] == [(403, 277), (403, 150)]
        assert again.warnings == ()
        expected = {"same": "pages"}.get(kind, kind)
        assert [page.tiff.pyramid for page in again.pages if page.tiff] == [expected] * 2
        assert verify(source, target).ok


def test_the_label_and_all_tags_are_on_the_picture(
    colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source = flat(tmp_path / "a.tif", description="A street", resolution=(600, 600))
    asked(colorizer, pyramid="subifds").file(source, tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        tags = file.pages[0].tags
        assert tags["ImageDescription"].value == "A street"
        assert tags["XResolution"].value == (600, 1)
        assert provenance.is_ours(tags["XMP"].value)


def test_alpha_does_not_shine_through(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    alpha = np.zeros_like(GREY)
    alpha[:, 201:] = 255
    pixels = np.dstack([np.where(alpha > 0, np.uint8(200), np.uint8(0)), alpha])
    source = flat(tmp_path / "a.tif", pixels, photometric="minisblack", extrasamples=["unassalpha"])
    asked(colorizer, pyramid="pages", saturation=0).file(source, tmp_path / "b.tif")
    small = levels(tmp_path / "b.tif")[1]
    seen = small[..., 3] > 0
    assert (np.abs(small[seen][:, :3].astype(int) - 200) <= 1).all()
    assert (small[..., 3] == 127).sum() + (small[..., 3] == 128).sum() > 0


def test_large_pyramids_stream_and_are_bigtiff(
    colorizer: tinct.Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = flat(tmp_path / "a.tif")
    asked(colorizer, pyramid="subifds").file(source, tmp_path / "whole.tif")
    monkeypatch.setattr(decode, "STRIP_PIXELS", 403 * 18)
    monkeypatch.setattr(feed, "_IN_MEMORY", 0)
    monkeypatch.setattr(encoders, "_MOST_CLASSIC_TIFF", 0)
    for kind in ("pages", "subifds"):
        asked(colorizer, pyramid=kind).file(source, tmp_path / "b.tif", overwrite=True)
        with tifffile.TiffFile(tmp_path / "b.tif") as file:
            assert file.is_bigtiff
        for one, other in zip(
            levels(tmp_path / "b.tif"), levels(tmp_path / "whole.tif"), strict=True
        ):
            assert np.array_equal(one, other)


def test_what_cannot_be_is_refused(colorizer: tinct.Colorizer, tmp_path: Path) -> None:
    source = flat(tmp_path / "a.tif")
    with pytest.raises(UsageError, match="multiples of 16"):
        asked(colorizer, pyramid="pages", tile_size=100).file(source, tmp_path / "b.tif")
    with pytest.raises(UsageError, match="no smaller copies"):
        asked(colorizer, pyramid="pages").file(source, tmp_path / "b.png")
    for options in ({"pyramid": "yes"}, {"tile_size": 8}, {"tile_size": 64.5}, {"tile_format": 1}):
        with pytest.raises(UsageError, match="not possible"):
            tinct.Colorizer(**options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_pyramid_passes_through_memory_and_back(
    colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    content = pyramidal(tmp_path / "a.tif").read_bytes()
    coloured, result = colorizer.data(content)
    assert result.pages == 1
    (tmp_path / "b.tif").write_bytes(coloured)
    assert len(levels(tmp_path / "b.tif")) == 4
