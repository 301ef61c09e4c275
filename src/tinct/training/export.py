"""The weights of a run to an ONNX file that stands alone and says what it is.

CIE units outside, float16 inside, and the classifier of systems that listen to one built in, so
that using the file needs nothing but the picture's lightness.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import onnx
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tinct.errors import ModelError, TinctError
from tinct.image.atomic import write_atomic
from tinct.models import load_model
from tinct.models.exported import FORM, ONNX_NAME
from tinct.models.quantised import DELICATE
from tinct.models.session import Model
from tinct.models.spec import ModelSpec
from tinct.systems import SYSTEMS, System, find_system
from tinct.systems.classifier import Kind, load_classifier
from tinct.systems.tinct import Tinct
from tinct.training.graph import Interface, delicate, finished, graph_of, stored
from tinct.training.reading import RECIPE, is_apart, read_table

#: the longest side that an exported network is asked to see, in shorter sides
LONGEST = 3
#: property of a file with the weights that its graph reshapes and renames
APART = "apart"
_FEW = 64  # numbers among them
#: the system whose networks give a distribution
OWN = "tinct"


@dataclass(frozen=True)
class Weights:
    """What `best.safetensors` or `last.safetensors` of a run holds."""

    tensors: dict[str, Tensor]
    """Of the network, by name."""
    system: str
    """Name of a published system, or `tinct`."""
    faithful: bool = False
    """As `System.build` takes it."""
    network: Mapping[str, Any] = field(default_factory=dict)
    """Keywords for the network."""
    classifier: str = ""
    """Name of the classifier it listens to, if any."""
    kind: Kind = "logits"
    """What the classifier's vector holds."""
    step: int = 0
    """Steps of training."""
    pictures_seen: int = 0
    """Pictures drawn in them, each time counted."""
    size: int = 0
    """Shorter side that it was trained at; 0 stands for the system's own."""
    licence: str = "not stated"
    """SPDX identifier."""
    temperature: float = 1.0
    """At which a distribution becomes colours, see `ModelSpec`."""
    gain: float = 1.0
    """Factor on those colours."""


def export_run(
    run: Path,
    target: Path | None = None,
    *,
    weights: Literal["best", "last"] = "best",
    calibrate: bool = False,
    storage: Literal["float16", "int8"] = "float16",
) -> Path:
    """Make one ONNX file of a run, for `tinct colorize --model`.

    A run of `tinct` that began with a model takes over its vividness and working size, unless they
    are measured anew; where it replayed pictures, it is made as colourful on those as that model,
    see `tinct.training.calibrate.as_colourful`; where its recipe says `data.apart`, it holds that
    model, too, see `tinct.training.gate`.

    Args:
        run: folder of a training.
        target: file to write, where there is none yet; None writes `model.onnx` into the run,
            over one from before.
        weights: those of the best validation, or of the last.
        calibrate: measure on the run's validation pictures how colourful a network that gives a
            distribution is at each temperature, and between which values its tensors lie
            (`tinct` only).
        storage: of the weights in the file; arithmetic is in float32 either way.

    Returns:
        The file. Its properties say how far it is from torch: `difference` as exported,
        `rounding` once the weights are stored (`float32` in `storage` where that would show).

    Raises:
        InputError: pictures that it needs are not there.
        ModelError: the run holds no such weights, they do not fit their system, the classifier's
            weights or the model that it began with are absent, or ONNX computes something else
            than torch.
        OutputError: the file cannot be written, or is there already.
    """
    loaded = read_weights(run, weights)
    system = _system(loaded, run)
    network = network_of(loaded, system, run)
    interface = Interface.DISTRIBUTION if system.name == OWN else Interface.CHROMA
    size = loaded.size or system.size
    calibrate = calibrate and interface is Interface.DISTRIBUTION
    like = None if calibrate or interface is not Interface.DISTRIBUTION else _begun_with(run)
    if calibrate:
        _take_back(network, run)
    told = {}
    if isinstance(network, Tinct) and is_apart(run):
        from tinct.training.gate import with_gate

        network, told["gate"] = with_gate(network, run)
    exported = graph_of(network, interface, size=size)
    if exported.difference > exported.tolerance:
        raise ModelError(
            f"ONNX gives colours that are {exported.difference:.2g} CIE units from torch's",
            where=str(run),
            remedy="another release of torch or onnxscript may export it rightly",
        )
    halves = delicate(exported) if storage == "int8" or calibrate else ()
    graph, rounding = stored(exported, storage, halves=halves)
    steering = {}
    if interface is Interface.DISTRIBUTION:
        steering = {
            "hints": "true",
            "grid": str(loaded.network.get("grid", 14)),
            "features": " ".join(exported.features),
            APART: _apart(network, exported.graph),
        }
    description = {
        **_description(run, loaded, weights),
        "parameters": str(_learned(network)),
        "working_size": str(size),
        "largest_side": str(LONGEST * size),
        "multiple": str(interface.multiple),
        "reduction": str(interface.reduction),
        "outputs": interface.value,
        **steering,
        **told,
        "difference": f"{exported.difference:.2g}",
        "rounding": f"{rounding:.2g}",
        "storage": "float32" if graph is exported.graph else storage,
        **({DELICATE: " ".join(halves)} if calibrate else {}),
        **({} if like is None else _taken_over(like.spec)),
    }
    file = target or run / ONNX_NAME
    with write_atomic(file, overwrite=target is None) as temporary:
        temporary.write_bytes(finished(graph, description))
        if calibrate:
            description |= _calibration(temporary, run, size)
            temporary.write_bytes(finished(graph, description))
        elif like is not None:
            # of two networks the one from before colours other pictures, as vividly as ever
            factor = 1.0 if told else _as_colourful(temporary, run, like)
            description |= _taken_over(like.spec, factor)
            temporary.write_bytes(finished(graph, description))
    return file


