"""Colour a folder and show it: before and after under a slider, the label, and the proof.

python examples/demo.py examples out
"""

from __future__ import annotations

import html
import shutil
import sys
from pathlib import Path

import tinct
from tinct.provenance import SENTENCE
from tinct.verify import verify

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tinct: {count} pictures coloured</title>
<style>
:root {{ color-scheme: light dark; --ink: #222; --paper: #faf8f4; --soft: #6b655c; --line: #ddd6ca; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #ece7df; --paper: #191714; --soft: #a59d90; --line: #3a352e; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; padding: clamp(1rem, 4vw, 4rem); background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 Georgia, "Times New Roman", serif; }}
header, main {{ max-width: 80rem; margin: 0 auto; }}
h1 {{ font-weight: 400; font-size: clamp(2rem, 5vw, 3.25rem); line-height: 1.1; margin: 0 0 .75rem; }}
header p {{ max-width: 40rem; color: var(--soft); margin: 0 0 2.5rem; }}
main {{ display: flex; flex-wrap: wrap; gap: 3rem 2.5rem; align-items: start; }}
figure {{ margin: 0; }}
.compare {{ position: relative; display: grid; width: fit-content; max-width: 100%; --cut: 50%;
  overflow: hidden; border-radius: 3px; }}
.compare > * {{ grid-area: 1 / 1; }}
.compare img {{ display: block; max-width: 100%; max-height: 22rem; }}
.compare .before {{ clip-path: inset(0 calc(100% - var(--cut)) 0 0); }}
.compare::after {{ content: ""; position: absolute; inset: 0 auto 0 var(--cut); width: 2px;
  margin-left: -1px; background: #fff; box-shadow: 0 0 4px #0008; pointer-events: none; }}
.compare input {{ width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; position: relative; }}
.compare:focus-within {{ outline: 3px solid #3b7dd8; outline-offset: 3px; }}
figcaption {{ padding-top: .75rem; width: 0; min-width: 100%; }}
figcaption small {{ display: block; color: var(--soft); font-size: .875rem; }}
figcaption a {{ color: inherit; }}
</style>
</head>
<body>
<header>
<h1>{count} pictures, coloured</h1>
<p>{notice} Drag the line, or use the arrow keys, to compare. Below each picture stands what
<code>tinct verify</code> says of its light.</p>
</header>
<main>
{figures}
</main>
<script>
for (const range of document.querySelectorAll(".compare input"))
  range.addEventListener("input", () =>
    range.parentElement.style.setProperty("--cut", range.value + "%"));
</script>
</body>
</html>
"""

LABELS = {
    "xmp": "labelled as inferred in its XMP",
    "sidecar": "labelled as inferred in the file beside it",
    "none": "not labelled",
}

FIGURE = """<figure>
<div class="compare">
<img class="after" src="{after}" alt="{title}, coloured" loading="lazy">
<img class="before" src="{before}" alt="{title}, original" loading="lazy">
<input type="range" min="0" max="100" value="50" aria-label="{title}: original to coloured">
</div>
<figcaption>{title}
<small>{maker}</small>
<small>{proof} · {label} · <a href="{after}">open</a></small></figcaption>
</figure>"""


def captions(readme: Path) -> dict[str, tuple[str, str]]:
    """File name to title and maker, from the table of the folder's README."""
    found = {}
    for line in readme.read_text(encoding="utf-8").splitlines() if readme.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) >= 5 and cells[0].endswith(".jpg"):
            found[cells[0]] = (cells[2], f"{cells[3]}, {cells[4]}")
    return found


def main(source: Path, target: Path) -> None:
    """Colour every JPEG of `source` into `target` and write `target/index.html`."""
    originals = target / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    colorizer = tinct.Colorizer()
    known = captions(source / "README.md")
    figures = []
    for picture in sorted(source.glob("*.jpg")):
        coloured = target / f"{picture.stem}.colorized.jpg"
        result = colorizer.file(picture, coloured, overwrite=True)
        shutil.copyfile(picture, originals / picture.name)
        title, maker = known.get(picture.name, (picture.stem, ""))
        verdict = verify(picture, coloured)
        figures.append(
            FIGURE.format(
                before=f"originals/{picture.name}",
                after=coloured.name,
                title=html.escape(title),
                maker=html.escape(maker),
                proof=html.escape(verdict.claim),
                label=LABELS[result.label],
            )
        )
        print(f"{coloured}  {result.seconds:.2f} s  {verdict.claim}", file=sys.stderr)
    page = target / "index.html"
    page.write_text(
        PAGE.format(count=len(figures), notice=SENTENCE, figures="\n".join(figures)),
        encoding="utf-8",
    )
    print(f"\nOpen {page.resolve().as_uri()} to compare before and after.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
