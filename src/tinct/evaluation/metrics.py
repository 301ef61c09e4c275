"""Distances between a coloured picture and the truth. Pictures are uint8 sRGB (H, W, 3).

`METRICS` says of each what it is, where its formula comes from and which way is better;
docs/metrics.md has the traps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinct.errors import UsageError
from tinct.evaluation import difference, edges, structure
from tinct.evaluation.catalogue import METRICS, Metric
from tinct.evaluation.histograms import hue_distance, hue_histogram
from tinct.evaluation.prepared import Prepared, planes_of, prepare
from tinct.evaluation.vividness import Vividness, vividness

__all__ = [
    "METRICS",
    "Metric",
    "Prepared",
    "ab_error",
    "ciede2000",
    "colourfulness",
    "compare",
    "lab_accuracy",
    "prepare",
    "psnr",
]

Image8 = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

#: a* and b* of `ab_mse` and `ab_l1` are divided by this, as networks see them
_UNIT = 128


def compare(result: Image8, truth: Image8 | Prepared) -> dict[str, float]:
    """Every pairwise measure between two pictures, by its name in `METRICS`.

    Args:
        result: uint8 sRGB (H, W, 3).
        truth: the same, or what `prepare` made of it: several ways of colouring one picture are
            compared in half the time with that.

    Raises:
        UsageError: sizes differ, or one is no picture.
    """
    true = truth if isinstance(truth, Prepared) else prepare(truth)
    if result.shape[:2] != true.light.shape:
        height, width = true.light.shape
        raise UsageError(
            f"the result is {'x'.join(map(str, result.shape[1::-1]))} pixels, the truth "
            f"{width}x{height}",
            remedy="compare pictures of the same size",
        )
    if np.array_equal(result, true.codes):
        return _itself(true)
    return _measured(result, true)


def _itself(true: Prepared) -> dict[str, float]:
    """Of the truth itself, which is in every table: nothing has to be measured to know that."""
    return {**_identical(), **_vividness(true.vividness, true), **_light(true.lab[0], true.light)}


@lru_cache(maxsize=1)
def _identical() -> dict[str, float]:
    """What any picture has when it is compared with itself."""
    any_picture = np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3)
    return _measured(any_picture, prepare(any_picture))


def _measured(result: Image8, true: Prepared) -> dict[str, float]:
    rgb, lab = planes_of(result)
    return {
        **_colour(lab, true.lab),
        **_signal(rgb, lab, true),
        **_vividness(vividness(rgb), true),
        "hue_histogram": hue_distance(hue_histogram(lab[1:]), true.hues),
        **_light(lab[0], true.light),
        **_edges(edges.gradient(lab[1:]), true),
    }


def _colour(lab: FloatArray, true: FloatArray) -> dict[str, float]:
    differences = difference.ciede2000(true, lab)
    shift = lab - true
    shift *= shift
    squares = shift[1] + shift[2]
    ab_mse = float(squares.mean()) / 2 / _UNIT**2
    ab_error = float(np.sqrt(squares).mean())
    squares += shift[0]
    a, b = np.abs(lab[1:] - true[1:])
    near = (a < 0.05 * 255) & (b < 0.05 * 255)
    ab_l1 = float(a.mean() + b.mean()) / 2 / _UNIT
    rounded = np.abs(np.rint(lab[1:]) - np.rint(true[1:])) <= 0.02 * 220
    larger = (lab[2] > lab[1]) == (true[2] > true[1])
    return {
        "ciede2000": float(differences.mean()),
        "cie76": float(np.sqrt(squares).mean()),
        **{f"band_{name}": share for name, share in difference.band_shares(differences).items()},
        "ab_error": ab_error,
        "ab_mse": ab_mse,
        "ab_l1": ab_l1,
        "lab_accuracy_5": _share(near),
        "lab_accuracy_2": _share(rounded[0] & rounded[1]),
        "larger_of_a_b": _share(larger),
    }


def _signal(rgb: FloatArray, lab: FloatArray, true: Prepared) -> dict[str, float]:
    return {
        "psnr": structure.psnr(_squared_error(rgb, true.rgb)),
        "ssim": structure.ssim(rgb, true.rgb, true.rgb_windows),
        "psnr_ab": structure.psnr(_squared_error(lab[1:], true.lab[1:])),
        "ssim_ab": structure.ssim(lab[1:], true.lab[1:], true.chroma_windows),
    }


def _vividness(mine: Vividness, true: Prepared) -> dict[str, float]:
    return {
        "colourfulness": mine.signed,
        "colourfulness_truth": true.vividness.signed,
        "colourfulness_abs": mine.absolute,
        "colourfulness_abs_truth": true.vividness.absolute,
    }


def _light(light: FloatArray, given: FloatArray) -> dict[str, float]:
    moved = np.abs(light - given)
    return {"lightness": float(moved.max()), "lightness_mean": float(moved.mean())}


def _edges(slope: FloatArray, true: Prepared) -> dict[str, float]:
    return {
        "bleeding": edges.bleeding(slope, true.gradient, true.flat),
        "missing_edges": edges.missing_edges(slope, true.gradient, true.edge),
    }


def ciede2000(result: Image8, truth: Image8) -> float:
    """Mean CIEDE2000 colour difference over all pixels (CIE 142-2001; Sharma et al. 2005)."""
    return float(difference.ciede2000(planes_of(truth)[1], planes_of(result)[1]).mean())


def psnr(result: Image8, truth: Image8) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels of 8-bit sRGB."""
    return structure.psnr(_squared_error(result.astype(np.float32), truth.astype(np.float32)))


def colourfulness(picture: Image8, *, absolute: bool = False) -> float:
    """Colourfulness: Hasler and Suesstrunk's, signed, or that of DDColor's code (`absolute`)."""
    found = vividness(picture.astype(np.float32).transpose(2, 0, 1))
    return found.absolute if absolute else found.signed


def ab_error(result: Image8, truth: Image8) -> float:
    """Mean Euclidean distance in a*b*."""
    return float(difference.cie76(planes_of(result)[1][1:], planes_of(truth)[1][1:]).mean())


def lab_accuracy(result: Image8, truth: Image8, *, share: float = 0.05) -> float:
    """Share of pixels whose a* and b* are both within `share` of the 255 units they span."""
    distance = np.abs(planes_of(result)[1][1:] - planes_of(truth)[1][1:])
    return float((distance < share * 255).all(axis=0).mean())


def _share(right: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(right)) / right.size


def _squared_error(first: FloatArray, second: FloatArray) -> float:
    error = first - second
    return float(np.vdot(error, error)) / error.size
