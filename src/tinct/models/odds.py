"""What a network holds possible, as logarithms of odds: two looks joined, a palette followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinct.resample import resize_all

if TYPE_CHECKING:
    from tinct.models.session import Prediction

#: cells of a map at a model's own size, to a side, below which a closer look counts alone
COARSE = 4
#: odds less than this are no different from it
LEAST = 1e-7
#: of a bin's reach in a palette, in CIE units: as the networks were taught
WIDTH = 7.0
#: how far a picture's colours together are brought from its own to those of a palette
FOLLOWED = 0.9
_ROUNDS, _STEP = 12, 0.7
_DRAWN = (0.7, 1.5)  # least and most: beyond, blotches would show
_RARE = 1e-4  # share below which a colour is as good as absent


def logarithms(prediction: Prediction) -> NDArray[np.float32]:
    """Of a prediction's distribution (h, w, K), which it must have."""
    assert prediction.distribution is not None
    logs: NDArray[np.float32] = np.log(np.maximum(prediction.distribution, LEAST))
    return logs


def fused(overview: NDArray[np.float32], detail: NDArray[np.float32]) -> NDArray[np.float32]:
    """What two looks at a picture say together: one what there is, the other where it ends.

    A network knows things at the size it learned them at. Seen larger, their outlines are sharper
    but it recognises less, so that of the closer look only what is finer than a cell of `COARSE`
    is taken.

    Args:
        overview: logarithms of odds (h, w, K) from the size the network likes best.
        detail: those (H, W, K) from a larger one.

    Returns:
        Normalised logarithms of odds (H, W, K).
    """
    wide, fine = (one.transpose(2, 0, 1) for one in (overview, detail))
    size = fine.shape[1:]
    cells = [max(1, round(side / COARSE)) for side in wide.shape[1:]]
    known, replaced = (resize_all(resize_all(one, *cells), *size) for one in (wide, fine))
    return normalised((fine + known - replaced).transpose(1, 2, 0))


def led(logs: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.float32]:
    """Odds changed as little as possible so that all together they come near a palette.

    One weight for each bin, found by iterative proportional fitting (W. E. Deming and F. F.
    Stephan, 1940): of all distributions with the wanted sum it is the nearest in relative entropy,
    so that every place keeps its own preferences among the colours there are.

    Args:
        logs: normalised logarithms of odds (h, w, K).
        palette: share (K,) that each bin should have, together 1.

    Returns:
        Normalised logarithms of odds (h, w, K).
    """
    wanted = (1 - FOLLOWED) * np.exp(logs).mean((0, 1)) + FOLLOWED * palette
    weights = np.zeros(logs.shape[2], np.float32)
    found = logs
    for _ in range(_ROUNDS):
        given = np.exp(found).mean((0, 1))
        weights += np.float32(_STEP) * np.log((wanted + _RARE) / (given + _RARE))
        found = normalised(logs + weights)
    return found


def spread_as(
    chroma: NDArray[np.float32], palette: NDArray[np.float32], bins: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Colours drawn apart, or together, about their mean until they vary as those of a palette.

    Means of odds vary less than what they are the odds of, however well those fit.

    Args:
        chroma: a*b* (h, w, 2).
        palette: share (K,) of each bin.
        bins: their a*b* (K, 2).
    """
    middle = palette @ bins
    # a colour between bins is shared out among them, which adds twice the width squared
    wanted = float(palette @ np.square(bins - middle).sum(1)) - 2 * WIDTH**2
    mean = chroma.mean((0, 1))
    given = float(np.square(chroma - mean).sum(2).mean())
    factor = np.clip(np.sqrt(max(wanted, 0.0) / max(given, 1e-3)), *_DRAWN)
    drawn: NDArray[np.float32] = mean + np.float32(factor) * (chroma - mean)
    return drawn


def normalised(logs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms (h, w, K) of odds that sum to 1 over K."""
    found: NDArray[np.float32] = logs - logs.max(2, keepdims=True)
    found -= np.log(np.exp(found).sum(2, keepdims=True))
    return found
