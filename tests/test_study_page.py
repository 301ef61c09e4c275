"""The page of a study in a real browser: participants whose true rates are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.programs import need
from tests.studies import believer, live, make_study, slots
from tinct.study.findings import collect, figures
from tinct.study.options import ORIGINAL
from tinct.study.store import Store

PHONE: ViewportSize = {"width": 390, "height": 844}
#: a button that takes an answer, or the end
READY = "#choices button:not([aria-disabled]):visible, #thanks:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = need("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@contextmanager
def visited(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """A page in a browser of its own, which must not complain of anything."""
    context = browser.new_context(**settings)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("main > section:not([hidden])")
    yield page
    page.wait_for_load_state("networkidle")
    assert not complaints
    assert not context.cookies()
    context.close()


def asked(page: Page) -> str | None:
    """The view of the picture that is shown when an answer is taken; None at the end."""
    page.wait_for_selector(READY)
    if page.locator("#thanks").is_visible():
        return None
    address = page.locator("#pictures img").first.get_attribute("src")
    assert address is not None
    return address.rpartition("/")[2]


def take_part(page: Page, answer: Callable[[str], int], press: Callable[[int], None]) -> int:
    page.click("#begin")
    count = 0
    while (view := asked(page)) is not None:
        press(answer(view))
        count += 1
    return count


def question(store: Store, view: str) -> str:
    with store._lock:
        row = store._base.execute(
            "SELECT id FROM trial WHERE first_view = ?1 OR second_view = ?1", (view,)
        ).fetchone()
    return str(row[0])


def test_participants_with_keyboard_mouse_and_phone_are_counted_as_they_answer(
    browser: Browser, tmp_path: Path
) -> None:
    """The report has just the answers that were meant, from all of them."""
    study = make_study(tmp_path, per_participant=3, attention_checks=1)
    store = Store(study)
    rates = {ORIGINAL: 0.9, "way-0": 0.5, "way-1": 0.1}
    meant: dict[str, int] = {}
    minds = believer(rates)

    def answer(view: str) -> int:
        name = question(store, view)
        meant[name] = minds(slots(store)[name])
        return meant[name]

    with live(study, store) as address:
        with visited(browser, address, viewport=PHONE, has_touch=True) as page:
            buttons = page.locator("#choices button")
            assert take_part(page, answer, lambda one: buttons.nth(1 - one).tap()) == 4
        with visited(browser, address) as page:
            buttons = page.locator("#choices button")
            assert take_part(page, answer, lambda one: buttons.nth(1 - one).dblclick()) == 4
        with visited(browser, address) as page:
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == "begin"
            keys = iter(range(99))

            def press(one: int) -> None:
                if next(keys) % 2:
                    page.keyboard.press(str(2 - one))
                    return
                for _ in range(2 - one):
                    page.keyboard.press("Tab")
                page.keyboard.press("Enter")

            page.keyboard.press("Enter")
            assert take_part_begun(page, answer, press) == 4
            page.wait_for_selector("#done:focus")
        with store._lock:
            rows = store._base.execute("SELECT trial, choice FROM answer").fetchall()
        known = slots(store)
        assert dict(rows) == meant
        assert len(rows) == 12
    store.close()
    counted = collect(study)
    found = figures(study, counted)
    assert found["participants"]["finished"] == 3
    assert found["participants"]["checks"]["failed"] == 0
    for row in found["ways"]:
        own = [meant[name] for name, slot in known.items() if slot.ways == (row["name"],)]
        assert (row["voted_real"], row["votes"]) == (sum(own), len(own))
    assert all(0 < vote.response_ms < 60_000 for vote in counted.votes)


def take_part_begun(page: Page, answer: Callable[[str], int], press: Callable[[int], None]) -> int:
    count = 0
    while (view := asked(page)) is not None:
        press(answer(view))
        count += 1
    return count


def test_reloads_and_two_tabs_never_vote_twice(browser: Browser, tmp_path: Path) -> None:
    study = make_study(tmp_path, per_participant=4)
    store = Store(study)
    with live(study, store) as address, visited(browser, address) as page:
        page.click("#begin")
        first = asked(page)
        page.reload()
        assert asked(page) == first
        other = page.context.new_page()
        other.goto(address)
        assert asked(other) == first
        page.locator("#choices button").first.click()
        second = asked(page)
        assert second != first
        other.locator("#choices button").last.click()  # the same question once more
        assert asked(other) == second
        page.reload()
        assert asked(page) == second
        (vote,) = store.votes()
        assert vote.choice == 1
        other.close()
    store.close()


def test_an_answer_survives_that_the_server_is_away(browser: Browser, tmp_path: Path) -> None:
    study = make_study(tmp_path, per_participant=4)
    store = Store(study)
    with live(study, store) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        page.click("#begin")
        first = asked(page)
        page.wait_for_load_state("networkidle")
        context.set_offline(True)
        page.locator("#choices button").first.click()
        page.wait_for_selector("#trouble:has-text('Your answer is kept')")
        assert store.votes() == []
        context.set_offline(False)
        assert asked(page) != first
        assert page.locator("#trouble").inner_text() == ""
        assert len(store.votes()) == 1
        context.close()
    store.close()


def test_a_picture_is_hidden_when_its_time_is_over(browser: Browser, tmp_path: Path) -> None:
    study = make_study(tmp_path, per_participant=4, time_limit=0.5)
    store = Store(study)
    with live(study, store) as address, visited(browser, address) as page:
        assert "0.5 seconds, then hidden" in page.locator("#rules").inner_text()
        page.click("#begin")
        page.wait_for_selector("#pictures p:has-text('Answer from memory')")
        assert page.locator("#pictures img").count() == 0
        page.reload()
        page.wait_for_selector("#pictures p:has-text('Answer from memory')")
        page.wait_for_selector(READY)
        page.locator("#choices button").last.click()
        page.wait_for_selector("#pictures img")
        (vote,) = store.votes()
        assert vote.late
        assert vote.choice == 0
    store.close()


def in_both_schemes(page: Page) -> list[str]:
    """What axe-core finds wrong with a page, light and dark."""
    found: list[str] = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found += [
            f"{scheme}: {one['id']}: {[node['html'] for node in one['nodes']]}"
            for one in Axe().run(page).response["violations"]
        ]
    return found


@pytest.mark.parametrize("mode", ["real", "pair", "rate"])
def test_the_page_is_accessible_and_fits_a_phone(
    browser: Browser, tmp_path: Path, mode: str
) -> None:
    """WCAG 2.2 AA as far as axe-core can tell, in both schemes; 390 px are enough; keys answer."""
    study = make_study(tmp_path, mode=mode, per_participant=1, attention_checks=0, contact="Us")
    store = Store(study)
    with live(study, store) as address:
        # axe-core is put into the page, which the page's own policy forbids
        context = browser.new_context(viewport=PHONE, reduced_motion="reduce", bypass_csp=True)
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#begin")
        page.click("summary")
        assert in_both_schemes(page) == []
        page.click("#begin")
        asked(page)
        assert in_both_schemes(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for button in page.locator("#choices button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
            assert box["width"] >= 44
            assert box["y"] + box["height"] <= 844  # no scrolling to answer
        for image in page.locator("#pictures img").all():
            box = image.bounding_box()
            assert box is not None
            assert box["width"] >= 200
            assert image.get_attribute("alt")
        style = "getComputedStyle(document.querySelector('#pictures img')).animationName"
        assert page.evaluate(style) == "none"
        page.keyboard.press("2")
        assert asked(page) is None
        assert [vote.choice for vote in store.votes()] == [{"real": 0, "pair": 1, "rate": 2}[mode]]
        assert in_both_schemes(page) == []
        page.click("#again")
        page.wait_for_selector("#begin:focus")
        context.close()
    assert store.participants() == 1
    store.close()


def test_somebody_else_can_take_over_in_the_middle(tmp_path: Path, browser: Browser) -> None:
    study = make_study(tmp_path, mode="real", per_participant=3, attention_checks=0)
    store = Store(study)
    with live(study, store) as address, visited(browser, address) as page:
        page.click("#begin")
        asked(page)
        page.keyboard.press("1")
        page.wait_for_selector("#count:has-text('2 of')")
        asked(page)
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.click("#other")
        assert page.locator("#trial").is_visible()
        page.once("dialog", lambda dialog: dialog.accept())
        page.click("#other")
        page.click("#begin")
        asked(page)
        assert "1 of 3" in page.inner_text("#count")
    assert store.participants() == 2
    assert len(list(store.votes())) == 1
    store.close()


def test_number_keys_work_after_a_click_on_the_picture(tmp_path: Path, browser: Browser) -> None:
    study = make_study(tmp_path, mode="real", per_participant=1, attention_checks=0)
    store = Store(study)
    with live(study, store) as address, visited(browser, address) as page:
        page.click("#begin")
        asked(page)
        page.click("#pictures img")
        page.keyboard.press("2")
        assert asked(page) is None
    store.close()


def test_studies_at_one_address_keep_their_participants_apart(
    tmp_path: Path, browser: Browser
) -> None:
    """A browser that took part in one, and looks at another, comes back to where it was."""
    made = [
        make_study(tmp_path / mode, mode=mode, per_participant=3, attention_checks=0)
        for mode in ("real", "rate")
    ]
    stores = [Store(study) for study in made]
    context = browser.new_context()
    page = context.new_page()
    with live(made[0], stores[0]) as address:
        port = int(address.rpartition(":")[2])
        page.goto(address)
        page.click("#begin")
        asked(page)
        page.keyboard.press("1")
        page.wait_for_selector("#count:has-text('2 of')")
        page.wait_for_load_state("networkidle")
    with live(made[1], stores[1], port=port):
        page.goto(address)
        page.wait_for_selector("#begin:visible")
    with live(made[0], stores[0], port=port):
        page.goto(address)
        asked(page)
        assert "2 of 3" in page.inner_text("#count")
        page.wait_for_load_state("networkidle")
    context.close()
    for store in stores:
        store.close()
