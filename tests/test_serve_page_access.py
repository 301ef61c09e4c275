"""The page in a real browser: for everybody, in any language, on any screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages import (
    HINTS,
    PHONE,
    SMALL,
    STREET,
    accessible,
    add,
    click_at,
    keep,
    visited,
)
from tests.servers import Running


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_of_accessibility(browser: Browser, page_server: Running, scheme: str) -> None:
    size = {"width": 1280, "height": 800}
    with visited(browser, page_server.url, viewport=size, color_scheme=scheme) as page:
        page.wait_for_selector("body.known")
        accessible(page)
        add(page, STREET)
        if HINTS:
            click_at(page, 0.7, 0.7)
            page.locator(".swatch").first.click()
            accessible(page)
            page.keyboard.press("Escape")
        for tab in ("#tab-correct", "#tab-save"):
            page.click(tab)
            if tab == "#tab-correct":
                page.focus("#keep")
                for key in ("Enter", "Enter", "Escape"):
                    page.keyboard.press(key)
            accessible(page)
        page.click("#open-model" if scheme == "dark" else "#open-keys")
        accessible(page)


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    add(page, STREET)
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        at, outline = page.evaluate(
            """() => {
              const one = document.activeElement;
              const ringed = getComputedStyle(one).outlineStyle !== "none" || one.id === "compare";
              return [one.id || one.className, ringed];
            }"""
        )
        assert outline or at.startswith("begun"), at  # the browser's own controls come after it
        reached.add(at)
    wanted = {"language", "stage", "compare", "as-side", "zoom-one", "frame", "tab-colours"}
    assert wanted | {"vividness", "saturation", "more-variants"} <= reached


@pytest.mark.parametrize("language", ["en", "ar"])
def test_phone(browser: Browser, page_server: Running, language: str, tmp_path: Path) -> None:
    settings = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "locale": language}
    with visited(browser, page_server.url, **settings) as page:
        page.wait_for_selector("body.known")
        keep(page, tmp_path, f"phone-{language}-empty")
        add(page, STREET)
        assert page.evaluate("document.documentElement.dir") == (
            "rtl" if language == "ar" else "ltr"
        )
        stage = page.locator("#stage").bounding_box()
        assert stage is not None
        assert stage["width"] > 340
        page.touchscreen.tap(stage["x"] + 30, stage["y"] + 10)
        page.keyboard.press("Escape")
        for tab in ("colours", "correct", "save"):
            page.locator(f"#tab-{tab}").tap()
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab
            keep(page, tmp_path, f"phone-{language}-{tab}")
        accessible(page)
        small = page.locator("button:visible, input[type=checkbox]:visible").evaluate_all(
            """all => all.filter(one => Math.min(one.offsetWidth, one.offsetHeight) < 21)
              .map(one => one.outerHTML)"""
        )
        assert not small


def test_languages_change_everything_at_once(page: Page) -> None:
    add(page, SMALL)
    for language, word in {"de": "Sättigung", "ja": "彩度", "ar": "التشبّع"}.items():
        page.select_option("#language", language)
        expect(page.locator("label[for=saturation]")).to_have_text(word)
        expect(page.locator("html")).to_have_attribute("lang", language)
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ar")


def test_no_language_is_too_long_for_the_panel(page: Page) -> None:
    add(page, SMALL)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    tags = page.locator("#language option").evaluate_all("all => all.map(one => one.value)")
    assert len(tags) == 8
    for tag in tags:
        page.select_option("#language", tag)
        expect(page.locator("html")).to_have_attribute("lang", tag)
        for tab in ("colours", "correct", "save"):
            page.click(f"#tab-{tab}")
            if tab == "correct":
                page.click("#keep")
            over = page.locator(f"#{tab}").evaluate("one => one.scrollWidth - one.clientWidth")
            assert over <= 0, (tag, tab)


def test_other_sizes_and_themes_for_the_record(
    browser: Browser, page_server: Running, tmp_path: Path
) -> None:
    for width, height, scheme in ((2560, 1440, "dark"),):
        size = {"width": width, "height": height}
        with visited(browser, page_server.url, viewport=size, color_scheme=scheme) as page:
            keep(page, tmp_path, f"{width}-empty")
            add(page, STREET)
            keep(page, tmp_path, f"{width}")
            assert page.evaluate("document.documentElement.scrollHeight") <= height
            stage = page.locator("#stage").bounding_box()
            assert stage is not None
            assert stage["height"] > 0.5 * height
