"""What workers do with the tasks that cross to them; only they import the flow."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.errors import AlreadyColour, TinctError, TooLarge
from tinct.options import ColorizeOptions, Effort
from tinct.serve.tasks import (
    Colour,
    Coloured,
    File,
    Forget,
    Layer,
    Part,
    Seen,
    Sent,
    Show,
    Shown,
    Sure,
    Task,
    Weigh,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinct.image import Picture
    from tinct.models.session import Model
    from tinct.reference import Palette
    from tinct.serve.kept import Kept, Memory

_QUICKLY = 1 << 19  # pixels of a preview from which on its colours have half its size
_MOST_PALETTES = 32  # of references, each a few kilobytes
#: hears of what has been found out while the work goes on
Tell = Callable[[Mapping[str, Any]], None]


class Worker:
    """What one process knows: its networks, and the pictures it keeps."""

    def __init__(self, *, memory: int, threads: int) -> None:
        """Load nothing yet.

        Args:
            memory: most bytes kept of pictures.
            threads: CPU threads of the network.
        """
        from tinct.serve.kept import Memory

        self.memory: Memory = Memory(memory)
        self._threads = threads
        self._networks: dict[tuple[str | None, bool], Model] = {}
        self._palettes: dict[Path, Palette] = {}

    def network(self, name: str | None, effort: Effort = "normal") -> Model:
        """A network that is loaded once; of few, those used last stay loaded.

        Raises:
            ModelError: it cannot be loaded.
        """
        from tinct.models import load_model

        key = name, effort == "fast"
        if key not in self._networks:
            self._networks[key] = load_model(
                name, threads=self._threads, halved=True, fast=effort == "fast"
            )
            if len(self._networks) > 3:
                del self._networks[next(iter(self._networks))]
        self._networks[key] = self._networks.pop(key)
        return self._networks[key]

    def do(self, task: Task, tell: Tell) -> Any:
        """Carry out a task and give its outcome.

        Raises:
            TinctError: it cannot be done; messages name the picture as its sender does.
        """
        try:
            return self._done(task, tell)
        except TinctError as error:
            if error.where is None or error.where.startswith(str(task.source.parent)):
                of_hints = isinstance(task.sent.hints, File) and error.where == str(
                    task.sent.hints.path
                )
                error.where = "hints" if of_hints else task.name
            raise

    def _done(self, task: Task, tell: Tell) -> Any:
        if isinstance(task, Forget):
            self.memory.forget(task.source)
            return None
        kept = self._opened(task)
        picture = kept.picture
        first = picture.pages[0]
        tell({"format": picture.format, "pages": len(picture.pages)})
        try:
            if isinstance(task, Colour | Show | Part | Layer):
                task = replace(task, options=self._steered(task))
            if isinstance(task, Colour):
                return self._colour(task, kept)
            if isinstance(task, Show):
                return self._show(task, kept)
            if isinstance(task, Part):
                return self._part(task, kept)
            if isinstance(task, Layer):
                return self._layer(task, kept)
            if isinstance(task, Sure):
                network = self.network(task.options.model, task.options.effort)
                return _png(kept.certainty(network, task.options.size))
            if isinstance(task, Weigh):
                from tinct.palette import palette_at

                network = self.network(task.options.model, task.options.effort)
                weighed = kept.distribution(network, task.options.size)
                return palette_at(weighed, task.x, task.y, count=task.count)
            from tinct.image import upright_size

            width, height = upright_size(first.width, first.height, first.orientation)
            return Seen(
                width,
                height,
                len(picture.pages),
                picture.format,
                first.depth,
                _tone(kept),
                picture.warnings,
            )
        finally:
            if task.keep:
                self.memory.keep(task.source, kept)

    def _opened(self, task: Task) -> Kept:
        from tinct.serve.kept import Kept

        kept = self.memory.find(task.source)
        if kept is not None:
            return kept
        from tinct.image import load

        picture = load(task.source, max_megapixels=task.max_pixels / 1e6, name=task.name)
        _check_pixels(picture, task)
        return Kept(picture)

    def _steered(self, task: Task) -> ColorizeOptions:
        """The options, with what the sender knows of the picture's colours."""
        sent = task.sent
        if sent == Sent():
            return task.options
        reference, hints = sent.reference, sent.hints
        if reference is not None and reference.path not in self._palettes:
            from tinct.reference import palette_of_file

            self._check_small(reference, task.max_pixels)
            try:
                found = replace(palette_of_file(reference.path), name=reference.name)
            except TinctError as error:
                error.where = "reference"
                raise
            self._palettes[reference.path] = found
            if len(self._palettes) > _MOST_PALETTES:
                del self._palettes[next(iter(self._palettes))]
        if isinstance(hints, File):
            self._check_small(hints, task.max_pixels)
        return replace(
            task.options,
            hints=hints.path if isinstance(hints, File) else hints,
            palette=sent.palette,
            reference=None if reference is None else self._palettes[reference.path],
        )

    def _check_small(self, file: File, max_pixels: int) -> None:
        from tinct.image import load

        load(file.path, max_megapixels=max_pixels / 1e6, name=file.name)

    def _colour(self, task: Colour, kept: Kept) -> Coloured:
        from tinct.colorizer import Colorizer
        from tinct.image import SAVERS
        from tinct.naming import FALLBACK_FORMAT, WRITTEN_SUFFIXES
        from tinct.provenance import sidecar_path
        from tinct.serve.kept import Remembering

        own = kept.picture.format
        wanted = task.options.format
        written = wanted if wanted != "same" else own if own in SAVERS else FALLBACK_FORMAT
        suffix = WRITTEN_SUFFIXES[written][0]
        target = task.source.with_name(f"{task.stem}{suffix}")
        network = self.network(task.options.model, task.options.effort)
        if task.keep:
            network = Remembering(network, kept)
        options, sure = task.options, None
        if task.sent.confidence:
            sure = task.source.with_name(f"{task.stem}-confidence.png")
            options = replace(options, confidence=sure)
        colour = Colorizer.of(options, network)
        result = colour.file(task.source, target, overwrite=True, name=task.name)
        if result.status == "skipped":
            return Coloured(result, task.source, own)
        record = None
        beside = sidecar_path(target)
        if beside.exists():
            record = json.loads(beside.read_text(encoding="utf-8"))
            record["output"]["name"] = result_name(task.name, suffix)
            beside.unlink()
        return Coloured(result, target, written, record, sure)

    def _show(self, task: Show, kept: Kept) -> Shown:
        from tinct.serve.drawn import coloured_jpeg, grey_jpeg, jpeg

        started = time.perf_counter()
        network, side = self.network(task.options.model, task.options.effort), task.side
        plain = task.plain or not kept.examine(task.options)
        shown = kept.preview(side)
        chroma = None if plain else kept.colours(network, task.options)
        known = time.perf_counter()
        if chroma is not None and shown.shape[0] * shown.shape[1] > _QUICKLY:
            keeps_luma = kept.keeps_luma(task.options)
            grey = kept.grey(side, as_luma=keeps_luma)
            content = coloured_jpeg(grey, chroma, keeps_luma=keeps_luma)
        elif chroma is not None:
            content = jpeg(kept.coloured(network, task.options, side))
        elif shown.ndim == 2:
            content = grey_jpeg(kept.grey(side, as_luma=False))
        else:
            content = jpeg(kept.plain(side))
        stages = {"predict": known - started, "preview": time.perf_counter() - known}
        return _shown(content, "image/jpeg", task, network, stages, plain=plain)

    def _part(self, task: Part, kept: Kept) -> Shown:
        from tinct.serve.cutout import Box, coloured_part, plain_part

        started = time.perf_counter()
        network = self.network(task.options.model, task.options.effort)
        box = Box(task.x, task.y, task.width, task.height)
        plain, roomy = task.plain or not kept.examine(task.options), self.memory.budget // 4
        if plain:
            pixels = plain_part(kept, box, roomy=roomy)
        else:
            chroma = kept.colours(network, task.options)
            keeps_luma = kept.keeps_luma(task.options)
            pixels = coloured_part(kept, box, chroma, roomy=roomy, keeps_luma=keeps_luma)
        stages = {"region": time.perf_counter() - started}
        return _shown(_png(pixels), "image/png", task, network, stages, plain=plain)

    def _layer(self, task: Layer, kept: Kept) -> Path:
        from tinct.serve.kept import Remembering
        from tinct.serve.layer import write_layer

        if not kept.examine(task.options):
            raise AlreadyColour(
                "the picture has colours and keeps them",
                where=task.name,
                remedy="colour it anew with if_color=recolor",
            )
        network = Remembering(self.network(task.options.model, task.options.effort), kept)
        target = task.source.with_name(f"{task.stem}.png")
        write_layer(target, kept.picture.pages[0], network, task.options)
        return target


