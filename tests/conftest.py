"""What several test files share."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.servers import Running

# a program that a test starts and that crashes in a library says where
os.environ.setdefault("PYTHONFAULTHANDLER", "1")
# begun in the background of a shell, tests and all they start would be deaf to Ctrl-C
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# how long an example takes is the machine's affair: nothing here measures time
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# Of the tests of the page: a browser and a server for each file, a fresh page for each test. What
# they import, other tests do without.


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    from tests.pages import browsing

    with browsing() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page_server() -> Iterator[Running]:
    """A server with one worker and the model that the page is tried with."""
    from tests.pages import MODEL
    from tests.servers import running

    with running(model=MODEL, workers=1) as served:
        yield served


@pytest.fixture
def page(browser: Browser, page_server: Running) -> Iterator[Page]:
    """The page, opened."""
    from tests.pages import visited

    size = {"width": 1280, "height": 800}
    with visited(browser, page_server.url, viewport=size) as opened:
        yield opened
