"""What can be chosen when a study is built; nothing is imported for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from tinct.errors import UsageError

Mode = Literal["real", "pair", "rate"]
Sample = Literal["random", "stratified"]
Protocol = Literal["crop", "stretch", "full"]

#: what the true colours are called among the ways a picture is shown
ORIGINAL = "original"
#: what the wrong colours of an attention check are called there
SPOILED = "spoiled"
#: pictures drawn and pictures for each participant, where nothing is said
PICTURES = 60
PER_PARTICIPANT = 20


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What a study asks, of which pictures, and of whom how many."""

    mode: Mode = "real"
    """`real`: real or coloured; `pair`: which of two ways looks more natural; `rate`: 1 to 5."""
    pictures: int | None = None
    """How many are drawn; None takes 60, or as many as there are."""
    sample: Sample = "random"
    """`random`, or `stratified`: as evenly among categories as they allow."""
    seed: int = 0
    """Draws the pictures; another one draws others."""
    per_participant: int | None = None
    """How many each participant sees, each once; None takes 20, or as many as there are."""
    time_limit: float | None = None
    """Seconds after which a picture is hidden; None shows it until the answer."""
    attention_checks: int = 2
    """Further pictures for each participant, in colours that nobody who looks takes for real."""
    protocol: Protocol = "crop"
    """`crop`: the square in the centre; `stretch`: squashed to a square; `full`: all of it."""
    size: int = 256
    """Shorter side in pixels at which pictures are coloured and shown."""
    originals: bool = True
    """Whether the true colours take part; only `pair` can do without."""
    title: str = "How real are these colours?"
    """Heading of the page."""
    contact: str = ""
    """Whom participants can ask; shown at the foot of the page."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            UsageError: a value is out of range; `where` names the option.
        """
        for name, kind in (("mode", Mode), ("sample", Sample), ("protocol", Protocol)):
            _demand(getattr(self, name) in get_args(kind), name, " or ".join(get_args(kind)))
        for name in ("pictures", "per_participant"):
            value = getattr(self, name)
            _demand(value is None or value >= 1, name, "a whole number from 1")
        limit = self.time_limit
        fits = limit is None or (math.isfinite(limit) and 0.1 <= limit <= 3600)
        _demand(fits, "time_limit", "seconds from 0.1 to 3600")
        _demand(0 <= self.attention_checks <= 20, "attention_checks", "a whole number from 0 to 20")
        _demand(16 <= self.size <= 2048, "size", "pixels from 16 to 2048")
        if not self.originals and self.mode != "pair":
            raise UsageError(
                f"mode {self.mode} needs the originals: what is coloured is judged beside them",
                where="--without-originals",
                remedy="use it with --mode pair",
            )


def _demand(holds: bool, name: str, allowed: str) -> None:
    if not holds:
        raise UsageError("out of range", where=f"--{name.replace('_', '-')}", remedy=allowed)
