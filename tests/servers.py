"""Real servers for tests: in a thread, at a free port, with workers that are processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tinct.serve.app import make_app
from tinct.serve.server import address, bind, make_server
from tinct.serve.service import Service
from tinct.serve.settings import Settings


@dataclass(frozen=True)
class Running:
    """A server that is ready."""

    url: str
    service: Service
    http: httpx.Client

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def send(self, content: bytes, name: str = "photo.png", **fields: str) -> httpx.Response:
        """Colour a picture, at a size that costs little where nothing is said."""
        files = {"picture": (name, content)}
        return self.http.post("/v1/colorize", files=files, data=fields or {"size": "64"})

    def submit(self, content: bytes, **fields: str) -> dict[str, Any]:
        """The record of a new job."""
        files = {"picture": ("a.png", content)}
        answer = self.http.post("/v1/jobs", files=files, data=fields or {"size": "64"})
        assert answer.status_code == 202, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def job(self, key: str) -> dict[str, Any]:
        record: dict[str, Any] = self.http.get(f"/v1/jobs/{key}").json()
        return record

    def wait_for(self, key: str) -> None:
        """Until a job is done."""
        until(lambda: self.job(key)["state"] == "done")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Workers are stopped in their tracks, and go on afterwards; pictures wait meanwhile."""
        pids = self.service.crew.pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                if pid in self.service.crew.pids:
                    os.kill(pid, signal.SIGCONT)


def until(holds: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """Wait for something that must come to pass."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := holds():
            return value
        time.sleep(0.02)
    raise AssertionError("it never came to pass")


@contextmanager
def running(**chosen: Any) -> Iterator[Running]:
    """A server with one worker, unless told otherwise."""
    settings = Settings(**{"port": 0, "workers": 1, **chosen})
    with bind(settings) as listening:
        app = make_app(settings)
        server = make_server(app, settings)
        url = address(settings, listening)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
                until(lambda: http.get("/health/ready").status_code == 200)
                yield Running(url, app.state.service, http)
        finally:
            server.should_exit = True
            thread.join()
