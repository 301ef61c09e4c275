"""The pictures of an evaluation's page: contact sheet, sliders and failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinct.datasets.page import text, uri
from tinct.evaluation.gallery import Failure, Shown


def contact_sheet(shown: Sequence[Shown], *, total: int, seed: int) -> str:
    """A row for each picture: grey, every way, truth; the script makes sliders of the same."""
    if not shown:
        return ""
    ways = list(shown[0].images)
    head = "".join(f'<th scope="col">{text(way)}</th>' for way in ways)
    rows = "".join(_row(one) for one in shown)
    said = f"{len(shown)} of {total} pictures, drawn with seed {seed}, not picked; the number is "
    said += "CIEDE2000 of this picture."
    return (
        f"<section><h3>Pictures</h3><p>{text(said)}</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Contact sheet">'
        f'<table class="sheet"><thead><tr><th scope="col">picture</th>{head}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div><h3>Before and after</h3><div class="compares"></div>'
        "</section>"
    )


def _row(one: Shown) -> str:
    cells = "".join(
        f'<td><img data-way="{text(way)}" src="{uri("webp", data)}" width="{one.width}" '
        f'height="{one.height}" alt="{text(one.id)}, {text(way)}">'
        f"{one.errors[way]:.1f}</td>"
        for way, data in one.images.items()
    )
    name = f"{one.id}, {one.artist}" if one.artist else one.id
    return f'<tr><th scope="row">{text(name)}</th>{cells}</tr>'


def failures(found: Mapping[str, Sequence[Failure]]) -> str:
    """The pictures on which each way errs most, beside the truth."""
    parts = []
    for number, (way, worst) in enumerate(found.items()):
        cells = "".join(
            f'<figure><div><img src="{uri("webp", one.result)}" alt="{text(one.id)}, {text(way)}">'
            f'<img src="{uri("webp", one.truth)}" alt="{text(one.id)}, truth"></div>'
            f"<figcaption>{one.error:.1f} · {text(one.id)}</figcaption></figure>"
            for one in worst
        )
        opened = "" if number else " open"
        parts.append(
            f"<details{opened}><summary>{text(way)}: the worst {len(worst)}</summary>"
            f'<div class="mosaic">{cells}</div></details>'
        )
    said = "<p>Left the result, right the truth, and CIEDE2000; the largest errors of all.</p>"
    return f"<h3>Where it fails</h3>{said}{''.join(parts)}" if parts else ""
