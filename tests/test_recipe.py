"""Recipes: what ships with Tinct, and what a wrong one is told."""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinct.errors import ConfigError
from tinct.models import DEFAULT
from tinct.systems import SYSTEMS, find_system
from tinct.training.reading import load_recipe, recipe_of, shipped_recipes, to_toml
from tinct.training.recipe import Recipe

SHIPPED = sorted(shipped_recipes())
ADAM = {"optimiser.beta1": 0.9, "optimiser.beta2": 0.999, "optimiser.clip": 0.0}
WALLNER = {"optimiser.name": "rmsprop", "optimiser.rate": 1e-3, "schedule.kind": "constant"}
TURNS = {
    "augmentation.shear": 0.2,
    "augmentation.zoom": 0.2,
    "augmentation.rotation": 20.0,
    "augmentation.flip": True,
}
JUDGED = {
    "optimiser.name": "adam",
    "optimiser.rate": 2e-4,
    "optimiser.beta1": 0.5,
    "schedule.kind": "inverse",
    "schedule.decay": 0.0,  # the rate over all steps
    "loss.kind": "l1",
    "loss.weight": 1.0,
    "adversarial.kind": "least-squares",
    "adversarial.discriminators": ("full", "medium", "low"),
    "adversarial.weight": 0.33,
    "adversarial.features": 3.33,
    "adversarial.real": 1.0,
    "adversarial.rate": 0.0,  # that of the generator
    "adversarial.own_batches": True,
    "augmentation.rotation": 20.0,
    "augmentation.whole_batch": True,
    "data.batch": 5,
    "stop.epochs": 10.0,
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "alpha": {
        **WALLNER,
        "loss.kind": "mse",
        "data.size": 400,
        "data.batch": 1,
        "data.validation": 0.0,
        "augmentation.flip": False,
        "augmentation.rotation": 0.0,
        "stop.steps": 1000,
    },
    "beta": {
        **WALLNER,
        **TURNS,
        "loss.kind": "mse",
        "data.batch": 10,
        "data.validation": 0.05,
    },
    "beta-cryptopunks": {**WALLNER, **TURNS, "data.batch": 50, "data.validation": 0.05},
    "full": {**WALLNER, **TURNS, "loss.kind": "mse", "data.batch": 10, "data.validation": 0.05},
    "koalarization": {
        **ADAM,
        "optimiser.name": "adam",
        "optimiser.rate": 1e-3,
        "loss.kind": "mse",
        "data.batch": 100,
        "data.validation": 0.1,
        "data.fit": "crop",  # the white borders of the original are mended
        "augmentation.flip": False,
    },
    "paintings": {
        **ADAM,
        "optimiser.rate": 5e-4,
        "schedule.kind": "plateau",
        "schedule.factor": 0.5,
        "schedule.patience": 3,
        "schedule.floor": 1e-5,
        "loss.kind": "mse",
        "data.batch": 20,
        "data.pictures": 2227,
        "data.checked": 248,
        "augmentation.shear": 0.007,
        "augmentation.zoom": 0.4,
        "augmentation.rotation": 40.0,
        "augmentation.flip": True,
        "stop.epochs": 30.0,
        "stop.patience": 6,
    },
    "paintings-second": {
        **ADAM,
        "optimiser.rate": 1e-3,
        "schedule.kind": "plateau",
        "schedule.floor": 1e-5,
        "data.batch": 16,
        "augmentation.shear": 0.0017,
        "augmentation.zoom": 0.1,
        "augmentation.rotation": 10.0,
        "stop.epochs": 30.0,
        "stop.patience": 0,
    },
    "gan32": {
        "optimiser.name": "adam",
        "optimiser.rate": 3e-4,
        "optimiser.beta1": 0.5,
        "schedule.kind": "exponential",
        "schedule.rate": 0.1,
        "schedule.steps": 60_000,
        "schedule.floor": 1e-6,
        "loss.kind": "l1",
        "loss.weight": 0.99,
        "adversarial.kind": "bce",
        "adversarial.discriminators": ("batch",),
        "adversarial.weight": 0.01,
        "adversarial.real": 0.9,
        "adversarial.rate": 6e-5,
        "data.batch": 32,
        "augmentation.flip": True,
        "stop.epochs": 666.0,
    },
    "gan32-spectral": {
        "optimiser.rate": 2e-4,
        "schedule.steps": 40_000,
        "loss.weight": 0.985,
        "adversarial.discriminators": ("spectral",),
        "adversarial.weight": 0.015,
        "adversarial.real": 1.0,
        "adversarial.rate": 2e-4,
        "network": {"normal": False},
        "stop.epochs": 100.0,
    },
    "colorit": {
        **ADAM,
        "optimiser.name": "adam",
        "optimiser.rate": 1e-3,
        "loss.kind": "mse",
        "data.batch": 32,
        "data.pictures": 1500,
        "augmentation.rotation": 40.0,
        "augmentation.flip": True,
        "augmentation.upside_down": True,
        "stop.epochs": 40.0,
    },
    "pix2pix": JUDGED,
    "pix2pixhd": JUDGED,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_says_everything_and_comes_back_the_same(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == (DEFAULT if name == "tinct" else name)
    said = tomllib.loads(shipped_recipes()[name].read_text(encoding="utf-8"))
    for item in fields(Recipe):
        section = getattr(recipe, item.name)
        assert item.name in said, "nothing may be implied"
        if is_dataclass(section):
            assert said[item.name].keys() == {key.name for key in fields(section)}
    assert recipe_of(tomllib.loads(to_toml(recipe)), where="") == recipe


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_fits_its_system(name: str) -> None:
    recipe = load_recipe(name)
    system = find_system(recipe.system)
    assert set(recipe.adversarial.discriminators) <= set(system.discriminators)
    # the one fits only large machines at the size of the system, the other looks more closely
    if name not in {"pix2pixhd", "finetune"}:
        assert recipe.data.size == system.size
    assert recipe.data.size % system.multiple == 0
    assert recipe.data.shorter >= recipe.data.size
    assert recipe.loss.kind == "bins" or recipe.loss.scale == (system.bound or 128)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shipped_recipe_is_as_published(name: str) -> None:
    recipe = load_recipe(name)
    assert {key: attrgetter(key)(recipe) for key in PUBLISHED[name]} == PUBLISHED[name]


def test_every_system_has_a_recipe() -> None:
    assert set(SYSTEMS) <= set(SHIPPED)
    assert set(SHIPPED) - set(PUBLISHED) == {
        "finetune",
        "tinct",
        "tinct-small.first",
        "tinct-small.second",
        "tinct-small.renewed",
    }


def write(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(f"stop.steps = 1\n{text}", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sytem = 'beta'", "unknown key 'sytem' (did you mean 'system'?)"),
        ("rotation = 3", "unknown key 'rotation' (did you mean 'augmentation.rotation'?)"),
        ("steps = 3", "did you mean 'schedule.steps' or 'stop.steps'?"),
        ("data.rate = 3", "unknown key 'data.rate' (did you mean 'optimiser.rate' or"),
        ("data.batches = 3", "unknown key 'data.batches' (did you mean 'batch'?)"),
        ("augmentation.fog = 1", "unknown key 'augmentation.fog' (keys: smallest_crop, "),
        ("data.batch = 'many'", "'data.batch' must be a whole number, not 'many'"),
        ("data.batch = 1.5", "'data.batch' must be a whole number, not 1.5"),
        ("data.batch = true", "'data.batch' must be a whole number, not True"),
        ("optimiser.rate = 'fast'", "'optimiser.rate' must be a number, not 'fast'"),
        ("optimiser.rate = nan", "'optimiser.rate' is nan, outside"),
        ("optimiser.rate = [1e-3, 1e-4]", "'optimiser.rate' must be a number"),
        ("faithful = 'no'", "'faithful' must be true or false, not 'no'"),
        ("data = 1", "'data' must be a table"),
        ("network = 1", "'network' must be a table"),
        ("schedule.kind = 'linear'", "must be one of constant, exponential, plateau, "),
        ("adversarial.discriminators = 'batch'", "must be a list of names"),
        ("adversarial.discriminators = ['batch']", "go together"),
        ("data.batch = 0", "'data.batch' is 0, outside 1 to 65536"),
        ("seed = -1", "'seed' is -1, outside 0 to"),
        ("run.devices = 0", "'run.devices' is 0"),
        ("stop.minutes = -5", "'stop.minutes' is -5, outside"),
        ("= 3", "is not TOML"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(write(tmp_path, text))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_every_number_has_bounds() -> None:
    from tinct.training.reading import _BOUNDS

    free = {"optimiser", "schedule", "loss", "adversarial", "data", "stop", "run", "augmentation"}
    numbers = {
        f"{section}.{item.name}"
        for section in free
        for item in fields(getattr(Recipe(), section))
        if type(getattr(getattr(Recipe(), section), item.name)) in (int, float)
    }
    assert numbers | {"seed"} == set(_BOUNDS)


def test_a_recipe_that_never_stops_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing says when to stop"):
        load_recipe("beta", ["stop.epochs=0", "stop.patience=0"])


def test_a_recipe_is_found_by_path_or_name(tmp_path: Path) -> None:
    file = write(tmp_path, "seed = 3")
    assert load_recipe(file).name == "mine"
    assert load_recipe(str(file)).seed == 3
    with pytest.raises(ConfigError, match=r"did you mean 'koalarization'\?"):
        load_recipe("koalarisation")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_recipe(tmp_path / "none.toml")


def test_overrides_are_read_as_toml_and_plain_words_need_no_quotes() -> None:
    recipe = load_recipe(
        "gan32",
        [
            "data.size=64",
            "optimiser.rate=1",
            "schedule.kind=cosine",
            'name="an = sign"',
            "network.norm=instance",
            "run.precision=32",
            "faithful=true",
            "adversarial.discriminators=[batch, spectral]",
        ],
    )
    assert (recipe.data.size, recipe.optimiser.rate) == (64, 1.0)
    assert (recipe.schedule.kind, recipe.name) == ("cosine", "an = sign")
    assert recipe.network == {"norm": "instance"}
    assert (recipe.run.precision, recipe.faithful) == ("32", True)
    assert recipe.adversarial.discriminators == ("batch", "spectral")
    assert load_recipe("gan32").data.size == 32


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("data.size", "write key=value"),
        ("=3", "write key=value"),
        ("seed.of=3", "'seed' holds no keys"),
        ("data.sise=3", "did you mean 'size'"),
    ],
)
def test_a_wrong_override_is_one_clear_line(override: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_recipe("beta", [override])


@given(name=st.text(st.characters(codec="utf-8")), rate=st.floats(1e-12, 1e3))
def test_any_text_and_number_survives_being_written(name: str, rate: float) -> None:
    recipe = load_recipe("beta")
    recipe = replace(recipe, name=name, optimiser=replace(recipe.optimiser, rate=rate))
    assert recipe_of(tomllib.loads(to_toml(recipe)), where="") == recipe
