"""How the shipped network obeys: references, one point, working sizes; and what one pass costs.

    python benchmarks/flagship.py            # all
    python benchmarks/flagship.py reference  # some of: reference, hint, sizes, pass

On evaluation pictures of TINCT_DATA; results go to benchmarks/results/flagship-*.json.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

sys.path.insert(0, str(Path(__file__).parent))

from run import RESULTS, Measurement, len_cores, made_by

from tinct.color import SRGB, lightness, merge, rgb_to_lab
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.edges import EDGE, FLAT, gradient
from tinct.evaluation.protocol import Protocol, grey
from tinct.evaluation.sets import find_sets
from tinct.models import DEFAULT, load_model
from tinct.models.session import Model
from tinct.propagation import obey
from tinct.reference import palette_of_lab
from tinct.refine import enlarge

PICTURES = 60  # of each set
FloatArray = NDArray[np.float32]


def truths(name: str) -> list[NDArray[np.uint8]]:
    """Evaluation pictures cut to 256 x 256."""
    data = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "eval"
    protocol = Protocol()
    (found,) = [one for one in find_sets(data, limit=PICTURES) if one.name == name]
    return [protocol.fit(truth.picture()[0]) for truth in found.truths]


def result(light: FloatArray, chroma: FloatArray) -> FloatArray:
    """CIELAB (H, W, 3) of the coloured picture, as a file would hold it."""
    codes = merge(light, enlarge(chroma, *light.shape), SRGB, depth=8)
    return rgb_to_lab(codes * np.float32(1 / 255))


def apart(one: FloatArray, other: FloatArray) -> float:
    """Sliced Wasserstein distance of two sets of a*b* in CIE units, sixteen directions.

    J. Rabin et al., "Wasserstein barycenter and its application to texture mixing", SSVM 2011.
    """
    angles = np.arange(16) * np.pi / 16
    along = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    quantiles = np.linspace(0, 1, 201)
    first, second = (
        np.quantile(lab[..., 1:].reshape(-1, 2) @ along, quantiles, axis=0) for lab in (one, other)
    )
    return float(np.abs(first - second).mean())


def reference(model: Model) -> Iterator[Measurement]:
    """Whether a picture takes on the colours of another one of its set."""
    for name in ("paintings", "photos"):
        pictures = truths(name)
        nearer: list[bool] = []
        before: list[float] = []
        after: list[float] = []
        flat: list[float] = []
        free: list[float] = []
        for number, truth in enumerate(pictures):
            light = lightness(grey(truth), SRGB)
            other = rgb_to_lab(pictures[number - 1] * np.float32(1 / 255))
            wanted = palette_of_lab(other, "other").over(model.bins)
            plain = result(light, model.predict(light).chroma)
            led = result(light, model.predict(light, palette=wanted).chroma)
            before.append(apart(plain, other))
            after.append(apart(led, other))
            nearer.append(after[-1] < before[-1])
            smooth = gradient(light[None]) < FLAT
            for lab, shares in ((led, flat), (plain, free)):
                slope = gradient(np.ascontiguousarray(lab[..., 1:].transpose(2, 0, 1)))
                shares.append(float(slope[smooth].mean() / max(slope.mean(), 1e-6)))
        yield Measurement(
            f"{name}: pictures no nearer to a reference than without it",
            1 - float(np.mean(nearer)),
            0.10,
            "of them",
            {
                "pictures": float(len(pictures)),
                "distance to the reference without it": float(np.mean(before)),
                "distance with it": float(np.mean(after)),
                "chroma gradient where light is flat / everywhere, with it": float(np.mean(flat)),
                "the same without it": float(np.mean(free)),
            },
        )


def hint(model: Model) -> Iterator[Measurement]:
    """One point in the middle of a uniform region: the region follows, the rest does not."""
    off: list[float] = []
    beyond: list[float] = []
    rng = np.random.default_rng(0)
    for truth in [*truths("paintings"), *truths("photos")]:
        light = lightness(grey(truth), SRGB)
        slope = ndimage.gaussian_filter(gradient(light[None]), 1)
        regions = label(ndimage.binary_erosion(slope < 1.5 * FLAT), connectivity=1)
        sizes = np.bincount(regions.ravel())
        sizes[0] = 0
        largest = int(sizes.argmax())
        if sizes[largest] < 0.04 * light.size:
            continue
        region = regions == largest
        depth = ndimage.distance_transform_edt(region)
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        # what lies behind a strong edge, seen from the region
        open_ground = label(slope < EDGE, connectivity=1)
        behind = (open_ground != open_ground[row, column]) & (slope < EDGE)
        angle = rng.uniform(0, 2 * np.pi)
        colour = 25 * np.array([np.cos(angle), np.sin(angle)])
        y, x = (row + 0.5) / light.shape[0], (column + 0.5) / light.shape[1]
        point = np.array([[x, y, *colour]], np.float32)
        said = model.predict(light, distribution=True)
        without = said.chroma
        plain = result(light, without)
        told = model.predict(light, hints=point).chroma
        spread = obey(told, light, point, without=without, odds=said.distribution)
        led = result(light, spread)
        mean = led[region].mean(0)
        asked = np.array([mean[0], *colour], np.float32)
        off.append(float(ciede2000(mean[:, None], asked[:, None])[0]))
        moved = np.linalg.norm((led - plain)[..., 1:], axis=-1)
        if behind.sum() > 0.02 * light.size:
            beyond.append(float(moved[behind].mean() / max(moved[region].mean(), 1e-6)))
    yield Measurement(
        "one point in a uniform region: how far its mean is from the point",
        float(np.median(off)),
        6,
        "CIEDE2000 (median)",
        {
            "regions": float(len(off)),
            "mean": float(np.mean(off)),
            "within the bar": float(np.mean(np.array(off) <= 6)),
        },
    )
    yield Measurement(
        "what moves behind strong edges / in the region",
        float(np.median(beyond)),
        1 / 3,
        "x (median)",
        {
            "pictures": float(len(beyond)),
            "mean": float(np.mean(beyond)),
            "within the bar": float(np.mean(np.array(beyond) <= 1 / 3)),
        },
    )


def sizes(model: Model) -> Iterator[Measurement]:
    """Whether results agree across working sizes."""
    found = []
    for truth in [*truths("paintings"), *truths("photos")]:
        light = lightness(grey(truth), SRGB)
        one, other = (
            result(light, model.predict(light, size=size).chroma).transpose(2, 0, 1)
            for size in (256, 512)
        )
        found.append(float(ciede2000(one, other).mean()))
    yield Measurement(
        "working sizes 256 and 512 apart",
        float(np.mean(found)),
        3,
        "CIEDE2000",
        {"pictures": float(len(found)), "worst": max(found)},
    )


def one_pass(model: Model) -> Iterator[Measurement]:
    """Time of one automatic pass, with the processor time of a plain U-Net beside it."""
    import onnxruntime
    import torch
    from torch import nn

    light = np.linspace(0, 100, 256 * 256, dtype=np.float32).reshape(256, 256)

    class Plain(nn.Module):
        """Encoder and decoder of plain 3 x 3 convolutions with skips, a*b* at 1/4."""

        def __init__(self, width: int = 24) -> None:
            super().__init__()
            w = [width, 2 * width, 4 * width, 6 * width, 8 * width]
            self.down = nn.ModuleList(
                nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip([1, *w], w, strict=False)
            )
            self.up = nn.ModuleList(
                nn.Conv2d(a + b, b, 3, padding=1)
                for a, b in ((w[4], w[3]), (w[3], w[2]), (w[2], w[1]))
            )
            self.last = nn.Conv2d(w[1], 144, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = []
            for layer in self.down:
                x = torch.relu(layer(x))
                kept.append(x)
            for layer, skip in zip(self.up, kept[3:0:-1], strict=True):
                x = nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear")
                x = torch.relu(layer(torch.cat([x, skip], 1)))
            found: torch.Tensor = self.last(x)
            return found

    own = model.spec.working_size
    graph = torch.onnx.export(
        Plain().eval(), (torch.zeros(1, 1, own, own),), dynamo=True, verbose=False
    )
    assert graph is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    plain = onnxruntime.InferenceSession(graph.model_proto.SerializeToString(), options)
    name = plain.get_inputs()[0].name
    small = light[None, None, :own, :own]
    ours, theirs = in_turn(
        lambda: model.predict(light), lambda: plain.run(None, {name: small}), rounds=25
    )
    both = load_model()  # with all cores
    times = []
    for _ in range(40):
        started = time.perf_counter()
        both.predict(light)
        times.append(1000 * (time.perf_counter() - started))
    yield Measurement(
        "one automatic pass over a picture of 256 pixels, on all cores",
        min(times),
        25,
        "ms",
        {
            "working size": float(own),
            "cores": float(len_cores()),
            "median": float(np.median(times)),
            "milliseconds of one core": 1000 * ours,
            "of a plain U-Net of 3 x 3 convolutions": 1000 * theirs,
            "parameters of that U-Net": float(sum(p.numel() for p in Plain().parameters())),
        },
    )


def in_turn(
    one: Callable[[], object], other: Callable[[], object], *, rounds: int
) -> tuple[float, float]:
    """Least processor seconds of each."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, times in zip((one, other), taken, strict=True):
            started = time.process_time()
            work()
            times.append(time.process_time() - started)
    return min(taken[0]), min(taken[1])


BENCHMARKS: dict[str, Callable[[Model], Iterator[Measurement]]] = {
    "reference": reference,
    "hint": hint,
    "sizes": sizes,
    "pass": one_pass,
}


def main(names: list[str]) -> int:
    """Run, print and store; 1 where a bar is missed."""
    model = load_model(threads=1)
    missed = 0
    for name in names or BENCHMARKS:
        rows = []
        for measured in BENCHMARKS[name](model):
            print(
                f"{measured.name}: {measured.value:.3f} {measured.unit} (bar {measured.bar:.3g}) "
                f"{'holds' if measured.holds else 'MISSED'}"
            )
            for key, value in measured.detail.items():
                print(f"    {key:60} {value:.3f}")
            missed += not measured.holds
            rows.append({**asdict(measured), "holds": measured.holds})
        record = {
            "model": DEFAULT,
            "rows": rows,
            **made_by(),
        }
        target = RESULTS / f"flagship-{name}.json"
        target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
