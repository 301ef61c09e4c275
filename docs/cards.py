"""What `docs/generate.py` says of the published systems: their cards, and tables of their figures.

Facts come from the registry and the recipes, figures from benchmarks/results/systems.json, which
`benchmarks/systems.py` measures.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tinct.evaluation.evaluate import COLUMNS, Row
from tinct.systems import SYSTEMS, System

ROOT = Path(__file__).parent.parent
RESULTS: dict[str, Any] = json.loads(
    (ROOT / "benchmarks" / "results" / "systems.json").read_text(encoding="utf-8")
)
#: what the figures do not say
NOTES = {
    "alpha": (
        "It learns one picture by heart, to the pixel, and nothing else: a lesson in overfitting, "
        "not a way to colour pictures. Another picture it makes worse than grey, and the same "
        "picture in another shape is another picture to it."
    ),
    "beta": (
        "It takes lightness of 0..100 as it is, and RMSprop at its published rate drives its "
        "outputs to their bounds in the first steps; in the run below it took some 170 steps to "
        "come back from there. `recipes/beta-cryptopunks.toml` is the same network on small "
        "avatars, which are simple and all alike: the kind of set its author advises."
    ),
    "full": (
        "As `beta`, it takes lightness of 0..100 as it is. The classifier is `mobilenet_v2` unless "
        "`classifier=inception_resnet_v2` asks for the published one."
    ),
    "koalarization": (
        "The classifier is `mobilenet_v2`, whose weights are small, unless "
        "`classifier=inception_resnet_v2` asks for the published one; both give 1001 logits. Its "
        "authors published neither weights nor how many steps they took."
    ),
    "paintings": (
        "Both published runs have a recipe: `paintings` with strong augmentation, "
        "`paintings-second` with gentler, which did slightly better."
    ),
    "gan32": (
        "It was made for pictures of 32 x 32 pixels. Tinct shows it any picture at a shorter side "
        "of 32 and enlarges what it says of the colours, while the light stays whole: no "
        "patch of colour is smaller than a thirty-second of the picture, edges are as sharp as "
        "ever, and small things share the colour of what surrounds them. At exactly 32 x 32 it is "
        "the published network, to the bit."
    ),
    "colorit": (
        "Its published `accuracy` of 83.5 % is the share of pixels where `b* > a*` agrees with the "
        "truth. Reports show it under that name, beside grey and tint: a constant reaches as much."
    ),
    "pix2pix": (
        "Three discriminators judge it at three scales, and each step draws a batch for each of "
        "them and one for itself. This one is for graphics cards: the figures below are of a few "
        "thousand pictures, where ten epochs of a large set were meant."
    ),
    "pix2pixhd": (
        "The largest network here. Its settings were not published, so the recipe takes those of "
        "`pix2pix`. A single step on a processor takes seconds; this one is for graphics cards."
    ),
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|" + "---|" * lines[0].count(" | ") + "---|")
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def recipes_of(system: str) -> list[str]:
    """Names of the recipes that train a system, its namesake first."""
    files = sorted((ROOT / "recipes").glob("*.toml"), key=lambda file: (len(file.stem), file.stem))
    return [
        file.stem
        for file in files
        if tomllib.loads(file.read_text(encoding="utf-8"))["system"] == system
    ]


def runs_of(system: str) -> dict[str, dict[str, Any]]:
    """What was measured of a system, by run."""
    return {name: run for name, run in RESULTS.get("models", {}).items() if run["system"] == system}


def row_of(found: Mapping[str, Any], name: str) -> Row:
    """A row of the figures, called `name`."""
    return Row(name, found["pictures"], found["measures"], found["colourfulness_ratio"])


def figures(
    one: Mapping[str, Any], runs: Mapping[str, Mapping[str, Any]], *, linked: bool = False
) -> str:
    """Baselines and runs on one set of pictures, as a table."""
    rows = []
    for found in one["baselines"]:
        row = row_of(found, escaped(found["name"]))
        rows.append([row.name, "", "", *(show(row) for show in COLUMNS.values())])
    for name, run in runs.items():
        if one["name"] in run["rows"]:
            link = linked and run.get("system") in SYSTEMS
            title = f"[{name}](systems/{run['system']}.md)" if link else run.get("title", name)
            row = row_of(run["rows"][one["name"]], title)
            numbers = (run["parameters"], run["pictures_seen"])
            cells = [f"{number:,}" if number else "" for number in numbers]
            rows.append([row.name, *cells, *(show(row) for show in COLUMNS.values())])
    return table(["what", "parameters", "pictures seen", *COLUMNS], rows)


def escaped(text: str) -> str:
    """Text whose asterisks stay asterisks."""
    return text.replace("*", "\\*")


def about(one: Mapping[str, Any]) -> str:
    """What a set of pictures is."""
    return f"{one['pictures']} {one['name']}, sha256 {one['sha256'][:12]}"


def wanted_sets() -> Iterator[Mapping[str, Any]]:
    """The evaluation sets at their own size."""
    yield from (one for one in RESULTS.get("sets", []) if " at " not in one["name"])


def budget() -> str:
    """Every run beside the baselines, one table for each set."""
    runs = {
        name: {**run, "title": "tinct, same budget" if run["system"] == "tinct" else name}
        for name, run in RESULTS.get("models", {}).items()
    }
    shipped = RESULTS.get("shipped")
    if shipped:
        title = f"[{shipped['name']}](models/{shipped['name']}.md), as shipped"
        runs["shipped"] = {**shipped, "system": "", "title": title}
    parts = [
        f"{about(one)}. {verdict(one)}\n\n{figures(one, runs, linked=True)}"
        for one in wanted_sets()
    ]
    return "\n\n".join(parts)


def verdict(one: Mapping[str, Any]) -> str:
    """How many runs do better than doing nothing, and than one tint."""
    scores = {
        name: run["rows"][one["name"]]["measures"]["ciede2000"]
        for name, run in RESULTS["models"].items()
    }
    grey, tint = (row["measures"]["ciede2000"] for row in one["baselines"][:2])

    def better(than: float) -> str:
        names = [f"`{name}`" for name, score in scores.items() if score < than]
        return f"{len(names)} of {len(scores)}" + (f" ({', '.join(names)})" if names else "")

    return f"In CIEDE2000 grey is beaten by {better(grey)}, the tint by {better(tint)}:"


def spent() -> str:
    """What the budget bought: steps, and which weights were kept."""
    rows = (
        [
            f"`{name}`",
            f"{run['working_size']}",
            f"{run['batch']}",
            f"{run['steps']:,}",
            f"{run['kept_step']:,}",
            f"{run['pictures_seen'] / run['training_pictures']:.2f}",
        ]
        for name, run in RESULTS.get("models", {}).items()
    )
    return table(
        ["run", "pixels", "batch", "steps", "best validation at step", "epochs until then"], rows
    )


def nine() -> str:
    """The systems in one table."""
    return table(
        ["system", "what it is", "parameters", "published size", "recipes"],
        (
            [
                f"[`{system.name}`](systems/{system.name}.md)",
                system.title,
                f"{system.parameters:,}",
                f"{system.size} px",
                ", ".join(f"`{name}`" for name in recipes_of(system.name)),
            ]
            for system in SYSTEMS.values()
        ),
    )


def small() -> str:
    """The 32-pixel GAN on pictures of that size."""
    parts = [
        f"{about(one)}:\n\n{figures(one, runs_of('gan32'))}"
        for one in RESULTS.get("sets", [])
        if " at " in one["name"]
    ]
    return "\n\n".join(parts)


def one_picture() -> str:
    """PSNR of alpha on the picture it learned, and on another."""
    found = RESULTS.get("alpha")
    if not found:
        return "Not measured."
    names = {"learned": found["learned"], "other": found["other"]}
    rows = []
    for title, scores in found["psnr"].items():
        which, shape = title.split(", ")
        seen = "squashed to a square, as it was shown" if shape == "square" else "in its own shape"
        kind = f"{'the picture learned' if which == 'learned' else 'another'} (`{names[which]}`)"
        rows.append([kind, seen, *(f"{score:.2f}" for score in scores.values())])
    head = ["picture", "seen", *(escaped(name) for name in next(iter(found["psnr"].values())))]
    steps = {int(step): score for step, score in found["by_step"].items()}
    passed = min((step for step, score in steps.items() if score > 30), default=None)
    text = f"PSNR in dB, weights of step {found['kept_step']:,} of {found['steps']:,}. On the "
    text += "picture learned, "
    text += (
        "30 dB were never reached" if passed is None else f"30 dB were passed by step {passed:,}"
    )
    text += f"; the last step had {steps[max(steps)]:.1f} dB:"
    return f"{text}\n\n{table(head, rows)}"


def card(system: System) -> str:
    """The page of one system."""
    rows = [
        ["described in", system.paper],
        ["published code", f"<{system.repository}> (none of it is in Tinct)"],
        ["licence of that code", system.licence],
        ["network here", f"[`{source(system)}`](../../src/tinct/{source(system)})"],
        ["recipes", ", ".join(recipe_link(name) for name in recipes_of(system.name))],
        ["parameters", f"{system.parameters:,}{', without the classifier' if system.kind else ''}"],
    ]
    rows += [
        [f"discriminator `{name}`", f"{judge.parameters:,} parameters, in training alone"]
        for name, judge in system.discriminators.items()
    ]
    rows.append(["sees", f"L\\*, shorter side {system.size} px as published; any size here"])
    if system.kind:
        rows.append(["listens to", f"{system.embedding} {system.kind} of an ImageNet classifier"])
    bound = "without a bound" if system.bound is None else f"at most {system.bound:g} either way"
    half = ", predicted at half size" if system.half_size else ""
    rows.append(["gives", f"a\\*b\\* in CIE units, {bound}{half}"])
    settings = table(
        ["setting", "as published"],
        ([name, escaped(text)] for name, text in system.settings.items()),
    )
    mended = "\n".join(f"- {escaped(defect)}" for defect in system.mended)
    return f"""# {system.name}

