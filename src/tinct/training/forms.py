"""Runs and models in forms that others run: OpenVINO's and TFLite, each held against its source.

The ONNX file that `export_run` writes comes first and says what the model is; the other form is
made of it, or of its network, and written only where both give the same colours.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from tinct.errors import ModelError, OutputExists, UsageError
from tinct.image.atomic import output_errors, write_atomic
from tinct.models import find_model, weights_path
from tinct.models.exported import properties
from tinct.models.runtime import onnxruntime
from tinct.systems import find_system
from tinct.systems.gated import Gated
from tinct.systems.tinct import Tinct
from tinct.training import openvino, tflite
from tinct.training.export import OWN, export_run, network_of, read_weights
from tinct.training.graph import Interface
from tinct.training.parity import LARGEST, STORED, Arrays, Form, cases, compared, torch_form
from tinct.training.start import begin_with

#: what the new form is called in the folder of a run
OPENVINO_NAME, TFLITE_NAME = "model.openvino", "model.tflite"
_STALE = 3600  # seconds; writing takes a few


@dataclass(frozen=True)
class Source:
    """What another form is made of."""

    onnx: Path
    """The model."""
    network: nn.Module | None
    """The same in torch; None where it has to be read back from the file."""
    interface: Interface
    """Of both."""
    said: Mapping[str, str]
    """What the model says of itself."""
    bins: int
    """Length of a palette; 0 where it takes none."""
    settings: Mapping[str, Any]
    """Keywords for a network of the own family."""


def export_form(
    run: Path,
    target: Path | None = None,
    *,
    to: Literal["openvino", "tflite"],
    weights: Literal["best", "last"] = "best",
    calibrate: bool = False,
    storage: Literal["float16", "int8"] = "float16",
    size: int | None = None,
) -> Path:
    """Make one model of a run, or of a model, for OpenVINO or LiteRT.

    Args:
        run: folder of a training; or a model's name, or an ONNX file of `tinct export`, whose
            storage then stays as it is where `to` is openvino.
        target: what to write where there is nothing yet, for openvino a folder (`model.xml` and
            `model.bin`), for tflite a file; None writes into the run, over one from before.
        to: the form.
        weights: as for `export_run`.
        calibrate: as for `export_run`.
        storage: as for `export_run`.
        size: for tflite: side of the squares that it sees; None takes the model's own.

    Returns:
        The folder or file. Its description tells `difference`, the largest from the same weights
        in their other form, and `rounding`, the mean once weights are stored, in CIE units.

    Raises:
        UsageError: what converts is not installed, or `size` does not fit.
        ModelError: as for `export_run`; or the form gives other colours.
        OutputError: it cannot be written, or is there already.
    """
    _check(to, size)
    if not run.is_dir():
        find_model(_named(run))
    if target is None and not run.is_dir():
        raise UsageError(
            "says not where the model is to go", where="--output", remedy="add -o NAME"
        )
    name = OPENVINO_NAME if to == "openvino" else TFLITE_NAME
    place = target or run / name
    if target is not None and os.path.lexists(place):
        raise OutputExists("is there already", where=str(place), remedy="give a new name")
    with tempfile.TemporaryDirectory(prefix="tinct-") as scratch:
        source = _source(run, Path(scratch), weights=weights, calibrate=calibrate, storage=storage)
        if to == "openvino":
            written = _openvino(source, Path(scratch))
            with _whole_folder(place, overwrite=target is None) as folder:
                for file in written.iterdir():
                    with (folder / file.name).open("wb") as copy:
                        copy.write(file.read_bytes())
                        copy.flush()
                        os.fsync(copy.fileno())  # a crash leaves the old ones or these
        else:
            content = _tflite(source, size or int(source.said["working_size"]), storage)
            with write_atomic(place, overwrite=target is None) as file:
                file.write_bytes(content)
    return place


def described(place: Path) -> dict[str, str]:
    """What an exported form says of itself."""
    if place.is_dir():
        return openvino.description_of(place / openvino.XML_NAME)
    return tflite.description_of(place)


def _check(to: str, size: int | None) -> None:
    """Before anything is worked out."""
    if to == "openvino":
        if size is not None:
            raise UsageError(
                "an OpenVINO model takes pictures of any size",
                where="--size",
                remedy="leave --size out",
            )
        openvino.openvino()
    else:
        tflite.check_installed()


def _source(
    run: Path,
    scratch: Path,
    *,
    weights: Literal["best", "last"],
    calibrate: bool,
    storage: Literal["float16", "int8"],
) -> Source:
    """The ONNX file and the network of a run or model."""
    if run.is_dir():
        file = export_run(
            run, scratch / "model.onnx", weights=weights, calibrate=calibrate, storage=storage
        )
        loaded = read_weights(run, weights)
        if loaded.system == OWN:
            return _described(file, None, loaded.network)
        return _described(file, network_of(loaded, find_system(loaded.system), run))
    if calibrate:
        raise UsageError(
            "needs the validation pictures of a run",
            where="--calibrate",
            remedy="name the run's folder, or leave --calibrate out",
        )
    source, spec = _described(weights_path(_named(run)), None), find_model(_named(run))
    # of a model that ships its entry says more, and rightly
    known = {"name": spec.name, "licence": spec.licence, "trained_on": spec.trained_on}
    known["pictures_seen"] = str(spec.pictures_seen)
    return replace(source, said={**source.said, **known})


def _network_of(source: Source) -> nn.Module:
    """The network of a model of the own family, read back from its ONNX file."""
    network = find_system(OWN).build(**source.settings)
    if "gate" in source.said:
        assert isinstance(network, Tinct)
        network = Gated(network.bins)
    network.eval().requires_grad_(requires_grad=False)
    begin_with(network, str(source.onnx))
    size = source.interface.multiple * 2
    inputs = list(cases(source.interface, [(size, size)], bins=source.bins))
    apart = compared(torch_form(network), onnx_form(source.onnx), inputs).largest
    if apart > LARGEST:
        raise ModelError(
            "its network cannot be read back from the file",
            where=str(source.onnx),
            remedy="name the folder of its run",
        )
    return network


def _named(run: Path) -> Path | str:
    """A path, or the name of a model that looked like one."""
    return run if run.exists() else str(run)


def _described(
    file: Path, network: nn.Module | None, settings: Mapping[str, Any] | None = None
) -> Source:
    said = properties(file)
    said.pop("features", None)  # of the ONNX graph
    interface = Interface(said["outputs"])
    settings = settings or {"grid": int(said.get("grid", 14))}
    return Source(file, network, interface, said, _palette(file), settings)


def _openvino(source: Source, scratch: Path) -> Path:
    """A folder with the files, which were compared with ONNX and torch."""
    tried, final = scratch / "tried", scratch / "final"
    tried.mkdir()
    final.mkdir()
    openvino.write_openvino(source.onnx, tried, source.said)
    given = openvino.openvino_form(tried / openvino.XML_NAME)
    size = int(source.said["working_size"])
    sizes = ((37, 51), (size, size * 4 // 3))
    inputs = list(cases(source.interface, sizes, bins=source.bins))
    parity = compared(given, onnx_form(source.onnx), inputs)
    _demand(parity.largest, LARGEST, "OpenVINO", "the ONNX file")
    if source.network is not None:
        rounded = compared(given, torch_form(source.network), inputs)
        _demand(rounded.mean, STORED, "OpenVINO", "torch, on the mean")
    said = {**source.said, "difference": f"{parity.largest:.2g}"}
    openvino.write_openvino(source.onnx, final, said)
    return final


def _tflite(source: Source, size: int, storage: Literal["float16", "int8"]) -> bytes:
    """The file; in float32 compared with torch, and as stored with torch and the ONNX file."""
    if source.network is None and source.said.get("system") == OWN:
        source = replace(source, network=_network_of(source))
    if source.network is None:  # exporting other networks renames their weights
        raise ModelError(
            "a TFLite file is made of a run, or of a model of the family tinct-small",
            where=str(source.onnx),
            remedy="name the folder of its run",
        )
    multiple = source.interface.multiple
    if size % multiple:
        raise UsageError(
            f"{size} is no multiple of {multiple}",
            where="--size",
            remedy=f"take {max(1, round(size / multiple)) * multiple}",
        )
    inputs = list(cases(source.interface, [(size, size)], bins=source.bins))
    full = tflite.to_tflite(source.network, source.interface, size=size, bins=source.bins)
    exact = torch_form(source.network)
    parity = compared(tflite.tflite_form(full), exact, inputs)
    _demand(parity.largest, LARGEST, "LiteRT", "torch")
    small = tflite.stored(full, storage)
    given = tflite.tflite_form(small)
    rounding = compared(given, exact, inputs).mean
    against = compared(given, onnx_form(source.onnx), inputs).mean
    if not max(rounding, against) < STORED:
        raise ModelError(
            f"its weights as {storage} change colours by {max(rounding, against):.2g} CIE units on "
            "the mean, which shows",
            where=str(source.onnx),
            remedy="take --storage float16" if storage == "int8" else "use it as ONNX",
        )
    said = {
        **source.said,
        "size": str(size),
        "difference": f"{parity.largest:.2g}",
        "rounding": f"{rounding:.2g}",
        "storage": storage,
    }
    return tflite.described(small, said)


def onnx_form(file: Path) -> Form:
    """An ONNX file as a form."""
    engine = onnxruntime()
    options = engine.SessionOptions()
    options.log_severity_level = 3
    session = engine.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def give(case: Arrays) -> Arrays:
        return {"chroma": session.run(["chroma"], dict(case))[0]}

    return give


def _palette(file: Path) -> int:
    """Length of the palette that an ONNX file takes; 0 where it takes none."""
    engine = onnxruntime()
    session = engine.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return next((each.shape[1] for each in session.get_inputs() if each.name == "palette"), 0)


def _demand(apart: float, allowed: float, runtime: str, other: str) -> None:
    if not apart <= allowed:
        raise ModelError(
            f"{runtime} gives colours that are {apart:.2g} CIE units from those of {other}",
            remedy="use it as ONNX, or try another release of what converts",
        )


@contextmanager
def _whole_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary folder beside `target` that becomes it when the block ends well.

    One that is there is moved away first and removed last. What a killed process left is removed
    after an hour.
    """
    for left in target.parent.glob(".tinct-*.tmp"):
        with contextlib.suppress(OSError):
            if left.is_dir() and time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left)
    with output_errors(target):
        if overwrite and os.path.lexists(target) and not target.is_dir():
            raise OutputExists(
                "is a file, not a folder", where=str(target), remedy="remove it, or give -o NAME"
            )
        place = Path(tempfile.mkdtemp(prefix=".tinct-", suffix=".tmp", dir=target.parent))
    fresh, before = place / "new", place / "old"
    try:
        with output_errors(target):
            fresh.mkdir()
            yield fresh
            if overwrite and target.is_dir():
                target.rename(before)
            try:
                fresh.rename(target)
            except OSError:
                if before.is_dir():
                    before.rename(target)
                raise
    finally:
        shutil.rmtree(place, ignore_errors=True)
