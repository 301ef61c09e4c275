"""Models that run without torch: what there is, where the files are, how they are loaded.

A model is one ONNX file and one entry in `MODELS`, or an ONNX file that `tinct export` wrote and
that says itself what an entry would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.background import Background
from tinct.errors import ModelError
from tinct.models.spec import ModelSpec

if TYPE_CHECKING:
    from tinct.models.session import Model


#: models that are being loaded in the background, by name, threads and whether they are fast
_PRELOADED: dict[tuple[str | Path, int | None, bool], Background[Model]] = {}
#: used when nothing is said
DEFAULT = "tinct-small.third"

MODELS: dict[str, ModelSpec] = {
    "tinct-small.third": ModelSpec(
        name="tinct-small.third",
        file="tinct-small.third.onnx",
        sha256="6fbe635ce8b2ed7a4fd27333c68e0de94e201c829bf0a5761de6f17040019864",
        licence="Apache-2.0",
        parameters=4_276_120,
        trained_on="13,000 paintings and 7,500 photographs of research sets (see the card)",
        pictures_seen=481_600,
        working_size=192,
        largest_side=576,
        multiple=32,
        reduction=4,
        outputs="distribution",
        temperature=0.8056,
        vividness=(
            (0.393, 2, 0.8),
            (0.490, 1.4, 0.95),
            (0.565, 1, 1.05),
            (0.600, 0.8056, 1.0889),
            (0.610, 0.75, 1.1),
            (0.650, 0.6, 1.15),
            (0.686, 0.5, 1.2),
            (0.772, 0.5, 1.35),
            (0.858, 0.5, 1.5),
            (0.969, 0.5, 1.7),
            (1.000, 0.5, 1.762),
            (1.069, 0.5, 1.9),
            (1.196, 0.5, 2.2),
        ),
        gain=1.0889,
        hints=True,
        grid=14,
        card="docs/models/tinct-small.third.md",
        features=("features.4", "features.8", "features.16", "features.32", "features.pooled"),
    ),
}


def list_models() -> list[ModelSpec]:
    """All models that come with Tinct, the default first."""
    return sorted(MODELS.values(), key=lambda spec: (spec.name != DEFAULT, spec.name))


def find_model(name: str | Path) -> ModelSpec:
    """The model that `name` stands for.

    Args:
        name: one of `list_models()`, an exported ONNX file, or the folder of an exported run.

    Raises:
        ModelError: there is none, and the nearest name is suggested; or the file is no model.
    """
    if name in MODELS:
        return MODELS[str(name)]
    from difflib import get_close_matches

    from tinct.models.exported import file_of, spec_of

    file = file_of(name)
    if file is not None:
        return spec_of(file)
    near = get_close_matches(str(name), MODELS, n=1)
    raise ModelError(
        f"there is no model of the name '{name}'",
        where="--model",
        remedy=f"did you mean '{near[0]}'?" if near else "see `tinct models list`",
    )


def weights_path(name: str | Path) -> Path:
    """Where the file of a model lies; that of one in `MODELS` may be absent or damaged."""
    return Path(__file__).parent / "weights" / find_model(name).file


def load_model(
    name: str | Path | None = None,
    *,
    threads: int | None = None,
    halved: bool = False,
    fast: bool = False,
) -> Model:
    """A model ready to predict; the file of one in `MODELS` is verified by sha256.

    Args:
        name: as for `find_model`; None takes the default.
        threads: CPU threads of one prediction; None takes all cores.
        halved: for who asks much about the same picture: one whose file names its features is a
            `tinct.models.halved.Halved`; any other is as it always is.
        fast: one that is computed in 8 bits, see `tinct.models.quantised`.

    Raises:
        ModelError: no such model, its file is absent or damaged, or it cannot be `fast`.
    """
    if halved:
        return _loading(name or DEFAULT, threads, halved=True, fast=fast)()
    waiting = _PRELOADED.pop((name or DEFAULT, threads, fast), None)
    return waiting.result() if waiting else _loading(name or DEFAULT, threads, fast=fast)()


def preload(name: str | Path, *, threads: int | None = None, fast: bool = False) -> None:
    """Begin to load a model in the background; `load_model` of the same will wait for it.

    Loading costs as much as everything else that a small picture needs, and runs beside it.
    What it imports is imported first: two threads that import at once only take turns.
    """
    if (name, threads, fast) not in _PRELOADED:
        _PRELOADED[name, threads, fast] = Background(_loading(name, threads, fast=fast))


def _loading(
    name: str | Path, threads: int | None, *, halved: bool = False, fast: bool = False
) -> Callable[[], Model]:
    """What gives the model, once all is imported that it needs."""
    spec, path = find_model(name), weights_path(name)
    spec = replace(spec, arithmetic="int8") if fast else spec
    # of a file not in MODELS the hash is what it has, not what it should have
    checked = Background(lambda: check_file(spec, path)) if name in MODELS else None
    from tinct.models.runtime import onnxruntime
    from tinct.models.session import Model

    onnxruntime()

    def load() -> Model:
        if checked is not None:
            checked.result()
        if halved and spec.features:
            from tinct.models.halved import Halved

            return Halved(spec, path, threads=threads)
        return Model(spec, path, threads=threads)

    return load


def check_file(spec: ModelSpec, path: Path) -> None:
    """Raise `ModelError` unless `path` holds exactly the bytes that `spec` promises."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"the model's file cannot be read: {error.strerror}",
            where=str(path),
            remedy="install Tinct again",
        ) from error
    if digest != spec.sha256:
        raise ModelError(
            f"the model's file is damaged (sha256 {digest[:12]}, expected {spec.sha256[:12]})",
            where=str(path),
            remedy="install Tinct again",
        )
