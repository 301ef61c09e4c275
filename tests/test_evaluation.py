from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import UsageError
from tinct.evaluation.evaluate import baselines, colourer, evaluate
from tinct.evaluation.sheet import EXAMPLES, write_sheet
from tinct.evaluation.truths import Truths, data_folder, squashed
from tinct.models import load_model
from tinct.training.reading import load_recipe

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Smooth warm pictures without a meaning."""
    rng = np.random.default_rng(0)
    return [
        np.asarray(
            Image.fromarray(
                rng.integers([150, 60, 20], [250, 200, 120], (5, 6, 3), np.uint8)
            ).resize((96, 80), Image.Resampling.BICUBIC)
        )
        for _ in range(3)
    ]


def test_the_oracle_beats_grey_and_rows_say_so(pictures: list[NDArray[np.uint8]]) -> None:
    rows = {row.name: row for row in evaluate(pictures, baselines((2, 7)))}
    assert rows["grey"].colourfulness_ratio < 0.02
    assert rows["oracle mean a*b*"].measures["psnr"] > rows["grey"].measures["psnr"]
    assert all(row.pictures == 3 for row in rows.values())


def test_a_model_is_measured_through_its_own_flow(pictures: list[NDArray[np.uint8]]) -> None:
    model = load_model(threads=1)
    (row,) = evaluate(pictures[:1], {"model": colourer(model, size=64)})
    (doubled,) = evaluate(pictures[:1], {"model": colourer(model, size=64, gain=2.0)})
    assert doubled.colourfulness_ratio > row.colourfulness_ratio > 0


def test_a_set_is_squashed_whole(pictures: list[NDArray[np.uint8]]) -> None:
    small = squashed(Truths("some", pictures, "00"), 32)
    assert {picture.shape for picture in small.pictures} == {(32, 32, 3)}
    assert small.name == "some at 32 x 32"
    assert np.abs(small.pictures[0].mean((0, 1)) - pictures[0].mean((0, 1))).max() < 2


@pytest.fixture
def data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: list[NDArray[np.uint8]]
) -> Path:
    """A data folder with two evaluation sets of one picture, and the examples of a sheet."""
    places = [f"eval/{name}/one.jpg" for name in ("paintings", "photos")]
    places += [f"examples/{name}.jpg" for name in EXAMPLES]
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[0]).save(tmp_path / place)
    grey_one = Image.fromarray(pictures[1]).convert("L")
    grey_one.save(tmp_path / "examples" / f"{EXAMPLES[-1]}.jpg")
    monkeypatch.setenv("TINCT_DATA", str(tmp_path))
    return tmp_path


def test_the_truth_of_a_grey_picture_is_left_empty(
    data: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    file = data / "sheet.jpg"
    names = [EXAMPLES[0], EXAMPLES[-1]]
    write_sheet(file, [data_folder() / "examples" / f"{name}.jpg" for name in names], {})
    shown = np.asarray(Image.open(file).convert("RGB")).astype(int)
    assert shown.shape[0] == 2 * 10 + 2 * 104 + 4
    left, right = shown[125:220, 150:240], shown[125:220, -100:-20]
    assert left.std() > 5
    assert right.std() < 2
    assert np.ptp(shown[20:100, 150:240], axis=-1).max() < 12  # what is shown first is grey


def test_a_sheet_of_nothing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such picture"):
        write_sheet(tmp_path / "sheet.jpg", [tmp_path / "absent.jpg"], {})


def test_the_equal_budget_is_made_of_recipes_that_ship() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "systems.py"))
    for name, own in script["BUDGET"].items():
        recipe = load_recipe(name, f"{script['EQUAL']} {own}".split())
        assert (recipe.stop.core_minutes, recipe.stop.steps) == (script["MINUTES"], 0)
        assert (recipe.data.pictures, recipe.data.validation) == (0, 0.03)
