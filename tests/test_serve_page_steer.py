"""The page in a real browser: colours are chosen, corrected and left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.pages import (
    HINTS,
    STREET,
    add,
    calm,
    click_at,
    colour,
    distance,
    hinted,
    keep,
    saved,
    spread,
    until,
)
from tinct.hints import as_hints
from tinct.models.spec import USUAL


def test_sliders_undo_and_redo(page: Page) -> None:
    add(page, STREET)
    expect(page.locator("#vividness")).to_have_value(f"{USUAL:g}")
    expect(page.locator("#saturation")).to_have_value("1")
    coloured = colour(page, 0.6, 0.3)
    page.locator("#saturation").fill("0")
    calm(page)
    assert spread(colour(page, 0.6, 0.3)) < 1
    page.keyboard.press("Control+z")
    calm(page)
    assert distance(colour(page, 0.6, 0.3), coloured) < 1
    page.click("#redo")
    calm(page)
    assert spread(colour(page, 0.6, 0.3)) < 1
    expect(page.locator("#redo")).to_be_disabled()


@hinted
def test_a_hint_changes_its_region_and_undo_takes_it_back(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    here, far = (0.62, 0.82), (0.1, 0.15)
    before = colour(page, *here), colour(page, *far)
    click_at(page, *here)
    page.wait_for_selector(".swatch")
    keep(page, tmp_path, "choose")
    page.locator("#any-colour").fill("#2040c0")
    page.get_by_role("button", name="Done").click()
    calm(page)
    after = colour(page, *here)
    assert after[2] - after[0] > before[0][2] - before[0][0] + 20
    assert distance(colour(page, *far), before[1]) < distance(after, before[0]) / 2
    expect(page.locator("#dots .dot")).to_have_count(1)
    page.locator("#dots .dot").focus()
    page.keyboard.press("Shift+ArrowUp")
    calm(page)
    page.click("#tab-correct")
    expect(page.locator("#hint-list li")).to_contain_text("77% from the top")
    page.click("#undo")
    page.click("#undo")
    calm(page)
    expect(page.locator("#dots .dot")).to_have_count(0)
    assert distance(colour(page, *here), before[0]) < 1


@hinted
def test_a_point_by_keyboard_and_a_stroke(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    page.focus("#tab-colours")
    page.keyboard.press("ArrowRight")
    page.focus("#aim")
    for key in ("Enter", "ArrowLeft", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(".swatch:focus")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.wait_for_selector("#dots .dot:focus")
    expect(page.locator("#hint-list li")).to_contain_text("46% from the left")
    page.keyboard.press("Delete")
    expect(page.locator("#hint-list li")).to_have_count(0)
    page.click("#brush")
    page.locator("#brush-colour").fill("#208020")
    box = page.locator("#after").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.8 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.82 * box["height"], steps=6)
    page.mouse.up()
    calm(page)
    red, green, _ = colour(page, 0.65, 0.81)
    assert green > red
    page.click("#tab-save")
    project = saved(page, "#save-project", tmp_path)
    hints = as_hints(project)
    assert len(hints.strokes) > 3
    assert json.loads(project.read_text())["strokes"][0]["color"] == "#208020"
    page.click("#undo")
    expect(page.locator("#strokes polyline")).to_have_count(0)
    page.set_input_files("#project-file", project)
    expect(page.locator("#strokes polyline")).to_have_count(1)


def test_a_region_is_left_as_it_is(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    before = colour(page, 0.6, 0.3), colour(page, 0.85, 0.6)
    assert min(map(spread, before)) > 3
    page.click("#tab-correct")
    page.click("#keep")
    box = page.locator("#after").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.3 * box["height"], steps=5)
    page.mouse.up()
    calm(page)
    assert spread(colour(page, 0.6, 0.3)) < 1
    assert distance(colour(page, 0.85, 0.6), before[1]) < 2
    expect(page.locator("#hint-list li")).to_have_count(1)
    keep(page, tmp_path, "keep")
    page.focus("#keep")
    page.keyboard.press("Enter")  # away
    page.keyboard.press("Enter")  # and again, with keys: a cross
    for key in ("ArrowRight", "Enter", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.id") == "keep"
    expect(page.locator("#hint-list li")).to_have_count(2)
    calm(page)
    assert spread(colour(page, 0.52, 0.5)) < 1
    page.click("#tab-save")
    project = saved(page, "#save-project", tmp_path)
    assert as_hints(project).keep.shape[1] == 5
    page.click("#undo")
    page.click("#undo")
    calm(page)
    assert distance(colour(page, 0.6, 0.3), before[0]) < 1
    page.set_input_files("#project-file", project)
    calm(page)
    assert spread(colour(page, 0.6, 0.3)) < 1
    page.click("#tab-correct")
    page.get_by_role("button", name="Remove Left as it is, 2").click()
    expect(page.locator("#hint-list li")).to_have_count(1)


def referred(page: Page, tmp_path: Path) -> list[float]:
    """The colour of a place once a picture of little red is the reference."""
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    noise[..., 0] //= 4
    Image.fromarray(noise).save(tmp_path / "reference.png")
    page.set_input_files("#reference-file", tmp_path / "reference.png")
    expect(page.locator("#reference img")).to_be_visible()
    calm(page)
    return colour(page, 0.6, 0.3)


@hinted
def test_a_reference_and_a_style_lend_their_colours(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    plain = colour(page, 0.6, 0.3)
    lent = referred(page, tmp_path)
    assert distance(lent, plain) > 3
    page.select_option("#style", "monet")
    expect(page.locator("#pick-reference")).to_be_visible()
    calm(page)
    assert distance(colour(page, 0.6, 0.3), lent) > 3
    expect(page.locator("#style-colours span")).to_have_count(5)


@hinted
def test_a_reference_that_cannot_be_used_changes_nothing(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    page.select_option("#style", "monet")
    calm(page)
    before = colour(page, 0.6, 0.3)
    (tmp_path / "letter.jpg").write_text("dear you")
    page.set_input_files("#reference-file", tmp_path / "letter.jpg")
    expect(page.locator("#alerts")).to_contain_text("not a picture")
    expect(page.locator("#style")).to_have_value("monet")
    expect(page.locator("#pick-reference")).to_be_visible()
    calm(page)
    assert distance(colour(page, 0.6, 0.3), before) < 1


@hinted
def test_a_reference_is_in_the_history_too(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    lent = referred(page, tmp_path)
    until(
        page,
        """async () => (await (await import("/web/js/history.js")).entries())
          .some((one) => one.other)""",
    )
    page.reload()
    page.wait_for_selector("body.known", state="attached")
    page.click("#open-history")
    page.locator("#past .frame").first.click()
    expect(page.locator("#reference img")).to_be_visible()
    calm(page)
    assert distance(colour(page, 0.6, 0.3), lent) < 2


@hinted
def test_the_brush_paints_by_keyboard(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    page.click("#tab-correct")
    page.locator("#brush").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".dot.aim")).to_be_focused()
    page.locator(".dot.aim").press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("#hint-list li")).to_have_count(1)
    expect(page.locator("#chooser")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#brush")).to_be_focused()
    calm(page)
    expect(page.locator("#strokes polyline")).to_have_count(1)


@pytest.mark.skipif(HINTS, reason="the model takes hints")
def test_a_model_without_hints_hides_what_it_cannot(page: Page) -> None:
    add(page, STREET)
    expect(page.locator("#style")).to_be_hidden()
    page.click("#tab-correct")
    expect(page.locator("#no-hints")).to_be_visible()
    expect(page.locator("#aim")).to_be_hidden()
    expect(page.locator("#keep")).to_be_visible()
    click_at(page, 0.7, 0.5)
    expect(page.locator("#chooser")).to_be_hidden()


def test_variants_and_confidence(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    likeliest = colour(page, 0.6, 0.3)
    page.click("#more-variants")
    page.wait_for_selector(".variant:nth-child(7) img")
    page.locator(".variant").nth(2).click()
    calm(page)
    expect(page.locator(".variant").nth(2)).to_have_attribute("aria-pressed", "true")
    assert distance(colour(page, 0.6, 0.3), likeliest) > 2
    keep(page, tmp_path, "variants")
    page.click("#tab-correct")
    page.check("#sure")
    expect(page.locator("#unsure")).to_be_visible()
    keep(page, tmp_path, "unsure")
