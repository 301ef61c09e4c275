"""Ways to colour that are measured side by side: models, other tools' pictures, and baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.color import SRGB, lightness, merge
from tinct.errors import InputError, UsageError
from tinct.evaluation.evaluate import baselines, chroma_of
from tinct.evaluation.protocol import Image8, Protocol, grey
from tinct.evaluation.sets import Truth, TruthSet
from tinct.evaluation.tint import Tint
from tinct.models import load_model
from tinct.models.session import Model
from tinct.naming import PICTURE_SUFFIXES
from tinct.training.cache import decode

Kind = Literal["baseline", "model", "predictions"]
FloatArray = NDArray[np.float32]
#: what a table says of a model beside its figures
ABOUT = ("parameters", "pictures_seen", "trained_on", "licence", "sha256", "working_size")
TRUTH = "truth"
GREY = "grey"
ORACLE = "oracle mean a*b*"
#: L* (1, 256) of every 8-bit grey
_SHADES = lightness(np.arange(256, dtype=np.uint8)[None], SRGB)


@dataclass(frozen=True, eq=False)
class Case:
    """One picture, ready to be coloured."""

    about: Truth
    """Which."""
    truth: Image8
    """Its true colours after the protocol, uint8 sRGB (H, W, 3)."""
    plain: Image8
    """Codes (H, W) of the greyed truth."""
    light: FloatArray
    """L* (H, W) of the same: all that a model is shown."""
    original: tuple[int, int]
    """Height and width of the file, before the protocol."""


@dataclass(frozen=True, eq=False)
class Way:
    """One way to colour."""

    name: str
    """Its heading in every table."""
    kind: Kind
    paint: Callable[[Case], Image8]
    """Gives the coloured picture, uint8 sRGB of the truth's size."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What is known about it."""
    model: Model | None = None
    """The network, where it is one."""


def case_of(about: Truth, protocol: Protocol) -> Case:
    """Read a picture and cut it to the protocol.

    Raises:
        InputError: it cannot be read.
    """
    original, _ = about.picture()
    truth = protocol.fit(original)
    plain = grey(truth)
    return Case(about, truth, plain, lightness(plain, SRGB), original.shape[:2])


def coloured(light: FloatArray, chroma: FloatArray) -> Image8:
    """A picture (H, W, 3), uint8 sRGB, of its L* (H, W) and an a*b* map (h, w, 2) of any size."""
    full = chroma_of(chroma, light.shape)
    return merge(light, full, SRGB, depth=8).astype(np.uint8, copy=False)


def baseline_ways(tint: Tint) -> list[Way]:
    """Grey, the best constant, the oracle that knows each picture's mean colour, and the truth."""
    said: dict[str, dict[str, Any]] = {name: {} for name in (GREY, ORACLE)}
    ways = []
    for name, paint in baselines(tint.values).items():

        def tinted(case: Case, paint: Any = paint) -> Image8:
            # one chroma for all pixels: there are but 256 colours to be made, one for each grey
            shades: Image8 = coloured(_SHADES, paint(_SHADES, case.truth))[0]
            return shades.take(case.plain, axis=0, mode="clip")  # quicker; no code is beyond

        ways.append(Way(name, "baseline", tinted, said.get(name, {"tint": asdict(tint)})))
    return [*ways, Way(TRUTH, "baseline", lambda case: case.truth)]


def model_ways(words: Sequence[str | Path], *, threads: int | None = None) -> list[Way]:
    """Models by their own names, or as they were typed where two have the same.

    Args:
        words: name, folder of a run or ONNX file, each.
        threads: CPU threads of one prediction; None takes all cores.

    Raises:
        ModelError: one is absent or damaged.
        UsageError: one is given twice.
    """
    ways: list[Way] = []
    for word in words:
        model = load_model(word, threads=threads)
        taken = {way.name for way in ways}
        name = str(word) if model.spec.name in taken else model.spec.name
        if name in taken or name in (GREY, ORACLE, TRUTH):
            raise UsageError(f"'{word}' is named twice", remedy="name each model once")
        about = {key: getattr(model.spec, key) for key in ABOUT}
        ways.append(Way(name, "model", _painter(model), about, model))
    return ways


def _painter(model: Model) -> Callable[[Case], Image8]:
    return lambda case: coloured(case.light, model.predict(case.light).chroma)


# ---- pictures that other tools coloured ---------------------------------------------------


def prediction_way(name: str, folder: Path, sets: Sequence[TruthSet], protocol: Protocol) -> Way:
    """A folder of pictures that another tool coloured, matched to the truths by file stem.

    Where the folder has a sub-folder called as a set, that is looked into for this set. Sizes must
    be those of the truth after the protocol, or of the truth's file, to which the protocol is then
    applied: nothing is resized to fit.

    Raises:
        InputError: no such folder, a picture of some truth is missing, or two could be meant.
    """
    if not folder.is_dir():
        raise InputError("no such folder", where=str(folder), remedy="--predictions NAME=FOLDER")
    files: dict[str, Path] = {}
    for one in sets:
        home = folder / one.name if (folder / one.name).is_dir() else folder
        known = _by_stem(home)
        missing = [truth for truth in one.truths if not _candidates(known, truth)]
        if missing:
            few = ", ".join(truth.id for truth in missing[:3])
            raise InputError(
                f"{len(missing)} of {len(one.truths)} pictures of '{one.name}' are missing: {few}"
                + (", ..." if len(missing) > 3 else ""),
                where=str(home),
                remedy="colour all of them, and keep their names",
            )
        for truth in one.truths:
            found = _candidates(known, truth)
            if len(found) > 1:
                raise InputError(
                    f"{' and '.join(str(file.relative_to(home)) for file in found[:2])} could both "
                    f"be the colours of {truth.id}",
                    where=str(home),
                    remedy="keep one of them",
                )
            files[truth.where] = found[0]

    def paint(case: Case) -> Image8:
        return _fitted(files[case.about.where], case, protocol)

    return Way(name, "predictions", paint, {"folder": folder.name})


def strangers(folder: Path, sets: Sequence[TruthSet]) -> list[str]:
    """Coloured pictures that have no truth in any of the sets, by stem."""
    known = {Path(truth.where).stem for one in sets for truth in one.truths}
    known |= {truth.id.rpartition("/")[2] for one in sets for truth in one.truths}
    homes = [folder / one.name for one in sets if (folder / one.name).is_dir()] or [folder]
    return sorted({stem for home in homes for stem in _by_stem(home)} - known)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
            found.setdefault(path.stem, []).append(path)
    return found


def _candidates(known: Mapping[str, list[Path]], truth: Truth) -> list[Path]:
    """Files that may be the colours of a truth: of several, those in a folder of its category."""
    stems = dict.fromkeys((Path(truth.where).stem, truth.id.rpartition("/")[2]))
    found = next((known[stem] for stem in stems if stem in known), [])
    inside = truth.id.rpartition("/")[0]
    near = [file for file in found if inside and file.parent.as_posix().endswith(inside)]
    return near or found


def _fitted(file: Path, case: Case, protocol: Protocol) -> Image8:
    try:
        picture = decode(file, name=str(file))
    except OSError as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from error
    if picture.shape == case.truth.shape:
        return picture
    if picture.shape[:2] == case.original:
        return protocol.fit(picture)
    height, width = case.truth.shape[:2]
    raise InputError(
        f"is {picture.shape[1]} x {picture.shape[0]} pixels, the truth {case.about.id} "
        f"{case.original[1]} x {case.original[0]}, and {width} x {height} by '{protocol.name}'",
        where=str(file),
        remedy="colour the picture at its own size; nothing is resized to fit",
    )
