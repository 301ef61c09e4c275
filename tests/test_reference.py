"""Palettes: shares of colours, from a few named ones or from another picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from tests.pictures import encoded
from tinct.color import grid_bins
from tinct.errors import InputError, UsageError
from tinct.hints import chroma_of
from tinct.options import ColorizeOptions
from tinct.reference import palette_of_colors, palette_of_file

BINS = grid_bins()


def nearest(color: str) -> int:
    return int(((BINS - np.array(chroma_of(color))) ** 2).sum(1).argmin())


def test_named_colours_have_equal_shares_beside_some_grey() -> None:
    palette = palette_of_colors("#a02020, #203080")
    shares = palette.over(BINS)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    best = set(np.argsort(shares)[-3:].tolist())
    assert best == {nearest("#a02020"), nearest("#203080"), nearest("#808080")}
    assert str(palette) == "#a02020,#203080"
    assert palette.over(np.empty((0, 2), np.float32)).shape == (0,)


@pytest.mark.parametrize("colors", ["", " , ", "red", "#12", "#a02020,blue"])
def test_what_is_no_colour_is_refused(colors: str) -> None:
    with pytest.raises(UsageError, match="colour"):
        palette_of_colors(colors)


def test_palettes_and_references_of_other_kinds_are_refused() -> None:
    assert str(ColorizeOptions(palette=["#a02020", "#203080"]).known_palette()) == "#a02020,#203080"
    known = palette_of_colors("#a02020")
    assert ColorizeOptions(reference=known).known_palette() is known
    picture, options = Image.new("RGB", (40, 30), "#308040"), cast("Any", ColorizeOptions)
    for option, value in (("reference", picture), ("palette", 3), ("palette", [3]), ("style", 3)):
        with pytest.raises(UsageError, match=option):
            options(**{option: value})


def test_a_picture_gives_the_shares_of_its_colours(tmp_path: Path) -> None:
    picture = Image.new("RGB", (400, 300), "#308040")
    picture.paste("#a02020", (0, 0, 100, 300))
    picture.save(tmp_path / "reference.png")
    shares = palette_of_file(tmp_path / "reference.png").over(BINS)
    near_red = shares[((BINS - np.array(chroma_of("#a02020"))) ** 2).sum(1) < 20**2].sum()
    near_green = shares[((BINS - np.array(chroma_of("#308040"))) ** 2).sum(1) < 20**2].sum()
    assert near_red == pytest.approx(0.25, abs=0.03)
    assert near_green == pytest.approx(0.75, abs=0.05)


def test_a_reference_without_colours_is_refused(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 60 * 40).astype(np.uint8).reshape(40, 60)
    (tmp_path / "grey.png").write_bytes(encoded(ramp, "PNG"))
    Image.new("RGB", (60, 40), "#808080").save(tmp_path / "even.png")
    for name in ("grey.png", "even.png"):
        with pytest.raises(InputError, match="has no colours"):
            palette_of_file(tmp_path / name)
