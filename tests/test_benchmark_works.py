"""Pictures of one work are found, however they became square: a split must not part them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def scene(seed: int, *, height: int, width: int) -> Image.Image:
    """Spots of all sizes."""
    rng = np.random.default_rng(seed)
    sides = (4, 8, 16, 32)
    layers = [
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).resize((width, height))
        for side in sides
    ]
    mean = sum(np.asarray(layer, np.float32) for layer in layers) / len(sides)
    return Image.fromarray(np.asarray(mean).astype(np.uint8))


def test_a_squeezed_picture_and_its_middle_are_one_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = import_module("works")
    squares = []
    for seed, (height, width) in enumerate([(300, 200), (200, 290), (240, 200), (200, 200)]):
        whole = scene(seed, height=height, width=width)
        squeezed = whole.resize((192, 192))
        side = min(whole.size)
        left, top = (whole.width - side) / 2, (whole.height - side) / 2
        middle = whole.resize((192, 192), box=(left, top, left + side, top + side))
        squares += [np.asarray(squeezed), np.asarray(middle)]
    numbers = module.works(squares)
    assert (numbers[::2] == numbers[1::2]).all()
    assert len(np.unique(numbers)) == 4
    parts = list(module.folds(numbers, 2, 3, seed=0))
    assert sorted(place for _, measured in parts for place in measured) == list(range(8))
    for learned, measured in parts:
        assert len(learned) == 3
        assert len(np.unique(numbers[learned])) == 2  # both works that are not measured
        assert not {*numbers[learned]} & {*numbers[measured]}
