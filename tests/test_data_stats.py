"""Statistics of a pile: what is counted, what is measured, and what the page shows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.datasets.manifest import TSV, Row, as_tsv
from tinct.datasets.stats import century, stats


def test_statistics_count_and_measure(tmp_path: Path) -> None:
    colours = {"red": (200, 60, 50), "blue": (50, 80, 200), "grey": (128, 128, 128)}
    rows = []
    for number, (name, colour) in enumerate(colours.items()):
        Image.fromarray(np.full((40 + number, 60, 3), colour, np.uint8)).save(
            tmp_path / f"{name}.png"
        )
        artist = "Rothko" if name != "grey" else "unknown artist"
        rows.append(Row(name, f"{name}.png", artist=artist, year=f"c. {1700 + 100 * number}-20"))
    rows.append(Row("gone", "gone.png"))
    (tmp_path / TSV).write_text(as_tsv(rows))
    known = stats(tmp_path, tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "stats.json").read_text(encoding="utf-8"))
    assert (figures["pictures"], len(figures["unreadable"])) == (3, 1)
    assert figures["artists"] == {"Rothko": 2}
    assert figures["shorter_side"]["median"] == 41
    assert list(figures["tint"]["centuries"]) == ["17th century", "18th century", "19th century"]
    assert figures["tint"]["centuries"]["19th century"][1:] == pytest.approx([0, 0], abs=0.1)
    assert known.chroma.sum() == sum(
        np.asarray(Image.open(tmp_path / f"{n}.png")).shape[0] * 60 for n in colours
    )
    page = (tmp_path / "out" / "stats.html").read_text(encoding="utf-8")
    for said in ("Mean tint of each century", "Rothko", "Colourfulness", "gone.png"):
        assert said in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("year", "wanted"),
    [
        ("1850", "19th century"),
        ("1800", "18th century"),
        ("1801-05", "19th century"),
        ("early 16th century", "16th century"),
        ("ca. 960", "10th century"),
        ("2001", "21st century"),
        ("late 18th-century", "18th century"),
        ("c. 500 BC", ""),
        ("-0480", ""),
        ("", ""),
        ("undated", ""),
        ("12345", ""),
    ],
)
def test_centuries(year: str, wanted: str) -> None:
    assert century(year) == wanted


def test_artists_have_one_name_and_a_mosaic_each(tmp_path: Path) -> None:
    names = ["Claude Monet"] * 12 + ["claude-monet"] * 3 + ["Berthe Morisot"] * 4 + ["", "unknown"]
    rows = [Row(f"{at}", f"{at}.png", artist=name) for at, name in enumerate(names)]
    rng = np.random.default_rng(0)
    for row in rows:
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / row.file)
    (tmp_path / TSV).write_text(as_tsv(rows))
    known = stats(tmp_path, tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "stats.json").read_text(encoding="utf-8"))
    assert figures["artists"] == {"Claude Monet": 15, "Berthe Morisot": 4}
    page = (tmp_path / "out" / "stats.html").read_text(encoding="utf-8")
    groups = page.partition("Some of the largest groups")[2]
    assert "Claude Monet: 15" in groups
    assert groups.count("<figure") == 7 + 4
    assert groups.count("data:image/webp") == 7 + 4
    assert len(known.pictures) == len(names)


def test_only_what_is_shown_has_a_thumbnail(tmp_path: Path) -> None:
    for number in range(120):
        Image.new("RGB", (16, 16), (number, 90, 200 - number)).save(tmp_path / f"{number:03}.png")
    known = stats(tmp_path, tmp_path.parent / "figures")
    assert 40 <= sum(bool(one.thumbnail) for one in known.pictures) <= 60
