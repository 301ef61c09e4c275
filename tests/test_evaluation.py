from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from tests.profiles import colour
from tinct.evaluation import metrics
from tinct.evaluation.evaluate import baselines, colourer, evaluate, grey, markdown
from tinct.models import load_model

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
    table = markdown(list(rows.values()))
    assert table.count("\n") == 1 + len(rows)
    assert "| tint a* 2 b* 7 |" in table


def test_a_model_is_measured_through_its_own_flow(pictures: list[NDArray[np.uint8]]) -> None:
    model = load_model(threads=1)
    (row,) = evaluate(pictures[:1], {"model": colourer(model, size=64)})
    (doubled,) = evaluate(pictures[:1], {"model": colourer(model, size=64, gain=2.0)})
    assert doubled.colourfulness_ratio > row.colourfulness_ratio > 0
