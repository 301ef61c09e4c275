"""Models that run without torch: what there is, where the files are, how they are loaded.

A model is one ONNX file and one entry in `MODELS`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.background import Background
from tinct.errors import ModelError
from tinct.models.spec import ModelSpec

if TYPE_CHECKING:
    from tinct.models.session import Model


#: models that are being loaded in the background, by name and threads
_PRELOADED: dict[tuple[str, int | None], Background[Model]] = {}
#: used when nothing is said
DEFAULT = "tinct-small.first"

MODELS: dict[str, ModelSpec] = {
    "tinct-small.first": ModelSpec(
        name="tinct-small.first",
        file="tinct-small.first.onnx",
        sha256="f8b23b58a229748329a0807a30b97945f7a5d04fa5233eb763ca119b3346d29a",
        licence="Apache-2.0",
        parameters=4_149_232,
        trained_on="13,000 paintings and 7,500 photographs of research sets (see the card)",
        working_size=224,
        largest_side=640,
        multiple=32,
        outputs="distribution",
        temperature=0.8,
        gain=1.0,
        hints=False,
        card="docs/models/tinct-small.first.md",
    ),
}


def list_models() -> list[ModelSpec]:
    """All models that come with Tinct, the default first."""
    return sorted(MODELS.values(), key=lambda spec: (spec.name != DEFAULT, spec.name))


def find_model(name: str) -> ModelSpec:
    """The model called `name`.

    Raises:
        ModelError: there is none; the nearest name is suggested.
    """
    if name in MODELS:
        return MODELS[name]
    from difflib import get_close_matches

    near = get_close_matches(name, MODELS, n=1)
    raise ModelError(
        f"there is no model of the name '{name}'",
        where="--model",
        remedy=f"did you mean '{near[0]}'?" if near else "see `tinct models list`",
    )


def weights_path(name: str) -> Path:
    """Where the file of the model called `name` lies; it may be absent or damaged."""
    return Path(__file__).parent / "weights" / find_model(name).file


def load_model(name: str | None = None, *, threads: int | None = None) -> Model:
    """A model ready to predict, its file verified by sha256.

    Args:
        name: one of `list_models()`; None takes the default.
        threads: CPU threads of one prediction; None takes all cores.

    Raises:
        ModelError: no such model, or its file is absent or damaged.
    """
    waiting = _PRELOADED.pop((name or DEFAULT, threads), None)
    return waiting.result() if waiting else _load(name or DEFAULT, threads)


def preload(name: str, *, threads: int | None = None) -> None:
    """Begin to load a model in the background; `load_model` of the same will wait for it.

    Loading costs as much as everything else that a small picture needs, and runs beside it.
    """
    if (name, threads) not in _PRELOADED:
        _PRELOADED[name, threads] = Background(lambda: _load(name, threads))


def _load(name: str, threads: int | None) -> Model:
    from tinct.models.session import Model

    spec = find_model(name)
    path = weights_path(name)
    check_file(spec, path)
    return Model(spec, path, threads=threads)


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
