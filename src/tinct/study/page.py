"""The report of a study as one page that holds everything in itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from PIL import Image

from tinct.datasets.page import section, table, text, uri, whole
from tinct.study.folder import PICTURES, Picture, Study
from tinct.study.options import ORIGINAL
from tinct.study.plots import forest, stacked
from tinct.study.report import CELLS, HEADS, QUESTIONS, figure, percent
from tinct.version import __version__

Record = Mapping[str, Any]

#: longer side of a picture on the page, in pixels
_THUMBNAIL = 240
#: tells an earlier report from other pages
GENERATOR = '<meta name="generator" content="Tinct study report">'
_QUARTERS = [(share / 4, f"{25 * share} %") for share in range(5)]
_NOTES = {
    "real": (
        "Voted real: share of answers that called a picture real, with its Wilson score interval "
        "(Wilson 1927). It takes answers for independent; the column beside it draws whole "
        "participants anew (bootstrap, 2,000 times), which keeps that one person's answers are "
        "alike. Fooling rate: the share voted real, divided by that of the originals, which not "
        "everybody believes either; its interval is MOVER-R (Donner and Zou 2012). At 100 % a way "
        "passes for real as often as the truth does."
    ),
    "pair": (
        "Bradley-Terry scores (Bradley and Terry 1952) are the most likely strengths, in log odds "
        "with mean 0: a way is preferred to another with probability 1 / (1 + exp(theirs - its)). "
        "Intervals come from the observed information. Where some way won or lost every "
        "comparison with the others the likelihood has no maximum (Ford 1957), and no score is "
        "given. Shares have Wilson score intervals."
    ),
    "rate": (
        "Means of ratings from 1, not at all natural, to 5, completely. Intervals draw whole "
        "participants anew (percentile bootstrap, 2,000 times)."
    ),
}
_AGREEMENT = (
    "1 is full agreement, 0 what chance would give (Krippendorff 2011). The interval draws "
    "pictures anew. Low agreement is a finding, not a fault: where colours convince, people guess."
)


def page(study: Study, found: Record) -> str:
    """The figures of a study, `findings.figures`, beside its pictures."""
    mode = study.options.mode
    people = found["participants"]
    template = files("tinct.study").joinpath("report.html").read_text(encoding="utf-8")
    body = (
        section(QUESTIONS[mode], _plot(mode, found), "With 95 % intervals.")
        + section("Figures", table(HEADS[mode], map(CELLS[mode], found["ways"])), _NOTES[mode])
        + _pairs(found)
        + section("Agreement", _agreement(found), _AGREEMENT)
        + section("Participants", _people(found))
        + _categories(found)
        + section("Every picture", _pictures(study, found), _caption(mode))
        + section("What was asked", _facts(found))
    )
    return Template(template).substitute(
        title=text(study.options.title),
        generator=GENERATOR,
        state=text(
            f"{_counted(people['votes'], 'answer')} of {_counted(people['scored'], 'participant')} "
            f"to {_counted(len(study.pictures), 'picture')} in {_counted(len(study.ways), 'way')}."
        ),
        figures=_headlines(mode, found),
        body=body,
        footer=f"Written by Tinct {text(__version__)}. The page holds everything in itself. "
        "It names nobody: participants are numbers.",
    )


def _counted(number: int, noun: str) -> str:
    return f"{whole(number)} {noun}{'' if number == 1 else 's'}"


def _headlines(mode: str, found: Record) -> str:
    blocks = []
    for row in found["ways"]:
        apart = row["name"] == ORIGINAL
        if mode == "real":
            key = "share" if apart else "fooling"
            said = "originals voted real" if apart else "of the originals' share: the fooling rate"
            value, small = _split(percent(row[key]))
        elif mode == "pair":
            said = "of its comparisons won"
            value, small = _split(percent(row["share"]))
        else:
            said = "of 5, mean rating"
            value, small = _split(figure(row["mean"], 2))
        blocks.append(
            f'<div><dt>{text(row["name"])}</dt><dd><span class="value">{text(value)}</span>'
            f"<small>{text(small)}</small><small>{text(said)}</small></dd></div>"
        )
    return f'<dl class="figures">{"".join(blocks)}</dl>'


def _split(written: str) -> tuple[str, str]:
    value, _, rest = written.partition(" (")
    return value, rest.rstrip(")")


def _plot(mode: str, found: Record) -> str:
    rows = found["ways"]
    if mode == "rate":
        ticks = [(float(value), str(value)) for value in range(1, 6)]
        means = [(row["name"], row["mean"], figure(row["mean"], 2)) for row in rows]
        return forest(means, low=1, high=5, ticks=ticks, first=ORIGINAL) + stacked(
            [(row["name"], row["counts"]) for row in rows]
        )
    shares = [(row["name"], row["share"], percent(row["share"])) for row in rows]
    drawn = forest(shares, low=0, high=1, ticks=_QUARTERS, mark=0.5, first=ORIGINAL)
    if mode == "pair":
        scores = [(row["name"], row["score"], figure(row["score"], 2)) for row in rows]
        ends = [abs(row["score"][end] or 0) for row in rows for end in ("low", "high")]
        reach = max(1.0, float(int(max(ends)) + 1))
        ticks = [(reach * part / 2, f"{reach * part / 2:g}") for part in range(-2, 3)]
        more = forest(scores, low=-reach, high=reach, ticks=ticks, mark=0, first=ORIGINAL)
        drawn += f"<h3>Bradley-Terry scores, in log odds</h3>{more}" if more else ""
        return f"<h3>Share of comparisons won</h3>{drawn}"
    fooling = [
        (row["name"], row["fooling"], percent(row["fooling"]))
        for row in rows
        if row["name"] != ORIGINAL
    ]
    highest = max([1.0, *((row[1]["high"] or 1.0) for row in fooling)])
    end = min(3.0, 0.5 * (int(highest / 0.5) + 1))
    ticks = [(0.5 * step, f"{50 * step} %") for step in range(int(end / 0.5) + 1)]
    more = forest(fooling, low=0, high=end, ticks=ticks, mark=1.0)
    return (
        f"<h3>Voted real</h3>{drawn}<h3>Fooling rate: voted real, relative to originals</h3>{more}"
    )


def _pairs(found: Record) -> str:
    rows = [
        (row["name"], row["other"], str(row["votes"]), percent(row["share"]))
        for row in found.get("pairs", ())
    ]
    head = ("way", "over", "votes", "preferred (Wilson)")
    return section("Pairs", table(head, rows))


def _agreement(found: Record) -> str:
    agreed = found["agreement"]
    return f'<p class="said">{text(agreed["measure"])}: {text(figure(agreed, 3))}</p>'


def _people(found: Record) -> str:
    people, checks = found["participants"], found["participants"]["checks"]
    ways = found["ways"]
    times = ", ".join(
        f"{row['name']} {row['median_response_ms'] / 1000:.1f} s"
        for row in ways
        if row["median_response_ms"] is not None
    )
    rows = {
        "joined": whole(people["joined"]),
        "answered anything": whole(people["answered"]),
        "finished": whole(people["finished"]),
        "left out for failed attention checks": f"{whole(people['excluded'])} (more than "
        f"{checks['allowed']} failed)",
        "attention checks failed": f"{whole(checks['failed'])} of {whole(checks['answered'])}",
        "gave one answer throughout": f"{whole(people['always_the_same'])} (not left out)",
        "answers after the picture was hidden": f"{whole(people['late'])} (counted)",
        "median time of an answer": times,
    }
    return _table_of(rows)


def _categories(found: Record) -> str:
    rows = [
        (row["category"], row["name"], str(row["votes"]), _share(row))
        for row in found["categories"]
    ]
    return section("Categories", table(("category", "way", "votes", "result, 95 %"), rows))


def _share(row: Record) -> str:
    if "share" in row:
        return percent(row["share"])
    return "-" if row["mean"] is None else f"{row['mean']:.2f}"


def _caption(mode: str) -> str:
    what = {
        "real": "share voted real",
        "pair": "share of its comparisons won",
        "rate": "mean rating",
    }[mode]
    return f"Below each: {what}, with its 95 % interval where there is one, and the answers."


def _pictures(study: Study, found: Record) -> str:
    rows = []
    for picture, record in zip(study.pictures, found["pictures"], strict=True):
        cells = "".join(_cell(study, picture, row) for row in record["ways"])
        more = f" <small>{text(picture.category)}</small>" if picture.category else ""
        rows.append(f"<li><h3>{text(picture.name)}{more}</h3><div>{cells}</div></li>")
    return f'<ul class="gallery">{"".join(rows)}</ul>'


def _cell(study: Study, picture: Picture, row: Record) -> str:
    name = row["name"]
    data = uri("webp", _thumbnail(study, picture.files[name].name))
    return (
        f'<figure><img src="{data}" alt="{text(picture.name)}, {text(name)}" loading="lazy">'
        f"<figcaption><b>{text(name)}</b> {text(_share(row))}"
        f"<small>{_counted(row['votes'], 'answer')}</small></figcaption></figure>"
    )


def _thumbnail(study: Study, name: str) -> bytes:
    buffer = io.BytesIO()
    with Image.open(study.folder / PICTURES / name) as picture:
        small = picture.convert("RGB")
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    small.save(buffer, "WEBP", quality=82)
    return buffer.getvalue()


def _facts(found: Record) -> str:
    asked = found["study"]
    left = ", ".join(f"{count} {reason}" for reason, count in asked["left_out"].items())
    limit = asked["time_limit"]
    rows = {
        "mode": f"{asked['mode']}: {QUESTIONS[asked['mode']]}",
        "pictures": f"{asked['pictures']} of {asked['found']} in {', '.join(asked['data'])}, drawn "
        f"{asked['sample']}, seed {asked['seed']}" + (f"; left out: {left}" if left else ""),
        "protocol": f"{asked['protocol']}: Rec. 601 grey, coloured; shown as PNG of one length",
        "each participant": f"{asked['per_participant']} pictures, each once, and "
        f"{asked['attention_checks']} attention checks",
        "time limit": "none" if limit is None else f"{limit:g} s",
        **{
            f"way {way['name']}": way["kind"] + (f", sha256 {way['sha256']}" * bool(way["sha256"]))
            for way in asked["ways"]
        },
        "study": f"sha256 {asked['sha256']}",
    }
    return _table_of(rows)


def _table_of(rows: Mapping[str, str]) -> str:
    lines = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f'<table class="facts">{lines}</table>'
