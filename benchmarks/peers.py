"""What colouring one picture costs: published networks of others, the source systems, and ours.

    python benchmarks/peers.py              # all: some ten minutes
    python benchmarks/peers.py zhang16 tinct # some; the others are kept as they were
    python benchmarks/peers.py --rounds 1    # in a third of the time

The peers are re-built with random weights (`peers_networks.py`): how long a network
takes does not depend on them. Each is measured in a process of its own, one picture at the size it
sees by default, with two threads, by PyTorch and by ONNX Runtime; all rounds of all networks take
turns, so that what else the computer does falls on all of them. Processor time is what counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from peers_page import write_page
from peers_table import PEERS
from run import RESULTS as FOLDER
from run import ROOT, Measurement, made_by

from tinct.systems.registry import SYSTEMS

RESULTS = FOLDER / "peers.json"
THREADS = 2
ROUNDS, TIMES = 3, 2
OURS = "tinct"
#: the systems of others that come with Tinct, at the size each was trained at
SOURCES = ("koalarization", "full", "paintings", "colorit", "gan32", "pix2pix")
ENGINES = ("torch", "onnx")


def names() -> list[str]:
    """Everything that is measured."""
    return [OURS, *SOURCES, *PEERS]


def main(words: list[str]) -> int:
    """Measure, store, and write the page."""
    if words[:1] == ["--one"]:
        print(json.dumps(one(words[1], words[2], words[3], Path(words[4]))))
        return 0
    parser = argparse.ArgumentParser(description="What colouring one picture costs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="Turns that all take.")
    parser.add_argument("--engine", choices=ENGINES, help="One alone; the other is kept.")
    given = parser.parse_args(words)
    unknown = [word for word in given.names if word not in names()]
    if unknown:
        print(f"error: {unknown[0]} is none of {', '.join(names())}", file=sys.stderr)
        return 2
    wanted = given.names or names()
    engines = [given.engine] if given.engine else ENGINES
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="tinct-peers-") as folder:
        for turn in range(given.rounds):
            for name in wanted:
                for engine in engines:
                    row = in_a_process(name, engine, Path(folder))
                    if row is not None:
                        found.setdefault(f"{name} {engine}", []).append(row)
                        print(turn, name, engine, row, flush=True)
    kept = json.loads(RESULTS.read_text("utf-8"))["networks"] if RESULTS.is_file() else {}
    networks = dict(kept)
    for name in wanted:
        before = {engine: kept.get(name, {}).get(engine) for engine in ENGINES}
        now = {engine: best(found.get(f"{name} {engine}")) for engine in engines}
        networks[name] = {**about(name), **before, **now}
    ordered = {name: networks[name] for name in names() if name in networks}
    write(ordered, given.rounds)
    return 0


def in_a_process(name: str, engine: str, folder: Path) -> dict[str, Any] | None:
    """One round; None where the network cannot be run so."""
    words = [sys.executable, str(Path(__file__)), "--one", name, engine, str(TIMES), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        print(f"{name} by {engine}: {said}", file=sys.stderr)
        return None
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def best(rows: list[dict[str, Any]] | None) -> dict[str, float] | None:
    """The least of all rounds, and the median of processor time beside it."""
    if not rows:
        return None
    return {
        "seconds": round(min(row["seconds"] for row in rows), 4),
        "cpu_seconds": round(min(row["cpu"] for row in rows), 4),
        "cpu_median": round(statistics.median(row["cpu"] for row in rows), 4),
        "peak_mib": round(min(row["peak_mib"] for row in rows)),
    }


def about(name: str) -> dict[str, Any]:
    """What is known of a network without running it."""
    if name in PEERS:
        peer = PEERS[name]
        record = {
            key: value for key, value in asdict(peer).items() if key not in ("network", "settings")
        }
        count = parameters(peer.build)
        return {**record, "kind": "peer", "parameters": count, "megabytes": 4 * count / 1e6}
    from tinct.models import DEFAULT, find_model, weights_path
    from tinct.systems.registry import TINCT

    if name == OURS:
        spec = find_model(DEFAULT)
        size = weights_path(DEFAULT).stat().st_size / 1e6
        return {
            "title": f"Tinct, `{DEFAULT}`",
            "kind": "ours",
            "size": spec.working_size,
            "parameters": TINCT.parameters,
            "megabytes": round(size, 1),
        }
    system = SYSTEMS[name]
    return {
        "title": system.title,
        "kind": "source",
        "size": system.size,
        "parameters": system.parameters,
        "listens": system.embedding is not None,
        "megabytes": 4 * system.parameters / 1e6,
    }


def size_of(name: str) -> int:
    """Side of the square that a network sees; torch is not imported for it."""
    return PEERS[name].size if name in PEERS else int(about(name)["size"])


def parameters(build: Callable[[], Any]) -> int:
    """Numbers learned; nothing is computed."""
    import torch

    with torch.device("meta"):
        return sum(weight.numel() for weight in build().parameters())


# ---- in a process of its own ----------------------------------------------------------------


def one(name: str, engine: str, times: str, folder: Path) -> dict[str, float]:
    """Seconds and processor seconds of one picture once warm, and the process' peak memory."""
    run = by_torch(name) if engine == "torch" else by_onnx(name, folder)
    run()
    took = []
    for _ in range(int(times)):
        wall, processor = time.perf_counter(), time.process_time()
        run()
        took.append((time.perf_counter() - wall, time.process_time() - processor))
    status = Path("/proc/self/status")
    peak = 0.0
    if status.is_file():
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    seconds, cpu = (min(values) for values in zip(*took, strict=True))
    return {"seconds": seconds, "cpu": cpu, "peak_mib": peak}


