"""Checkpoints: whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tinct.errors import InputError, OutputUnwritable
from tinct.training import checkpoint


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"step": 3, "weights": {"a": torch.randn(3, 4)}, "best": None, "share": 0.5}
    checkpoint.save_state(tmp_path, state)
    checkpoint.save_state(tmp_path, state)
    found = checkpoint.load_state(tmp_path)
    assert torch.equal(found.pop("weights")["a"], state["weights"]["a"])  # type: ignore[index]
    assert found == {"step": 3, "best": None, "share": 0.5}
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_weights_say_what_they_are(tmp_path: Path) -> None:
    upright = torch.arange(6.0).reshape(2, 3)
    weights = {"turned": upright.t(), "upright": upright}
    checkpoint.save_weights(tmp_path / "best.safetensors", weights, {"system": "alpha"})
    with safe_open(tmp_path / "best.safetensors", "pt") as file:
        assert json.loads(file.metadata()["tinct"]) == {"system": "alpha"}
        assert torch.equal(file.get_tensor("turned"), upright.t())
        assert torch.equal(file.get_tensor("upright"), upright)


def test_a_checkpoint_is_whole_or_not_there(small_disk: Path) -> None:
    checkpoint.save_state(small_disk, {"numbers": torch.arange(10_000)})
    before = (small_disk / "last.pt").read_bytes()
    large = {"numbers": torch.zeros(100_000)}
    with pytest.raises(OutputUnwritable, match="the checkpoint before it stands"):
        checkpoint.save_state(small_disk, large)
    with pytest.raises(OutputUnwritable, match="the checkpoint before it stands"):
        checkpoint.save_weights(small_disk / "best.safetensors", large, {})
    assert [path.name for path in small_disk.iterdir()] == ["last.pt"]
    assert (small_disk / "last.pt").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"not a checkpoint at all"])
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(InputError, match="is damaged") as caught:
        checkpoint.load_state(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_checkpoint_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tinct train"):
        checkpoint.load_state(tmp_path)
