"""The page in a real browser, over a real server and a real model."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.pages import (
    HINTS,
    MODEL,
    PHONE,
    SMALL,
    STREET,
    add,
    browsing,
    calm,
    click_at,
    colour,
    distance,
    keep,
    spread,
    until,
    visited,
)
from tests.servers import Running, running
from tinct.hints import as_hints
from tinct.image import load
from tinct.provenance import is_ours
from tinct.verify import verify

hinted = pytest.mark.skipif(not HINTS, reason="the model takes no hints (see TINCT_PAGE_MODEL)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(model=MODEL, workers=1) as served:
        yield served


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Page]:
    with visited(browser, server.url, viewport={"width": 1280, "height": 800}) as opened:
        yield opened


def accessible(page: Page) -> None:
    """No violation of WCAG 2.2 AA that axe-core can see."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    assert not found.response["violations"], found.generate_report()


def saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as begun:
        page.click(button)
    target = folder / begun.value.suggested_filename
    begun.value.save_as(target)
    return target


def test_compare_by_keyboard(page: Page, tmp_path: Path) -> None:
    add(page, STREET, SMALL)
    assert spread(colour(page, 0.6, 0.3, "before")) < 1
    assert spread(colour(page, 0.6, 0.3)) > 3
    expect(page.locator("#frames li")).to_have_count(2)
    expect(page.locator("#notice")).to_contain_text("inferred")
    slider = page.locator("#compare")
    slider.focus()
    for key, value in (("Home", "0"), ("ArrowRight", "1"), ("End", "100"), ("ArrowLeft", "99")):
        page.keyboard.press(key)
        assert slider.input_value() == value
    expect(slider).to_have_attribute("aria-valuetext", "99 % original")
    slider.fill("50")
    page.focus("#stage")
    page.keyboard.down("Space")
    assert (
        page.locator(".pane.after").evaluate("one => getComputedStyle(one).visibility") == "hidden"
    )
    page.keyboard.up("Space")
    assert (
        page.locator(".pane.after").evaluate("one => getComputedStyle(one).visibility") == "visible"
    )
    fitted = page.locator("#after").bounding_box()
    page.keyboard.press("1")
    expect(page.locator("#zoom")).to_have_text("100%")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#zoom")).to_have_text("125%")
    places = page.locator("#before, #after").evaluate_all(
        "all => all.map(one => one.style.cssText)"
    )
    assert places[0] == places[1]
    calm(page)
    keep(page, tmp_path, "enlarged")
    page.keyboard.press("0")
    assert page.locator("#after").bounding_box() == fitted
    page.keyboard.press("s")
    expect(page.locator("#viewer")).to_have_attribute("data-mode", "side")
    calm(page)
    keep(page, tmp_path, "side")


def test_wheel_and_two_fingers_enlarge(browser: Browser, server: Running) -> None:
    with visited(browser, server.url, viewport={"width": 900, "height": 700}) as page:
        add(page, SMALL)
        before = page.locator("#after").bounding_box()
        assert before is not None
        page.mouse.move(before["x"] + 40, before["y"] + 40)
        page.mouse.wheel(0, -400)
        wide = page.locator("#after").bounding_box()
        assert wide is not None
        assert wide["width"] > before["width"] * 1.2
        page.keyboard.press("0")
        page.evaluate(
            """() => {
              const stage = document.getElementById("stage");
              stage.setPointerCapture = () => {};
              const { left, top, width, height } = stage.getBoundingClientRect();
              const send = (kind, pointerId, apart) => stage.dispatchEvent(new PointerEvent(kind, {
                pointerId, button: 0, bubbles: true, pointerType: "touch",
                clientX: left + width / 2 + apart, clientY: top + height / 2 }));
              send("pointerdown", 11, -20); send("pointerdown", 12, 20);
              send("pointermove", 11, -60); send("pointermove", 12, 60);
              send("pointerup", 11, -60); send("pointerup", 12, 60);
            }"""
        )
        pinched = page.locator("#after").bounding_box()
        assert pinched is not None
        assert pinched["width"] > before["width"] * 2.5
        expect(page.locator("#chooser")).to_be_hidden()


