"""The pages that reports about pictures are shown on: HTML that holds everything in itself."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.version import __version__

if TYPE_CHECKING:
    from tinct.datasets.clean import Cleaned

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shown:
    """A picture on a page."""

    thumbnail: bytes
    """WebP; empty where there is no picture."""
    title: str
    note: str = ""
    box: Box | None = None
    """What a crop would leave."""
    beside: bytes = b""
    """A second picture to compare it with."""


def page(title: str, state: str, figures: Mapping[str, str], body: str) -> str:
    """A page with a title, a sentence, figures at its head and sections below."""
    template = files("tinct.datasets").joinpath("page.html").read_text(encoding="utf-8")
    blocks = "".join(
        f'<div><dt>{text(name)}</dt><dd class="value">{text(value)}</dd></div>'
        for name, value in figures.items()
    )
    return Template(template).substitute(
        title=text(title),
        state=text(state),
        figures=f'<dl class="figures">{blocks}</dl>' if blocks else "",
        body=body,
        footer=f"Written by Tinct {text(__version__)}. The page holds everything in itself.",
    )


def section(title: str, body: str, hint: str = "") -> str:
    """A heading with something below; nothing where there is nothing."""
    said = f"<p>{text(hint)}</p>" if hint else ""
    return f"<section><h2>{text(title)}</h2>{said}{body}</section>" if body else ""


def mosaic(pictures: Iterable[Shown]) -> str:
    """Pictures side by side, each with its title."""
    cells = "".join(_cell(one) for one in pictures)
    return f'<div class="mosaic">{cells}</div>' if cells else ""


def _cell(one: Shown) -> str:
    frame = ""
    if one.box is not None:
        left, top, right, bottom = (100 * value for value in one.box)
        style = (
            f"left:{left:.1f}%;top:{top:.1f}%;right:{100 - right:.1f}%;bottom:{100 - bottom:.1f}%"
        )
        frame = f'<i style="{style}"></i>'
    picture = f'<img src="{uri("webp", one.thumbnail)}" alt="">' if one.thumbnail else ""
    shown = f"<span>{picture}{frame}</span>" if picture else "<b>no picture</b>"
    if one.beside:
        shown += f'<span><img src="{uri("webp", one.beside)}" alt="the one that stays"></span>'
    note = f"<small>{text(one.note)}</small>" if one.note else ""
    kind = ' class="pair"' if one.beside else ""
    return (
        f"<figure{kind}><div>{shown}</div><figcaption>{text(one.title)}{note}</figcaption></figure>"
    )


def bars(counts: Sequence[tuple[str, float]], colours: Mapping[str, str] | None = None) -> str:
    """A bar for each name, the longest as wide as there is room."""
    most = max((count for _, count in counts), default=0) or 1
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td class="bar"><i style="width:'
        f'{max(100 * count / most, 0.4):.1f}%;{_fill(colours, name)}"></i></td>'
        f"<td>{whole(count)}</td></tr>"
        for name, count in counts
    )
    return f'<table class="bars">{rows}</table>' if rows else ""


def _fill(colours: Mapping[str, str] | None, name: str) -> str:
    return f"background:{colours[name]}" if colours and name in colours else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of plain text."""
    top = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    body = f"<thead><tr>{top}</tr></thead><tbody>{lines}</tbody>"
    return f'<div class="scroll" tabindex="0"><table>{body}</table></div>' if lines else ""


def image(kind: str, data: bytes, alt: str) -> str:
    """A picture as wide as there is room."""
    return f'<img class="wide" src="{uri(kind, data)}" alt="{text(alt)}">'


def thumbnail(pixels: NDArray[np.uint8], longest: int = 160) -> bytes:
    """A small copy of (H, W, 3) as WebP."""
    small = Image.fromarray(pixels)
    small.thumbnail((longest, longest))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=70)
    return buffer.getvalue()


def uri(kind: str, data: bytes) -> str:
    """A picture as part of a page."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def text(said: str) -> str:
    """Text that a page shows as it is; names need not be Unicode."""
    return html.escape(said.encode(errors="surrogateescape").decode(errors="replace"))


def whole(number: float) -> str:
    """A number with narrow spaces between thousands."""
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def clean_page(
    source: str,
    cleaned: Cleaned,
    shown: Mapping[str, Sequence[Shown]],
    rules: Mapping[str, str],
) -> str:
    """What `tinct data clean` found, reason by reason."""
    counts = cleaned.counts
    body = section("Reasons", bars([(name, count) for name, count in counts.items()]))
    for name, count in counts.items():
        pictures = shown.get(name, ())
        some = f" {len(pictures)} of {whole(count)} are shown." if len(pictures) < count else ""
        body += section(
            f"{name.capitalize()}: {whole(count)}", mosaic(pictures), f"{rules[name]}.{some}"
        )
    left = cleaned.pictures - cleaned.flagged
    return page(
        f"Cleaning {source}",
        "Nothing was moved or changed: these are suggestions, and some will be wrong.",
        {
            "pictures": whole(cleaned.pictures),
            "flagged": whole(cleaned.flagged),
            "without a finding": whole(left),
        },
        body,
    )
