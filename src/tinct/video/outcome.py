"""How far a film is, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """How far a film is."""

    done: int
    """Frames that are encoded, those of earlier runs included."""
    ahead: int
    """Frames whose colours are under way, those included; that is half of the work."""
    total: int
    """Frames, as far as is known."""
    per_second: float
    """Frames a second in this run."""

    @property
    def left(self) -> float:
        """Seconds to go."""
        rest = max(0.0, self.total - (self.done + self.ahead) / 2)
        return rest / self.per_second if self.per_second else 0.0


@dataclass(frozen=True, kw_only=True)
class FilmResult:
    """What became of a film."""

    input: str
    output: str
    status: str = "done"
    """`done` or `skipped`."""
    width: int = 0
    height: int = 0
    frames: int = 0
    before: int = 0
    """Of the frames, those that an earlier run coloured."""
    shots: int = 0
    asked: int = 0
    """Frames that the network looked at."""
    codec: str = ""
    pix_fmt: str = ""
    luma_identical: bool | None = None
    """Whether luma comes out as it was: always so for lossless codecs; others have their error."""
    model: str = ""
    seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""
    label: str = "none"
    """Where the result says that its colours are inferred."""
    sha256_in: str = ""
    sha256_out: str = ""
    warnings: tuple[str, ...] = ()
    """What the user should know; for a skipped film, why it was skipped."""
