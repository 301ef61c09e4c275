"""Fill the marked parts of the documentation from the code they speak of.

    python docs/generate.py           # write
    python docs/generate.py --check   # exit 1 where something is stale

A part stands between `<!-- name -->` and `<!-- /name -->`; cards in docs/systems are made whole.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable, Container
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import cards
from cards import escaped, table
from figures import figures

from tinct import errors
from tinct.image import SAVERS
from tinct.models import DEFAULT, list_models, weights_path
from tinct.options import descriptions, flag
from tinct.systems import SYSTEMS
from tinct.training.recipe import Recipe

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "benchmarks": "speed and memory, as ratios measured in one run",
    "docs": "documentation by task; docs/generate.py fills in tables",
    "examples": "pictures in the public domain, and the page that `make demo` writes",
    "recipes": "one file for each published training run: every setting, nothing implied",
    "tests": "mirror the source; test_promises.py holds the table above",
}
READ_ONLY = {
    "heic": ("HEIC", "becomes PNG"),
    "jp2": ("JPEG 2000", "becomes PNG; 16-bit colour is refused"),
    "bmp": ("BMP", "becomes PNG"),
    "gif": ("GIF", "becomes PNG; of an animation the first picture"),
    "pnm": ("PBM, PGM, PPM", "becomes PNG"),
}
TITLES = {"jpeg": "JPEG", "png": "PNG", "tiff": "TIFF", "webp": "WebP", "avif": "AVIF"}


def tree() -> str:
    """The rooms and what they are for, from the first line of their docstrings."""
    return _listed(deep=False)


def layout() -> str:
    """Every source file likewise."""
    return _listed(deep=True)


def _listed(*, deep: bool) -> str:
    lines = ["```text", "src/tinct/"]
    source = ROOT / "src" / "tinct"
    for entry in sorted(source.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if entry.suffix == ".py" and not entry.name.startswith("__main"):
            lines.append(f"  {entry.name:<22} {summary(entry)}")
        elif entry.is_dir() and (entry / "__init__.py").exists():
            lines.append(f"  {entry.name + '/':<22} {summary(entry / '__init__.py')}")
            lines += [
                f"    {module.name:<20} {summary(module)}"
                for module in sorted(entry.glob("*.py") if deep else ())
                if not module.name.startswith("__")
            ]
    lines += [f"{folder + '/':<24} {text}" for folder, text in FOLDERS.items()]
    return "\n".join([*lines, "```"])


def summary(module: Path) -> str:
    """First sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def formats() -> str:
    """What each format that is written can carry."""

    def yes(value: bool) -> str:
        return "yes" if value else "no"

    light = {
        "always": "exact to the file's rounding",
        "never": "nearly: the encoding is lossy, the change is measured and reported",
        "as the source": "exact from lossless WebP, else measured and reported",
    }
    rows = []
    for name, saver in SAVERS.items():
        kept = light[saver.lossless]
        if name == "jpeg":
            kept = "from JPEG: luma copied bit for bit; from others: measured and reported"
        rows.append(
            [
                TITLES[name],
                "8, and 16 stored as 12"
                if name == "avif"
                else " and ".join(map(str, saver.depths)),
                yes(saver.alpha),
                "all" if saver.pages else "one",
                ", ".join(
                    field.upper() if field != "dpi" else "resolution"
                    for field in ("icc", "exif", "xmp", "iptc", "dpi")
                    if getattr(saver, field)
                ),
                kept,
            ]
        )
    return table(["written", "bits", "alpha", "pages", "carries", "light"], rows)


def read_formats() -> str:
    """What is read and not written."""
    return table(["read only", "what it becomes"], READ_ONLY.values())


def exit_codes() -> str:
    """All errors, from the classes themselves."""
    rows = [["0", "", "all done"], ["1", "", "some of several inputs failed; the others are done"]]
    for kind in subclasses(errors.TinctError):
        text = (kind.__doc__ or "").strip().rstrip(".")
        rows.append([str(kind.exit_code), f'<a id="{kind.code}"></a>`{kind.code}`', text])
    rows += [["70", '<a id="internal"></a>`internal`', "a defect in Tinct: please report it"]]
    rows += [["130", "", "interrupted; the file under way was finished"]]
    return table(["exit code", "code", "meaning"], sorted(rows, key=lambda row: int(row[0])))


