"""Steering through the real command and the shipped model: hints, palettes, variants, certainty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tinct
from tests.networks import network
from tinct import cli
from tinct.color import rgb_to_lab
from tinct.errors import UsageError
from tinct.evaluation.difference import ciede2000
from tinct.hints import chroma_of
from tinct.verify import verify

ROOT = Path(__file__).parent.parent
HINT = {"x": 0.5, "y": 0.5, "color": "#8040a0"}


def lab(file: Path) -> Any:
    with Image.open(file) as picture:
        return rgb_to_lab(np.asarray(picture.convert("RGB")) * np.float32(1 / 255))


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dark disc on a light ground."""
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[:240, :320]
    grey = np.where(np.hypot(x - 160, y - 120) < 60, 80, 190) + (x // 40 + y // 40) % 2
    Image.fromarray(grey.astype(np.uint8)).save("photo.png")
    return Path("photo.png")


def test_a_hint_colours_its_region_and_leaves_what_lies_beyond_edges(photo: Path) -> None:
    Path("hints.json").write_text(json.dumps({"points": [HINT]}))
    assert cli.run(["colorize", "-q", "photo.png", "-o", "plain.png"]) == 0
    assert cli.run(["colorize", "-q", "photo.png", "--hints", "hints.json", "-o", "told.png"]) == 0
    plain, told = lab(Path("plain.png")), lab(Path("told.png"))
    wanted = np.array(chroma_of("#8040a0"))
    inside = told[90:150, 130:190].mean((0, 1))
    assert ciede2000(inside, np.array([inside[0], *wanted], np.float32)) < 6
    moved = np.linalg.norm((told - plain)[..., 1:], axis=-1)
    assert moved[:40].mean() < moved[90:150, 130:190].mean() / 3
    assert verify(photo, Path("told.png")).ok


def test_a_palette_draws_the_colours_towards_it(photo: Path) -> None:
    found = {}
    for name, words in {
        "blue": ["--palette", "#2040a0,#6080c0"],
        "red": ["--palette", "#a02020,#c06040"],
        "monet": ["--style", "monet"],
    }.items():
        assert cli.run(["colorize", "-q", "photo.png", *words, "-o", f"{name}.png"]) == 0
        found[name] = lab(Path(f"{name}.png"))[..., 1:].mean((0, 1))
    assert found["red"][0] > found["blue"][0] + 3
    assert found["red"][1] > found["blue"][1] + 3
    Image.new("RGB", (60, 40), "#2040a0").save("sea.png")
    Image.open("blue.png").save("reference.png")
    words = ["colorize", "-q", "photo.png", "--reference", "reference.png", "-o", "like.png"]
    assert cli.run(words) == 0
    like = lab(Path("like.png"))[..., 1:].mean((0, 1))
    assert np.linalg.norm(like - found["blue"]) < np.linalg.norm(like - found["red"])


def test_variants_are_files_of_their_own_that_differ_and_say_what_they_are(photo: Path) -> None:
    assert cli.run(["colorize", "-q", "photo.png", "--variants", "3", "--seed", "5"]) == 0
    files = [Path(f"photo.colorized.{number}.png") for number in (1, 2, 3)]
    pictures = [lab(file) for file in files]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(pictures[one] - pictures[other]).mean() > 0.3
    for file in files:
        assert verify(photo, file).ok
        assert b"variants" in file.read_bytes()
    words = ["colorize", "-q", "photo.png", "--variants", "3", "--seed", "5", "--variant", "2"]
    assert cli.run([*words, "-o", "second.png"]) == 0
    np.testing.assert_array_equal(lab(Path("second.png")), pictures[1])
    assert cli.run(["colorize", "-q", "photo.png", "--variants", "3", "-o", "one.png"]) == 2


def test_the_map_of_confidence_is_a_grey_png(photo: Path) -> None:
    words = ["colorize", "-q", "photo.png", "-o", "coloured.png", "--confidence", "sure.png"]
    assert cli.run(words) == 0
    with Image.open("sure.png") as sure:
        assert (sure.mode, sure.width > sure.height) == ("L", True)
        assert np.ptp(np.asarray(sure)) > 10
    assert cli.run([*words[:3], "-o", "again.png", "--confidence", "sure.png"]) == 4
    assert not Path("again.png").exists()


@pytest.mark.usefixtures("photo")
def test_hints_and_maps_are_of_one_picture(capfd: pytest.CaptureFixture[str]) -> None:
    Path("hints.json").write_text(json.dumps({"points": [HINT]}))
    Image.open("photo.png").save("other.png")
    for words in (["--hints", "hints.json"], ["--confidence", "sure.png"]):
        assert cli.run(["colorize", "photo.png", "other.png", *words]) == 2
        assert "is of one picture, and there are 2" in capfd.readouterr().err
    assert not list(Path().glob("*colorized*"))


@pytest.mark.usefixtures("photo")
def test_a_model_that_takes_no_hints_says_so(tmp_path: Path) -> None:
    grey = np.asarray(Image.open("photo.png"))
    model = str(network(tmp_path / "shares.onnx"))
    with pytest.raises(UsageError, match="takes no hints"):
        tinct.colorize(grey, model=model, hints=[(0.5, 0.5, 10, 10)])
    with pytest.raises(UsageError, match="takes no hints and no palettes"):
        tinct.colorize(grey, model=model, palette="#aa2211")
    with pytest.raises(UsageError, match="no distribution"):
        tinct.colorize(grey, model=model, variants=2, variant=1)


@pytest.mark.usefixtures("photo")
def test_vividness_goes_from_none_to_bold() -> None:
    with Image.open(ROOT / "examples" / "adams-colorado.jpg") as opened:
        grey = np.asarray(opened.convert("L").reduce(2))
    strength = [
        float(
            np.linalg.norm(
                rgb_to_lab(tinct.colorize(grey, vividness=vividness) * np.float32(1 / 255))[
                    ..., 1:
                ],
                axis=-1,
            ).mean()
        )
        for vividness in (0, 0.5, 1.0, 1.5)
    ]
    assert strength[0] < 0.5
    assert strength == sorted(strength)
    assert strength[3] > 1.2 * strength[1]
    best = tinct.colorize(grey, effort="best")
    assert best.shape == (*grey.shape, 3)


KEPT = {"keep": [{"path": [[0.5, 0.1], [0.5, 0.9]], "width": 0.25}]}


def test_what_is_kept_stays_grey_on_every_way_and_the_rest_is_coloured(photo: Path) -> None:
    Path("keep.json").write_text(json.dumps(KEPT))
    Image.open(photo).save("photo.jpg", quality=95)
    for name in ("photo.png", "photo.jpg"):
        own, done = Path(f"own-{name}"), Path(f"kept-{name}")
        assert cli.run(["colorize", "-q", name, "-o", str(own)]) == 0
        assert cli.run(["colorize", "-q", name, "--hints", "keep.json", "-o", str(done)]) == 0
        before, after = (np.linalg.norm(lab(file)[..., 1:], axis=-1) for file in (own, done))
        assert before[:, 135:185].mean() > 1
        inside = after[36:204, 140:180]
        if name.endswith("png"):
            assert inside.max() < 0.7
        assert inside.mean() < 0.5  # a JPEG's colours are quantized
        far = np.s_[:, [*range(100), *range(220, 320)]]
        np.testing.assert_allclose(after[far], before[far], atol=5)
        assert np.abs(after[far] - before[far]).mean() < 0.3
        assert verify(Path(name), done).ok
    with Image.open(photo) as picture:
        array = tinct.colorize(np.asarray(picture.convert("L")), hints=KEPT)
    assert np.ptp(array[30:210, 135:185], axis=-1).max() <= 3
    assert np.ptp(array[:, :100], axis=-1).mean() > 2


def test_what_is_kept_of_a_toned_picture_keeps_its_tone(photo: Path) -> None:
    with Image.open(photo) as picture:
        grey = np.asarray(picture.convert("L"), np.float32)
    Image.fromarray(np.stack([grey, grey * 0.85, grey * 0.65], -1).astype(np.uint8)).save("t.png")
    Path("keep.json").write_text(json.dumps(KEPT))
    assert cli.run(["colorize", "-q", "t.png", "--hints", "keep.json", "-o", "kept.png"]) == 0
    inside = np.s_[40:200, 140:180, 1:]
    change = np.linalg.norm(lab(Path("kept.png"))[inside] - lab(Path("t.png"))[inside], axis=-1)
    assert change.max() < 5
    assert change.mean() < 1


def test_a_model_that_takes_no_hints_keeps_what_it_is_told_to(photo: Path, tmp_path: Path) -> None:
    model = network(tmp_path / "plain.onnx")
    coloured = tinct.Colorizer(model=str(model), hints=KEPT)(np.asarray(Image.open(photo)))
    assert np.ptp(coloured[40:200, 140:180], axis=-1).max() <= 3
    with pytest.raises(UsageError, match="takes no hints"):
        tinct.colorize(np.asarray(Image.open(photo)), model=str(model), hints={"points": [HINT]})
