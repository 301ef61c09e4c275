"""The peers that speed is compared with are the size they are published to be."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from tinct.systems import find_system

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
PEERS = (
    *("zhang16", "siggraph17", "deoldify-artistic", "deoldify-stable"),
    *("ddcolor-tiny", "ddcolor-large"),
)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What imports a script as Python does that runs it."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module


@pytest.mark.parametrize("name", PEERS)
def test_a_rebuilt_network_has_the_published_number_of_parameters(name: str, modules: Any) -> None:
    peer = modules("peers_table").PEERS[name]
    with torch.device("meta"):  # nothing is computed
        network = peer.build().eval()
        colours = network(torch.empty(1, 1, 96, 128))
    count = sum(weight.numel() for weight in network.parameters()) / 1e6
    assert count == pytest.approx(peer.published, rel=0.03)
    assert colours.shape[2:] == (96, 128)


def test_all_peers_are_measured(modules: Any) -> None:
    peers = modules("peers")
    assert set(modules("peers_table").PEERS) == set(PEERS)
    assert [find_system(name).name for name in peers.SOURCES] == list(peers.SOURCES)
    assert peers.main(["nobody"]) == 2
    record = json.loads(peers.RESULTS.read_text(encoding="utf-8"))
    assert list(record["networks"]) == peers.names()


def test_the_page_has_the_figures_that_were_measured(modules: Any) -> None:
    page = modules("peers_page")
    text = page.PAGE.read_text(encoding="utf-8")
    record = json.loads(modules("peers").RESULTS.read_text(encoding="utf-8"))
    assert page.filled(text, record) == text
    changed = json.loads(json.dumps(record))
    changed["networks"]["tinct"]["onnx"]["cpu_seconds"] = 9999
    assert page.filled(text, changed) != text
