from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.color import lightness
from tinct.errors import UsageError
from tinct.training.sheet import SheetRow, top_classes, write_sheet


def row(height: int, width: int, caption: str = "") -> SheetRow:
    """A red truth that came out blue."""
    truth = np.zeros((height, width, 3), np.uint8)
    truth[..., 0] = 200
    return SheetRow(
        light=lightness(truth), coloured=truth[..., ::-1].copy(), truth=truth, caption=caption
    )


def colours(file: Path) -> dict[tuple[int, ...], int]:
    with Image.open(file) as sheet:
        assert sheet.format == "PNG"
        counted = sheet.convert("RGB").getcolors(1 << 20)
        assert counted is not None
        return {tuple(np.atleast_1d(colour).tolist()): count for count, colour in counted}


def test_a_sheet_shows_light_result_and_truth_of_every_picture(tmp_path: Path) -> None:
    file = tmp_path / "sheets" / "00000500.png"
    write_sheet(file, [row(200, 160)] * 3, columns=2)
    found = colours(file)
    area = 3 * 200 * 160
    assert (found[0, 0, 200], found[200, 0, 0]) == (area, area)
    # sRGB grey of the red's lightness; edges of letters may have it too
    assert area <= found[98, 98, 98] < area + 100
    with Image.open(file) as sheet:
        assert sheet.width > sheet.height


def test_small_pictures_are_enlarged_pixel_by_pixel_and_large_ones_reduced(
    tmp_path: Path,
) -> None:
    write_sheet(tmp_path / "small.png", [row(32, 32)])
    assert colours(tmp_path / "small.png")[200, 0, 0] == 160 * 160
    write_sheet(tmp_path / "large.png", [row(800, 1200), row(1, 1)])
    assert 0.99 < colours(tmp_path / "large.png")[200, 0, 0] / (320 * 213 + 320 * 320) < 1.01


def test_captions_are_wrapped_below_their_pictures(tmp_path: Path) -> None:
    sizes = []
    for caption in ("", "fox", ", ".join(["American Staffordshire terrier 12 %"] * 5)):
        write_sheet(tmp_path / "sheet.png", [row(160, 160, caption)])
        with Image.open(tmp_path / "sheet.png") as sheet:
            sizes.append(sheet.size)
            edge = np.asarray(sheet)[:, -20:]
        assert len(np.unique(edge)) == 1, "a caption leaves the sheet"
    assert sizes[0][0] == sizes[1][0] == sizes[2][0]
    assert sizes[0][1] < sizes[1][1] < sizes[2][1]


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_sheet(tmp_path / "sheet.png", [])


def test_the_likeliest_classes_are_named_whatever_the_vector_holds() -> None:
    logits = np.zeros(1000, np.float32)
    logits[[277, 278, 999]] = 9, 8, 7
    words = top_classes(logits, count=3)
    assert words == "red fox 61 %, kit fox 23 %, toilet tissue 8 %"
    shares = np.exp(logits) / np.exp(logits).sum()
    assert top_classes(shares.astype(np.float16), count=3) == words
    shifted = np.concatenate([np.zeros(1, np.float32), logits])  # 1001: the background first
    assert top_classes(shifted, count=3) == words
    shifted[0] = 20
    assert top_classes(shifted, count=2) == "background 100 %, red fox <1 %"
    assert top_classes(logits).count("%") == 5
    with pytest.raises(UsageError, match="none of ImageNet"):
        top_classes(logits[:10])
