"""The page that needs no server of ours: put together, served as plain files, used in Chromium."""

from __future__ import annotations

import importlib.util
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

import tinct
from tests.pages import EXAMPLES, PHONE, browsing, keep
from tinct.color import decode
from tinct.errors import InputError, OutputExists, TinctError
from tinct.evaluation.difference import ciede2000
from tinct.image import load
from tinct.provenance import COMPOSITE, is_ours
from tinct.verify import verify

#: mean CIEDE2000 by which the page may differ from `tinct colorize`, over a picture
ALIKE = 0.5
STREET = EXAMPLES / "saratoga-broadway.jpg"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", EXAMPLES / "browser" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; without npm or its registry the test is skipped, but fails in CI."""
    try:
        return Path(script().build(tmp_path_factory.mktemp("built") / "site"))
    except TinctError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"onnxruntime-web is not to be had: {error}")


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Plain files and no headers of any kind, as of any static server."""

    class Quiet(SimpleHTTPRequestHandler):
        extensions_map = {  # noqa: RUF012 - as its base has it
            **SimpleHTTPRequestHandler.extensions_map,
            ".mjs": "text/javascript",
            ".wasm": "application/wasm",
        }

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that asks its own server alone, workers included, and complains of nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    asked: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console", lambda said: complaints.append(said.text) if said.type == "error" else None
    )
    opened.goto(address)
    opened.wait_for_selector("body.begun")
    yield opened
    assert [url for url in asked if not url.startswith((address, "blob:"))] == []
    assert not complaints
    assert not context.cookies()
    context.close()


def grey(file: Path, folder: Path) -> Path:
    """An example as a grey PNG, which both sides decode alike."""
    path = folder / f"{file.stem}.png"
    with Image.open(file) as picture:
        picture.convert("L").save(path)
    return path


def coloured(page: Page, file: Path) -> None:
    page.set_input_files("#files", file)
    page.wait_for_selector("body.done:not(.busy)")


def saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click(button)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def lab(path: Path | BytesIO) -> NDArray[np.float32]:
    with Image.open(path) as picture:
        return decode(np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("name", ["saratoga-broadway", "friedrich-abbey"])
def test_the_page_colours_as_tinct_does(page: Page, name: str, tmp_path: Path) -> None:
    source = grey(EXAMPLES / f"{name}.jpg", tmp_path)
    coloured(page, source)
    ours = saved(page, "#png", tmp_path)
    assert ours.name == f"{name}.colorized.png"
    theirs = lab(BytesIO(tinct.Colorizer().data(source.read_bytes())[0]))
    apart = ciede2000(*(np.moveaxis(one, -1, 0) for one in (lab(ours), theirs)))
    assert float(np.mean(apart)) < ALIKE
    assert float(np.hypot(*np.moveaxis(theirs[..., 1:], -1, 0)).mean()) > 5  # it has colours
    assert verify(source, ours).ok


def test_a_saved_picture_says_that_it_is_inferred(page: Page, tmp_path: Path) -> None:
    coloured(page, grey(STREET, tmp_path))
    for button, ending in (("#png", "png"), ("#jpeg", "jpg")):
        file = saved(page, button, tmp_path)
        assert file.suffix == f".{ending}"
        xmp = load(file).pages[0].metadata.xmp
        assert xmp is not None
        assert is_ours(xmp)
        assert COMPOSITE.encode() in xmp
        assert b"saratoga-broadway.png" in xmp


def test_what_is_no_picture_is_said_and_the_next_one_works(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes & <b>.txt").write_text("not a picture")
    page.set_input_files("#files", tmp_path / "notes & <b>.txt")
    page.wait_for_selector("#say.wrong")
    assert "not a picture that your browser can read" in page.inner_text("#say")
    assert page.is_visible("#choose")
    Image.new("L", (3, 2), 90).save(tmp_path / "<&>\u2028.png")
    coloured(page, tmp_path / "<&>\u2028.png")
    file = saved(page, "#png", tmp_path)
    assert is_ours(load(file).pages[0].metadata.xmp)
    with Image.open(file) as picture:
        assert picture.size == (3, 2)


def test_the_page_is_calm_and_accessible(page: Page, tmp_path: Path) -> None:
    keep(page, tmp_path, "browser-begin")
    coloured(page, EXAMPLES / "mauve-morning-ride.jpg")
    keep(page, tmp_path, "browser-desktop")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep(page, tmp_path, "browser-phone")
    # Playwright writes its own script into the page, past the policy
    assert Axe().run(page).response["violations"] == []


def test_only_the_package_that_was_read_is_taken(site: Path, tmp_path: Path) -> None:
    builder = script()
    assert not list(site.rglob("*.map"))
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 21e6
    other = tmp_path / "other.tgz"
    other.write_bytes(b"something else")
    with pytest.raises(InputError, match="is not onnxruntime-web"):
        builder.build(tmp_path / "new", archive=other)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    with pytest.raises(OutputExists):
        builder.build(tmp_path / "mine")
    assert not list(tmp_path.glob("new*"))
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / "old").write_text("old")
    assert not (Path(builder.build(tmp_path / "site")) / "old").exists()
