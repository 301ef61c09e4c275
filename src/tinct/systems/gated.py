"""A network that learned one kind of pictures, beside the one it was before, for all others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinct.systems.mobilenet import POOLED
from tinct.systems.tinct import Tinct


class Gated(Tinct):
    """Two decoders behind one encoder, and how far each is listened to.

    What the encoder says of the picture as a whole decides (a mixture of experts; Jacobs et al.,
    "Adaptive mixtures of local experts", Neural Computation 3, 1991): of a picture that is like
    those learned from the one that learned, of any other the one that was there before. In between
    their logits are mixed.
    """

    def __init__(self, bins: Tensor) -> None:
        """Build the network.

        Args:
            bins: (K, 2) centres of the a*b* bins in CIE units.
        """
        super().__init__(bins)
        self.before = Tinct(bins)
        del self.before.encoder
        self.gate = nn.Linear(POOLED, 1)

    def decode(
        self,
        maps: list[Tensor],
        pooled: Tensor,
        hints: Tensor | None = None,
        palette: Tensor | None = None,
    ) -> Tensor:
        """As that of `Tinct`, by both."""
        learned = super().decode(maps, pooled, hints, palette)
        before = self.before.decode(maps, pooled, hints, palette)
        share = torch.sigmoid(self.gate(pooled))[:, :, None, None]
        return before + share * (learned - before)


def gated(learned: Tinct, before: Tinct, weight: Tensor, bias: float) -> Gated:
    """Put two networks of one encoder together.

    Args:
        learned: the one that went on learning, its encoder as it was.
        before: the one that it was before.
        weight: (1280,) what of the pooled features speaks for the first,
        bias: and how much it takes.

    Raises:
        ValueError: their encoders differ.
    """
    encoders = zip(learned.encoder.parameters(), before.encoder.parameters(), strict=True)
    if not all(torch.equal(one, other) for one, other in encoders):
        raise ValueError("the encoders differ")
    both = Gated(learned.bins)
    decoder = {
        f"before.{name}": value
        for name, value in before.state_dict().items()
        if not name.startswith("encoder.")
    }
    gate = {"gate.weight": weight[None], "gate.bias": torch.tensor([bias])}
    both.load_state_dict({**learned.state_dict(), **decoder, **gate})
    return both.eval().requires_grad_(requires_grad=False)