def _apart(network: nn.Module, graph: onnx.ModelProto) -> str:
    """Weights that the graph does not hold under their names, as JSON: few, and small.

    The exporter reshapes some, and of those that are equal keeps one; where all numbers of a weight
    are the same, one is written, and where the graph has them under another name, that.
    """
    held = {weight.name for weight in graph.graph.initializer}
    weights = dict(network.named_parameters())
    lost: dict[str, list[float] | str] = {}
    for name, value in weights.items():
        if name in held:
            continue
        twins = (one for one in held & weights.keys() if torch.equal(weights[one], value))
        few = value.flatten()[: 1 if bool((value == value.flatten()[0]).all()) else None]
        lost[name] = few.tolist() if len(few) <= _FEW else next(twins, few.tolist())
    if sum(len(found) for found in lost.values() if not isinstance(found, str)) > _FEW:
        raise RuntimeError(f"the exporter renames weights: {', '.join(lost)}")
    return json.dumps(lost)


def _taken_over(like: ModelSpec, factor: float = 1.0) -> dict[str, str]:
    rows = (f"{ratio:g}:{heat:g}:{gain * factor:g}" for ratio, heat, gain in like.vividness)
    return {
        "vividness": " ".join(rows),
        "temperature": f"{like.temperature:g}",
        "gain": f"{like.gain * factor:g}",
        "working_size": str(like.working_size),
        "largest_side": str(like.largest_side),
    }


def _begun_with(run: Path) -> Model | None:
    """The model whose weights a run began with; None where it began afresh, or with another run."""
    if not (run / RECIPE).is_file():
        return None
    start = str(read_table(run / RECIPE).get("start", ""))
    if not start or (Path(start).is_dir() and not (Path(start) / ONNX_NAME).is_file()):
        return None
    try:
        return load_model(start)
    except ModelError as error:
        raise ModelError(
            f"began with a model that cannot be loaded: {error.message}",
            where=str(run),
            remedy="bring it back, or measure how vivid this one is with --calibrate",
        ) from error


def _as_colourful(file: Path, run: Path, like: Model) -> float:
    from tinct.models.exported import spec_of
    from tinct.training.calibrate import as_colourful

    return as_colourful(Model(spec_of(file), file), like, run)


def _take_back(network: nn.Module, run: Path) -> None:
    """Part of the rebalancing of its training, see `tinct.training.calibrate`."""
    from tinct.training.calibrate import offsets

    assert isinstance(network, Tinct)
    assert network.classify.bias is not None
    with torch.no_grad():
        network.classify.bias += torch.from_numpy(offsets(run))


