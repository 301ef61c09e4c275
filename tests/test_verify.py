"""`verify` proves that only colour was added, and notices when it was not."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tinct import jpeg
from tinct.color import lightness, merge
from tinct.errors import InputError
from tinct.verify import verify

Values = NDArray[Any]


def grey(height: int = 37, width: int = 53, seed: int = 0) -> Values:
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(height), np.arange(width)) * 200.0 / (height + width)
    return np.clip(ramp + rng.normal(20, 8, ramp.shape), 0, 255).astype(np.uint8)


def coloured(values: Values, depth: Literal[8, 16], seed: int = 1) -> Values:
    rng = np.random.default_rng(seed)
    chroma = rng.normal(0, 40, (*values.shape, 2)).astype(np.float32)
    return merge(lightness(values), chroma, depth=depth)


def encoded(values: Values, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


@settings(max_examples=15)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_eight_bits_stay_within_their_rounding(height: int, width: int, seed: int) -> None:
    before = grey(height, width, seed)
    verdict = verify(encoded(before, "png"), encoded(coloured(before, 8, seed), "png"))
    assert verdict.ok
    assert verdict.max_delta_lightness is not None
    assert verdict.bound == 0.25
    assert verdict.max_delta_lightness <= verdict.bound


def test_sixteen_bits_are_held_to_a_tighter_bound(tmp_path: Path) -> None:
    before = grey().astype(np.uint16) * 257 + 3
    tifffile.imwrite(tmp_path / "a.tif", before)
    tifffile.imwrite(tmp_path / "b.tif", coloured(before, 16), photometric="rgb")
    verdict = verify(tmp_path / "a.tif", tmp_path / "b.tif")
    assert verdict.ok
    assert verdict.bound == 0.002
    assert "16 bits" in verdict.claim


def test_a_change_of_one_pixel_is_found() -> None:
    before = grey()
    after = coloured(before, 8)
    after[20, 30] = 255
    verdict = verify(encoded(before, "png"), encoded(after, "png"))
    assert not verdict.ok
    assert "more than 0.25" in (verdict.reason or "")


def jpeg_pair(before: bytes) -> bytes:
    half = np.full((-(-37 // 2), -(-53 // 2)), 128, np.uint8)
    return jpeg.colour(before, half + 20, half - 20)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_are_compared_by_coefficients(progressive: bool) -> None:
    before = encoded(grey(), "jpeg", quality=70, progressive=progressive)
    verdict = verify(before, jpeg_pair(before))
    assert verdict.ok
    assert verdict.claim == "luma coefficients identical"
    assert verdict.luma_identical is True
    assert verdict.max_delta_lightness is None


def test_a_jpeg_encoded_again_is_not_identical() -> None:
    before = encoded(grey(), "jpeg", quality=70)
    again = encoded(np.asarray(Image.open(BytesIO(before)).convert("RGB")), "jpeg", quality=60)
    verdict = verify(before, again)
    assert not verdict.ok
    assert verdict.luma_identical is False
    assert "lossy" in (verdict.reason or "")


def test_a_jpeg_turned_by_its_tag_alone_is_not_the_same() -> None:
    square = encoded(grey(40, 40), "jpeg")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(np.asarray(Image.open(BytesIO(square))), "jpeg", exif=exif)
    assert not verify(square, turned).ok


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_turned_upright_by_somebody_are_the_same_light(
    tmp_path: Path, orientation: int
) -> None:
    before = grey(30, 50)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(before, "png", exif=exif)
    from tinct.image import upright

    shown = np.ascontiguousarray(upright(before, orientation))
    assert verify(data, encoded(coloured(shown, 8), "png")).ok


def test_pages_and_sizes_must_match(tmp_path: Path) -> None:
    before = [grey(seed=1), grey(20, 30, seed=2)]
    tifffile.imwrite(tmp_path / "a.tif", before[0])
    tifffile.imwrite(tmp_path / "a.tif", before[1], append=True)
    for page in before:
        tifffile.imwrite(tmp_path / "b.tif", coloured(page, 8), photometric="rgb", append=True)
    verdict = verify(tmp_path / "a.tif", tmp_path / "b.tif")
    assert verdict.ok
    assert verdict.pages == 2
    only = verify(tmp_path / "a.tif", encoded(before[0], "png"))
    assert "2 pages became 1" in (only.reason or "")
    small = verify(encoded(before[0], "png"), encoded(before[1], "png"))
    assert "53 x 37 pixels became 30 x 20" in (small.reason or "")


def test_the_verdict_is_json_and_bad_input_an_input_error(tmp_path: Path) -> None:
    data = encoded(grey(), "png")
    record = verify(data, data).as_dict()
    assert json.loads(json.dumps(record)) == record
    with pytest.raises(InputError):
        verify(data, b"nothing")
    with pytest.raises(InputError):
        verify(Path(tmp_path / "none.png"), data)
