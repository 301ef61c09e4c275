"""Imports run one way, and nothing on the way to a coloured file is heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "tinct"

#: room -> rank; a module imports only modules of a lower rank, or of its own room
RANKS = {
    "version": 0,
    "errors": 0,
    "background": 1,
    "cores": 0,
    "naming": 1,
    "resample": 1,
    "result": 1,
    "color": 1,
    "hints": 2,
    "variants": 2,
    "jpeg": 2,
    "image": 3,
    "download": 4,
    "models": 4,
    "refine": 4,
    "luma": 4,
    "propagation": 4,
    "reference": 4,
    "styles": 5,
    "ensemble": 5,
    "options": 5,
    "provenance": 5,
    "verify": 5,
    "palette": 5,
    "flow": 6,
    "confidence": 7,
    "memory": 7,
    "outputs": 7,
    "tiling": 7,
    "colorizer": 8,
    "once": 9,
    "batch": 9,
    "video": 9,
    "serve": 10,
    "client": 10,
    "cli": 11,
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "tinct" else ""


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_one_way(module: Path) -> None:
    own = module.relative_to(SOURCE).with_suffix("").parts[0]
    if own in RANKS:
        for name in imported(module):
            other = room(name)
            if other in RANKS and other != own:
                assert RANKS[other] <= RANKS[own], f"{own} must not import {other}"
    if own in {"training", "evaluation", "datasets", "study", "systems"}:
        assert not {room(name) for name in imported(module)} & {"cli", "serve", "batch"}


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_training_rooms_name_torch(module: Path) -> None:
    own = module.relative_to(SOURCE).parts[0]
    if own not in {"training", "systems"}:
        assert not {name.split(".")[0] for name in imported(module)} & {"torch", "lightning"}


def test_every_room_has_a_rank() -> None:
    rooms = {module.relative_to(SOURCE).with_suffix("").parts[0] for module in modules()}
    unranked = {"__init__", "__main__", "datasets", "evaluation", "study", "systems", "training"}
    assert rooms - set(RANKS) == unranked


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_are_small(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_tinct_changes_nothing() -> None:
    script = (
        "import logging, os, sys, threading\n"
        "root = logging.root\n"
        "def state(): return dict(os.environ), os.getcwd(), list(root.handlers), root.level\n"
        "before = state()\n"
        "import tinct\n"
        "assert before == state()\n"
        "assert threading.active_count() == 1\n"
        "heavy = {'torch', 'onnxruntime', 'pyvips', 'numpy', 'PIL', 'argparse'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_colouring_imports_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys, numpy\n"
        "import tinct\n"
        "tinct.colorize(numpy.full((40, 50), 128, numpy.uint8))\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_a_small_grey_jpeg_loads_no_libvips(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from PIL import Image\n"
        "import tinct\n"
        "Image.linear_gradient('L').save('small.jpg')\n"
        "tinct.colorize('small.jpg')\n"
        "assert 'pyvips' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
