"""docs/serve.md and the container do what they say."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures import GREY, encoded
from tests.programs import need
from tests.servers import Running, running
from tinct.options import flag
from tinct.serve.problems import ServiceError, kinds, status_of
from tinct.serve.settings import names

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
DOCKER = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as served:
        yield served


@pytest.mark.parametrize("block", blocks("bash"))
def test_curl_examples_work(server: Running, tmp_path: Path, block: str) -> None:
    need("curl", "curl")
    (tmp_path / "photo.jpg").write_bytes(encoded(GREY, "JPEG"))
    script = "set -eu\n" + block.replace("http://127.0.0.1:8000", server.url.rstrip("/"))
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = set(re.findall(r"-o (\S+)", block))
    assert written
    for name in written:
        start = (tmp_path / name).read_bytes()[:4]
        assert start.startswith(b"\x89PNG" if name.endswith("png") else b"\xff\xd8\xff")


def test_the_python_example_works(server: Running, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(GREY, "JPEG"))
    (block,) = blocks("python")
    script = block.replace("http://127.0.0.1:8000", server.url) + "\nprint(likely.colour)\n"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"#[0-9a-f]{6}\n", done.stdout)
    assert (tmp_path / "coloured.jpg").exists()


def test_every_code_of_the_service_is_explained() -> None:
    rows = re.findall(r'\| (\d+) \| <a id="([\w-]+)"></a>`([\w-]+)` \|', TEXT)
    wanted = {
        (str(status_of(kind("what"))), code)
        for code, kind in kinds().items()
        if issubclass(kind, ServiceError)
    }
    assert {(status, code) for status, anchor, code in rows if anchor == code} == wanted


def test_every_limit_is_explained() -> None:
    for name in (
        "max_upload",
        "max_pixels",
        "timeout",
        "concurrency",
        "queue",
        "storage",
        "memory",
    ):
        assert name in names()
        assert f"`{flag(name)}`" in TEXT


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    (block,) = blocks("ini")
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block)
    service = unit["Service"]
    assert service["NoNewPrivileges"] == service["PrivateTmp"] == service["DynamicUser"] == "yes"
    assert int(service["TimeoutStopSec"]) > 120  # what is being coloured may end
    file = tmp_path / "tinct.service"
    file.write_text(block.replace("/opt/tinct/bin/tinct", sys.executable), encoding="utf-8")
    tool = need("systemd-analyze", "systemd")
    done = subprocess.run([tool, "verify", str(file)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "tinct.service:" in line]
    assert not [line for line in complaints if "Unknown" in line or "Failed to parse" in line]


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", DOCKER)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_container_is_slim_nobody_and_healthy() -> None:
    found = instructions()
    bases = [value for word, value in found if word == "FROM"]
    assert len(bases) == 2
    assert all(re.match(r"python:3\.\d+-slim-\w+", base) for base in bases)
    last = found[len(found) - 1 - [word for word, _ in reversed(found)].index("FROM") :]
    words = [word for word, _ in last]
    assert words.index("USER") < words.index("ENTRYPOINT")
    user = dict(last)["USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "ADD" not in dict(found)
    assert not any("latest" in base for base in bases)
    assert not any("sudo" in value or "curl" in value for word, value in found if word == "RUN")
    for word in ("ENTRYPOINT", "CMD"):  # no shell between signals and the server
        assert isinstance(json.loads(dict(last)[word]), list)
    assert "/health/ready" in dict(last)["HEALTHCHECK"]
    assert dict(last)["STOPSIGNAL"] == "SIGTERM"
    secret = re.compile(r"token|password|secret", re.IGNORECASE)
    assert not any(secret.search(value) for word, value in found if word in ("ENV", "ARG"))


def test_what_the_container_copies_is_there_and_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    copied = [value for word, value in instructions() if word == "COPY" and "--from" not in value]
    for value in copied:
        for source in value.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source}" in ignored


def test_the_health_check_of_the_container_works(server: Running) -> None:
    check = dict(instructions())["HEALTHCHECK"].partition("CMD ")[2]
    command = json.loads(check)
    for port, code in ((server.port, 0), (1, 1)):
        script = command[2].replace(":8000", f":{port}")
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
        assert done.returncode == code


def test_the_server_runs_on_a_read_only_root_as_the_container_does(tmp_path: Path) -> None:
    """It writes below TMPDIR alone."""
    import time

    environment = {**os.environ, "TMPDIR": str(tmp_path), "HOME": "/nonexistent"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "tinct", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, cwd="/"
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
        from tinct.client import Client

        with Client(url) as client:
            deadline = time.monotonic() + 30
            while not client.is_ready():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert client.colorize(encoded(GREY, "PNG"), name="a.png").name == "a.colorized.png"
            assert len(list(tmp_path.glob("tinct-serve-*"))) == 1
        process.terminate()
        assert process.wait(30) == 0
    assert not list(tmp_path.glob("tinct-*"))
