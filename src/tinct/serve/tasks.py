"""Tasks that cross to workers, and the outcomes that come back; nothing of the flow is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.options import ColorizeOptions

if TYPE_CHECKING:
    from tinct.result import Result

#: most pixels of a `Part`
MOST_PIXELS = 1 << 23


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
class Part(Task):
    """A part of the first page, at full size."""

    x: int
    """Of the upper left pixel, of the upright picture."""
    y: int
    width: int
    height: int
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
    """The outcome of `Show` and `Part`."""

    content: bytes
    media_type: str
    status: str
    """"done", or "skipped" for a picture that has colours and keeps them."""
    model: str
    stages: Mapping[str, float]


@dataclass(frozen=True)
class Figures:
    """How a worker's memory fares."""

    hits: int = 0
    """How often an encoder need not be asked since the worker began."""
    misses: int = 0
    """How often it was."""
    features: int = 0
    """Bytes of what encoders said, now."""
    size: int = 0
    """Bytes of all that is kept, now."""
