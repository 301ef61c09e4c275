"""A server of pictures that does whatever servers do to those who fetch."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

PAGE = b"<!DOCTYPE html><html><body>Not here</body></html>" * 20


def picture(number: int, kind: str = "PNG") -> bytes:
    """A picture in colour; the same for the same number."""
    pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


class Server(ThreadingHTTPServer):
    """Serves pictures and mishaps, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.times: Counter[str] = Counter()
        self.robots: bytes | int = 404
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Callable[[str], Any]] = {}
        self.busy = 0
        self.breaks = 0
        self.open = self.most = 0
        self.lock = threading.Lock()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return self.root + path

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked if path != "/robots.txt"]


class Handler(BaseHTTPRequestHandler):
    server: Server
    inside = False

    def do_GET(self) -> None:
        server, path = self.server, self.path.partition("?")[0]
        with server.lock:
            server.asked.append((self.path, dict(self.headers.items())))
            server.times[path] += 1
            self.inside = True
            server.open += 1
            server.most = max(server.most, server.open)
        try:
            self.serve(path)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.leave()

    def leave(self) -> None:
        """No longer count this request: whoever asked may ask again before this thread goes on."""
        with self.server.lock:
            self.server.open -= self.inside
            self.inside = False

    def serve(self, path: str) -> None:
        server = self.server
        if path == "/robots.txt":
            if isinstance(server.robots, int):
                return self.send(b"", status=server.robots)
            return self.send(server.robots, "text/plain")
        if path in server.answers:
            return self.send(
                json.dumps(server.answers[path](self.path)).encode(), "application/json"
            )
        if path in server.files:
            return self.send(server.files[path], "application/octet-stream")
        kind, _, rest = path[1:].partition("/")
        serve = getattr(self, f"serve_{kind}", None)
        if serve is None:
            return self.send(PAGE, "text/html", status=404)
        serve(rest)
        return None

    def serve_picture(self, rest: str) -> None:
        self.send(picture(int(rest.partition(".")[0])), "image/png")

    def serve_nameless(self, rest: str) -> None:
        self.send(picture(int(rest), "JPEG"), "application/octet-stream")

    def serve_page(self, _: str) -> None:
        self.send(PAGE, "text/html; charset=utf-8")

    def serve_lie(self, _: str) -> None:
        self.send(PAGE, "image/jpeg")

    def serve_half(self, rest: str) -> None:
        data = picture(int(rest), "JPEG")
        self.send(data[: len(data) // 2], "image/jpeg")

    def serve_broken(self, rest: str) -> None:
        """Breaks the line in the middle for some time, and goes on where it is asked to."""
        data, begin = picture(int(rest)), 0
        if "Range" in self.headers:
            assert self.headers["If-Range"] == '"v1"'
            begin = int(self.headers["Range"][6:-1])
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", '"v1"')
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            data = data[: begin + (len(data) - begin) // 2]
        self.wfile.write(data[begin:])

    def serve_moved(self, rest: str) -> None:
        self.send(b"", status=302, Location=f"/picture/{rest}")

    def serve_elsewhere(self, rest: str) -> None:
        port = self.server.server_address[1]
        self.send(b"", status=302, Location=f"http://localhost:{port}/picture/{rest}")

    def serve_circle(self, _: str) -> None:
        self.send(b"", status=301, Location="/circle/1")

    def serve_busy(self, rest: str) -> None:
        if self.server.busy:
            self.server.busy -= 1
            return self.send(b"", status=429, Retry_After="7")
        return self.serve_picture(rest)

    def serve_closed(self, _: str) -> None:
        self.send(b"", status=429, Retry_After="86400")

    def serve_ill(self, _: str) -> None:
        self.send(b"", status=503)

    def serve_silent(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.flush()
        threading.Event().wait(1.0)

    def serve_huge(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()

    def send(self, data: bytes, kind: str = "", *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.leave()
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def running() -> Iterator[Server]:
    """A server that runs in the meantime."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
