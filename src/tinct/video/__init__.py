"""Films: colours that hold still over time, light that stays as it is.

    tinct.colorize_video("reel.mkv", "reel.colorized.mkv")

What a film needs beyond an ordinary install (PyAV) comes with `pip install 'tinct[video]'`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.options import Effort, IfColor, Toned
from tinct.video.options import VideoOptions

if TYPE_CHECKING:
    from tinct.reference import Palette
    from tinct.video.outcome import FilmResult


def colorize_video(
    source: str | Path,
    target: str | Path,
    *,
    overwrite: bool = False,
    restart: bool = False,
    threads: int | None = None,
    model: str | None = None,
    vividness: float = VideoOptions.vividness,
    saturation: float = VideoOptions.saturation,
    toned: Toned = "neutral",
    if_color: IfColor = "skip",
    quality: int = VideoOptions.quality,
    sidecar: bool = False,
    drop_credentials: bool = False,
    size: int | None = None,
    effort: Effort = "normal",
    palette: Palette | str | None = None,
    reference: Palette | str | Path | None = None,
    style: str | None = None,
    every: int = VideoOptions.every,
    frame_by_frame: bool = False,
    codec: str | None = None,
) -> FilmResult:
    """Colour a film into another file, which appears whole or not at all.

    The suffix of `target` decides the container. A run that was stopped, in whatever way, goes on
    where it was when it is called again, unless `restart` throws away what it had done. A file at
    `target` is replaced only with `overwrite`; the source is never written to. `threads` are those
    of the network; None takes all cores. All other options are those of `tinct video`, see
    `VideoOptions`.

    Raises:
        TinctError: see `tinct.errors`.
    """
    from tinct.models import load_model
    from tinct.video.film import colour_film
    from tinct.video.library import library

    library()
    shared: dict[str, Any] = {
        "model": model,
        "vividness": vividness,
        "saturation": saturation,
        "toned": toned,
        "if_color": if_color,
        "quality": quality,
        "sidecar": sidecar,
        "drop_credentials": drop_credentials,
        "size": size,
        "effort": effort,
        "palette": palette,
        "reference": reference,
        "style": style,
    }
    return colour_film(
        Path(source),
        Path(target),
        options=VideoOptions(**shared, every=every, frame_by_frame=frame_by_frame, codec=codec),
        load=lambda: load_model(model, threads=threads, fast=effort == "fast"),
        overwrite=overwrite,
        restart=restart,
    )
