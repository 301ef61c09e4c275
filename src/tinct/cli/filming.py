"""The verb `tinct video`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.errors import Unreadable
from tinct.video.options import VideoOptions

if TYPE_CHECKING:
    from tinct.video.outcome import FilmResult, Progress

#: seconds between two words on progress: on a terminal, in a log, to a program
_TERMINAL, _LOG, _PROGRAM = 0.2, 30.0, 1.0
_INTERRUPTED = 130


def video(
    *,
    source: Path,
    target: Path,
    on_exists: str,
    restart: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - read before parsing
    **chosen: Any,
) -> int:
    """Add colour to a film; its light stays as it is, and its colours hold still."""
    from tinct.video.library import library

    library()
    options = VideoOptions(**chosen)
    from tinct.batch.events import printable
    from tinct.models import DEFAULT, find_model, load_model
    from tinct.video.film import colour_film
    from tinct.video.segments import work_folder

    find_model(options.model or DEFAULT)
    if not source.exists():
        raise Unreadable("does not exist", where=str(source), remedy="check the path")
    told = _Told(source, target, as_json=as_json, quiet=quiet)
    if on_exists == "skip" and target.exists():
        told.skipped("its result exists already")
        return 0
    try:
        result = colour_film(
            source,
            target,
            options=options,
            load=lambda: load_model(options.model, fast=options.effort == "fast"),
            overwrite=on_exists == "overwrite",
            restart=restart,
            tell=told.progress,
        )
    except KeyboardInterrupt:
        told.clear()
        kept = work_folder(target)
        text = "interrupted"
        if kept.is_dir():
            text += f": what is done is kept in {kept}; the same command goes on from there"
        print(printable(text), file=sys.stderr)
        return _INTERRUPTED
    finally:
        told.clear()
    if result.status == "skipped":
        told.skipped(result.warnings[0])
    else:
        told.done(result)
    return 0


class _Told:
    """What is told while a film is coloured: talk to stderr, data to stdout."""

    def __init__(self, source: Path, target: Path, *, as_json: bool, quiet: bool) -> None:
        self._paths = {"input": str(source), "output": str(target)}
        self._as_json, self._quiet = as_json, quiet
        self._live = sys.stderr.isatty() and not quiet
        self._last = {"talk": time.monotonic(), "data": 0.0}
        self._width = 0

    def progress(self, progress: Progress) -> None:
        """Frames so far, frames a second and time left, now and then."""
        now, whole = time.monotonic(), progress.done >= progress.total
        if self._as_json and (whole or now - self._last["data"] >= _PROGRAM):
            self._last["data"] = now
            self._event(
                "progress",
                done=progress.done,
                ahead=progress.ahead,
                total=progress.total,
                frames_per_second=round(progress.per_second, 3),
                seconds_left=round(progress.left, 1),
            )
        pause = _TERMINAL if self._live else _LOG
        if self._quiet or now - self._last["talk"] < pause:
            return
        self._last["talk"] = now
        text = (
            f"{progress.done}/{progress.total} frames  {progress.per_second:.1f} frames/s  "
            f"{_clock(progress.left)} left"
        )
        if not self._live:
            print(text, file=sys.stderr)
            return
        print(f"\r{text:<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def clear(self) -> None:
        """Take the line on progress off the terminal."""
        if self._width:
            print(f"\r{'':<{self._width}}\r", end="", file=sys.stderr, flush=True)
            self._width = 0

    def skipped(self, reason: str) -> None:
        """Say why nothing was done."""
        if self._as_json:
            self._event("skip", reason=reason)
        self._say(f"skipped: {self._paths['input']}: {reason}")

    def done(self, result: FilmResult) -> None:
        """Say what the result is, and what should be known of it."""
        if self._as_json:
            known = asdict(result)
            known["stages"] = {name: round(spent, 4) for name, spent in result.stages.items()}
            for name in ("input", "output", "status"):
                known.pop(name)
            self._event("done", **known)
        luma = ", luma identical" if result.luma_identical else ""
        before = f", {result.before} of them before" if result.before else ""
        self._say(
            f"{self._paths['input']} -> {self._paths['output']}  {result.frames} frames{before}, "
            f"{result.shots} {'shot' if result.shots == 1 else 'shots'}, "
            f"{result.codec} {result.pix_fmt}, {result.seconds:.1f} s{luma}"
        )
        for warning in result.warnings:
            self._say(f"warning: {self._paths['input']}: {warning}")

    def _say(self, text: str) -> None:
        from tinct.batch.events import printable

        if not self._quiet:
            print(printable(text), file=sys.stderr)

    def _event(self, event: str, **values: Any) -> None:
        line = json.dumps({"v": 1, "event": event, **self._paths, **values}, ensure_ascii=True)
        print(line, flush=True)


def _clock(seconds: float) -> str:
    """A time that is left, such as 5:07 or 1:05:07."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
