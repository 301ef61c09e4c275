"""What each measure is: the rows of docs/metrics.md, and the heads of every table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher", "none"]
#: of a picture and its truth; of a set of pictures; of a model and a picture
Scope = Literal["pair", "set", "model"]


@dataclass(frozen=True)
class Metric:
    """One measure."""

    name: str
    """The key in results."""
    title: str
    """The head of its column."""
    unit: str
    """`%` where a share 0..1 is shown as per cent; empty where it has none."""
    direction: Direction
    """Which is better; `none`: closest to the truth's own."""
    decimals: int
    """Shown in tables."""
    source: str
    """Formula and where it comes from."""
    scope: Scope = "pair"
    """What it is measured on."""

    def show(self, value: float) -> str:
        """A value as tables have it, with `%` but without any other unit."""
        if self.unit == "%":
            return f"{100 * value:.{self.decimals}f} %"
        if self.unit == "dB" and value > _ENDLESS:
            return "∞"
        return f"{value:.{self.decimals}f}"


_ENDLESS = 100.0  # dB: two pictures are the same
_SHARMA = "CIE 142-2001 as in Sharma, Wu and Dalal 2005, weights 1"
_BANDS = "share of pixels by CIEDE2000; bands of the term project on 32-pixel paintings: "
_WANG = "Wang et al. 2004: Gaussian windows 11 x 11, sigma 1.5, inside only, range 255"
_HASLER = "Hasler and Suesstrunk 2003, M3, signed opponents"
_DDCOLOR = "the same of |R - G| and |(R + G) / 2 - B|, as in the code of DDColor, CT2, ColorFormer"


