"""The page in a real browser: one to one it shows the pixels that are saved."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from tests.pages import add, calm, keep, saved, until
from tests.servers import Running

HEIGHT, WIDTH = 2300, 2400


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture finer than any preview, with detail in every pixel."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    scene = 128 + 90 * np.sin(rows / 311) * np.cos(columns / 173)
    grain = np.random.default_rng(4).integers(-20, 20, (HEIGHT, WIDTH))
    target = tmp_path_factory.mktemp("large") / "large.png"
    Image.fromarray((scene + grain).clip(0, 255).astype(np.uint8)).save(target, compress_level=1)
    return target


def one_to_one(page: Page) -> None:
    page.focus("#stage")
    page.keyboard.press("1")
    whole(page)


def whole(page: Page) -> None:
    """Until both sides show the picture's own pixels, in the colours that are wished for."""
    calm(page)
    until(
        page,
        """async () => {
          const { covers } = await import("/web/js/tiles.js");
          return covers("before") && covers("after");
        }""",
    )


def part(page: Page, side: str) -> tuple[NDArray[np.uint8], int, int]:
    """The pixels of the part that a side has, and its first row and column."""
    png, top, left = page.evaluate(
        """async (side) => {
          const { viewer } = await import("/web/js/viewer.js");
          const canvas = document.getElementById(`${side}-part`);
          const place = new DOMMatrix(getComputedStyle(canvas).transform);
          const [x, y] = [place.e - viewer.x, place.f - viewer.y].map((one) => one / viewer.scale);
          return [canvas.toDataURL("image/png"), Math.round(y), Math.round(x)];
        }""",
        side,
    )
    with Image.open(io.BytesIO(base64.b64decode(png.partition(",")[2]))) as opened:
        return np.asarray(opened.convert("RGB")), top, left


def on_screen(page: Page, pane: str) -> NDArray[np.uint8]:
    """What the middle of a pane looks like."""
    box = page.locator(f".pane.{pane}").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.4
    shot = page.screenshot(clip={"x": x, "y": y, "width": 120, "height": 80})
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_more_than_a_preview_has_is_said_to_be_enlarged(
    page: Page, page_server: Running, large: Path
) -> None:
    add(page, large)
    expect(page.locator("#coarse")).to_be_hidden()
    page.focus("#stage")
    with page_server.held():  # until the part comes
        page.keyboard.press("1")
        expect(page.locator("#coarse")).to_be_visible()
        expect(page.locator("#after-part")).to_be_hidden()
    whole(page)
    expect(page.locator("#coarse")).to_be_hidden()
    page.keyboard.press("0")
    expect(page.locator("#coarse")).to_be_hidden()
    assert page.locator("#after-part").evaluate("one => one.width") == 0  # nor its memory


def test_one_to_one_is_what_is_saved(page: Page, large: Path, tmp_path: Path) -> None:
    add(page, large)
    page.click("#tab-save")
    with Image.open(saved(page, "#save-one", tmp_path)) as opened:
        result = np.asarray(opened.convert("RGB"))
    with Image.open(large) as opened:
        original = np.asarray(opened.convert("RGB"))
    one_to_one(page)
    assert page.locator("#zoom").inner_text() == "100%"
    for side, wanted in (("after", result), ("before", original)):
        pixels, top, left = part(page, side)
        assert np.array_equal(
            pixels, wanted[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        )
    # and on the screen, pixel by pixel
    shot = on_screen(page, "after").astype(int)
    pixels, *_ = part(page, "after")
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 1], (80, 120))
    at = np.argwhere(
        (windows[:, :, 0, 0] == shot[0, 0, 1]) & (windows[:, :, 9, 9] == shot[9, 9, 1])
    )
    assert any((windows[row, column] == shot[..., 1]).all() for row, column in at)
    keep(page, tmp_path, "one-to-one")


def test_a_part_follows_the_keyboard_the_mode_and_the_colours(page: Page, large: Path) -> None:
    add(page, large)
    one_to_one(page)
    _, top, left = part(page, "after")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowRight")
    whole(page)
    _, after, beside = part(page, "after")
    assert (after, beside) != (top, left)
    page.keyboard.press("s")
    whole(page)
    (before, *place), (coloured, *same) = part(page, "before"), part(page, "after")
    assert place == same
    assert np.ptp(before.astype(int), axis=2).max() == 0
    assert np.ptp(coloured.astype(int), axis=2).max() > 3
    page.click("#tab-correct")
    page.click("#keep")
    box = page.locator(".pane.after").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    whole(page)
    kept, *_ = part(page, "after")
    assert (np.ptp(kept.astype(int), axis=2) == 0).sum() > 1000
    page.click("#undo")
    whole(page)
    again, row, column = part(page, "after")
    row, column = row - same[0], column - same[1]  # what is seen need not be asked for alike
    height, width = (int(side) for side in np.minimum(again.shape, coloured.shape)[:2])
    top, left = max(row, 0), max(column, 0)
    height, width = height - top, width - left
    assert min(height, width) > 200
    assert np.array_equal(
        again[top - row : top - row + height, left - column : left - column + width],
        coloured[top : top + height, left : left + width],
    )


def test_a_part_that_cannot_be_had_leaves_the_preview(page: Page, large: Path) -> None:
    page.route("**/region*", lambda route: route.abort())
    add(page, large)
    page.focus("#stage")
    page.keyboard.press("1")
    calm(page)
    expect(page.locator("#coarse")).to_be_visible()
    expect(page.locator("#after-part")).to_be_hidden()
    expect(page.locator("#alerts")).to_be_empty()
