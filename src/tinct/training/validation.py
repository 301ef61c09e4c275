"""Validation: the same held-out pictures each time, beside grey, one tint and the mean colour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinct.color import SRGB, lightness, merge, rgb_to_lab
from tinct.evaluation.difference import ciede2000
from tinct.evaluation.metrics import colourfulness, compare
from tinct.training.draws import Batch, Colours, still
from tinct.training.embeddings import Embeddings
from tinct.training.objective import Criterion
from tinct.training.pictures import PictureSet
from tinct.training.recipe import Data, Recipe
from tinct.training.sheet import SheetRow, top_classes

_TOGETHER = 16  # pictures that go through the network at once


@dataclass(frozen=True)
class Exam:
    """Held-out pictures, and what the baselines make of them."""

    rgb: NDArray[np.uint8]
    """The truth, sRGB (N, S, S, 3)."""
    grey: NDArray[np.uint8]
    """What is to be coloured (N, S, S)."""
    batches: tuple[Batch, ...]
    """The same for the network."""
    baselines: dict[str, dict[str, float]]
    """Measures of grey, tint and oracle."""


def chosen_pictures(pictures: PictureSet, data: Data) -> PictureSet:
    """The set cut to what a run uses: `data.pictures` to learn from, `data.checked` held out."""
    rng = np.random.default_rng(0)
    training = pictures.training
    if data.pictures:
        training = np.sort(rng.permutation(training)[: data.pictures])
    pool = pictures.validation if len(pictures.validation) else training
    held_out = np.sort(np.random.default_rng(0).permutation(pool)[: data.checked])
    return replace(pictures, training=training, validation=held_out)


def set_exam(
    pictures: PictureSet,
    embeddings: Embeddings | None,
    recipe: Recipe,
    *,
    size: int,
    device: torch.device,
) -> Exam:
    """Prepare the held-out pictures for every validation of a run."""
    chosen = np.random.default_rng(2).permutation(pictures.validation)  # a mixture on every sheet
    rgb, grey = still(pictures.cache, chosen, size=size, data=recipe.data)
    colours = Colours().to(device)
    vectors = None if embeddings is None else torch.from_numpy(embeddings[chosen])
    batches = []
    for first in range(0, len(chosen), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        batches.append(
            colours.batch(
                torch.from_numpy(rgb[part]).to(device),
                torch.from_numpy(grey[part]).to(device),
                None if vectors is None else vectors[part].to(device),
                original_light=recipe.faithful,
            )
        )
    tint = best_tint(pictures, recipe, size=min(size, 32))
    truths = [rgb_to_lab(picture * np.float32(1 / 255))[..., 1:] for picture in rgb]
    flat = np.ones((size, size, 1), np.float32)
    baselines = {
        "grey": _measure([np.zeros((size, size, 2), np.float32)] * len(rgb), grey, rgb),
        "tint": _measure([flat * tint] * len(rgb), grey, rgb),
        "oracle": _measure([flat * truth.mean((0, 1)) for truth in truths], grey, rgb),
    }
    return Exam(rgb, grey, tuple(batches), baselines)


def best_tint(pictures: PictureSet, recipe: Recipe, *, size: int) -> NDArray[np.float32]:
    """The constant a*b* (2,) with the lowest mean CIEDE2000 on (up to 96) training pictures."""
    chosen = np.random.default_rng(1).permutation(pictures.training)[:96]
    rgb, grey = still(pictures.cache, chosen, size=size, data=recipe.data)
    truth = rgb_to_lab(rgb.reshape(-1, 3)[::7] * np.float32(1 / 255)).T
    light = lightness(grey.reshape(len(grey), -1)).ravel()[::7]
    best, found = np.inf, np.zeros(2, np.float32)
    for a in range(-4, 13, 2):
        for b in range(-6, 21, 2):
            tinted = np.stack([light, np.full_like(light, a), np.full_like(light, b)])
            error = float(np.mean(ciede2000(truth, tinted)))
            if error < best:
                best, found = error, np.array([a, b], np.float32)
    return found


@torch.no_grad()
def validate(
    network: nn.Module, criterion: Criterion, exam: Exam
) -> tuple[dict[str, float], NDArray[np.uint8]]:
    """Measures of the network, with `loss`, and what it makes of the pictures (N, S, S, 3)."""
    network.eval()
    loss, count = 0.0, 0
    chroma: list[Tensor] = []
    for batch in exam.batches:
        value, _ = criterion(network, batch)
        loss += float(value) * len(batch.lightness)
        count += len(batch.lightness)
        chroma.append(_enlarge(criterion.chroma(network, batch), batch).cpu())
    if not np.isfinite(loss):
        return {"loss": float("nan")}, np.empty(0, np.uint8)
    planes = torch.cat(chroma).permute(0, 2, 3, 1).contiguous().numpy()
    coloured = _merge(list(planes), exam.grey)
    return {"loss": loss / count, **_summary(coloured, exam.rgb)}, coloured


def sheet_rows(exam: Exam, coloured: NDArray[np.uint8], number: int) -> list[SheetRow]:
    """The first pictures of a validation for its sheet."""
    captions = [""] * len(exam.rgb)
    if exam.batches[0].embedding is not None:
        vectors = torch.cat([b.embedding for b in exam.batches if b.embedding is not None])
        captions = [top_classes(vector) for vector in vectors[:number].cpu().numpy()]
    return [
        SheetRow(
            light=lightness(exam.grey[row]),
            coloured=coloured[row],
            truth=exam.rgb[row],
            caption=captions[row],
        )
        for row in range(min(number, len(coloured)))
    ]


def _enlarge(chroma: Tensor, batch: Batch) -> Tensor:
    """Maps smaller than the picture at the picture's size."""
    size = batch.lightness.shape[-2:]
    if chroma.shape[-2:] == size:
        return chroma
    return nn.functional.interpolate(chroma, size=size, mode="bicubic", align_corners=False)


def _merge(chroma: list[NDArray[np.float32]], grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pictures = [
        merge(lightness(plane), colour, SRGB, depth=8)
        for plane, colour in zip(grey, chroma, strict=True)
    ]
    return np.stack(pictures).astype(np.uint8)


def _measure(
    chroma: list[NDArray[np.float32]], grey: NDArray[np.uint8], rgb: NDArray[np.uint8]
) -> dict[str, float]:
    return _summary(_merge(chroma, grey), rgb)


def _summary(coloured: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> dict[str, float]:
    rows = [compare(result, truth) for result, truth in zip(coloured, rgb, strict=True)]
    measures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    mine, theirs = (sum(colourfulness(picture) for picture in some) for some in (coloured, rgb))
    return {**measures, "colourfulness_ratio": mine / max(theirs, 1e-9)}
