from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinct.download import cache_folder, fetch
from tinct.errors import ModelError, OutputUnwritable

CONTENT = np.random.default_rng(7).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT, and fails as its tests ask."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str | None]] = []
        self.breaks = 0
        self.busy = 0
        self.ranges = True

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.seen.append((self.path, asked))
        if self.path == "/moved":
            return self.head(302, Location="/file")
        if self.path == "/away":
            return self.head(302, Location="http://example.org/file")
        if self.path not in ("/file", "/other"):
            return self.head(404)
        if self.server.busy:
            self.server.busy -= 1
            return self.head(503)
        content = CONTENT if self.path == "/file" else CONTENT[::-1]
        first = int(asked[6:-1]) if asked and self.server.ranges else 0
        if first >= len(content):
            return self.head(416)
        body = content[first:]
        headers = {"Content-Length": str(len(body))}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.head(206 if first else 200, **headers)
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)
        return None

    def head(self, code: int, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("TINCT_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("path", ["/file", "/moved"])
@pytest.mark.parametrize("known", [SHA256, SHA256[:8].upper()])
def test_a_file_is_fetched_once(server: Server, tmp_path: Path, path: str, known: str) -> None:
    target = tmp_path / "new" / "file.bin"
    told: list[tuple[int, int | None]] = []
    for _ in range(2):
        found = fetch(
            server.url(path), target, sha256=known, progress=lambda *told_: told.append(told_)
        )
        assert found == target
        assert target.read_bytes() == CONTENT
    assert len(server.seen) == (2 if path == "/moved" else 1)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert left(target.parent) == ["file.bin"]
    assert fetch(server.url(path), target, sha256=known, offline=True) == target


def test_a_broken_line_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    target = tmp_path / "file.bin"
    fetch(server.url("/file"), target, sha256=SHA256, size=len(CONTENT), pause=0)
    assert target.read_bytes() == CONTENT
    assert [asked for _, asked in server.seen] == [None, "bytes=150000-", "bytes=225000-"]


def test_what_came_is_kept_for_the_next_time(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    target = tmp_path / "file.bin"
    with pytest.raises(ModelError, match=r"broke after 150,000 of 300,000 .*what came is kept"):
        fetch(server.url("/file"), target, sha256=SHA256, tries=1)
    assert left(tmp_path) == ["file.bin.part"]
    fetch(server.url("/file"), target, sha256=SHA256, tries=1)
    assert server.seen[-1][1] == "bytes=150000-"
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("beginning", [b"wrong" * 10, CONTENT + b"more", CONTENT])
def test_a_beginning_that_does_not_fit_is_thrown_away(
    server: Server, tmp_path: Path, beginning: bytes, ranges: bool
) -> None:
    server.ranges = ranges
    (tmp_path / "file.bin.part").write_bytes(beginning)
    fetch(server.url("/file"), tmp_path / "file.bin", sha256=SHA256, pause=0)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert left(tmp_path) == ["file.bin"]


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.busy = 2
    fetch(server.url("/file"), tmp_path / "file.bin", sha256=SHA256, pause=0)
    assert len(server.seen) == 3


def test_other_bytes_than_expected_are_refused(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"older")
    with pytest.raises(ModelError, match="not the file expected"):
        fetch(server.url("/other"), target, sha256=SHA256)
    with pytest.raises(ModelError, match="300,000 bytes, not 299,999"):
        fetch(server.url("/file"), target, sha256=SHA256, size=299_999)
    assert left(tmp_path) == ["file.bin"]
    assert target.read_bytes() == b"older"


def test_what_cannot_be_had_is_one_line(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    with pytest.raises(ModelError, match="404") as caught:
        fetch(server.url("/none"), target, sha256=SHA256)
    assert caught.value.exit_code == 5
    assert len(server.seen) == 1, "what is not there is not asked for again"
    server.shutdown()
    server.server_close()
    with pytest.raises(ModelError, match="refused"):
        fetch(server.url("/file"), target, sha256=SHA256, tries=2, pause=0)
    assert left(tmp_path) == []


@pytest.mark.parametrize("url", ["http://example.org/file", "file:///etc/passwd", "ftp://h/file"])
def test_only_https_is_used(tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelError, match="open line"):
        fetch(url, tmp_path / "file.bin", sha256=SHA256)


def test_no_redirection_leads_to_an_open_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"leads to http://example.org/file"):
        fetch(server.url("/away"), tmp_path / "file.bin", sha256=SHA256)


@pytest.mark.parametrize("name", ["TINCT_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ModelError, match=name) as caught:
        fetch(server.url("/file"), tmp_path / "file.bin", sha256=SHA256)
    assert caught.value.exit_code == 5
    assert server.seen == []
    assert left(tmp_path) == []


def test_a_full_disk_is_one_line(server: Server, small_disk: Path) -> None:
    with pytest.raises(OutputUnwritable, match="no space"):
        fetch(server.url("/file"), small_disk / "file.bin", sha256=SHA256)
    assert not (small_disk / "file.bin").exists()


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TINCT_CACHE")
    assert cache_folder().name == "tinct"
