"""Training on two machines, as docs/training.md says: torchrun on each, gloo on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores import free_port
from tests.trainings import QUICK, history, paint
from tinct.training.engine import train
from tinct.training.reading import load_recipe

#: trains as one of the machines, and tells what it has learned then
SCRIPT = """
import json, os, sys
from hashlib import sha256
from pathlib import Path
from tinct.training import engine
from tinct.training.objective import bare
from tinct.training.reading import load_recipe

made = []
whole = engine.make_objective
engine.make_objective = lambda *given: made.append(whole(*given)) or made[-1]
folder, run, told, *overrides = sys.argv[1:]
outcome = engine.train(load_recipe("alpha", overrides), Path(folder), Path(run), quiet=True)
digest = sha256()
for name, network in sorted(made[0].networks.items()):
    for key, value in sorted(bare(network).state_dict().items()):
        digest.update(f"{name} {key}".encode() + value.numpy().tobytes())
rank = os.environ["RANK"]
Path(told, rank).write_text(json.dumps([digest.hexdigest(), outcome.step]))
"""
OPTIONS = ("run.accelerator=cpu", "stop.steps=4", "run.every=2", "run.average=0.9")


@pytest.mark.slow
def test_two_machines_learn_the_same_and_what_one_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path / "cache"))
    folder = paint(tmp_path / "pictures", 12)
    (script := tmp_path / "machine.py").write_text(SCRIPT)
    overrides = [*QUICK, *OPTIONS]
    port, run, told = str(free_port()), tmp_path / "two", tmp_path / "told"
    told.mkdir()
    machines = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"),
                *("--nproc-per-node", "1", "--node-rank", str(rank)),
                *("--master-addr", "127.0.0.1", "--master-port", port),
                *map(str, (script, folder, run, told, *overrides, "run.nodes=2")),
            ],
            env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [machine.communicate(timeout=300)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    first, second = (json.loads((told / str(rank)).read_text()) for rank in range(2))
    assert first == second  # to the bit
    assert first[1] == 4
    train(load_recipe("alpha", overrides), folder, tmp_path / "one", quiet=True)
    exams = [history(tmp_path / name, "validation") for name in ("one", "two")]
    assert len(exams[0]) == len(exams[1]) >= 2
    for alone, shared in zip(*exams, strict=True):
        assert alone["step"] == shared["step"]
        for colours, measures in alone["measures"].items():
            assert shared["measures"][colours] == pytest.approx(measures, rel=1e-3), colours
