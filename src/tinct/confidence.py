"""How sure a network is of the colours it gives, as a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinct.color import FloatArray, lightness
from tinct.flow import page_space
from tinct.image import Page, write_atomic
from tinct.models.session import Model
from tinct.options import ColorizeOptions
from tinct.refine import enlarge


def confidence_of(
    light: FloatArray, network: Model, *, size: int | None = None, rows: int = 0, columns: int = 0
) -> FloatArray:
    """Certainty at each place: 1 where one colour is sure, 0 where all are equally likely.

    It is one less the entropy of the network's distribution (Shannon 1948) as a share of the
    largest there can be.

    Args:
        light: L* (H, W) of an upright picture, of any size.
        network: one that gives a distribution.
        size: shorter side at which it sees the picture; None takes its own.
        rows: of the map; 0 for both keeps the network's own.
        columns: of the map.

    Raises:
        UsageError: the network gives no distribution.
    """
    given = network.predict(light, size=size, distribution=True).distribution
    assert given is not None
    entropy = -(given * np.log(np.maximum(given, 1e-12))).sum(2, keepdims=True)
    sure = (1 - entropy / np.log(given.shape[2])).astype(np.float32)
    if rows and columns:
        sure = enlarge(sure, rows, columns)
    certainty: FloatArray = np.clip(sure[..., 0], 0, 1)
    return certainty


def write_confidence(
    target: Path, page: Page, network: Model, options: ColorizeOptions, *, overwrite: bool
) -> None:
    """Write the map of a page as an upright grey PNG at the size at which the network sees it.

    Raises:
        UsageError: the network gives no distribution, or the name does not end in .png.
        OutputError: the file cannot be written, or is there already.
    """
    from PIL import Image

    from tinct.errors import OutputExists, UsageError

    if target.suffix.lower() != ".png":
        raise UsageError("is a PNG", where="--confidence", remedy="end its name in .png")
    preview = page.preview(options.size or network.spec.working_size)
    light = lightness(preview, page_space(page))
    certainty = confidence_of(
        light, network, size=options.size, rows=light.shape[0], columns=light.shape[1]
    )
    if not overwrite and target.exists():
        raise OutputExists(
            "exists already", where=f"--confidence {target}", remedy="give the map another name"
        )
    with write_atomic(target, overwrite=overwrite) as temporary:
        Image.fromarray(np.rint(certainty * 255).astype(np.uint8)).save(temporary, "PNG")
