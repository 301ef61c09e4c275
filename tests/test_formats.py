"""The matrix of formats: whole files through the whole flow, judged by other people's readers."""

from __future__ import annotations

import io
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageOps

import tinct
from tests.judges import (
    BOUND,
    PROFILES,
    assert_label,
    assert_metadata,
    assert_profile,
    assert_same_coefficients,
    chroma,
    light,
    original_light,
    seen,
)
from tests.originals import KINDS, Array, Kind
from tinct.errors import AlreadyTinct
from tinct.naming import default_target
from tinct.verify import verify

MATRIX = [(name, None) for name in KINDS] + [
    (name, profile) for name, kind in KINDS.items() for profile in kind.profiles
]
TURNED = [name for name, kind in KINDS.items() if kind.turns]


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(threads=1, size=128)


@pytest.mark.parametrize(("name", "profile"), MATRIX)
def test_every_format_keeps_its_promises(
    name: str, profile: str | None, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    kind = KINDS[name]
    source = tmp_path / f"{name}{kind.suffix}"
    given = kind.write(kind.values, PROFILES.get(profile or ""), 1)
    source.write_bytes(given)
    target = default_target(source)
    result = colorizer.file(source, target)
    assert source.read_bytes() == given, "the input was written to"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, target.name])
    assert target.suffix == (kind.result or kind.suffix)
    assert result.status == "done"
    pixels = seen(target)[0]
    assert pixels.shape == (61, 83, 3 if kind.alpha is None else 4)
    assert pixels.dtype == (np.uint16 if kind.depth == 16 else np.uint8)
    if kind.alpha is not None:
        assert np.array_equal(pixels[..., 3], kind.alpha)
    pixels = pixels[..., :3]
    if name == "png 1":  # black and white have no colours of the same light
        assert np.array_equal(pixels, seen(source)[0])
        assert "no colour was added" in result.warnings[0]
        return
    assert np.ptp(pixels / np.iinfo(pixels.dtype).max, axis=2).max() > 0.05, "no colour was added"
    if kind.suffix == ".jpg":
        assert result.luma_identical is True
        assert_same_coefficients(source, target)
        assert verify(source, target).luma_identical is True
    else:
        delta = np.abs(light(pixels, profile) - original_light(kind, source, profile)).max()
        assert result.max_delta_lightness == pytest.approx(delta, abs=2e-3)
        if kind.lossy:
            assert any("lossy" in warning for warning in result.warnings)
        else:
            assert delta <= BOUND[kind.depth]
            assert result.warnings == ()
    assert_profile(target, profile)
    assert_metadata(kind, target)
    assert_label(target, source.name)
    with pytest.raises(AlreadyTinct):
        colorizer.file(target, tmp_path / f"again{target.suffix}")


UPRIGHT: dict[int, Any] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: partial(np.rot90, k=2),
    4: np.flipud,
    5: lambda stored: np.swapaxes(stored, 0, 1),
    6: partial(np.rot90, k=-1),
    7: lambda stored: np.swapaxes(np.rot90(stored, 2), 0, 1),
    8: np.rot90,
}
#: the turn that undoes each of these
BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


@cache
def coloured_upright(name: str) -> Array:
    """The upright picture, coloured, as another program sees it."""
    kind = KINDS[name]
    data, _ = tinct.Colorizer(threads=1, size=128).data(kind.write(whole_blocks(kind), None, 1))
    return decoded(data, kind.suffix)


def whole_blocks(kind: Kind) -> Array:
    """Values of so many rows and columns that a turned JPEG has the same blocks."""
    return kind.values[:48, :80]


def decoded(data: bytes, suffix: str) -> Array:
    whole: Array
    if suffix == ".tif":
        whole = tifffile.imread(io.BytesIO(data))
    else:
        whole = pyvips.Image.new_from_buffer(data, "").numpy()
    return whole


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", TURNED)
def test_a_turned_picture_gets_the_colours_of_the_upright_one(
    name: str, orientation: int, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    kind = KINDS[name]
    stored = np.ascontiguousarray(UPRIGHT[BACK[orientation]](whole_blocks(kind)))
    source, target = tmp_path / f"a{kind.suffix}", tmp_path / f"b{kind.suffix}"
    source.write_bytes(kind.write(stored, None, orientation))
    colorizer.file(source, target)
    with Image.open(target) as opened:
        assert opened.getexif()[0x0112] == orientation
        assert ImageOps.exif_transpose(opened).size == (80, 48)
    assert verify(source, target).ok
    pixels = decoded(target.read_bytes(), kind.suffix)
    assert pixels.shape == (*stored.shape[:2], 3)
    wanted = coloured_upright(name)
    missed = np.abs(chroma(UPRIGHT[orientation](pixels)) - chroma(wanted)).mean()
    wrong = np.abs(chroma(wanted) - chroma(np.rot90(wanted, 2))).mean()
    # a turned JPEG has other luma: its table of quantisation is not symmetric
    assert missed < (2.5 if kind.suffix == ".jpg" else 1e-3)
    assert wrong > 8, "the colours are the same everywhere: this shows nothing"


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", ["avif", "heic"])
def test_formats_that_are_turned_by_their_container_become_upright(
    name: str, orientation: int, tmp_path: Path, colorizer: tinct.Colorizer
) -> None:
    kind = KINDS[name]
    stored = np.ascontiguousarray(UPRIGHT[BACK[orientation]](whole_blocks(kind)))
    source, target = tmp_path / f"a{kind.suffix}", tmp_path / f"b{kind.result or kind.suffix}"
    source.write_bytes(kind.write(stored, None, orientation))
    colorizer.file(source, target)
    assert_metadata(kind, target)  # orientation 1 among it
    pixels = seen(target)[0]
    assert pixels.shape == (48, 80, 3)
    missed = np.abs(chroma(pixels) - chroma(coloured_upright("png grey"))).mean()
    assert missed < (2.5 if kind.lossy else 1e-3)
