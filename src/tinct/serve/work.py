"""What workers do: each task is a record that crosses to the worker, and so is its outcome.

Nothing here is imported by the server's own process but the records; a worker imports the flow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.errors import AlreadyColour, TinctError, TooLarge
from tinct.options import ColorizeOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinct.image import Picture
    from tinct.models.session import Model
    from tinct.reference import Palette
    from tinct.result import Result
    from tinct.serve.kept import Kept, Memory

_MOST_PALETTES = 32  # of references, each a few kilobytes
#: hears of what has been found out while the work goes on
Tell = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class File:
    """A file that came with a picture."""

    path: Path
    name: str
    """What its sender calls it."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Options that only a worker opens: what they hold may be large, or no picture at all."""

    hints: dict[str, Any] | File | None = None
    """What a file of hints holds, or a painted layer."""
    palette: str | None = None
    reference: File | None = None
    confidence: bool = False
    """Whether a map of confidence is made; where, the worker decides."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something to do with one file that lies in the server's private folder."""

    source: Path
    name: str
    """What its sender calls it; for labels and messages, never for paths."""
    max_pixels: int
    options: ColorizeOptions = field(default_factory=ColorizeOptions)
    sent: Sent = field(default_factory=Sent)
    keep: bool = False
    """Whether the worker keeps what may be of use again: the picture is that of a session."""


@dataclass(frozen=True, kw_only=True)
class Colour(Task):
    """Colour the file; the result is put beside it."""

    stem: str = "result"
    """Of the result's file: the server's word, not a client's."""


@dataclass(frozen=True, kw_only=True)
class Open(Task):
    """Look at the file."""


@dataclass(frozen=True, kw_only=True)
class Show(Task):
    """A small coloured copy, at once."""

    side: int
    """Pixels of the shorter side, at most."""
    plain: bool = False
    """Whether the picture is shown as it is."""


@dataclass(frozen=True, kw_only=True)
class Weigh(Task):
    """The likely colours of a point."""

    x: float
    y: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Sure(Task):
    """A small grey PNG of how sure the model is of the first page, white where it is."""


@dataclass(frozen=True, kw_only=True)
class Layer(Task):
    """The colours of the first page as a transparent PNG, put beside the file."""

    stem: str
    """Of the layer's file: the server's word, not a client's."""


@dataclass(frozen=True, kw_only=True)
class Forget(Task):
    """Keep nothing of the file."""


@dataclass(frozen=True)
class Coloured:
    """The outcome of `Colour`."""

    result: Result
    file: Path
    """The coloured file; where the picture was skipped, the source."""
    format: str
    record: dict[str, Any] | None = None
    """The full record, where it was asked for or the format cannot carry the label."""
    confidence: Path | None = None
    """A PNG of how sure the model is."""

    @property
    def has_more(self) -> bool:
        """Whether there is anything beside the picture that somebody asked for."""
        return self.record is not None or self.confidence is not None


@dataclass(frozen=True)
class Seen:
    """The outcome of `Open`: what kind of picture it is."""

    width: int
    """Of the upright picture, in pixels."""
    height: int
    pages: int
    format: str
    depth: int
    tone: str
    """"grey", "toned" or "colour"."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """The outcome of `Show`."""

    jpeg: bytes
    width: int
    height: int
    status: str
    """"done", or "skipped" for a picture that has colours and keeps them."""
    model: str
    stages: Mapping[str, float]


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
        self._networks: dict[str | None, Model] = {}
        self._palettes: dict[Path, Palette] = {}

    def network(self, name: str | None) -> Model:
        """A network that is loaded once; of few, those used last stay loaded.

        Raises:
            ModelError: it cannot be loaded.
        """
        from tinct.models import load_model

        if name not in self._networks:
            self._networks[name] = load_model(name, threads=self._threads)
            if len(self._networks) > 3:
                del self._networks[next(iter(self._networks))]
        self._networks[name] = self._networks.pop(name)
        return self._networks[name]

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
            if isinstance(task, Colour | Show | Layer):
                task = replace(task, options=self._steered(task))
            if isinstance(task, Colour):
                return self._colour(task, kept)
            if isinstance(task, Show):
                return self._show(task, kept)
            if isinstance(task, Layer):
                return self._layer(task, kept)
            if isinstance(task, Sure):
                network = self.network(task.options.model)
                return _png(kept.certainty(network, task.options.size))
            if isinstance(task, Weigh):
                from tinct.palette import palette_at

                network = self.network(task.options.model)
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
        network = self.network(task.options.model)
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
        import simplejpeg

        started = time.perf_counter()
        network = self.network(task.options.model)
        plain = task.plain or not kept.examine(task.options)
        side = task.side
        pixels = kept.plain(side) if plain else kept.coloured(network, task.options, side)
        drawn = time.perf_counter()
        jpeg = simplejpeg.encode_jpeg(pixels, quality=90, colorspace="RGB", colorsubsampling="444")
        stages = {"preview": drawn - started, "write": time.perf_counter() - drawn}
        status = "skipped" if plain and not task.plain else "done"
        return Shown(jpeg, pixels.shape[1], pixels.shape[0], status, network.spec.name, stages)

    def _layer(self, task: Layer, kept: Kept) -> Path:
        from tinct.serve.kept import Remembering
        from tinct.serve.layer import write_layer

        if not kept.examine(task.options):
            raise AlreadyColour(
                "the picture has colours and keeps them",
                where=task.name,
                remedy="colour it anew with if_color=recolor",
            )
        network = Remembering(self.network(task.options.model), kept)
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