def network_of(name: str) -> tuple[Any, tuple[Any, ...]]:
    """A network with random weights, its classifier included, and a picture for it."""
    import torch

    torch.manual_seed(0)
    if name in PEERS:
        size = PEERS[name].size
        return PEERS[name].build().eval(), (torch.rand(1, 1, size, size) * 100,)
    from tinct.systems import find_system
    from tinct.systems.classifier import build_classifier
    from tinct.training.export import Fused, Weights
    from tinct.training.graph import Interface

    system = find_system(name)
    size = size_of(name)
    network: Any = system.build().eval()
    if name == OURS:
        return network, Interface.DISTRIBUTION.inputs(size, size, bins=len(network.bins))
    picture = torch.rand(1, 1, size, size) * 100
    if system.embedding is None:
        return network, (picture,)
    from tinct.training import export

    # weights are random here as well, and as published: the larger classifier of the two
    vars(export)["load_classifier"] = partial(build_classifier, classes=1001)
    kind: Any = system.kind
    heard = Weights({}, name, classifier="inception_resnet_v2", kind=kind)
    return Fused(network, heard, system.embedding).eval(), (picture,)


def by_torch(name: str) -> Callable[[], object]:
    """PyTorch as it comes."""
    import torch

    torch.set_num_threads(THREADS)
    network, inputs = network_of(name)

    def run() -> object:
        with torch.inference_mode():
            return network(*inputs)

    return run


def by_onnx(name: str, folder: Path) -> Callable[[], object]:
    """ONNX Runtime; the file is exported in another process, the first time it is asked for."""
    file = folder / f"{name}.onnx"
    if name == OURS:
        from tinct.models import DEFAULT, weights_path

        file = weights_path(DEFAULT)
    elif not file.is_file():
        code = (
            "import sys, torch, warnings; sys.path.insert(0, sys.argv[1])\n"
            "from pathlib import Path\n"
            "from peers import network_of\n"
            "warnings.simplefilter('ignore')\n"
            "network, inputs = network_of(sys.argv[2])\n"
            "torch.onnx.export(network, inputs, sys.argv[3], dynamo=True, verbose=False)\n"
        )
        words = [sys.executable, "-c", code, str(Path(__file__).parent), name, str(file)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
    from tinct.models.runtime import onnxruntime

    engine = onnxruntime()
    options = engine.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = engine.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    import numpy as np

    size = size_of(name)
    feed = {}
    for given in session.get_inputs():
        shape = [side if isinstance(side, int) else 0 for side in given.shape]
        if given.name == "lightness" or len(session.get_inputs()) == 1:
            shape = [1, 1, size, size]
        elif given.name == "hints":
            shape = [1, 3, size // 4, size // 4]
        feed[given.name] = np.full(shape, 1 if given.name == "temperature" else 0, np.float32)
    return lambda: session.run(None, feed)


# ---- what is written ------------------------------------------------------------------------


def write(networks: dict[str, dict[str, Any]], rounds: int) -> None:
    """The results and the page of the docs."""
    ours = networks[OURS]["onnx"]["cpu_seconds"]
    least = min(
        one[engine]["cpu_seconds"]
        for one in networks.values()
        for engine in ENGINES
        if one["kind"] == "peer" and one[engine]
    )
    measured = Measurement(
        "processor time of a picture / of the quickest peer", ours / least, 1.0, "x"
    )
    record = {
        **asdict(measured),
        "holds": measured.holds,
        **made_by(),
        "threads": THREADS,
        "rounds": rounds,
        "times": TIMES,
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "networks": networks,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(RESULTS.relative_to(ROOT))
    print(write_page(record).relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