def test_drop_paste_failure_and_deletion(page: Page, tmp_path: Path) -> None:
    page.wait_for_selector("body.known", state="attached")
    (tmp_path / "no picture.jpg").write_text("this is no picture")
    page.set_input_files("#files", tmp_path / "no picture.jpg")
    failed = page.locator("#frames li[data-state=failed]")
    expect(failed).to_have_count(1)
    expect(page.locator("#alerts")).to_contain_text("no picture.jpg")
    failed.get_by_role("button", name="Try no picture.jpg again").click()
    expect(page.locator("#frames li[data-state=failed]")).to_have_count(1)
    content = SMALL.read_bytes()
    for kind in ("drop", "paste"):
        page.evaluate(
            """([kind, bytes]) => {
              const transfer = new DataTransfer();
              const array = Uint8Array.from(bytes);
              transfer.items.add(new File([array], `${kind}.jpg`, { type: "image/jpeg" }));
              const way = { bubbles: true, cancelable: true };
              const event = kind === "drop"
                ? new DragEvent("drop", { ...way, dataTransfer: transfer })
                : new ClipboardEvent("paste", { ...way, clipboardData: transfer });
              document.body.dispatchEvent(event);
            }""",
            [kind, list(content)],
        )
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(2)
    failed.get_by_role("button", name="Delete no picture.jpg").click()
    expect(page.locator("#frames li")).to_have_count(2)
    page.click("#clear")
    expect(page.locator("#welcome")).to_be_visible()
    assert page.evaluate("document.activeElement.dataset.add") == "files"


def test_folder_and_camera(page: Page, tmp_path: Path) -> None:
    page.wait_for_selector("body.known", state="attached")
    folder = tmp_path / "album" / "one"
    folder.mkdir(parents=True)
    (folder / "b.jpg").write_bytes(SMALL.read_bytes())
    (folder.parent / "a.jpg").write_bytes(SMALL.read_bytes())
    (folder / ".hidden").write_text("not shown")
    (folder / "notes.txt").write_text("nor is this")
    page.set_input_files("#folder", tmp_path / "album")
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(2)
    page.click("#clear")
    page.click("[data-add=camera]")
    until(page, "() => document.getElementById('lens').videoWidth > 0")
    page.click("#shoot")
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(1)
    expect(page.locator("#frames li")).to_contain_text("Coloured")
    assert page.evaluate("document.getElementById('lens').srcObject") is None


def test_cancel_and_retry(page: Page, server: Running) -> None:
    page.wait_for_selector("body.known", state="attached")
    with server.held():
        page.set_input_files("#files", SMALL)
        page.get_by_role("button", name=f"Cancel {SMALL.name}").click()
        expect(page.locator("#frames li[data-state=cancelled]")).to_have_count(1)
    page.get_by_role("button", name=f"Try {SMALL.name} again").click()
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(1)
    page.wait_for_selector("#after[src^=blob]")


def test_sliders_undo_and_redo(page: Page) -> None:
    add(page, STREET)
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


