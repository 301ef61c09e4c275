"""Measures of one picture, against independent implementations and pictures made by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linprog
from skimage.metrics import structural_similarity

from tests.profiles import colour
from tinct.color import SRGB, lightness, merge, rgb_to_lab
from tinct.errors import UsageError
from tinct.evaluation import metrics
from tinct.evaluation.edges import gradient
from tinct.evaluation.histograms import HUES, hue_distance, hue_histogram
from tinct.evaluation.metrics import METRICS, compare, prepare
from tinct.evaluation.prepared import planes_of
from tinct.evaluation.protocol import grey
from tinct.evaluation.vividness import difference_of_means, mean_difference, ratio

Image8 = NDArray[np.uint8]


def picture(seed: int, height: int = 70, width: int = 90) -> Image8:
    """Soft shapes of all hues, with some grain."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
    soft = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return np.clip(soft + rng.integers(-6, 7, soft.shape), 0, 255).astype(np.uint8)


def painted(light: NDArray[np.float32], chroma: NDArray[np.float32]) -> Image8:
    """What has that L* (H, W) and, but for rounding, that a*b* (H, W, 2)."""
    return merge(light, chroma, SRGB, depth=8).astype(np.uint8)


def test_lab_of_every_colour_agrees_with_colour_science() -> None:
    axis = np.arange(0, 256, 15).astype(np.uint8)
    cube = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(54, -1, 3)
    cube = np.concatenate([cube, cube // 40])  # the dark ones, where the curve is a line
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    lab = planes_of(cube)[1].transpose(1, 2, 0)
    expected = colour.XYZ_to_Lab(colour.sRGB_to_XYZ(cube / 255), white)
    assert np.abs(lab - expected).max() < 0.05  # four digits of the white point
    assert np.abs(lab - rgb_to_lab(cube * np.float32(1 / 255))).max() < 1e-3


@pytest.mark.parametrize("shape", [(70, 90), (11, 300), (257, 64)])
def test_ssim_agrees_with_scikit_image(shape: tuple[int, int]) -> None:
    truth, result = picture(1, *shape), picture(2, *shape)
    result[: shape[0] // 2] = truth[: shape[0] // 2]
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    found = compare(result, truth)
    expected = structural_similarity(result, truth, channel_axis=2, data_range=255, **how)
    assert found["ssim"] == pytest.approx(expected, abs=1e-4)
    codes = [rgb_to_lab(one * np.float32(1 / 255))[..., 1:] + 128 for one in (result, truth)]
    expected = structural_similarity(codes[0], codes[1], channel_axis=2, data_range=255, **how)
    assert found["ssim_ab"] == pytest.approx(expected, abs=1e-4)


def test_ssim_of_a_picture_smaller_than_its_window_is_of_one_window() -> None:
    truth = np.zeros((4, 5, 3), np.uint8)
    result = np.full((4, 5, 3), 10, np.uint8)
    luminance = (0.01 * 255) ** 2 / (100 + (0.01 * 255) ** 2)  # all that is left of the formula
    assert compare(result, truth)["ssim"] == pytest.approx(luminance, rel=1e-3)
    assert compare(truth, truth)["ssim"] == pytest.approx(1)


def test_psnr_of_chroma_by_hand() -> None:
    """a* six and b* eight units off everywhere: a mean square of 50."""
    light = np.full((16, 16), 60, np.float32)
    truth = painted(light, np.zeros((16, 16, 2), np.float32))
    result = painted(light, np.full((16, 16, 2), (6, 8), np.float32))
    found = compare(result, truth)
    assert found["psnr_ab"] == pytest.approx(10 * np.log10(255**2 / 50), abs=0.1)
    assert found["ab_error"] == pytest.approx(10, abs=0.15)
    assert found["cie76"] == pytest.approx(found["ab_error"], abs=0.05)
    assert found["lightness"] <= 0.25


def test_absolute_colourfulness_folds_the_opponents() -> None:
    """Half red, half green, equally far from grey: signed they spread, folded they are one."""
    half = np.zeros((4, 4, 3), np.uint8)
    half[:2], half[2:] = (150, 50, 100), (50, 150, 100)
    assert metrics.colourfulness(half) == pytest.approx(100)  # rg -100 or 100, yb 0
    assert metrics.colourfulness(half, absolute=True) == pytest.approx(30)
    truth = picture(3)
    rg = np.abs(truth[..., 0].astype(float) - truth[..., 1])
    yb = np.abs(0.5 * (truth[..., 0].astype(float) + truth[..., 1]) - truth[..., 2])
    as_in_papers = np.sqrt(rg.std() ** 2 + yb.std() ** 2)
    as_in_papers += 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    found = compare(half[:1].repeat(70, 0)[:, :1].repeat(90, 1), truth)
    assert found["colourfulness_abs_truth"] == pytest.approx(as_in_papers)
    assert found["colourfulness_truth"] == pytest.approx(metrics.colourfulness(truth))
    assert found["colourfulness"] == pytest.approx(0.3 * 100)


def test_colourfulness_of_sets() -> None:
    """Half too vivid and half too grey: the means agree, the pictures do not."""
    results, truths = [60.0, 0.0], [30.0, 30.0]
    assert ratio(results, truths) == 1
    assert difference_of_means(results, truths) == 0
    assert mean_difference(results, truths) == 30
    assert difference_of_means([10.0, 20.0], truths) == 15


def test_hue_distance_is_the_least_work_along_the_spokes() -> None:
    """Against a transport problem solved as such."""
    rng = np.random.default_rng(5)
    spokes, chromas = rng.integers(0, HUES, (2, 12)), rng.integers(0, 90, (2, 12))
    first, second = (on_spokes(s, c) for s, c in zip(spokes, chromas, strict=True))
    same = spokes[0][:, None] == spokes[1]
    there, back = chromas[0][:, None], chromas[1][None]
    cost = np.where(same, np.abs(there - back), there + back)
    rows = [np.kron(np.eye(12), np.ones(12)), np.kron(np.ones(12), np.eye(12))]
    best = linprog(cost.ravel(), A_eq=np.concatenate(rows), b_eq=np.full(24, 1 / 12))
    found = hue_distance(hue_histogram(first), hue_histogram(second))
    assert found == pytest.approx(best.fun, abs=1)  # chroma is in whole units
    assert found == hue_distance(hue_histogram(second), hue_histogram(first))


def on_spokes(spokes: NDArray[np.int64], chromas: NDArray[np.int64]) -> NDArray[np.float32]:
    turn = spokes * 2 * np.pi / HUES
    planes = np.stack([chromas * np.cos(turn), chromas * np.sin(turn)]).astype(np.float32)
    return planes[:, None]


def test_hue_distance_of_made_colours() -> None:
    def flat(a: float, b: float) -> NDArray[np.float64]:
        return hue_histogram(np.stack([np.full((8, 8), a), np.full((8, 8), b)]).astype(np.float32))

    grey_one, red = flat(0, 0), flat(40, 0)
    assert hue_distance(red, grey_one) == pytest.approx(40)  # its chroma
    assert hue_distance(red, flat(10, 0)) == pytest.approx(30)  # the same hue
    assert hue_distance(red, flat(-40, 0)) == pytest.approx(80)  # the opposite, through grey
    assert hue_distance(flat(0.4, -0.3), grey_one) == 0  # the hue of grey is noise
    turned = hue_distance(red, flat(40, 5))  # half a spoke on: half of it has to move
    assert 30 < turned < 50
    assert hue_distance(red, red) == 0


def test_the_hue_histogram_does_not_care_where() -> None:
    truth = picture(6)
    mixed = np.random.default_rng(7).permutation(truth.reshape(-1, 3)).reshape(truth.shape)
    found = compare(mixed, truth)
    assert found["hue_histogram"] == pytest.approx(0, abs=1e-9)
    assert found["ciede2000"] > 10


def test_gradients_of_a_ramp_and_a_step() -> None:
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32) * 3, (9, 20))
    assert gradient(ramp[None])[:, 1:-1] == pytest.approx(3)
    assert gradient(ramp.T[None].copy())[1:-1] == pytest.approx(3)
    both = gradient(np.stack([ramp, ramp * 4 / 3]))
    assert both[:, 1:-1] == pytest.approx(5)  # 3 of a* and 4 of b*
    assert not gradient(np.full((2, 5, 6), 7, np.float32)).any()


@pytest.fixture
def halves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """L* and a*b* of a picture dark and blue on the left, light and yellow on the right."""
    light = np.full((40, 60), 40, np.float32)
    light[:, 30:] = 70
    chroma = np.zeros((40, 60, 2), np.float32)
    chroma[:, :30], chroma[:, 30:] = (5, -20), (0, 20)
    return light, chroma


def test_colour_that_runs_over_an_edge_bleeds_and_leaves_the_edge_without(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    light, chroma = halves
    truth = painted(light, chroma)
    ready = prepare(truth, given=grey(painted(light, chroma * 0)))
    true = compare(truth, ready)
    assert (true["bleeding"], true["missing_edges"]) == (0, 0)
    over = [compare(painted(light, np.roll(chroma, by, 1)), ready) for by in (2, 6)]
    assert over[1]["missing_edges"] > 0.98
    assert over[1]["bleeding"] > 0.2
    # a step of 40 in b* and 5 in a*, on both sides of the seam and two pixels wide each
    expected = 4 * np.hypot(40, 5) / 2 / 58
    assert over[1]["bleeding"] == pytest.approx(expected, rel=0.1)
    plain = compare(painted(light, chroma * 0), ready)
    assert plain["missing_edges"] == pytest.approx(1, abs=1e-3)
    assert plain["bleeding"] < 1e-3
    dull = compare(painted(light, chroma * np.float32(0.5)), ready)
    assert dull["missing_edges"] == pytest.approx(0.5, abs=0.05)
    assert dull["bleeding"] < 1e-3


def test_nothing_can_be_missed_where_the_truth_has_no_edges() -> None:
    flat = np.full((20, 20, 3), (90, 120, 60), np.uint8)
    assert compare(picture(8, 20, 20), flat)["missing_edges"] == 0
    steep = np.indices((30, 30)).sum(0) % 2 * 200  # every pixel is an edge: nowhere to bleed
    noisy = np.stack([steep] * 3, -1).astype(np.uint8)
    assert compare(picture(8, 30, 30), noisy)["bleeding"] >= 0


def test_lightness_is_that_of_the_grey_that_was_given() -> None:
    truth = picture(9)
    plain = grey(truth)
    kept = painted(lightness(plain, SRGB), np.full((*plain.shape, 2), (4, 8), np.float32))
    assert compare(kept, truth)["lightness"] <= 0.25
    assert compare(truth, truth)["lightness"] > 1  # Rec. 601 grey is not L*
    brighter = compare(np.stack([plain + np.uint8(0)] * 3, -1), prepare(truth, given=plain // 2))
    moved = np.abs(lightness(plain, SRGB) - lightness(plain // 2, SRGB))
    assert brighter["lightness"] == pytest.approx(float(moved.max()), abs=1e-3)
    assert brighter["lightness_mean"] == pytest.approx(float(moved.mean()), abs=1e-3)


def test_a_prepared_truth_gives_the_same_as_the_truth() -> None:
    truth, result = picture(10), picture(11)
    ready = prepare(truth)
    first = compare(result, ready)
    assert first == compare(result, truth) == compare(result, ready)


def test_of_the_truth_itself_nothing_new_is_found_by_measuring() -> None:
    """What is not measured of identical pictures is what measuring them gives."""
    truth = picture(3, 40, 52)
    ready = prepare(truth)
    quick = compare(truth.copy(), ready)
    assert list(quick) == list(metrics._measured(truth, ready))
    assert quick == pytest.approx(metrics._measured(truth, ready), abs=1e-6)
    assert quick["lightness"] > 0
    other = truth.copy()
    other[7, 7] ^= 64
    assert compare(other, ready)["ciede2000"] > 0


def test_every_key_of_a_comparison_is_in_the_catalogue_in_its_order() -> None:
    found = compare(picture(12), picture(13))
    pairs = [name for name, metric in METRICS.items() if metric.scope == "pair"]
    assert sorted(found) == sorted(set(pairs) - {"lpips"})
    assert all(metric.name == name for name, metric in METRICS.items())
    assert all(type(value) is float and np.isfinite(value) for value in found.values())
    assert METRICS["lab_accuracy_5"].show(0.4567) == "45.7 %"
    assert METRICS["psnr"].show(22.348) == "22.35"


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(UsageError, match="90x70 pixels, the truth 60x40"):
        compare(picture(1), picture(1, 40, 60))
    with pytest.raises(UsageError, match="no picture to measure"):
        compare(picture(1)[..., 0], picture(1))
    with pytest.raises(UsageError, match="no picture to measure"):
        prepare(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(UsageError, match="the grey is 60 x 40"):
        prepare(picture(1), given=grey(picture(1, 40, 60)))


def test_every_metric_has_its_row_in_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.) \|", page, re.MULTILINE)
    arrows = {"lower": "↓", "higher": "↑", "none": "–"}
    assert sorted(rows) == sorted((name, arrows[one.direction]) for name, one in METRICS.items())
