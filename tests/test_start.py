"""Beginning with the weights of another training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.networks import network
from tinct.errors import ConfigError
from tinct.models import DEFAULT, load_model
from tinct.systems import find_system
from tinct.training.start import begin_with


def test_a_shipped_model_is_a_start_and_colours_as_it_did() -> None:
    fresh = find_system("tinct").build().eval()
    taken = begin_with(fresh, DEFAULT)
    assert taken > 4_000_000
    initial = find_system("tinct").build().state_dict()["spread.nearness"]
    assert not torch.equal(fresh.state_dict()["spread.nearness"], initial)  # small, and renamed
    model = load_model(DEFAULT, threads=1)
    light = torch.rand(96, 128) * 100
    expected = model.predict(light.numpy(), size=96, temperature=1.0).chroma / model.spec.gain
    with torch.no_grad():
        given, _ = fresh(light[None, None], torch.tensor(1.0))
    torch.testing.assert_close(
        given[0].permute(1, 2, 0), torch.from_numpy(expected), atol=0.01, rtol=0
    )


def test_a_start_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    fresh = find_system("tinct").build()
    with pytest.raises(ConfigError, match="there is no model"):
        begin_with(fresh, "tinct-smal")
    with pytest.raises(ConfigError, match="less than half"):
        begin_with(fresh, str(network(tmp_path / "shares.onnx")))


def test_parts_that_are_renewed_stay_as_they_were(tmp_path: Path) -> None:
    fresh = find_system("tinct").build()
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    begin_with(fresh, DEFAULT, renew=["encoder", "stages.0"])
    changed = {
        name.split(".")[0] if not name.startswith("stages") else name[:8]
        for name, value in fresh.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert not changed & {"encoder", "stages.0"}
    assert {"context", "bottleneck", "stages.1", "stages.2", "classify"} <= changed


def test_a_part_that_is_not_there_is_named() -> None:
    fresh = find_system("tinct").build()
    with pytest.raises(ConfigError, match="no such part") as told:
        begin_with(fresh, DEFAULT, renew=["encode"])
    assert told.value.where == "renew = encode"
    assert "encoder" in str(told.value.remedy)
