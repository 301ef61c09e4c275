"""What can be chosen when a set is built; nothing is imported for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

By = Literal["artist", "work", "none"]
Fit = Literal["whole", "centre", "content"]
Kind = Literal["avif", "webp", "jpeg", "png"]
Layout = Literal["shards", "files"]

SUFFIXES = {"avif": ".avif", "webp": ".webp", "jpeg": ".jpg", "png": ".png"}
QUALITIES = {"avif": 60, "webp": 88, "jpeg": 92, "png": 100}


@dataclass(frozen=True)
class Form:
    """What every picture of a set is brought to."""

    sizes: tuple[int, ...] = (256,)
    """Shorter side in pixels of each variant; none is enlarged."""
    fit: Fit = "whole"
    """`whole` keeps the aspect; `centre` and `content` cut a square, `content` where most is."""
    kind: Kind = "avif"
    """What they are encoded as; colours at full size."""
    quality: int = 0
    """1 to 100; 0 takes the usual one of the kind."""
    grey: bool = False
    """Whether colours are taken out, by Rec. 601."""


@dataclass(frozen=True)
class BuildOptions:
    """How a set is built."""

    form: Form = field(default_factory=Form)
    """What each picture is brought to."""
    layout: Layout = "shards"
    """`shards`: tar files by split. `files`: named as the originals are."""
    shard_megabytes: int = 256
    """Size of a tar file, at most."""
    validation: float = 0.03
    """Share held out to watch a training."""
    test: float = 0.0
    """Share held out to the end; `exclude.txt` keeps it out of every training."""
    by: By = "artist"
    """What is never on two sides: an artist, a work, or a file (`none`)."""
    seed: int = 0
    """Another one draws another split, order and sample."""
    sample: int = 0
    """Take so many, evenly among artists, none twice; 0 takes all."""
    least: int = 0
    """Shorter side in pixels below which a picture is left out."""
