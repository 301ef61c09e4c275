from __future__ import annotations

import pytest

from tinct.systems import SYSTEMS
from tinct.systems.layers import layer_table
from tinct.systems.registry import TINCT

EVERY = [
    pytest.param(system, marks=[pytest.mark.slow] if name == "pix2pixhd" else [], id=name)
    for name, system in {**SYSTEMS, "tinct": TINCT}.items()
]


@pytest.mark.parametrize("system", EVERY)
def test_the_layers_of_a_system_hold_all_its_parameters(system: object) -> None:
    assert isinstance(system, type(TINCT))
    table = layer_table(system, height=system.size, width=2 * system.size)
    assert sum(layer.parameters for layer in table) == system.parameters
    last = [layer for layer in table if len(layer.shape) == 3][-1]
    if system is not TINCT:
        assert last.shape == (2, system.size, 2 * system.size)


def test_rows_are_in_the_order_of_the_picture_and_say_what_they_do() -> None:
    first, second, *_ = layer_table(SYSTEMS["koalarization"], height=224, width=224)
    assert (first.kind, first.shape) == ("Conv2d 3 x 3, stride 2", (64, 112, 112))
    assert (second.kind, second.parameters) == ("ReLU", 0)
    rows = {layer.name: layer for layer in layer_table(SYSTEMS["pix2pix"], height=128, width=128)}
    assert rows["down.0.0"].kind == "Conv2d 4 x 4, stride 2, spectral norm"
    assert rows["attention"].parameters == 1  # its own beside those of its convolutions


@pytest.mark.slow
def test_what_serves_training_alone_is_told_from_what_a_picture_goes_through() -> None:
    (alone,) = (
        layer
        for layer in layer_table(SYSTEMS["pix2pixhd"], height=384, width=384)
        if not layer.shape
    )
    assert (alone.name, alone.parameters) == ("core.picture", 6402)
