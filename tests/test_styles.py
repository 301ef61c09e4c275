"""Styles: shipped palettes of artists and periods."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinct import cli
from tinct.color import grid_bins
from tinct.errors import UsageError
from tinct.options import ColorizeOptions
from tinct.styles import find_style, styles


def test_every_style_is_a_palette_of_many_paintings() -> None:
    for name, style in styles().items():
        assert style.name == name == name.lower()
        assert style.pictures >= 60
        shares = style.palette.over(grid_bins())
        assert shares.sum() == pytest.approx(1, abs=1e-4)
        assert shares.max() < 0.6


def test_styles_differ_as_their_painters_do() -> None:
    mean = {n: (s.palette.chroma * s.palette.share[:, None]).sum(0) for n, s in styles().items()}
    assert mean["sisley"][0] < 0 < mean["rembrandt"][0]  # landscapes are green, portraits are not
    assert mean["rublev"][1] > mean["monet"][1] + 8  # gold ground
    assert np.linalg.norm(mean["bosch"] - mean["el-greco"]) > 10


def test_a_style_is_found_in_any_case_and_a_wrong_one_gets_advice() -> None:
    assert find_style(" Van Gogh").name == "van-gogh"
    with pytest.raises(UsageError, match="did you mean 'monet'"):
        find_style("manet2monet")
    with pytest.raises(UsageError, match="--palette, --style"):
        ColorizeOptions(palette="#aa2211", style="monet")
    palette = ColorizeOptions(style="Monet").known_palette()
    assert palette is styles()["monet"].palette
    assert ColorizeOptions(style="Monet").record() == {"style": "monet"}


def test_styles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["styles", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == list(styles())
