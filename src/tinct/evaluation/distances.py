"""Distances between sets of pictures, by the features of a named network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinct.errors import ModelError, UsageError
from tinct.evaluation.features import KERNEL_SCALE, FeatureNetwork, frechet, kernel
from tinct.evaluation.measure import Measured
from tinct.evaluation.ways import TRUTH

AUTO, NONE = "auto", "none"
#: what `auto` takes
DEFAULT = "mobilenet_v2"
#: a spread needs two
LEAST = 2


@dataclass(frozen=True, eq=False)
class Network:
    """A network of features, and what columns call it."""

    name: str
    network: FeatureNetwork


def open_network(name: str, *, least: int) -> tuple[Network | None, str]:
    """The network of features, and why there is none.

    Args:
        name: of a network; `none`; or `auto` for the default where its weights are at hand.
        least: pictures of the smallest set.

    Raises:
        ModelError: the weights of a network that was asked for are not there.
        UsageError: no such network, or too few pictures for it.
    """
    if name == NONE:
        return None, ""
    too_few = UsageError(
        f"a distance between sets needs {LEAST} pictures in each, and there is {least}",
        where="--features",
        remedy="measure more pictures, or --features none",
    )
    if name != AUTO:
        if least < LEAST:
            raise too_few
        return Network(name, FeatureNetwork(name)), ""
    if least < LEAST:
        return None, f"no distances between sets: {too_few.message}"
    try:
        return Network(DEFAULT, FeatureNetwork(DEFAULT)), ""
    except (ModelError, UsageError) as error:
        return None, f"no distances between sets: {error}"


def distances(measured: Measured, network: Network) -> Mapping[str, dict[str, dict[str, float]]]:
    """Frechet and kernel distance of each other way from the truth, by the name of the way.

    The kernel distance is times 1000, with the standard error over its subsets as `error`.
    """
    truth = measured.features[TRUTH]
    if len(truth) < LEAST:
        return {}
    found = {}
    for name, vectors in measured.features.items():
        if name == TRUTH:
            continue  # 0 by definition; subsets of one set, which share pictures, would say less
        by_kernel = kernel(vectors, truth, paired=True)
        found[name] = {
            f"frechet ({network.name})": {"mean": frechet(vectors, truth)},
            f"kernel ({network.name})": {
                "mean": KERNEL_SCALE * by_kernel.value,
                "error": KERNEL_SCALE * by_kernel.error,
            },
        }
    return found
