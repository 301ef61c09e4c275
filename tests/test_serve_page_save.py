"""The page in a real browser: what is saved, and what is remembered."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.pages import (
    SMALL,
    STREET,
    accessible,
    add,
    keep,
    saved,
    until,
)
from tinct.image import load
from tinct.provenance import is_ours
from tinct.verify import verify


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