#: name -> what it is, in the order of tables
METRICS: Mapping[str, Metric] = {
    "ciede2000": Metric(
        name="ciede2000",
        title="CIEDE2000",
        unit="",
        direction="lower",
        decimals=2,
        source=f"mean over pixels; {_SHARMA}",
    ),
    "cie76": Metric(
        name="cie76",
        title="CIE76",
        unit="",
        direction="lower",
        decimals=2,
        source="mean over pixels of the distance in L*a*b* (CIE 15)",
    ),
    "band_unseen": Metric(
        name="band_unseen",
        title="not seen (dE <= 1)",
        unit="%",
        direction="higher",
        decimals=1,
        source=f"{_BANDS}0 to 1",
    ),
    "band_close": Metric(
        name="band_close",
        title="seen close up (1-2)",
        unit="%",
        direction="none",
        decimals=1,
        source=f"{_BANDS}1 to 2",
    ),
    "band_glance": Metric(
        name="band_glance",
        title="seen at a glance (2-10)",
        unit="%",
        direction="none",
        decimals=1,
        source=f"{_BANDS}2 to 10",
    ),
    "band_alike": Metric(
        name="band_alike",
        title="more alike than opposite (10-50)",
        unit="%",
        direction="lower",
        decimals=1,
        source=f"{_BANDS}11 to 49",
    ),
    "band_opposite": Metric(
        name="band_opposite",
        title="opposite (> 50)",
        unit="%",
        direction="lower",
        decimals=1,
        source=f"{_BANDS}100, here from 50",
    ),
    "psnr": Metric(
        name="psnr",
        title="PSNR",
        unit="dB",
        direction="higher",
        decimals=2,
        source="10 log10(255^2 / MSE) over pixels and channels of 8-bit sRGB",
    ),
    "ssim": Metric(
        name="ssim",
        title="SSIM",
        unit="",
        direction="higher",
        decimals=3,
        source=f"{_WANG}; mean of R, G and B",
    ),
    "psnr_ab": Metric(
        name="psnr_ab",
        title="PSNR a\\*b\\*",
        unit="dB",
        direction="higher",
        decimals=2,
        source="10 log10(255^2 / MSE) over pixels and both of a* and b*",
    ),
    "ssim_ab": Metric(
        name="ssim_ab",
        title="SSIM a\\*b\\*",
        unit="",
        direction="higher",
        decimals=3,
        source=f"{_WANG}; mean of a* + 128 and b* + 128",
    ),
    "ab_error": Metric(
        name="ab_error",
        title="a\\*b\\* distance",
        unit="",
        direction="lower",
        decimals=2,
        source="mean over pixels of the distance in a*b*",
    ),
    "ab_mse": Metric(
        name="ab_mse",
        title="a\\*b\\* MSE",
        unit="",
        direction="lower",
        decimals=5,
        source="mean of (a* / 128)^2 and (b* / 128)^2 of the differences",
    ),
    "ab_l1": Metric(
        name="ab_l1",
        title="a\\*b\\* L1",
        unit="",
        direction="lower",
        decimals=4,
        source="mean of |a*| / 128 and |b*| / 128 of the differences",
    ),
    "lab_accuracy_5": Metric(
        name="lab_accuracy_5",
        title="LAB accuracy 5 %",
        unit="%",
        direction="higher",
        decimals=1,
        source="share of pixels with |da*| and |db*| below 5 % of 255 (term project)",
    ),
    "lab_accuracy_2": Metric(
        name="lab_accuracy_2",
        title="LAB accuracy 2 %",
        unit="%",
        direction="higher",
        decimals=1,
        source="share with both, rounded, within 2 % of 220 (Nazeri et al., arXiv 1803.05400)",
    ),
    "larger_of_a_b": Metric(
        name="larger_of_a_b",
        title="same larger of a\\*, b\\*",
        unit="%",
        direction="higher",
        decimals=1,
        source="share of pixels with b* > a* in both or in neither; one system called it accuracy",
    ),
    "colourfulness": Metric(
        name="colourfulness",
        title="colourfulness",
        unit="",
        direction="none",
        decimals=1,
        source=_HASLER,
    ),
    "colourfulness_truth": Metric(
        name="colourfulness_truth",
        title="colourfulness of the truth",
        unit="",
        direction="none",
        decimals=1,
        source=_HASLER,
    ),
    "colourfulness_abs": Metric(
        name="colourfulness_abs",
        title="colourfulness, absolute",
        unit="",
        direction="none",
        decimals=1,
        source=_DDCOLOR,
    ),
    "colourfulness_abs_truth": Metric(
        name="colourfulness_abs_truth",
        title="colourfulness of the truth, absolute",
        unit="",
        direction="none",
        decimals=1,
        source=_DDCOLOR,
    ),
    "hue_histogram": Metric(
        name="hue_histogram",
        title="hue histogram distance",
        unit="",
        direction="lower",
        decimals=2,
        source="earth mover's distance of hue-wise chroma histograms on spokes that meet in grey "
        "(Evans and Matsen 2012)",
    ),
    "lightness": Metric(
        name="lightness",
        title="largest dL\\*",
        unit="",
        direction="lower",
        decimals=2,
        source="largest |dL*| from the grey that was given",
    ),
    "lightness_mean": Metric(
        name="lightness_mean",
        title="mean dL\\*",
        unit="",
        direction="lower",
        decimals=3,
        source="mean |dL*| from the grey that was given",
    ),
    "bleeding": Metric(
        name="bleeding",
        title="bleeding",
        unit="",
        direction="lower",
        decimals=3,
        source="mean chroma gradient beyond the truth's where lightness has no edge, a*b* a pixel",
    ),
    "missing_edges": Metric(
        name="missing_edges",
        title="missing edges",
        unit="%",
        direction="lower",
        decimals=1,
        source="share of the truth's chroma gradient at edges of lightness that is lacking",
    ),
    "frechet": Metric(
        name="frechet",
        title="Frechet distance",
        unit="",
        direction="lower",
        decimals=2,
        source="Heusel et al., arXiv 1706.08500, of pooled features of the named network",
        scope="set",
    ),
    "kernel": Metric(
        name="kernel",
        title="kernel distance x 1000",
        unit="",
        direction="lower",
        decimals=2,
        source="1000 times unbiased MMD^2, kernel (x.y / d + 1)^3 (arXiv 1801.01401), of the same",
        scope="set",
    ),
    "colourfulness_ratio": Metric(
        name="colourfulness_ratio",
        title="colourfulness ratio",
        unit="",
        direction="none",
        decimals=2,
        source="mean signed colourfulness by that of the truths",
        scope="set",
    ),
    "colourfulness_difference": Metric(
        name="colourfulness_difference",
        title="colourfulness difference",
        unit="",
        direction="lower",
        decimals=2,
        source="|difference of the means|, the papers' delta CF",
        scope="set",
    ),
    "lpips": Metric(
        name="lpips",
        title="LPIPS (VGG16)",
        unit="",
        direction="lower",
        decimals=3,
        source="Zhang et al., arXiv 1801.03924, version 0.1, VGG16 with learned heads",
    ),
    "size_consistency": Metric(
        name="size_consistency",
        title="moved by working size",
        unit="",
        direction="lower",
        decimals=2,
        source="mean CIEDE2000 between the result at the model's own working size and at others",
        scope="model",
    ),
    "flip_consistency": Metric(
        name="flip_consistency",
        title="moved by a flip",
        unit="",
        direction="lower",
        decimals=2,
        source="mean CIEDE2000 between the result and that of the mirrored picture, mirrored back",
        scope="model",
    ),
}
