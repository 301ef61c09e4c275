"""What a classifier says of every picture, worked out once and kept beside the pixels.

Deep koalarization kept it in TFRecords, with the picture, in 606 kB; in float16 it takes 2 kB.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinct.color import lightness
from tinct.errors import ModelError, OutputExists
from tinct.image import write_atomic
from tinct.systems.classifier import FrozenClassifier
from tinct.training.augment import grey
from tinct.training.cache import Picture8, Progress
from tinct.training.pictures import PictureSet, sole_builder


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors of the pictures of a set: `embeddings[positions]` is float32 (N, K)."""

    file: Path
    """Where the logits lie."""
    rows: NDArray[np.float16]
    """Logits (M, classes), a view of the file; NaN for pictures the set leaves out."""
    vector: Callable[[Tensor], Tensor]
    """What makes vectors (N, K) of logits; one file serves logits and probabilities."""

    def __getitem__(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        logits = torch.from_numpy(self.rows[positions].astype(np.float32))
        found: NDArray[np.float32] = self.vector(logits).numpy()
        return found


def embed(
    pictures: PictureSet,
    classifier: FrozenClassifier,
    *,
    batch: int = 8,
    progress: Progress | None = None,
) -> Embeddings:
    """The vectors of all pictures of a set, from the cache as far as they are there.

    The classifier sees what it would see in use: the whole picture, turned grey by Rec. 601. What
    was worked out before an interruption is kept.

    Args:
        pictures: the set.
        classifier: on the device it is to run on.
        batch: pictures it sees at a time; on processors a few are faster than many.
        progress: told how many pictures are described, where that has to be done.

    Raises:
        ModelError: the classifier gives no finite numbers.
        OutputUnwritable: the disk is full, or may not be written to.
    """
    shape = len(pictures.cache), classifier.classes
    file = pictures.folder / f"{classifier.name}-{_fingerprint(classifier)}.f16"
    with sole_builder(file):
        if not file.exists():
            _create(file, shape)
        rows: NDArray[np.float16] = np.memmap(file, np.float16, "r+", shape=shape)
        classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        wanted = np.concatenate([pictures.training, pictures.validation])
        missing = wanted[np.isnan(rows[wanted]).any(axis=1)]
        for done in range(0, len(missing), batch):
            chosen = missing[done : done + batch]
            rows[chosen] = _describe([pictures.cache[at] for at in chosen.tolist()], classifier)
            if progress is not None:
                progress(done + len(chosen), len(missing))
        if len(missing):
            rows.flush()  # type: ignore[attr-defined]
    return Embeddings(file, np.memmap(file, np.float16, "r", shape=shape), classifier.vector)


def _create(file: Path, shape: tuple[int, int]) -> None:
    """A file of NaN on the disk: a row is done when none is left in it, whatever tore it."""
    empty = np.full((256, shape[1]), np.nan, np.float16)
    # where the disk has no locks, another process may have been faster
    with (
        contextlib.suppress(OutputExists),
        write_atomic(file, overwrite=False) as partial,
        partial.open("wb") as out,
    ):
        for first in range(0, shape[0], len(empty)):
            out.write(empty[: shape[0] - first].tobytes())


@torch.no_grad()
def _describe(pictures: list[Picture8], classifier: FrozenClassifier) -> NDArray[np.float16]:
    device = next(classifier.parameters()).device
    squares = [
        classifier.picture(torch.from_numpy(lightness(grey(picture)))[None, None].to(device))
        for picture in pictures
    ]
    logits: NDArray[np.float16] = classifier.logits(torch.cat(squares)).half().cpu().numpy()
    if not np.isfinite(logits).all():
        raise ModelError(
            "gives no finite numbers", where=classifier.name, remedy="fetch its weights again"
        )
    return logits


def _fingerprint(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + str(tuple(value.shape)).encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
