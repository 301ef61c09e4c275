"""The page of an evaluation in a real browser: it sorts, slides, fits a phone and holds itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.networks import network
from tests.programs import need
from tests.test_evaluation_run import scene
from tinct.evaluation.outputs import write_outputs
from tinct.evaluation.plots import Series, Span, chart, forest, ticks
from tinct.evaluation.protocol import Protocol
from tinct.evaluation.run import EvaluateOptions, evaluate


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two ways and seven pictures; names that would break a careless page."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINCT_DATA", str(folder / "absent"))
        (folder / "a <b> & c").mkdir()
        for number in range(7):
            name = folder / "a <b> & c" / f'p"{number}<i>.png'
            Image.fromarray(scene(number)).save(name)
        options = EvaluateOptions(
            protocol=Protocol("full", 48), features="none", trade_off=True, working_size=(32,)
        )
        found = evaluate(
            [network(folder / "own.onnx")],
            folder / "a <b> & c",
            predictions={"<other>": folder / "a <b> & c"},
            options=options,
        )
    (folder / "out").mkdir()
    assert len(write_outputs(found, folder / "out")) == 4
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = need("chromium", "chromium")
    with sync_playwright() as play:
        flags = ["--headless", "--no-sandbox", "--disable-gpu"]
        opened = play.chromium.launch(executable_path=program, args=flags)
        yield opened
        opened.close()


def test_the_page_holds_everything_in_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "http" not in text.replace("http-equiv", "")
    assert "<other>" not in text
    assert "7 of 7 pictures, drawn with seed 0" in text
    assert page.stat().st_size < 2_000_000


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_fits_sorts_and_slides(page: Path, browser: Any, width: int, scheme: Any) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(page.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    rows = "[...document.querySelector('table.sortable').tBodies[0].rows]"
    column = f"{rows}.map(row => +row.cells[1].dataset.value)"
    button = tab.locator("table.sortable").first.locator("th button").nth(1)
    button.focus()
    tab.keyboard.press("Enter")
    values = tab.evaluate(column)
    assert values == sorted(values)
    assert button.locator("..").get_attribute("aria-sort") == "ascending"
    tab.keyboard.press("Space")
    assert tab.evaluate(column) == sorted(values, reverse=True)
    slider = tab.locator(".compare input").first
    before = tab.evaluate("getComputedStyle(document.querySelector('.compare .over')).clipPath")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    assert (
        tab.evaluate("getComputedStyle(document.querySelector('.compare .over')).clipPath")
        != before
    )
    right = tab.locator(".compare select").nth(1)
    right.select_option(label="truth")
    source = tab.evaluate("document.querySelector('.compare .over').src")
    assert source == tab.evaluate("document.querySelector('.sheet img[data-way=truth]').src")
    assert not errors
    tab.close()


def test_nothing_on_the_page_stands_in_anybodys_way(page: Path, browser: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(page.as_uri())
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    tab.close()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (9.62, 10.4), (-0.2, 148.1), (3, 3), (0, 0)])
def test_ticks_are_round_and_reach_around(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low + 1e-9
    assert found[-1] >= high - 1e-9
    assert 2 <= len(found) <= 8
    steps = {round(b - a, 9) for a, b in pairwise(found)}
    assert len(steps) == 1


def test_plots_place_what_they_are_given() -> None:
    drawn = chart([Series("a", [(0, 1), (1, 2)])], across="x", up="y", title="t")
    points = re.findall(r'circle cx="([\d.]+)" cy="([\d.]+)" r="2.5"', drawn)
    (left, low), (right, high) = [(float(x), float(y)) for x, y in points]
    assert left < right
    assert low > high  # upwards is more
    assert chart([], across="x", up="y", title="t") == ""
    spans = [Span("a", 2, 1, 3, "2.00")]
    assert "left:50.00%" in forest(spans, title="t")
