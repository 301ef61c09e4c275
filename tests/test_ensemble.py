"""The best effort: the mean of four passes, of which each sees the picture upright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.networks import network
from tinct.ensemble import predict_best
from tinct.models import DEFAULT, load_model


@pytest.fixture(scope="module")
def light() -> Any:
    rng = np.random.default_rng(4)
    return np.clip(np.cumsum(rng.normal(0, 4, (120, 150)), 1) + 50, 0, 100).astype(np.float32)


def test_a_mirrored_picture_gets_mirrored_colours(light: Any) -> None:
    model = load_model(DEFAULT, threads=1)
    straight = predict_best(model, light, size=128)
    turned = predict_best(model, np.ascontiguousarray(light[:, ::-1]), size=128)
    np.testing.assert_allclose(straight.chroma, turned.chroma[:, ::-1], atol=0.6)
    once = model.predict(light, size=128).chroma
    again = model.predict(np.ascontiguousarray(light[:, ::-1]), size=128).chroma[:, ::-1]
    apart = np.abs(straight.chroma - turned.chroma[:, ::-1]).mean()
    assert apart < np.abs(once - again).mean() / 5


def test_the_distribution_is_one_and_gives_the_colours(light: Any) -> None:
    model = load_model(DEFAULT, threads=1)
    found = predict_best(model, light, size=128, temperature=1.0)
    assert found.distribution is not None
    assert found.distribution.shape == (*found.chroma.shape[:2], len(model.bins))
    np.testing.assert_allclose(found.distribution.sum(2), 1, atol=1e-4)
    expected = found.distribution @ model.bins * model.spec.gain
    np.testing.assert_allclose(expected, found.chroma, atol=1e-3)


def test_colours_without_a_distribution_are_averaged(tmp_path: Path, light: Any) -> None:
    model = load_model(network(tmp_path / "shares.onnx"), threads=1)
    found = predict_best(model, light, size=96)
    alone = model.predict(light, size=96)
    assert found.chroma.shape == alone.chroma.shape
    assert found.distribution is None
    np.testing.assert_allclose(found.chroma, alone.chroma, atol=3)
