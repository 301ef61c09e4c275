"""What a run says of itself when somebody asks: one HTML page, and its history as JSON and CSV.

The page holds everything in itself, so that it can be sent to somebody or kept beside the
weights. It needs nothing but `history.jsonl`; what else the folder holds is shown if it is there.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from tinct.errors import UsageError
from tinct.image.atomic import write_atomic
from tinct.training.log import HISTORY, read_history
from tinct.training.plots import ACCURACIES, DARK, LIGHT, draw_plots
from tinct.training.reading import RECIPE
from tinct.version import __version__

#: sheets on a page; of more, the first, the last and evenly spaced ones between are shown
SHEETS = 10
_SHEET_WIDTH = 1200

Event = Mapping[str, Any]

#: measure -> (title, factor, decimals, unit)
MEASURES: Mapping[str, tuple[str, float, int, str]] = {
    "loss": ("Loss", 1, 5, ""),
    "ciede2000": ("CIEDE2000", 1, 2, ""),
    "psnr": ("PSNR", 1, 2, " dB"),
    **{name: (title, 100, 1, " %") for name, title in ACCURACIES.items()},
    "colourfulness_ratio": ("Colourfulness ratio", 1, 2, ""),
}
_BASELINES = {
    "grey": "grey: no colour at all",
    "tint": "tint: one colour for all pictures",
    "oracle": "oracle: each picture's true mean colour",
}
#: the figures at the head of the page, and how to read them
_HEADLINES = {
    "ciede2000": "mean colour difference; lower is better",
    "lab_accuracy_5": "of pixels have a* and b* right",
    "psnr": "higher is better",
    "colourfulness_ratio": "1 is as colourful as the truth",
}
_PLOTS = {
    "loss": "Loss over the steps, in training and validation",
    "accuracy": "Share of pixels that are right, beside grey and one tint",
    "rate": "Learning rate over the steps",
}


def write_report(run: Path) -> Path:
    """Write report.html, history.json and history.csv of a finished or unfinished run.

    Args:
        run: a run's folder; only `history.jsonl` must be in it.

    Returns:
        The path of report.html.

    Raises:
        UsageError: the folder holds no history, or matplotlib is not installed.
        OutputUnwritable: the folder cannot be written to.
    """
    if not (run / HISTORY).is_file():
        raise UsageError(f"holds no run: there is no {HISTORY} in it", where=str(run))
    events = read_history(run)
    _write(run / "history.json", history_json(events))
    _write(run / "history.csv", history_csv(events))
    page = run / "report.html"
    _write(page, _page(run, events))
    return page


def history_json(events: Sequence[Event]) -> str:
    """The history as one JSON object with a list for each kind of event."""
    kinds: dict[str, list[Event]] = {"train": [], "validation": [], "note": []}
    for event in events:
        kinds.setdefault(event["event"], []).append(event)
    return json.dumps(kinds, ensure_ascii=False, indent=1) + "\n"


def history_csv(events: Sequence[Event]) -> str:
    """The history as a table: a row for each event, a column for each number there is.

    Nested names are joined by dots: `losses.loss`, `measures.grey.psnr`.
    """
    rows = [dict(_flat(event)) for event in events]
    first = ("event", "step", "epoch", "seconds")
    columns = dict.fromkeys((*first, *(name for row in rows for name in row)))
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue()


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _write(file: Path, text: str) -> None:
    with write_atomic(file, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _page(run: Path, events: Sequence[Event]) -> str:
    validations = [event for event in events if event["event"] == "validation"]
    best = next((event for event in reversed(validations) if event.get("best")), None)
    source = _read(run / RECIPE)
    recipe = _parsed(source, tomllib.loads)
    system, name = str(recipe.get("system", "")), str(recipe.get("name", ""))
    title = f"{system}: {name}" if system and name and name != system else system or name
    template = files("tinct.training").joinpath("report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=_text(title or run.resolve().name),
        state=_state(events, best, recipe),
        figures=_figures(best or (validations[-1] if validations else None)),
        sheets=_sheets(run / "sheets"),
        curves=_curves(events),
        table=_table(validations, best),
        notes=_notes(events),
        recipe=_section("Recipe", f"<pre>{_text(source)}</pre>") if source else "",
        facts=_facts("Pictures", _parsed(_read(run / "data.json"), json.loads))
        + _facts("Environment", _parsed(_read(run / "environment.json"), json.loads)),
        footer=f"Written by Tinct {_text(__version__)} from {_text(run.resolve().name)}. "
        "The colours on the sheets are inferred: plausible, not known.",
    )


def _state(events: Sequence[Event], best: Event | None, recipe: Mapping[str, Any]) -> str:
    if not events:
        return "Nothing has been learned yet."
    last = events[-1]
    total = _inside(recipe, "stop", "steps")
    epoch = next((event["epoch"] for event in reversed(events) if "epoch" in event), None)
    parts = [f"step {_whole(last['step'])}" + (f" of {_whole(total)}" if total else "")]
    if epoch is not None:
        parts.append(f"epoch {epoch:.1f}")
    parts.append(_time(last["seconds"]))
    text = ", ".join(parts)
    if best is not None:
        text += f". The figures are of step {_whole(best['step'])}, the best by loss in validation"
    return _text(f"{text[0].upper()}{text[1:]}.")


def _figures(validation: Event | None) -> str:
    if validation is None:
        return ""
    measures = validation["measures"]
    blocks = []
    for name, meaning in _HEADLINES.items():
        if _inside(measures, "network", name) is None:
            continue
        beside = ", ".join(
            f"{who} {_cell(measures[who], name)}"
            for who in ("grey", "tint")
            if _inside(measures, who, name) is not None
        )
        blocks.append(
            f"<div><dt>{_text(MEASURES[name][0])}</dt>"
            f'<dd><span class="value">{_cell(measures["network"], name)}</span>'
            f"<small>{_text(beside)}</small><small>{_text(meaning)}</small></dd></div>"
        )
    return f'<dl class="figures">{"".join(blocks)}</dl>' if blocks else ""


def _sheets(folder: Path) -> str:
    found = sorted(folder.glob("*.png"))
    if len(found) > SHEETS:
        found = [found[round(i * (len(found) - 1) / (SHEETS - 1))] for i in range(SHEETS)]
    shown = []
    for file in found:
        try:
            data = _jpeg(file)
        except OSError:  # one that is no picture is no reason to have no page
            continue
        title = f"step {_whole(int(file.stem))}" if file.stem.isdecimal() else file.stem
        shown.append(
            f'<figure><img src="{_uri("jpeg", data)}" alt="{_text(title)}: pictures in grey, '
            f'coloured and true"><figcaption>{_text(title)}</figcaption></figure>'
        )
    if not shown:
        return ""
    turn = (
        f'<input class="turn" type="range" hidden min="0" max="{len(shown) - 1}" '
        f'value="{len(shown) - 1}" aria-label="Sheet, from first to last">'
    )
    strip = f'<div class="sheets" tabindex="0">{"".join(shown)}</div>'
    hint = "<p>Move the slider to see the colours come.</p>"
    if len(shown) == 1:
        return _section("Held-out pictures", strip)
    return _section("Held-out pictures", f"{hint}{strip}{turn}")


def _jpeg(file: Path) -> bytes:
    """A sheet as JPEG with its colours at full size: a tenth of the PNG."""
    buffer = io.BytesIO()
    with Image.open(file) as sheet:
        picture = sheet.convert("RGB")
    picture.thumbnail((_SHEET_WIDTH, 1 << 16))
    picture.save(buffer, "JPEG", quality=85, subsampling=0, optimize=True)
    return buffer.getvalue()


def _curves(events: Sequence[Event]) -> str:
    light = draw_plots(events, kind="svg", look=LIGHT)
    dark = draw_plots(events, kind="svg", look=DARK)
    pictures = [
        f'<picture><source media="(prefers-color-scheme: dark)" '
        f'srcset="{_uri("svg+xml", dark[name])}"><img src="{_uri("svg+xml", light[name])}" '
        f'alt="{_text(_PLOTS[name])}"></picture>'
        for name in light
    ]
    return _section("Curves", f'<div class="curves">{"".join(pictures)}</div>') if pictures else ""


def _table(validations: Sequence[Event], best: Event | None) -> str:
    if not validations:
        return ""
    last = validations[-1]["measures"]
    columns = [name for name in MEASURES if any(name in values for values in last.values())]
    head = "".join(f'<th scope="col">{_text(MEASURES[name][0])}</th>' for name in columns)
    rows = []
    for who, title in _BASELINES.items():
        if who in last:
            cells = "".join(f"<td>{_cell(last[who], name)}</td>" for name in columns)
            row = f'<td colspan="3">{_text(title)}</td>{cells}'
            rows.append(f'<tr class="baseline">{row}</tr>')
    for event in validations:
        values = event["measures"].get("network", {})
        cells = "".join(f"<td>{_cell(values, name)}</td>" for name in columns)
        mark, word = (' class="best"', " (best)") if event is best else ("", "")
        rows.append(
            f"<tr{mark}><td>{_whole(event['step'])}{word}</td><td>{event['epoch']:.1f}</td>"
            f"<td>{_time(event['seconds'])}</td>{cells}</tr>"
        )
    first = "".join(f'<th scope="col">{title}</th>' for title in ("step", "epoch", "time"))
    pictures = validations[-1]["pictures"]
    return _section(
        "Validations",
        f"<p>{_whole(pictures)} held-out pictures, the same each time. Above stand colourings "
        "that know nothing of a picture, or its mean colour only.</p>"
        f'<div class="scroll" tabindex="0"><table><thead><tr>{first}{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
    )


def _notes(events: Sequence[Event]) -> str:
    rows = "".join(
        f'<tr><th scope="row">step {_whole(event["step"])}</th><td>{_text(event["text"])}</td></tr>'
        for event in events
        if event["event"] == "note"
    )
    return _section("What happened", f'<table class="facts">{rows}</table>') if rows else ""


def _facts(title: str, values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(name.replace("_", " "))}</th><td>{_fact(value)}</td></tr>'
        for name, value in _flat(values)
    )
    return _section(title, f'<table class="facts">{rows}</table>') if rows else ""


def _fact(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):  # for instance the unreadable pictures with their reasons
        lines = [
            ": ".join(map(str, item)) if isinstance(item, list) else str(item) for item in value
        ]
        more = [f"and {len(lines) - 10} more"] if len(lines) > 10 else []
        return "<br>".join(map(_text, [*lines[:10], *more])) or "none"
    return _text(_whole(value) if isinstance(value, int) else str(value))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _cell(values: Mapping[str, Any], name: str) -> str:
    if values.get(name) is None:
        return ""
    _, factor, decimals, unit = MEASURES[name]
    return f"{factor * values[name]:.{decimals}f}{unit}".replace(" ", "\N{NO-BREAK SPACE}")


def _inside(values: Any, *path: str) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _parsed(text: str, parse: Any) -> Mapping[str, Any]:
    """What a file says, or nothing where it is missing or damaged."""
    try:
        values = parse(text)
    except ValueError:
        return {}
    return values if isinstance(values, Mapping) else {}


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _text(text: str) -> str:
    return html.escape(text)


def _whole(number: float) -> str:
    return (
        f"{number:,.0f}".replace(",", "\N{NO-BREAK SPACE}") if number >= 10_000 else f"{number:.0f}"
    )


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
