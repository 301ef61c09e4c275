"""Visits to the page of a real server in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.programs import need
from tinct.models import DEFAULT, find_model

EXAMPLES = Path(__file__).parent.parent / "examples"
STREET = EXAMPLES / "saratoga-broadway.jpg"
SMALL = EXAMPLES / "portrait-02.jpg"
#: another model can be tried: one that takes hints, if the default does not
MODEL = os.environ.get("TINCT_PAGE_MODEL") or None
HINTS = find_model(MODEL or DEFAULT).hints
PHONE = {"width": 390, "height": 844}
hinted = pytest.mark.skipif(not HINTS, reason="the model takes no hints (see TINCT_PAGE_MODEL)")
#: the colour of the picture on the stage around a place, and of a grey or coloured one
_LOOK = """async ([side, x, y]) => {
  const image = document.getElementById(side);
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const left = x * canvas.width - 6, top = y * canvas.height - 6;
  const { data } = context.getImageData(left, top, 12, 12);
  const mean = [0, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    for (const one of [0, 1, 2]) mean[one] += data[at + one];
  }
  return mean.map((sum) => sum / (data.length / 4));
}"""


@contextmanager
def browsing() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = need("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ],
        )
        yield browser
        browser.close()


@contextmanager
def visited(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """A page in a browser of its own, which asks this server alone and complains of nothing."""
    context = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **settings})
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and not said.text.startswith("Failed to load resource")
            else None
        ),
    )
    page.on(  # what the API refuses is shown to the visitor; all else must be there
        "response",
        lambda answer: (
            complaints.append(f"{answer.status} {answer.url}")
            if answer.status >= (500 if "/v1/" in answer.url else 400)
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "blob:", "data:"))
            else complaints.append(request.url)
        ),
    )
    page.goto(address)
    page.wait_for_selector("body.begun")
    yield page
    assert not complaints
    assert not context.cookies()
    context.close()


def add(page: Page, *files: Path) -> None:
    """Choose files and wait until the first is shown as sharp as the screen."""
    page.wait_for_selector("body.known", state="attached")
    page.set_input_files("#files", list(files))
    page.wait_for_selector("#after[src^=blob]")
    page.wait_for_selector("#before[src^=blob]")
    calm(page)


def calm(page: Page) -> None:
    """Until the picture on the stage is the one that is wished for, and sharp."""
    until(
        page,
        """async () => {
          const { shelf } = await import("/web/js/shelf.js");
          const { isSettled } = await import("/web/js/previews.js");
          return shelf.current && isSettled(shelf.current);
        }""",
    )


def until(page: Page, holds: str) -> None:
    """Until a function of the page, which may be async, gives what is true."""
    page.evaluate(
        """async ([holds, seconds]) => {
          const asked = eval(holds), end = performance.now() + 1000 * seconds;
          while (!await asked()) {
            if (performance.now() > end) throw new Error(`it never came to pass: ${holds}`);
            await new Promise((go) => setTimeout(go, 30));
          }
        }""".replace("eval(holds)", holds),
        [holds, 20],
    )


def colour(page: Page, x: float, y: float, side: str = "after") -> list[float]:
    """Mean red, green and blue around a place, 0 to 1, of the picture on the stage."""
    found: list[float] = page.evaluate(_LOOK, [side, x, y])
    return found


def spread(of: list[float]) -> float:
    """How far a colour is from grey."""
    return max(of) - min(of)


def distance(one: list[float], other: list[float]) -> float:
    """The largest difference of a channel."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def click_at(page: Page, x: float, y: float) -> None:
    """Click a place of the picture on the stage."""
    box = page.locator("#after").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def keep(page: Page, folder: Path, name: str) -> None:
    """Keep a screenshot, where artefacts are asked for."""
    target = Path(os.environ.get("TINCT_ARTEFACTS") or folder)
    page.screenshot(path=target / f"page-{name}.png")


def accessible(page: Page) -> None:
    """No violation of WCAG 2.2 AA that axe-core can see."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    assert not found.response["violations"], found.generate_report()


def saved(page: Page, button: str, folder: Path) -> Path:
    """The file that a button gives to the browser's downloads."""
    with page.expect_download() as begun:
        page.click(button)
    target = folder / begun.value.suggested_filename
    begun.value.save_as(target)
    return target
