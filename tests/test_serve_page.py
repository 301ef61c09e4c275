"""The page in a real browser, over a real server and a real model: pictures come, and are seen."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.pages import (
    MODEL,
    SMALL,
    STREET,
    add,
    calm,
    colour,
    keep,
    spread,
    until,
    visited,
)
from tests.servers import Running, running


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


def test_wheel_and_two_fingers_enlarge(browser: Browser, page_server: Running) -> None:
    with visited(browser, page_server.url, viewport={"width": 900, "height": 700}) as page:
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
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#clear")
    expect(page.locator("#frames li")).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
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
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#clear")
    page.click("[data-add=camera]")
    until(page, "() => document.getElementById('lens').videoWidth > 0")
    page.click("#shoot")
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(1)
    expect(page.locator("#frames li")).to_contain_text("Coloured")
    assert page.evaluate("document.getElementById('lens').srcObject") is None


def test_pictures_in_colour_that_nobody_looked_at_are_said_to_be_left(
    page: Page, tmp_path: Path
) -> None:
    page.wait_for_selector("body.known", state="attached")
    coloured = tmp_path / "in-colour.png"
    bands = Image.linear_gradient("L").resize((90, 70))
    Image.merge("RGB", (bands, bands.rotate(90), bands.rotate(180))).save(coloured)
    page.set_input_files("#files", [SMALL, coloured])
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(2)
    expect(page.locator("#frames li").nth(0)).to_contain_text("Coloured")
    expect(page.locator("#frames li").nth(1)).to_contain_text("Left as it is")


def test_cancel_and_retry(page: Page, page_server: Running) -> None:
    page.wait_for_selector("body.known", state="attached")
    with page_server.held():
        page.set_input_files("#files", SMALL)
        page.get_by_role("button", name=f"Cancel {SMALL.name}").click()
        expect(page.locator("#frames li[data-state=cancelled]")).to_have_count(1)
    page.get_by_role("button", name=f"Try {SMALL.name} again").click()
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(1)
    page.wait_for_selector("#after[src^=blob]")


def test_what_the_server_forgot_is_sent_again(page: Page, page_server: Running) -> None:
    add(page, SMALL)
    for session in list(page_server.service.sessions._items):
        assert page_server.http.delete(f"/v1/sessions/{session}").status_code == 204
    page.locator("#saturation").fill("0")
    calm(page)
    assert spread(colour(page, 0.5, 0.5)) < 1


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


def test_every_failure_is_told_and_an_empty_file_is_one(page: Page, tmp_path: Path) -> None:
    page.wait_for_selector("body.known", state="attached")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "letter.jpg").write_text("dear you")
    page.set_input_files("#files", [tmp_path / "empty.jpg", tmp_path / "letter.jpg"])
    expect(page.locator("#frames li[data-state=failed]")).to_have_count(2)
    for name in ("empty.jpg", "letter.jpg"):
        expect(page.locator("#alerts")).to_contain_text(name)
        page.get_by_role("button", name=f"{name}: Failed").click()
        expect(page.locator("#stage-note")).to_contain_text(
            {"empty.jpg": "the file is empty", "letter.jpg": "not a picture"}[name]
        )
        page.click("#tab-save")
        expect(page.locator("#save-one")).to_be_disabled()
    page.set_input_files("#files", SMALL)
    page.get_by_role("button", name=f"{SMALL.name}: Coloured").click()
    expect(page.locator("#alerts")).to_be_empty()
    expect(page.locator("#save-one")).to_be_enabled()


def test_the_format_that_is_saved_is_the_one_that_is_said(page: Page, tmp_path: Path) -> None:
    Image.open(SMALL).convert("L").save(tmp_path / "a.gif")
    page.wait_for_selector("body.known", state="attached")
    page.set_input_files("#files", tmp_path / "a.gif")
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(1)
    page.click("#tab-save")
    expect(page.locator("#save-as")).to_contain_text("PNG")


def test_a_picture_left_as_it_is_is_not_called_coloured(page: Page, tmp_path: Path) -> None:
    bands = Image.linear_gradient("L").resize((90, 70))
    coloured = Image.merge("RGB", (bands, bands.rotate(90), bands.rotate(180)))
    coloured.save(tmp_path / "in-colour.png")
    page.wait_for_selector("body.known", state="attached")
    page.set_input_files("#files", [tmp_path / "in-colour.png", SMALL])
    expect(page.locator("#frames li[data-state=ready]")).to_have_count(2)
    expect(page.locator(".corner.end")).to_have_text("Left as it is")
    page.get_by_role("button", name=f"{SMALL.name}: Coloured").click()
    expect(page.locator(".corner.end")).to_have_text("Coloured")