{system.title}.

{table(["about", ""], rows)}

```console
tinct systems show {system.name}                   # the layers, with shapes and parameters
tinct train {system.name} {example(system)} --out runs/{system.name}
tinct export runs/{system.name}
tinct colorize --model runs/{system.name} picture.jpg
```

{NOTES[system.name]}

## As published

{settings}

The recipe holds these settings, key by key, but for what was mended.

## What was mended

{mended}

## With `faithful=true`

{faithful(system)}

## Figures

{measured(system)}

[All systems](../systems.md) · [How training works](../training.md)
"""


def example(system: System) -> str:
    """What to train on."""
    return "--data picture.jpg" if system.name == "alpha" else "--data pictures/"


def source(system: System) -> str:
    """The file of a network, below src/tinct."""
    return system.factory.partition(":")[0].removeprefix("tinct.").replace(".", "/") + ".py"


def recipe_link(name: str) -> str:
    """A recipe, and where it is."""
    return f"[`{name}`](../../recipes/{name}.toml)"


def faithful(system: System) -> str:
    """What that setting brings back."""
    light = "In training, lightness comes from the colours of the original instead of from the "
    light += "greyed picture, which is what a scan gives."
    blocks = " The a\\*b\\* predicted at half size are enlarged by repeating pixels, in training "
    blocks += "and in use, instead of bilinearly."
    rest = " All else that is listed above stays mended."
    return light + (blocks if system.half_size else "") + rest


def measured(system: System) -> str:
    """Its figures beside the baselines."""
    if system.name == "alpha":
        return one_picture()
    runs = runs_of(system.name)
    if not runs:
        return "Not measured."
    parts = [
        f"After {RESULTS['minutes']} minutes of one processor core on pictures of "
        f"{next(iter(runs.values()))['working_size']} px: what so little buys, not what the "
        "published training reached. How it was measured: [systems](../systems.md)."
    ]
    parts += [
        f"{about(one)}:\n\n{figures(one, runs)}"
        for one in RESULTS["sets"]
        if any(one["name"] in run["rows"] for run in runs.values())
    ]
    return "\n\n".join(parts)