@hinted
def test_a_reference_and_a_style_lend_their_colours(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    plain = colour(page, 0.6, 0.3)
    Image.new("RGB", (64, 64), "#203090").save(tmp_path / "blue.png")
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    noise[..., 0] //= 4
    Image.fromarray(noise).save(tmp_path / "reference.png")
    page.set_input_files("#reference-file", tmp_path / "reference.png")
    calm(page)
    lent = colour(page, 0.6, 0.3)
    assert distance(lent, plain) > 3
    page.select_option("#style", "monet")
    expect(page.locator("#pick-reference")).to_be_visible()
    calm(page)
    assert distance(colour(page, 0.6, 0.3), lent) > 3
    expect(page.locator("#style-colours span")).to_have_count(5)


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


def test_save_and_verify(page: Page, tmp_path: Path) -> None:
    add(page, STREET)
    page.click("#tab-save")
    expect(page.locator("#label")).to_contain_text("added by an algorithm")
    target = saved(page, "#save-one", tmp_path)
    assert target.name == "saratoga-broadway.colorized.jpg"
    assert verify(STREET, target).ok
    assert is_ours(load(target).pages[0].metadata.xmp)
    expect(page.locator("#light")).to_contain_text("identical, bit for bit")
    keep(page, tmp_path, "save")
    page.click("text=Format and quality")
    page.select_option("#option-format", "png")
    page.check("#option-sidecar")
    page.check("#option-confidence")
    with (
        page.expect_download(lambda one: one.suggested_filename.endswith(".json")) as record,
        page.expect_download(lambda one: "confidence" in one.suggested_filename) as sure,
    ):
        target = saved(page, "#save-one", tmp_path)
    with Image.open(sure.value.path()) as certain:
        assert certain.mode == "L"
    assert json.loads(Path(record.value.path()).read_text())["output"]["name"] == target.name
    assert verify(STREET, target).ok
    expect(page.locator("#light")).to_contain_text("L*")
    layer = np.asarray(Image.open(saved(page, "#save-layer", tmp_path)), np.float32)
    alpha = layer[..., 3:] / 255
    grey = np.asarray(Image.open(STREET).convert("RGB"), np.float32)
    over = layer[..., :3] * alpha + grey * (1 - alpha)
    assert np.abs(over - np.asarray(Image.open(target), np.float32)).max() < 2


def test_a_zip_of_many(page: Page, tmp_path: Path) -> None:
    add(page, SMALL, SMALL)
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(2)
    page.click("#tab-save")
    with zipfile.ZipFile(saved(page, "#save-zip", tmp_path)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == ["portrait-02.colorized.jpg", "portrait-02.colorized (2).jpg"]
        assert verify(SMALL, archive.read(names[1])).ok


def test_a_history_in_the_browser_that_can_be_deleted(page: Page) -> None:
    add(page, SMALL)
    page.locator("#saturation").fill("0.5")
    until(
        page,
        """async () => (await (await import("/web/js/history.js")).entries())
          .some((one) => one.edit.options.saturation === 0.5)""",
    )
    page.reload()
    page.wait_for_selector("body.known")
    page.click("#open-history")
    page.get_by_role("button", name=f"Open {SMALL.name} again").click()
    page.wait_for_selector("#after[src^=blob]")
    expect(page.locator("#saturation-out")).to_have_text("0.5")
    page.click("#open-history")
    accessible(page)
    page.click("#forget")
    expect(page.locator("#no-past")).to_be_visible()
    assert page.evaluate("import('/web/js/history.js').then((one) => one.entries())") == []


def test_what_the_server_forgot_is_sent_again(page: Page, server: Running) -> None:
    add(page, SMALL)
    for session in list(server.service.sessions._items):
        assert server.http.delete(f"/v1/sessions/{session}").status_code == 204
    page.locator("#saturation").fill("0")
    calm(page)
    assert spread(colour(page, 0.5, 0.5)) < 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_of_accessibility(browser: Browser, server: Running, scheme: str) -> None:
    size = {"width": 1280, "height": 800}
    with visited(browser, server.url, viewport=size, color_scheme=scheme) as page:
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
def test_phone(browser: Browser, server: Running, language: str, tmp_path: Path) -> None:
    settings = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "locale": language}
    with visited(browser, server.url, **settings) as page:
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


def test_a_server_that_is_away_loses_nothing(page: Page) -> None:
    add(page, SMALL)
    page.context.set_offline(True)
    page.locator("#saturation").fill("0.3")
    expect(page.locator("#alerts")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.locator("#saturation").fill("0")
    calm(page)
    assert spread(colour(page, 0.5, 0.5)) < 1
    expect(page.locator("#alerts")).to_be_empty()


def test_more_than_a_preview_has_is_said_to_be_enlarged(page: Page, tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 2400, dtype=np.uint8)
    Image.fromarray(np.tile(ramp, (2300, 1))).save(tmp_path / "large.png", compress_level=1)
    add(page, tmp_path / "large.png")
    expect(page.locator("#coarse")).to_be_hidden()
    page.focus("#stage")
    page.keyboard.press("1")
    expect(page.locator("#coarse")).to_be_visible()
    page.keyboard.press("0")
    expect(page.locator("#coarse")).to_be_hidden()


def test_a_token_is_asked_for_once(browser: Browser) -> None:
    token = "a-word-of-many-letters"
    with (
        running(model=MODEL, token=token) as locked,
        browser.new_context(locale="en-GB") as context,
    ):
        page = context.new_page()
        page.goto(locked.url)
        page.fill("#token", token)
        page.keyboard.press("Enter")
        add(page, SMALL)
        assert spread(colour(page, 0.5, 0.5)) > 0


def test_other_sizes_and_themes_for_the_record(
    browser: Browser, server: Running, tmp_path: Path
) -> None:
    for width, height, scheme in ((2560, 1440, "dark"),):
        size = {"width": width, "height": height}
        with visited(browser, server.url, viewport=size, color_scheme=scheme) as page:
            keep(page, tmp_path, f"{width}-empty")
            add(page, STREET)
            keep(page, tmp_path, f"{width}")
            assert page.evaluate("document.documentElement.scrollHeight") <= height
            stage = page.locator("#stage").bounding_box()
            assert stage is not None
            assert stage["height"] > 0.5 * height
