"""A batch as a page that holds everything in itself: totals, failures first, before and after."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from tinct.batch.events import Summary, printable
from tinct.batch.places import content, is_url, place
from tinct.batch.report import GENERATOR, Row
from tinct.errors import TinctError
from tinct.version import __version__

if TYPE_CHECKING:
    from tinct.image import Picture

#: pictures that are shown before and after
PAIRS = 100
#: pixels of the longer side of each
SIDE = 240
#: rows of the table of all pictures; CSV has no such bound
ROWS = 1000
_LOSSY = 60  # quality of the thumbnails: 3 to 8 kB each


def as_html(
    rows: Sequence[Row], summary: Summary, *, folder: Path, aborted: TinctError | None = None
) -> str:
    """The page: some 100 kB for a thousand rows, and at most a megabyte or two of pictures.

    Args:
        rows: in their order, failures first.
        summary: the tally of this run.
        folder: where the page will lie; its links begin there.
        aborted: why the run ended early.
    """
    failed = [row for row in rows if row.status == "failed"]
    coloured = [row for row in rows if row.status in ("coloured", "coloured before")]
    counts = {
        name: sum(row.status == name for row in rows)
        for name in ("coloured", "coloured before", "skipped", "failed", "not begun")
    }
    title = f"{len(rows):,} pictures" if len(rows) != 1 else "1 picture"
    state = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    notes = [f"The run ended early: {aborted}"] if aborted else []
    if summary.interrupted:
        notes.append("The run was interrupted. The same command goes on where it stopped.")
    shown, more = _pairs(coloured, folder)
    body = _section("Failed", _table(failed[:ROWS], folder, reasons=True), _bounded(failed))
    body += _section("Before and after", shown, more)
    body += _section("All pictures", _table(rows[:ROWS], folder), _bounded(rows))
    page = files("tinct.batch").joinpath("page.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        generator=GENERATOR,
        title=_text(title),
        state=_text(f"{state}." if state else "Nothing was to be done."),
        notes="".join(f'<p class="note">{_text(note)}</p>' for note in notes),
        figures=_figures(rows, summary),
        body=body,
        footer=f"Written by Tinct {_text(__version__)}. Colours are inferred: plausible, not "
        "known.",
    )


def _figures(rows: Sequence[Row], summary: Summary) -> str:
    times = sorted(row.seconds for row in rows if isinstance(row.seconds, float | int))
    models = ", ".join(sorted({row.model for row in rows if row.model}))
    figures = {"failed": f"{sum(row.status == 'failed' for row in rows):,}"}
    figures["warned of"] = f"{sum(bool(row.warnings) for row in rows):,}"
    figures["this run took"] = _duration(summary.seconds)
    if summary.done:
        figures["this run coloured"] = f"{summary.megapixels:,.1f} MP"
    if times:
        figures["median of a picture"] = f"{times[len(times) // 2]:.2f} s"
    if models:
        figures["model"] = models
    blocks = (f"<div><dt>{_text(n)}</dt><dd>{_text(v)}</dd></div>" for n, v in figures.items())
    return f"<dl>{''.join(blocks)}</dl>"


def _table(rows: Sequence[Row], folder: Path, *, reasons: bool = False) -> str:
    if not rows:
        return ""
    head = ["why", "remedy"] if reasons else ["status", "size", "time", "notes"]
    lines = []
    for row in rows:
        name = f'<th scope="row">{_link(row.input, folder)}</th>'
        if reasons:
            cells = [f"<code>{_text(row.code)}</code> {_text(row.message)}", _text(row.remedy)]
        else:
            size = f"{row.width} × {row.height}" if row.width else ""
            seconds = f"{row.seconds:.2f} s" if isinstance(row.seconds, float | int) else ""
            notes = "; ".join(part for part in (row.message, row.warnings) if part)
            done = row.status in ("coloured", "coloured before")
            status = _link(row.output, folder, row.status) if done else _text(row.status)
            cells = [status, size, seconds, _text(notes)]
        lines.append(
            f'<tr class="{row.status.split()[0]}">{name}'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    top = "".join(f'<th scope="col">{cell}</th>' for cell in ("picture", *head))
    kind, label = ("reasons", "Failed") if reasons else ("all", "All pictures")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody>'
        "</table></div>"
    )


def _bounded(rows: Sequence[Row]) -> str:
    if len(rows) <= ROWS:
        return ""
    return f"The first {ROWS:,} of {len(rows):,}; --report FILE.csv has all."


def _pairs(rows: Sequence[Row], folder: Path) -> tuple[str, str]:
    """Thumbnails of pictures with warnings, at most half of all, and others evenly drawn."""
    warned = [row for row in rows if row.warnings][: PAIRS // 2]
    others = [row for row in rows if not row.warnings]
    room = min(len(others), PAIRS - len(warned))
    chosen = warned + [others[at * len(others) // room] for at in range(room)]
    figures = []
    for row in chosen:
        before, after = _thumbnail(row.input), _thumbnail(row.output)
        if before and after:
            note = f"<small>{_text(row.warnings)}</small>" if row.warnings else ""
            figures.append(
                f"<figure><div>{_image(before, 'before')}{_image(after, 'after')}</div>"
                f"<figcaption>{_link(row.output, folder, place(row.input).name)}{note}</figcaption>"
                "</figure>"
            )
    if not figures:
        return "", ""
    hint = (
        f"All {len(rows):,}."
        if len(figures) == len(rows)
        else (f"{len(figures):,} of {len(rows):,}: some with warnings first, others drawn evenly.")
    )
    return f'<div class="pairs">{"".join(figures)}</div>', hint


def _thumbnail(name: str) -> bytes:
    """A small WebP of the first page; empty where the picture is gone."""
    from tinct.image import load

    try:
        return _small(load(content(place(name))))
    except (TinctError, OSError):
        return b""


def _small(picture: Picture) -> bytes:
    import numpy as np
    from PIL import Image

    pixels = picture.pages[0].preview(SIDE)
    if pixels.dtype != np.uint8:
        pixels = (pixels >> 8).astype(np.uint8)
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_LOSSY)
    return out.getvalue()


def _image(data: bytes, what: str) -> str:
    return f'<img alt="{what}" src="data:image/webp;base64,{base64.b64encode(data).decode()}">'


def _section(title: str, body: str, hint: str = "") -> str:
    said = f"<p>{_text(hint)}</p>" if hint else ""
    return f"<section><h2>{title}</h2>{said}{body}</section>" if body else ""


def _link(path: str, folder: Path, shown: str = "") -> str:
    if is_url(path):  # a browser knows the way to a web server only
        shown = shown or path
        web = path.startswith(("http://", "https://"))
        return f'<a href="{_text(path)}">{_text(shown)}</a>' if web else _text(shown)
    target = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))  # noqa: PTH100
    address = quote(os.fsencode(target))
    return f'<a href="{address}">{_text(shown or path)}</a>'


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _text(text: str) -> str:
    return html.escape(printable(text))