def _calibration(file: Path, run: Path, size: int) -> dict[str, str]:
    """What an exported file is to say of its temperatures, its ranges, and the best size."""
    from tinct.models.exported import spec_of
    from tinct.models.quantised import RANGES, text_of
    from tinct.training.calibrate import best_size, calibrate
    from tinct.training.ranges import measured

    spec = spec_of(file)

    def opened(size: int) -> Model:
        return Model(replace(spec, working_size=size, largest_side=LONGEST * size), file)

    # scenes larger than the squares that were learned from, but not so that things are strangers
    best = best_size(opened, run, [size * quarters // 128 * 32 for quarters in (4, 5, 6)])
    model = opened(best)
    found = calibrate(model, run)
    temperature, gain = found.usual
    return {
        "vividness": found.text(),
        "temperature": f"{temperature:g}",
        "gain": f"{gain:g}",
        "working_size": str(best),
        "largest_side": str(LONGEST * best),
        RANGES: text_of(measured(file, model.spec, run)),
    }


def read_weights(run: Path, which: Literal["best", "last"]) -> Weights:
    """The weights of a run and what they say of themselves.

    Raises:
        ModelError: there are none, or the file is damaged or is none of ours.
    """
    file = run / f"{which}.safetensors"
    if not file.is_file():
        other = run / f"{'last' if which == 'best' else 'best'}.safetensors"
        raise ModelError(
            f"holds no {file.name}",
            where=str(run),
            remedy=f"there is {other.name}: --weights {other.stem}"
            if other.is_file()
            else "train until the first validation, or name the folder of a run",
        )
    try:
        with safe_open(file, framework="pt") as opened:
            said = json.loads((opened.metadata() or {})["tinct"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        known = {name: said[name] for name in Weights.__dataclass_fields__ if name in said}
        return Weights(**{**known, "tensors": tensors})
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"holds no weights of a run: {error}", where=str(file), remedy="`tinct resume` renews"
        ) from error


def network_of(loaded: Weights, system: System, run: Path) -> nn.Module:
    """The network ready to use, its classifier included.

    Raises:
        ModelError: the weights are of another network, or those of the classifier are absent.
    """
    try:
        network = system.build(faithful=loaded.faithful, **loaded.network)
        network.load_state_dict(loaded.tensors)
    except (RuntimeError, TypeError) as error:
        raise ModelError(
            f"the weights are not those of '{system.name}' as it is now",
            where=str(run),
            remedy="export with the version of Tinct that trained them",
        ) from error
    network.eval().requires_grad_(requires_grad=False)
    for module in network.modules():
        if parametrize.is_parametrized(module):  # spectral norm: its result is all that is needed
            for name in list(module.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(module, name)
    length = loaded.network.get("embedding", system.embedding)
    return network if length is None else Fused(network, loaded, length).eval()


class Fused(nn.Module):
    """A network and the classifier it listens to, as one that takes lightness alone."""

    def __init__(self, network: nn.Module, loaded: Weights, length: int) -> None:
        super().__init__()
        self.network = network
        classifier = load_classifier(loaded.classifier, kind=loaded.kind)
        if classifier.length == length + 1:
            classifier = load_classifier(loaded.classifier, kind=loaded.kind, background=False)
        if classifier.length != length:
            raise ModelError(
                f"'{loaded.classifier}' gives {classifier.length} numbers, the network takes "
                f"{length}",
                remedy="put the classifier's weights back that were there in training",
            )
        self.classifier = classifier

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness (N, 1, H, W) in 0..100 to a*b* (N, 2, H, W) in CIE units."""
        chroma: Tensor = self.network(lightness, self.classifier(lightness))
        return chroma


def _system(loaded: Weights, run: Path) -> System:
    try:
        return find_system(loaded.system)
    except TinctError as error:
        raise ModelError(
            f"was trained as '{loaded.system}', which this version of Tinct does not have",
            where=str(run),
            remedy=f"it has {', '.join((OWN, *SYSTEMS))}",
        ) from error


def _learned(network: nn.Module) -> int:
    own = network.network if isinstance(network, Fused) else network
    return sum(weight.numel() for weight in own.parameters())


def _description(run: Path, loaded: Weights, which: str) -> dict[str, str]:
    """Where the model comes from; no path of the computer that made it."""
    folder = re.sub(r"[^\w.+-]+", "-", run.resolve().name).strip(".-") or "run"
    own = "tinct-small" if loaded.system == OWN else loaded.system
    try:
        recipe = hashlib.sha256((run / RECIPE).read_bytes()).hexdigest()
    except OSError:
        recipe = ""
    heard = f"{loaded.classifier}, {loaded.kind}" if loaded.classifier else ""
    return {
        "tinct": FORM,
        "name": folder if folder.startswith(own) else f"{own}.{folder}",
        "system": loaded.system,
        "faithful": str(loaded.faithful).lower(),
        "classifier": heard,
        "weights": which,
        "step": str(loaded.step),
        "pictures_seen": str(loaded.pictures_seen),
        "licence": loaded.licence,
        "temperature": str(loaded.temperature),
        "gain": str(loaded.gain),
        "trained_on": _data(run),
        "recipe_sha256": recipe,
        "units": "lightness L* 0..100; chroma a*b* CIE",
    }


def _data(run: Path) -> str:
    """The pictures in one line, from `data.json`; of their folder the name alone."""
    try:
        data = json.loads((run / "data.json").read_text(encoding="utf-8"))
        count, source, digest = data["training"], Path(data["source"]).name, data["sha256"]
        pictures = "picture" if count == 1 else "pictures"
        return f"{count:,} {pictures} of {source} (sha256 {digest[:12]})"
    except (OSError, ValueError, KeyError, TypeError):
        return "not recorded"
