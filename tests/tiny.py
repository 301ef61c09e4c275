"""A stand-in for colouring that is quick and does what the input's text says.

It lies in a module of its own, so that worker processes can import it.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from tinct.errors import AlreadyTinct, ModelError, Unreadable
from tinct.image.atomic import write_atomic


@dataclass(frozen=True)
class TinyResult:
    input: str
    output: str
    width: int = 1000
    height: int = 500
    pages: int = 1
    seconds: float = 0.1
    stages: dict[str, float] = field(default_factory=dict)
    max_delta_lightness: float | None = 0.1
    luma_identical: bool | None = None
    model: str = "tiny.test"
    label: str = "xmp"
    sha256_in: str = "0" * 64
    sha256_out: str = "1" * 64
    warnings: tuple[str, ...] = ()
    status: str = "done"
    state_out: tuple[int, int] | None = None


def colour(source: Path, target: Path, *, overwrite: bool, variant: int = 0) -> TinyResult:
    text = source.read_text()
    if text == "bad":
        raise Unreadable("not a picture")
    if text == "own":
        raise AlreadyTinct("Tinct coloured this picture before")
    if text == "crash":
        raise ValueError("unforeseen")
    if text == "memory":
        raise MemoryError
    if text == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "colours":
        return TinyResult(str(source), str(target), status="skipped")
    with write_atomic(target, overwrite=overwrite) as temporary:
        temporary.write_text("half")
        if text == "kill while writing":
            os.kill(os.getpid(), signal.SIGKILL)
        if text.startswith("slow"):  # until the test says go
            (source.parent / "begun").touch()
            while not (source.parent / "go").exists():
                time.sleep(0.02)
        temporary.write_text(f"coloured {text} by {os.getpid()}")
    return TinyResult(str(source), str(target), warnings=("w",) if text == "warn" else ())


def make() -> object:
    return colour


def make_fails() -> object:
    raise ModelError("absent")