def subclasses(kind: type[errors.TinctError]) -> list[type[errors.TinctError]]:
    """Every error below `kind` that has a code of its own, in the order of the file."""
    found = []
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found += [child, *subclasses(child)]
    return found


def options() -> str:
    """The options of colouring, from the text under each field."""
    return table(
        ["option", "Python", "what it does"],
        ([f"`{flag(name)}`", f"`{name}`", text] for name, text in descriptions().items()),
    )


def models() -> str:
    """All models."""
    return table(
        ["model", "parameters", "size", "licence", "trained on", "card"],
        (
            [
                f"`{spec.name}`" + (" (default)" if spec.name == DEFAULT else ""),
                f"{spec.parameters:,}",
                f"{weights_path(spec.name).stat().st_size / 1e6:.1f} MB",
                spec.licence,
                spec.trained_on,
                f"[card]({Path(spec.card).relative_to('docs').as_posix()})",
            ]
            for spec in list_models()
        ),
    )


def keys() -> str:
    """Every key of a recipe, from the text under each field."""
    hints = get_type_hints(Recipe)
    sections = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    rows = keys_of(Recipe, "", leave_out=sections)
    for name, kind in sections.items():
        rows += keys_of(kind, f"{name}.")
    return table(["key", "default", "what it does"], rows)


def keys_of(kind: Any, prefix: str, *, leave_out: Container[str] = ()) -> list[list[str]]:
    """The rows of one section."""
    hints, texts = get_type_hints(kind), descriptions(kind)
    rows = []
    for item in fields(kind):
        if item.name not in leave_out:
            text, default = texts[item.name], item.default
            if get_origin(hints[item.name]) is Literal:
                text += f" One of {', '.join(f'`{one}`' for one in get_args(hints[item.name]))}."
            shown = "" if default is MISSING else json.dumps(default)
            rows.append([f"`{prefix}{item.name}`", f"`{shown}`" if shown else "", escaped(text)])
    return rows


PARTS: dict[tuple[str, str], Callable[[], str]] = {
    ("README.md", "tree"): tree,
    ("docs/layout.md", "tree"): layout,
    ("docs/performance.md", "figures"): figures,
    ("docs/files.md", "formats"): formats,
    ("docs/files.md", "read"): read_formats,
    ("docs/errors.md", "codes"): exit_codes,
    ("docs/python.md", "options"): options,
    ("docs/models.md", "models"): models,
    ("docs/training.md", "keys"): keys,
    ("docs/systems.md", "nine"): cards.nine,
    ("docs/systems.md", "budget"): cards.budget,
    ("docs/systems.md", "spent"): cards.spent,
    ("docs/systems.md", "alpha"): cards.one_picture,
    ("docs/systems.md", "gan32"): cards.small,
}


def filled(text: str, name: str, part: str) -> str:
    """`text` with the part called `name` replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"there is no place for '{name}'")
    return pattern.sub(lambda found: f"{found[1]}{part}\n{found[2]}", text)


def stale() -> dict[Path, str]:
    """Files whose parts differ from the code, and what they should be."""
    wanted: dict[Path, str] = {}
    for (file, name), make in PARTS.items():
        path = ROOT / file
        text = wanted.get(path, path.read_text(encoding="utf-8"))
        wanted[path] = filled(text, name, make())
    for system in SYSTEMS.values():
        wanted[ROOT / "docs" / "systems" / f"{system.name}.md"] = cards.card(system)
    return {path: text for path, text in wanted.items() if not holds(path, text)}


def holds(path: Path, text: str) -> bool:
    """Whether that is what the file says."""
    return path.exists() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    """Write what is stale, or only name it; 1 where a check finds something."""
    found = stale()
    for path, text in found.items():
        print(f"stale: {path.relative_to(ROOT)}")
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
