"""What is published about well-known peers, beside the networks that were re-built of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Peer:
    """A published network."""

    title: str
    """For tables."""
    network: str
    """Its class in `peers_networks`."""
    size: int
    """Side of the square that it sees by default."""
    published: float
    """Millions of parameters that its paper states, or that its published file holds."""
    says: str
    """Where that figure comes from."""
    file: str
    """Size of the published file of weights."""
    speed: str
    """Published speed."""
    differs: str
    """What is not as in the original."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Keywords of the class."""

    def build(self) -> nn.Module:
        """The network with random weights; only now is torch imported."""
        network: nn.Module = getattr(import_module("peers_networks"), self.network)(**self.settings)
        return network


PEERS: dict[str, Peer] = {
    "zhang16": Peer(
        "Zhang et al. 2016 (CIC)",
        "Zhang16",
        256,
        32.2,
        "DDColor, table 1",
        "129 MB",
        "in browsers 3.3 to 6.4 s (ports to WASM)",
        "nothing known",
    ),
    "siggraph17": Peer(
        "Zhang et al. 2017 (SIGGRAPH17)",
        "Siggraph17",
        256,
        34.2,
        "its file",
        "137 MB",
        "none found",
        "the classes of its training are counted, not computed, as in its demo",
    ),
    "deoldify-artistic": Peer(
        "DeOldify artistic",
        "DeOldify",
        560,
        63.6,
        "DDColor, table 1",
        "255 MB",
        "33 to 115 s (DeOldify.NET, processors)",
        "spectral norm is folded into the weights, which is faster",
        settings={
            "depths": (3, 4, 6, 3),
            "deep": False,
            "widths": (768, 768, 672, 300),
            "joined": 2,
        },
    ),
    "deoldify-stable": Peer(
        "DeOldify stable",
        "DeOldify",
        560,
        218.5,
        "its file, 874 MB of float32",
        "834 to 874 MB",
        "33 to 115 s (DeOldify.NET, processors)",
        "spectral norm is folded into the weights, which is faster",
        settings={
            "depths": (3, 4, 23, 3),
            "deep": True,
            "widths": (512, 512, 512, 256),
            "joined": 1,
        },
    ),
    "ddcolor-tiny": Peer(
        "DDColor-T",
        "DDColor",
        512,
        55.0,
        "its paper",
        "220 MB",
        "25 pictures/s at 256 (V100); 0.3 s (8 threads, third party)",
        "no positional embeddings; spectral norm folded in",
        settings={"depths": (3, 3, 9, 3), "widths": (96, 192, 384, 768)},
    ),
    "ddcolor-large": Peer(
        "DDColor-L",
        "DDColor",
        512,
        227.9,
        "its paper",
        "912 MB",
        "21 pictures/s at 256 (V100); 0.19 to 0.20 s at 512 (P40)",
        "no positional embeddings; spectral norm folded in",
        settings={"depths": (3, 3, 27, 3), "widths": (192, 384, 768, 1536)},
    ),
}
