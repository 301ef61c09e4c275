"""What is known of a published system, and how its networks are built. No torch until then."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Discriminator:
    """One network that judges the colours a system's generator gives."""

    factory: str
    """`module:callable` that builds it."""
    parameters: int
    """Numbers learned."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keywords for the factory."""

    def build(self) -> nn.Module:
        """The network, freshly initialised."""
        network: nn.Module = _resolve(self.factory)(**self.options)
        return network


@dataclass(frozen=True)
class System:
    """One published way of colouring pictures.

    `build()` gives its network: `forward(lightness (N, 1, H, W) in 0..100)`, with an embedding
    (N, K) as second argument where it takes one, to a*b* (N, 2, H, W) in CIE units.
    """

    name: str
    """What users type."""
    title: str
    """One line."""
    paper: str
    """Where it is described."""
    repository: str
    """Where its code was published (none of it is in Tinct)."""
    licence: str
    """Of that code; `none stated` where its author gave none."""
    factory: str
    """`module:callable` that builds the network."""
    parameters: int
    """Numbers learned, without the classifier and the discriminators."""
    size: int
    """Shorter side in pixels that it was trained at, and that it should see a picture at."""
    multiple: int
    """It pads both sides to multiples of this inside."""
    bound: float | None
    """No |a*| or |b*| it gives is larger; None where its output has no bound."""
    settings: dict[str, str]
    """How it was trained, as published."""
    mended: tuple[str, ...]
    """Defects of the original that are not repeated here."""
    embedding: int | None = None
    """Length of the classifier's vector that it takes, None where it takes none."""
    kind: str | None = None
    """What that vector holds: `logits` or `probabilities`."""
    half_size: bool = False
    """It predicts a*b* at half size; built `faithful`, it enlarges them by repeating pixels."""
    discriminators: dict[str, Discriminator] = field(default_factory=dict)
    """Networks that it was trained against, by name; of `gan32` one of the two."""

    def build(self, *, faithful: bool = False, **options: Any) -> nn.Module:
        """The network, freshly initialised.

        Args:
            faithful: do what the original did wherever it is not a plain bug.
            options: keywords for the factory, such as `embedding`.
        """
        if self.half_size:
            options["faithful"] = faithful
        network: nn.Module = _resolve(self.factory)(**options)
        return network


def _resolve(factory: str) -> Any:
    module, _, name = factory.partition(":")
    return getattr(import_module(module), name)
