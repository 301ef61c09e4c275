"""A store that speaks as S3 does, and a web server of files, both real and on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PATIENCE = 60
TINCT = [sys.executable, "-c", "from tinct.cli import main; main()"]


@dataclass(frozen=True)
class Store:
    """A bucket, and what programs need to reach it."""

    url: str
    bucket: str
    client: Any
    environment: Mapping[str, str]

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> set[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        return {entry["Key"] for page in pages for entry in page.get("Contents", [])}

    def changed(self, prefix: str) -> dict[str, Any]:
        """When each object was put, to a second, and its content's sign."""
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)["Contents"]
        return {entry["Key"]: (entry["LastModified"], entry["ETag"]) for entry in found}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def store(bucket: str = "archive") -> Iterator[Store]:
    """A server in a process of its own, with an empty bucket."""
    import boto3  # type: ignore[import-untyped]

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + PATIENCE
            while not _answers(url):
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            client = boto3.client(
                "s3",
                endpoint_url=url,
                aws_access_key_id="someone",
                aws_secret_access_key="secret",
                region_name="us-east-1",
            )
            client.create_bucket(Bucket=bucket)
            yield Store(f"s3://{bucket}", bucket, client, environment)
            client.close()
        finally:
            server.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


@dataclass
class Web:
    """A server of a folder, and what it was asked for."""

    url: str
    asked: Counter[str] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)
    """How often it still answers 503 for a path."""


@contextmanager
def web(folder: Path) -> Iterator[Web]:
    """A server that lists folders as web servers do."""
    known = Web("")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            known.asked[f"{self.command} {path}"] += 1
            if known.failing[path] > 0:
                known.failing[path] -= 1
                self.send_error(503)
            elif self.command == "GET":
                super().do_GET()
            else:
                super().do_HEAD()

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def picture(number: int, *, suffix: str = ".jpg", scale: int = 10) -> bytes:
    """A grey picture with soft shapes; its width tells which one it is."""
    from io import BytesIO

    grey = np.random.default_rng(number).integers(60, 200, (12, 16)).astype(np.uint8)
    image = Image.fromarray(grey).resize(
        (16 * scale + number, 12 * scale), Image.Resampling.BICUBIC
    )
    out = BytesIO()
    image.save(out, {".jpg": "JPEG", ".png": "PNG", ".tif": "TIFF"}[suffix])
    return out.getvalue()


def tinct(
    *words: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [*TINCT, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **(environment or {})},
    )
