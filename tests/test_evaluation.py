from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from tests.networks import network
from tests.profiles import colour
from tinct.errors import UsageError
from tinct.evaluation import metrics
from tinct.evaluation.__main__ import main
from tinct.evaluation.evaluate import baselines, colourer, evaluate, grey, markdown
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


def test_ciede2000_agrees_with_colour_science(pictures: list[NDArray[np.uint8]]) -> None:
    first, second = pictures[:2]
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    labs = [
        colour.XYZ_to_Lab(colour.sRGB_to_XYZ(picture / 255), white) for picture in (first, second)
    ]
    expected = float(np.mean(colour.delta_E(labs[0], labs[1], method="CIE 2000")))
    assert metrics.ciede2000(first, second) == pytest.approx(expected, rel=0.01)


def test_psnr_agrees_with_scikit_image(pictures: list[NDArray[np.uint8]]) -> None:
    expected = peak_signal_noise_ratio(pictures[0], pictures[1], data_range=255)
    assert metrics.psnr(pictures[1], pictures[0]) == pytest.approx(expected)


def test_colourfulness_by_hand() -> None:
    """Half pure red, half grey: the opponents' spread and mean can be written down."""
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0] = (200, 0, 0)
    picture[1] = 100
    expected = np.hypot(100, 50) + 0.3 * np.hypot(100, 50)
    assert metrics.colourfulness(picture) == pytest.approx(expected)
    assert metrics.colourfulness(np.full((4, 4, 3), 77, np.uint8)) == 0


def test_the_truth_is_perfect_and_grey_has_no_colour(pictures: list[NDArray[np.uint8]]) -> None:
    truth = pictures[0]
    plain = np.stack([grey(truth)] * 3, -1)
    assert metrics.ciede2000(truth, truth) == 0
    assert metrics.ab_error(truth, truth) == 0
    assert metrics.lab_accuracy(truth, truth) == 1
    assert metrics.colourfulness(plain) == 0
    assert metrics.ciede2000(plain, truth) > 5


def test_the_oracle_beats_grey_and_rows_say_so(pictures: list[NDArray[np.uint8]]) -> None:
    rows = {row.name: row for row in evaluate(pictures, baselines((2, 7)))}
    assert rows["grey"].colourfulness_ratio < 0.02
    assert rows["oracle mean a*b*"].measures["psnr"] > rows["grey"].measures["psnr"]
    assert all(row.pictures == 3 for row in rows.values())
    table = markdown(list(rows.values()), {"grey": (12, 34_567)})
    assert table.count("\n") == 1 + len(rows)
    assert len({line.count("|") for line in table.replace("\\*", "").splitlines()}) == 1
    assert "| tint a\\* 2 b\\* 7 |  |  |" in table
    assert "| grey | 12 | 34,567 |" in table


def test_a_model_is_measured_through_its_own_flow(pictures: list[NDArray[np.uint8]]) -> None:
    model = load_model(threads=1)
    (row,) = evaluate(pictures[:1], {"model": colourer(model, size=64)})
    (doubled,) = evaluate(pictures[:1], {"model": colourer(model, size=64, gain=2.0)})
    assert doubled.colourfulness_ratio > row.colourfulness_ratio > 0


def test_all_measures_of_a_pixel_by_hand() -> None:
    """One pixel, L* kept and a* and b* 8 units off: every measure can be written down."""
    from tinct.color import SRGB, merge

    light = np.full((2, 2), 60, np.float32)
    pictures = [
        merge(light, np.full((2, 2, 2), value, np.float32), SRGB, depth=8) for value in (4, 12)
    ]
    found = metrics.compare(*(picture.astype(np.uint8) for picture in pictures))
    assert found["ab_l1"] == pytest.approx(8 / 128, rel=0.05)
    assert found["ab_mse"] == pytest.approx((8 / 128) ** 2, rel=0.1)
    assert found["ab_error"] == pytest.approx(8 * np.sqrt(2), rel=0.05)
    assert (found["lab_accuracy_5"], found["lab_accuracy_2"]) == (1, 0)
    assert found["ciede2000"] == metrics.ciede2000(*(p.astype(np.uint8) for p in pictures))
    same = metrics.compare(*[pictures[0].astype(np.uint8)] * 2)
    assert (same["lab_accuracy_2"], same["larger_of_a_b"]) == (1, 1)


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


def test_models_of_every_kind_are_measured_side_by_side(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = network(data / "own.onnx", {"pictures_seen": "700"})
    run = network(data / "run" / "model.onnx").parent
    figures, sheet = data / "figures.json", data / "sheet.jpg"
    words = [str(file), str(run), "tinct-small.first", "--json", str(figures)]
    assert main([*words, "--sheet", str(sheet)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("| grey |") == 2
    assert "| alpha.test | 2 | 700 |" in printed
    assert "| tinct-small.first | 4,149,232 | 273,600 |" in printed
    found = json.loads(figures.read_text())
    assert found["models"]["alpha.test"]["pictures_seen"] == 700
    assert [(one["name"], one["pictures"]) for one in found["sets"]] == [
        ("paintings", 1),
        ("photos", 1),
    ]
    rows = {row["name"]: row["measures"] for row in found["sets"][0]["rows"]}
    assert str(run) in rows  # the second of a name goes by what was typed
    assert rows["alpha.test"] == rows[str(run)] != rows["grey"]
    with Image.open(sheet) as shown:
        assert shown.format == "JPEG"
        assert shown.height > 5 * 104
    assert sheet.stat().st_size <= 400_000


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


@pytest.mark.usefixtures("data")
def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["no-such-model"]) == 5
    assert "no-such-model" in capsys.readouterr().err
    (tmp_path / "eval" / "photos" / "one.jpg").unlink()
    assert main([]) == 2
    assert "holds no pictures" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no such picture"):
        write_sheet(tmp_path / "sheet.jpg", [tmp_path / "absent.jpg"], {})


def test_measuring_needs_no_torch(data: Path) -> None:
    network(data / "own.onnx")
    script = (
        "import sys\n"
        "from tinct.evaluation.__main__ import main\n"
        f"assert main([{str(data / 'own.onnx')!r}]) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_equal_budget_is_made_of_recipes_that_ship() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "systems.py"))
    for name, own in script["BUDGET"].items():
        recipe = load_recipe(name, f"{script['EQUAL']} {own}".split())
        assert (recipe.stop.core_minutes, recipe.stop.steps) == (script["MINUTES"], 0)
        assert (recipe.data.pictures, recipe.data.validation) == (0, 0.03)
