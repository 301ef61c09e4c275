"""Calibration: pairs ascend, and 1 lies between them or at their end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinct.models import DEFAULT, MODELS
from tinct.training.calibrate import fitted


def test_pairs_ascend_and_one_is_the_balance() -> None:
    found = fitted((2.0, 1.6, 1.0, 0.6, 0.4), (0.4, 0.64, 0.8, 0.88, 0.84))
    assert found.vividness == ((0.5, 2.0), (0.8, 1.6), (1.0, 1.0), (1.1, 0.6))
    assert found.colourfulness == 0.8
    assert found.text() == "0.500:2 0.800:1.6 1.000:1 1.100:0.6"


def test_heat_follows_the_pairs_and_a_gain_goes_beyond() -> None:
    spec = replace(MODELS[DEFAULT], temperature=0.7, vividness=((0.5, 1.6), (1.0, 0.8), (1.2, 0.4)))
    assert spec.heat(0.5) == pytest.approx((1.6, 1))
    assert spec.heat(0.75) == pytest.approx((1.2, 1))
    assert spec.heat(1.1) == pytest.approx((0.6, 1))
    assert spec.heat(1.8) == pytest.approx((0.4, 1.5))
    assert spec.heat(0.25) == pytest.approx((1.6, 0.5))
    assert spec.heat(0) == pytest.approx((1.6, 0))
    alone = replace(MODELS[DEFAULT], temperature=0.7, vividness=())
    assert alone.heat(1) == pytest.approx((0.7, 1))
    assert alone.heat(0.4) == pytest.approx((0.7, 0.4))
