"""Speed and memory, as ratios measured in one run; results go to benchmarks/results/.

    python benchmarks/run.py            # all
    python benchmarks/run.py jpeg cold  # some

Ratios, not seconds, carry the claims: both sides of each are measured here, in turn.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"


@dataclass
class Measurement:
    """One claim: what was measured, against what, and the bar."""

    name: str
    value: float
    bar: float
    unit: str
    detail: dict[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bar."""
        return self.value <= self.bar


def scan(height: int, width: int) -> NDArray[np.uint8]:
    """A picture with the detail of a photograph: an example enlarged, with grain."""
    with Image.open(ROOT / "examples" / "saratoga-broadway.jpg") as example:
        large = example.convert("L").resize((width, height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (height, width)).astype(np.float32)
    noisy: NDArray[np.uint8] = np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)
    return noisy


def best(work: Callable[[], object], *, repeats: int = 7) -> float:
    """Smallest wall time in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def in_turn(
    *sides: Callable[[], object], rounds: int = 9
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wall and processor seconds (rounds, sides), the sides one after the other in each round."""
    wall, processor = np.empty((rounds, len(sides))), np.empty((rounds, len(sides)))
    for number in range(rounds):
        for side, work in enumerate(sides):
            began, taken = time.perf_counter(), time.process_time()
            work()
            wall[number, side] = time.perf_counter() - began
            processor[number, side] = time.process_time() - taken
    return wall, processor


def jpeg(height: int = 3000, width: int = 4000) -> Measurement:
    """Grey JPEG to colour JPEG, model loaded, against Pillow decoding it and encoding RGB.

    The floor is the entropy code of luma alone, decoded and encoded once, as near as libjpeg gives
    it: decoding at an eighth, and encoding grey.
    """
    import simplejpeg

    import tinct
    from tinct import flow, provenance
    from tinct import jpeg as short
    from tinct.image import load
    from tinct.image.decode import reduced
    from tinct.luma import luma_chroma

    buffer = BytesIO()
    Image.fromarray(scan(height, width)).save(buffer, "JPEG", quality=92)
    content = buffer.getvalue()

    def pillow() -> None:
        Image.open(BytesIO(content)).convert("RGB").save(
            BytesIO(), "JPEG", quality=92, subsampling=2
        )

    colorizer = tinct.Colorizer()
    colorizer.data(content)
    grey = simplejpeg.decode_jpeg(content, "GRAY")

    def floor() -> None:
        short.luma(content, scale=8)
        simplejpeg.encode_jpeg(grey, quality=92, colorspace="GRAY")

    wall, processor = in_turn(lambda: colorizer.data(content), pillow, floor)
    page, file = load(content).pages[0], short.shortcut(content)
    side = colorizer.network.spec.working_size
    luma = short.luma(content, scale=2)
    preview = reduced(luma, side)[..., 0]
    chroma = flow.page_colours(page, colorizer.network, colorizer, preview)
    space = flow.page_space(page)
    cb, cr = luma_chroma(chroma, luma, space)
    stages = {
        "luma at half size": lambda: short.luma(content, scale=2, file=file),
        "preview": lambda: reduced(luma, side),
        "network": lambda: flow.page_colours(page, colorizer.network, colorizer, preview),
        "chroma planes": lambda: luma_chroma(chroma, luma, space),
        "encode chroma and splice": lambda: short.colour(content, cb, cr, file=file),
        "hash of the result": lambda: provenance.sha256_of(content),
    }
    whole, theirs, least = wall.min(0)
    work = processor.min(0)
    detail = {
        "megabytes": len(content) / 1e6,
        "tinct_s": whole,
        "pillow_s": theirs,
        "floor_s": least,
        "tinct / floor": whole / least,
        "tinct_processor_s": work[0],
        "pillow_processor_s": work[1],
        "processor time, tinct / pillow": work[0] / work[1],
        **{f"share of {name}": best(stage) / whole for name, stage in stages.items()},
    }
    return Measurement(
        f"{height * width / 1e6:.0f} MP grey JPEG to colour JPEG / Pillow decode + encode",
        float(np.median(wall[:, 0] / wall[:, 1])),
        1.0,
        "x",
        {name: float(value) for name, value in detail.items()},
    )


def jpeg48() -> Measurement:
    """The same with 48 megapixels."""
    return jpeg(6000, 8000)


def cold() -> Measurement:
    """`tinct colorize small.jpg` from nothing, against importing numpy and onnxruntime."""
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.jpg"
        Image.fromarray(scan(480, 640)).save(small, quality=90)
        tinct = [
            sys.executable,
            "-m",
            "tinct",
            "colorize",
            str(small),
            "-q",
            "--on-exists",
            "overwrite",
        ]
        bare = [sys.executable, "-c", "import numpy, onnxruntime"]

        def run(command: list[str]) -> None:
            subprocess.run(command, check=True, cwd=folder)

        # As an ordinary install does: nobody's command is compiled anew at each start.
        run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src")])
        run(tinct)
        pairs = [
            (best(lambda: run(tinct), repeats=1), best(lambda: run(bare), repeats=1))
            for _ in range(9)
        ]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    detail = {"tinct_s": min(a for a, _ in pairs), "imports_s": min(b for _, b in pairs)}
    return Measurement("cold `tinct colorize small.jpg` / bare imports", ratio, 2.5, "x", detail)


def memory() -> Measurement:
    """Peak memory of colouring a 100 megapixel TIFF, 8 and 16 bit, in a process of its own."""
    import tifffile

    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for depth in (8, 16):
            source = Path(folder) / f"large-{depth}.tif"
            pixels = np.tile(scan(2500, 2500), (4, 4))
            data = pixels if depth == 8 else pixels.astype(np.uint16) * 257
            tifffile.imwrite(source, data, compression="zlib", rowsperstrip=64)
            del pixels, data
            script = (
                "import resource, sys, tinct, pathlib\n"
                "tinct.Colorizer().file(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))\n"
                "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
            )
            target = Path(folder) / f"colour-{depth}.tif"
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", script, str(source), str(target)],
                check=True,
                capture_output=True,
                text=True,
            )
            peaks[f"peak_{depth}_bit_MiB"] = int(done.stdout) / 1024
            peaks[f"seconds_{depth}_bit"] = time.perf_counter() - began
            target.unlink()
    largest = max(value for name, value in peaks.items() if name.startswith("peak"))
    return Measurement("peak memory, 100 MP TIFF to TIFF", largest, 1024, "MiB", peaks)


BENCHMARKS = {"jpeg": jpeg, "jpeg48": jpeg48, "cold": cold, "memory": memory}


def main(names: list[str]) -> int:
    """Run the named benchmarks, print and store them; 1 where a bar is missed."""
    RESULTS.mkdir(exist_ok=True)
    missed = 0
    for name in names or BENCHMARKS:
        measured = BENCHMARKS[name]()
        record = {
            **asdict(measured),
            "holds": measured.holds,
            **made_by(),
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        verdict = "holds" if measured.holds else "MISSED"
        print(
            f"{measured.name}: {measured.value:.2f} {measured.unit}"
            f" (bar {measured.bar:g}) {verdict}"
        )
        for key, value in measured.detail.items():
            print(f"    {key:48} {value:.3f}")
        missed += not measured.holds
    print(
        f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    return 1 if missed else 0


def made_by() -> dict[str, str]:
    """What every record says of where it comes from."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    ).stdout.strip()
    return {
        "commit": commit,
        "machine": f"{platform.machine()}, {len_cores()} cores",
        "python": platform.python_version(),
    }


def len_cores() -> int:
    """Cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
