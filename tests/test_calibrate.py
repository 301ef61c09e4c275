"""Calibration: settings ascend, and 1 and the usual vividness lie among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinct.color import rgb_to_lab
from tinct.models import DEFAULT, MODELS
from tinct.models.spec import USUAL
from tinct.options import ColorizeOptions
from tinct.training import calibrate
from tinct.training.calibrate import fitted
from tinct.training.recipe import Data


def test_settings_ascend_and_one_is_as_colourful_as_real_pictures() -> None:
    settings = ((2.0, 0.8), (1.0, 1.0), (0.5, 1.0), (0.5, 1.2), (0.5, 2.0))
    found = fitted(settings, (0.4, USUAL - 0.1, USUAL + 0.1, 0.6, 1.3))
    assert found.vividness == (
        (0.4, 2.0, 0.8),
        (USUAL - 0.1, 1.0, 1.0),
        (USUAL, 0.75, 1.0),
        (USUAL + 0.1, 0.5, 1.0),
        (1.0, 0.5, 1.5),
        (1.3, 0.5, 2.0),
    )
    assert found.usual == pytest.approx((0.75, 1.0))
    assert found.text().startswith("0.400:2:0.8 0.500:1:1 0.600:0.75:1 ")


def test_what_a_model_gives_by_itself_is_the_usual_vividness() -> None:
    assert ColorizeOptions().vividness == USUAL
    for spec in MODELS.values():
        temperature, factor = spec.heat(USUAL)
        assert temperature == pytest.approx(spec.temperature, abs=1e-3)
        assert factor == pytest.approx(1, abs=1e-3)


def test_heat_follows_the_settings_and_a_factor_goes_beyond() -> None:
    spec = replace(
        MODELS[DEFAULT],
        temperature=0.7,
        gain=2.0,
        vividness=((0.5, 1.6, 1.0), (1.0, 0.8, 2.0), (1.2, 0.4, 2.0)),
    )
    assert spec.heat(0.5) == pytest.approx((1.6, 0.5))
    assert spec.heat(0.75) == pytest.approx((1.2, 0.75))
    assert spec.heat(1.1) == pytest.approx((0.6, 1))
    assert spec.heat(1.8) == pytest.approx((0.4, 1.5))
    assert spec.heat(0.25) == pytest.approx((1.6, 0.25))
    assert spec.heat(0) == pytest.approx((1.6, 0))
    alone = replace(MODELS[DEFAULT], temperature=0.7, gain=1.0, vividness=())
    assert alone.heat(USUAL) == pytest.approx((0.7, 1))
    assert alone.heat(USUAL / 2) == pytest.approx((0.7, 0.5))


def test_the_best_working_size_is_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.full((2, 32, 32, 3), (180, 120, 90), np.uint8)
    grey = np.full((2, 32, 32), 132, np.uint8)
    monkeypatch.setattr(calibrate, "held_out", lambda *_: (truth, grey))
    right = rgb_to_lab(truth[0, 0, 0] * np.float32(1 / 255))[1:]
    shares = {128: 0.2, 160: 1.0, 192: 0.6}

    def opened(size: int) -> Any:
        chroma = np.broadcast_to(right * np.float32(shares[size]), (8, 8, 2)).copy()
        # a model that is asked for no size takes its own
        return SimpleNamespace(predict=lambda light: SimpleNamespace(chroma=chroma))

    assert calibrate.best_size(opened, Path("run"), [128, 160, 192]) == 160


@pytest.mark.parametrize(("share", "expected"), [(1.5, 1 / 1.5), (0.8, 1.25), (0, 2), (9, 0.5)])
def test_a_tuned_model_is_made_as_colourful_as_the_one_it_was_made_from(
    share: float, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):
        spots = Image.fromarray(rng.integers(80, 180, (4, 4, 3), np.uint8))
        spots.resize((48, 40), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
    data = Data(size=32, shorter=32, replay=0.3, replay_from=str(tmp_path))
    monkeypatch.setattr(calibrate, "load_recipe", lambda _: SimpleNamespace(data=data))
    colours = rng.normal(0, 6, (8, 8, 2)).astype(np.float32)

    def model(factor: float) -> Any:
        return SimpleNamespace(
            predict=lambda light: SimpleNamespace(chroma=colours * np.float32(factor))
        )

    assert calibrate.as_colourful(model(share), model(1), tmp_path) == pytest.approx(
        expected, rel=0.03
    )
    data = replace(data, replay=0.0)
    assert calibrate.as_colourful(model(share), model(1), tmp_path) == 1
