"""Palettes: what colours the whole picture should have, from another picture or a few colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinct.color import FloatArray
from tinct.errors import InputError, UsageError
from tinct.hints import chroma_of
from tinct.models.odds import WIDTH

_SIDE = 96  # a reference is read at this shorter side
_COLOURED = 4.0  # CIE units that the colours of a reference span at least
_NEUTRAL = 0.35  # share of near-grey that every picture has beside the named colours


@dataclass(frozen=True, eq=False)
class Palette:
    """Colours and how much of a picture has them."""

    chroma: FloatArray
    """a*b* (m, 2) in CIE units."""
    share: FloatArray
    """(m,), together 1."""
    name: str
    """What it was made of, for history and records."""

    def __str__(self) -> str:
        """As history and records have it."""
        return self.name

    def over(self, bins: FloatArray) -> FloatArray:
        """The share (K,) of each bin (K, 2), together 1 where there is any bin."""
        if not len(bins):
            return np.empty(0, np.float32)
        squares = ((self.chroma[:, None] - bins[None]) ** 2).sum(2)
        near = np.exp(-(squares - squares.min(1, keepdims=True)) / (2 * WIDTH**2))
        spread: FloatArray = (self.share[:, None] * near / near.sum(1, keepdims=True)).sum(0)
        return spread.astype(np.float32)


def as_palette(given: Palette | str | Sequence[str]) -> Palette:
    """A palette in any form that users have: itself, or colours as `palette_of_colors` reads them.

    Raises:
        UsageError: it is none of them.
    """
    if isinstance(given, Palette):
        return given
    if isinstance(given, str) or (
        isinstance(given, Sequence) and all(isinstance(one, str) for one in given)
    ):
        return palette_of_colors(given)
    raise UsageError(
        f"{type(given).__name__} is no palette",
        where="--palette",
        remedy='give colours: "#8a2b1d,#d9b36c"',
    )


def as_reference(given: Palette | str | Path) -> Palette:
    """The palette of a reference in any form that users have: itself, or a picture's file.

    Raises:
        InputError: the file cannot be read, or has no colours.
        UsageError: it is neither.
    """
    if isinstance(given, Palette):
        return given
    if isinstance(given, str | Path):
        return palette_of_file(given)
    raise UsageError(
        f"{type(given).__name__} is no reference",
        where="--reference",
        remedy="give a file, or what tinct.reference.palette_of_lab makes of a picture",
    )


def palette_of_colors(colors: str | Sequence[str]) -> Palette:
    """A palette of `#rrggbb` colours, separated by commas if in one text.

    Raises:
        UsageError: one of them is no colour, or there is none.
    """
    words = colors.split(",") if isinstance(colors, str) else list(colors)
    try:
        chroma = np.array([chroma_of(word) for word in words if word.strip()], np.float32)
    except ValueError as error:
        raise UsageError(
            str(error), where="--palette", remedy='give colours: "#8a2b1d,#d9b36c"'
        ) from error
    if not len(chroma):
        raise UsageError("no colour", where="--palette", remedy='give colours: "#8a2b1d,#d9b36c"')
    neutral = np.zeros((1, 2), np.float32)
    share = np.full(len(chroma), (1 - _NEUTRAL) / len(chroma), np.float32)
    return Palette(
        np.concatenate([neutral, chroma]),
        np.concatenate([[np.float32(_NEUTRAL)], share]),
        ",".join(word.strip() for word in words),
    )


def palette_of_lab(lab: FloatArray, name: str) -> Palette:
    """The palette of a picture in CIELAB (H, W, 3)."""
    step = max(1, min(lab.shape[:2]) // _SIDE)
    chroma = lab[::step, ::step, 1:].reshape(-1, 2).astype(np.float32)
    return Palette(chroma, np.full(len(chroma), 1 / len(chroma), np.float32), name)


def palette_of_file(file: str | Path) -> Palette:
    """The palette of a picture in colour; of a file with several pages the first counts.

    Raises:
        InputError: it cannot be read, or has no colours.
    """
    from tinct.color import decode
    from tinct.color.icc import space_of
    from tinct.image import load

    page = load(Path(file)).pages[0]
    if page.bands == 3:
        lab = decode(page.preview(_SIDE), space_of(page.metadata.icc, bands=3))
        if np.ptp(lab[..., 1:], axis=(0, 1)).max() > _COLOURED:
            return palette_of_lab(lab, Path(file).name)
    raise InputError("has no colours", where=str(file), remedy="give a reference in colour")
