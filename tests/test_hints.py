"""Hints: in every form that users have, obeyed where they are, gone beyond edges."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tinct import cli
from tinct.color import lab_to_rgb, rgb_to_lab
from tinct.errors import InputError, TinctError, UsageError
from tinct.hints import Hints, as_hints, chroma_of, fitting, untouched
from tinct.models.session import hint_map


def layer(path: Path, size: tuple[int, int] = (400, 300)) -> Path:
    """A red disc in the upper left, a green bar at the bottom, the rest transparent."""
    picture = Image.new("RGBA", size)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 40, 80, 80), fill="#a02020")
    pen.rectangle((100, 280, 390, 295), fill="#308040")
    picture.save(path, "PNG")
    return path


def test_points_and_strokes_of_a_file(tmp_path: Path) -> None:
    table = {
        "points": [{"x": 0.25, "y": 0.5, "color": "#a02020"}, {"x": 1, "y": 0, "ab": [3, -20]}],
        "strokes": [{"path": [[0.1, 0.9], [0.6, 0.9]], "width": 0.05, "color": "#fff"}],
    }
    file = tmp_path / "hints.json"
    file.write_text(json.dumps(table), encoding="utf-8")
    hints = as_hints(file)
    found = fitting(hints, height=300, width=300)
    assert found is not None
    assert len(hints.points) == 2
    np.testing.assert_allclose(found[0], (0.25, 0.5, *chroma_of("#a02020")), atol=1e-5)
    np.testing.assert_allclose(found[1], (1, 0, 3, -20))
    stroke = found[2:]
    np.testing.assert_allclose(stroke[:, 2:], 0, atol=0.05)
    assert stroke[:, 0].min() == pytest.approx(0.077, abs=0.01)
    assert stroke[:, 0].max() == pytest.approx(0.625, abs=0.01)
    assert np.ptp(stroke[:, 1]) == pytest.approx(0.05, abs=0.012)
    np.testing.assert_array_equal(fitting(as_hints(table), height=300, width=300), found)
    np.testing.assert_array_equal(as_hints(found.tolist()).points, found)
    noted = {**table, "tinct": {"v": 1, "picture": "a.jpg"}}  # as the page saves them
    np.testing.assert_array_equal(as_hints(noted).points, hints.points)


def test_a_painted_layer(tmp_path: Path) -> None:
    hints = as_hints(layer(tmp_path / "layer.png"))
    red = hints.points[hints.points[:, 1] < 0.5]
    green = hints.points[hints.points[:, 1] > 0.5]
    np.testing.assert_allclose(red[:, :2].mean(0), (60 / 400, 60 / 300), atol=0.01)
    np.testing.assert_allclose(red[:, 2:], [chroma_of("#a02020")] * len(red), atol=1e-3)
    np.testing.assert_allclose(green[:, 2:], [chroma_of("#308040")] * len(green), atol=1e-3)
    assert fitting(hints, height=600, width=800) is hints.points
    with pytest.raises(UsageError, match="another shape"):
        fitting(hints, height=800, width=600)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense", "neither JSON nor PNG"),
        (b"[]", "holds no hints"),
        (b"{}", "holds no hints"),
        (b'{"point": []}', r"holds 'point', .* \(did you mean points\?\)"),
        (b'{"note": 1}', "it may hold points, strokes, keep"),
        (b'{"points": [{"x": 0.5}]}', "a hint lacks 'y'"),
        (b'{"points": [{"x": 0, "y": 0, "color": "#fff", "ab": [0, 0]}]}', "both 'color' and 'ab'"),
        (b'{"points": 3}', "no list of hints"),
        (b'{"points": [{"x": 0.5, "y": 0.5, "color": "red"}]}', "no colour such as"),
        (b'{"points": [{"x": 1.5, "y": 0.5, "color": "#aabbcc"}]}', "outside the picture"),
        (b'{"points": [{"x": 0.5, "y": 0.5, "ab": [900, 0]}]}', "no possible colour"),
        (b'{"points": [{"x": NaN, "y": 0.5, "ab": [9, 0]}]}', "no possible colour"),
        (b'{"strokes": [{"path": [], "color": "#fff"}]}', "needs a path"),
        (b'{"strokes": [{"path": [[0, 0], [9e9, 1]], "color": "#fff"}]}', "leaves the picture"),
        (b'{"strokes": [{"path": [[0, 0]], "width": 5, "color": "#fff"}]}', "a width from 0"),
        (b'{"strokes": [[1, 2]]}', "no list of hints"),
        (b'{"keep": [{"path": []}]}', "needs a path"),
        (b'{"keep": [{"path": [[0, 0], [0.5, 1.5]]}]}', "leaves the picture"),
        (b'{"keep": [{"path": [[0, NaN]]}]}', "leaves the picture"),
        (b'{"keep": [{"path": [[0, 0]], "width": 0.9}]}', "a width from 0"),
        (b'{"keep": [7]}', "no list of hints"),
        (b'{"points": [{"x": 1' + b"0" * 400 + b', "y": 0, "ab": [1, 2]}]}', "no list of hints"),
        (b'{"strokes": [{"path": 7, "color": "#fff"}]}', "no list of hints"),
        (b"\x89PNG\r\n\x1a\n", "no PNG that can be read"),
    ],
)
def test_what_is_wrong_with_hints_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "hints"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        as_hints(file)


def test_a_layer_must_be_painted_in_parts(tmp_path: Path) -> None:
    for mode, message in (("#00000000", "nothing is painted"), ("#ffffffff", "is opaque")):
        stream = BytesIO()
        Image.new("RGBA", (40, 30), mode).save(stream, "PNG")
        (tmp_path / "layer.png").write_bytes(stream.getvalue())
        with pytest.raises(InputError, match=message):
            as_hints(tmp_path / "layer.png")
    with pytest.raises(InputError, match="cannot be read"):
        as_hints(tmp_path / "absent.json")


@given(st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_file_of_hints_ends_in_anything_but_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "hints"
    file.write_bytes(content)
    with pytest.raises(TinctError):
        as_hints(file)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_hex_colour_keeps_its_hue(codes: tuple[int, int, int]) -> None:
    rgb = np.array(codes, np.float32) / np.float32(255)
    lab = rgb_to_lab(rgb)
    a, b = chroma_of(f"#{bytes(codes).hex()}")
    again = lab_to_rgb(np.array([lab[0], a, b], np.float32))
    np.testing.assert_allclose(again, rgb, atol=2e-3)


def test_points_become_cells() -> None:
    rows: Any = [(0.0, 0.0, 10, 0), (0.01, 0.01, 30, 8), (1.0, 1.0, -7, 5)]
    cells = hint_map(np.array(rows, np.float32), (6, 10), (8, 16))
    assert cells.shape == (3, 8, 16)
    np.testing.assert_allclose(cells[:, 0, 0], (20, 4, 1))
    np.testing.assert_allclose(cells[:, 5, 9], (-7, 5, 1))
    assert cells[2].sum() == 2
    assert not hint_map(None, (6, 10), (8, 16)).any()
    with pytest.raises(UsageError, match="outside"):
        hint_map(np.array([[1.2, 0, 0, 0]], np.float32), (6, 10), (8, 16))


def test_hints_say_how_many_they_are() -> None:
    assert str(Hints(np.zeros((3, 4), np.float32))) == "3 points"


@pytest.mark.parametrize(("height", "width"), [(200, 600), (600, 200)])
def test_a_stroke_is_as_wide_across_as_along(height: int, width: int) -> None:
    dab = {"path": [[0.5, 0.5]], "width": 0.2, "ab": [10, 0]}
    touched = fitting(as_hints({"strokes": [dab]}), height=height, width=width)
    assert touched is not None
    across, down = np.ptp(touched[:, 0]) * width, np.ptp(touched[:, 1]) * height
    assert across == pytest.approx(0.2 * 200, rel=0.06)
    assert down == pytest.approx(0.2 * 200, rel=0.06)
    over = {"path": [[0.5, 0.5]], "width": 0, "ab": [-9, 9]}
    both = fitting(as_hints({"strokes": [dab, over]}), height=height, width=width)
    assert both is not None
    middle = np.hypot(*((both[:, :2] - 0.5) * (width, height)).T).argmin()
    np.testing.assert_allclose(both[middle, 2:], (-9, 9))
    assert len(both) == len(touched)


def test_what_is_kept_is_read_and_tells_hints_apart() -> None:
    path = [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]]
    hints = as_hints({"keep": [{"path": path, "width": 0.1}, {"path": [[0.5, 0.5]]}]})
    np.testing.assert_allclose(
        hints.keep,
        [(0.1, 0.2, 0.3, 0.2, 0.1), (0.3, 0.2, 0.3, 0.4, 0.1), (0.5, 0.5, 0.5, 0.5, 0.01)],
    )
    assert str(hints) == "0 points, 3 pieces of a brush kept"
    assert fitting(hints, height=30, width=40) is None
    others = [as_hints({"keep": [{"path": path}]}), as_hints({"points": []})]
    assert len({bytes(one) for one in (hints, *others)}) == 3


@pytest.mark.parametrize("shape", [(120, 180), (180, 120)])
def test_the_brush_is_round_and_its_edge_is_soft(shape: tuple[int, int]) -> None:
    height, width = shape
    keep = np.array([[0.3, 0.5, 0.7, 0.5, 0.2]], np.float32)
    stays = untouched(keep, height, width)[..., 0]
    y, x = np.mgrid[:height, :width] + 0.5
    away = np.hypot(x - np.clip(x, 0.3 * width, 0.7 * width), y - 0.5 * height)
    radius = 0.1 * min(shape)
    assert (stays[away <= radius] == 1).all()
    assert (stays[away >= radius + 0.013 * min(shape) + 0.5] == 0).all()
    edge = stays[(away > radius) & (away < radius + 0.012 * min(shape))]
    assert ((edge >= 0) & (edge <= 1)).all()
    assert len(np.unique(edge)) > 4


def test_the_thinnest_brush_at_a_corner_still_keeps_its_place() -> None:
    stays = untouched(np.array([[1, 1, 1, 1, 0], [0, 0, 0, 0, 0]], np.float32), 40, 60)
    assert stays[-1, -1] > 0.5
    assert stays[0, 0] > 0.5
    assert not stays[10:30, 10:50].any()


def test_options_of_a_project_are_not_passed_over_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (40, 30), 90).save(tmp_path / "a.png")
    options = {"variants": 6, "variant": 3, "if_color": "recolor"}
    project = {"points": [{"x": 0.5, "y": 0.5, "color": "#aabbcc"}], "tinct": {"options": options}}
    (tmp_path / "project.json").write_text(json.dumps(project))
    words = ["colorize", str(tmp_path / "a.png"), "--hints", str(tmp_path / "project.json")]
    assert cli.run(words) == 0
    told = capfd.readouterr().err
    assert "--variants 6 --variant 3 --if-color recolor" in told
