"""Which pictures are like those that a network learned from: fitted when a run is exported.

What is learned of one painter is wrong of a holiday picture, and replaying others while learning
keeps a network from that only in part. The encoder, which stays as it is, tells the two kinds
apart by far better than colours need it to: a logistic regression on what it says of a picture as
a whole decides how far what was learned is listened to, see `tinct.systems.gated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tinct.color import lightness
from tinct.errors import ModelError
from tinct.systems.gated import Gated, gated
from tinct.systems.tinct import Tinct
from tinct.training.draws import Draws
from tinct.training.engine import pictures_of, read_source, replayed_by
from tinct.training.pictures import PictureSet
from tinct.training.reading import RECIPE, load_recipe
from tinct.training.recipe import Recipe
from tinct.training.start import begin_with

#: views of one's own pictures, and of others: more of either moves nothing that shows
_OWN, _OTHERS = 600, 1000
#: weight of the squares of the regression's weights, of features with a deviation of 1
_RIDGE = 0.1
#: by which odds are raised: ridge regression is shy, and what lies between two colours is dull
_SHARPER = 2.0
#: and by which they are moved: in doubt, what was learned
_GENEROUS = 1.0
_STEPS = 200
_AT_ONCE = 16


def with_gate(learned: Tinct, run: Path) -> tuple[Gated, str]:
    """The network of a run together with the one it began with.

    Args:
        learned: the network of the run.
        run: its folder; its recipe says `data.apart`.

    Returns:
        Both as one, and in words what it was fitted on.

    Raises:
        InputError: the pictures of the run, or of the generic set, are not there.
        ModelError: its encoder is not the one that it began with.
    """
    recipe = load_recipe(run / RECIPE)
    others = replayed_by(recipe)
    assert others is not None  # a recipe without a generic set is refused
    own = pictures_of(Path(read_source(run)), recipe)
    before = Tinct(learned.bins).eval().requires_grad_(requires_grad=False)
    begin_with(before, recipe.start)
    mine = _described(learned, own, recipe, count=min(_OWN, 3 * len(own.training)))
    theirs = _described(learned, others, recipe, count=min(_OTHERS, 3 * len(others.training)))
    weight, bias = fitted(mine, theirs)
    try:
        both = gated(learned, before, weight, bias)
    except ValueError as error:
        raise ModelError(
            "learned with its encoder, so that it cannot be told by it which pictures are meant",
            where=str(run),
            remedy="freeze it: 'optimiser.frozen=[\"encoder\"]'; or train with data.apart=false",
        ) from error
    return both, f"{len(mine)} views of its own pictures and {len(theirs)} of others"


def fitted(own: Tensor, others: Tensor) -> tuple[Tensor, float]:
    """Weights (D,) and bias by which the features (N, D) of one kind give more than 0.

    Both kinds count the same, however many there are of each.
    """
    every = torch.cat([own, others])
    middle, spread = every.mean(0), every.std(0) + 1e-3
    scaled = ((every - middle) / spread).double()
    wanted = torch.cat([torch.ones(len(own)), torch.zeros(len(others))]).double()
    counts = torch.where(wanted > 0, 0.5 / len(own), 0.5 / len(others))
    weight = torch.zeros(every.shape[1], dtype=torch.double, requires_grad=True)
    bias = torch.zeros((), dtype=torch.double, requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        odds = scaled @ weight + bias
        missed = F.binary_cross_entropy_with_logits(odds, wanted, reduction="none")
        total = (counts * missed).sum() + _RIDGE * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    search.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        unscaled = (weight / spread).float()
        shift = float(bias) - float(unscaled @ middle)
    return _SHARPER * unscaled, _SHARPER * shift + _GENEROUS


def _described(network: Tinct, found: PictureSet, recipe: Recipe, *, count: int) -> Tensor:
    """What the encoder says (N, 1280) of that many views of pictures, as training sees them."""
    draws = Draws(
        found.cache,
        found.training,
        size=recipe.data.size,
        data=recipe.data,
        augmentation=recipe.augmentation,
        group=1,
        seed=recipe.seed,
    )
    pooled = []
    with torch.inference_mode():
        for first in range(0, count, _AT_ONCE):
            greys = [draws[n].grey for n in range(first, min(first + _AT_ONCE, count))]
            pooled.append(network.encode(_lightness(greys))[1])
    return torch.cat(pooled).clone()


def _lightness(greys: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack([lightness(grey) for grey in greys]))[:, None]