def result_name(name: str, suffix: str) -> str:
    """What a result is called, as the command line would."""
    from tinct.naming import DEFAULT_NAME, written_format

    stem, dot, own = name.rpartition(".")
    if not (dot and stem):
        stem, own = name, ""
    keeps = own and written_format(f".{own}") == written_format(suffix)
    return DEFAULT_NAME.format(stem=stem, ext=f".{own}" if keeps else suffix)


def _shown(
    content: bytes,
    media_type: str,
    task: Show | Part,
    network: Model,
    stages: Mapping[str, float],
    *,
    plain: bool,
) -> Shown:
    status = "skipped" if plain and not task.plain else "done"
    return Shown(content, media_type, status, network.spec.name, stages)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _tone(kept: Kept) -> str:
    from tinct.color.tone import Tone, classify
    from tinct.flow import JUDGED_SIDE, page_space

    page = kept.picture.pages[0]
    if page.bands == 1:
        return Tone.GREY.value
    return classify(kept.preview(JUDGED_SIDE), page_space(page)).value


def _check_pixels(picture: Picture, task: Task) -> None:
    total = sum(page.width * page.height for page in picture.pages)
    if total > task.max_pixels:
        raise TooLarge(
            f"its {len(picture.pages)} pages have {total / 1e6:,.0f} megapixels; "
            f"the limit is {task.max_pixels / 1e6:,.0f}",
            remedy="reduce it first, or cut it into parts",
        )
