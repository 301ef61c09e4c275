"""What a server takes on, and that nobody who overdoes it harms others."""

from __future__ import annotations

import io
import os
import random
import signal
import socket
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.pictures import GREY, encoded, kinds, tiff
from tests.servers import Running, running, until
from tinct.serve import guard, protocol
from tinct.serve.store import Shelf, sweep

PNG = encoded(GREY, "PNG")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """One that takes little: 300 kB, 1 MP, two that wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "_SILENCE", 0.5)
        patch.setattr(protocol, "_HEAD", 0.5)
        with running(
            max_upload=300_000, max_pixels=1_000_000, queue=2, concurrency=4, timeout=60
        ) as served:
            yield served


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that claims, and has, many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compressobj(9)
    body = b"".join(lines.compress(bytes(width + 1)) for _ in range(height)) + lines.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_uploads_are_limited_whether_their_size_is_declared_or_not(server: Running) -> None:
    large = PNG + bytes(400_000)
    declared = server.send(large)
    assert (declared.status_code, declared.json()["code"]) == (413, "upload-too-large")

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    undeclared = server.http.post("/v1/colorize", content=pieces())
    assert (undeclared.status_code, undeclared.json()["code"]) == (413, "upload-too-large")


def test_bombs_and_big_tiffs_are_refused_by_their_pixels(server: Running) -> None:
    out = io.BytesIO()
    first = Image.new("L", (800, 800))
    first.save(out, "TIFF", compression="tiff_deflate", save_all=True, append_images=[first] * 3)
    giant = bytearray(encoded(GREY, "BMP"))
    giant[18:26] = struct.pack("<ii", 60_000, 60_000)
    big = tiff(np.zeros((1100, 1000), np.uint8), compression="adobe_deflate")
    for content in (bomb(20_000, 2_000), out.getvalue(), big, bytes(giant)):
        answer = server.send(content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large"), answer.text
    assert server.send(PNG).status_code == 200


def test_a_reference_is_limited_too(server: Running) -> None:
    files = {"picture": ("a.png", PNG), "reference": ("b.png", bomb(20_000, 2_000))}
    answer = server.http.post("/v1/colorize", files=files)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_hundred_malformed_uploads_get_a_hundred_clean_refusals(server: Running) -> None:
    chance = random.Random(5)
    whole = [content for name, (content, *_) in kinds().items() if "tiff float" not in name]
    codes = set()
    for number in range(100):
        content = bytearray(chance.choice(whole))
        kind = number % 4
        if kind == 0:
            content = content[: chance.randrange(len(content))]
        elif kind == 1:
            content = bytearray(chance.randbytes(chance.randrange(1, 3000)))
        else:
            for _ in range(chance.randrange(1, 60)):
                content[chance.randrange(8, len(content))] = chance.randrange(256)
        answer = server.send(bytes(content), size="64")
        assert answer.status_code in (200, 409, 413, 415, 422), answer.text
        if answer.status_code != 200:
            codes.add(answer.json()["code"])
            assert answer.headers["content-type"] == "application/problem+json"
            assert str(server.service.room.root) not in answer.text
    assert "unreadable" in codes
    assert server.send(PNG).status_code == 200


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
        ),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x--"),
        ("application/json", b"{}"),
        ("text/html", b"<p>"),
        ("image/png", b""),
    ],
)
def test_bodies_that_are_no_pictures(server: Running, kind: str, content: bytes) -> None:
    answer = server.http.post("/v1/colorize", content=content, headers={"content-type": kind})
    assert answer.status_code in (400, 415, 422), answer.text
    assert answer.json()["remedy"]


def test_a_full_queue_says_when_to_come_back(server: Running) -> None:
    with server.held():
        records = [server.submit(PNG) for _ in range(3)]
        until(lambda: server.service.crew.running == 1)
        answer = server.send(PNG)
        assert (answer.status_code, answer.json()["code"]) == (429, "busy")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    for record in records:
        server.wait_for(record["id"])


def test_a_killed_worker_costs_its_own_request_and_is_replaced(server: Running) -> None:
    def is_begun() -> bool:
        return any(job.state == "running" for job in server.service.jobs._items.values())

    with ThreadPoolExecutor(2) as pool:
        (pid,) = server.service.crew.pids
        first = pool.submit(server.send, PNG, effort="best", size="1024")  # takes some time
        until(is_begun)
        os.kill(pid, signal.SIGSTOP)  # and now it takes for ever
        second = pool.submit(server.send, PNG)
        until(lambda: server.service.crew.waiting == 1)
        os.kill(pid, signal.SIGKILL)
        killed, other = first.result(), second.result()
    assert (killed.status_code, other.status_code) == (500, 200)
    problem = killed.json()
    assert (problem["code"], problem["exit_code"]) == ("worker-died", 6)
    assert "signal 9" in problem["detail"]
    assert server.service.crew.pids != (pid,)


def test_an_idle_worker_that_is_killed_costs_nothing(server: Running) -> None:
    (pid,) = server.service.crew.pids
    os.kill(pid, signal.SIGKILL)
    assert server.send(PNG).status_code == 200


def test_a_worker_that_takes_too_long_is_replaced() -> None:
    with running(timeout=0.3) as server:
        with server.held():
            answer = server.send(PNG)
        assert (answer.status_code, answer.json()["code"]) == (503, "timeout")
        until(lambda: server.service.crew.is_ready)
        assert list(server.service.room.root.iterdir()) == []


def connect(server: Running, text: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    line.sendall(text)
    return line


def test_slow_clients_do_not_block_others(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_LEAVES", 0.0)  # slow ones may be asked to leave at once
    head = b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
    lines = [connect(server, head + b"x") for _ in range(12)]  # three times as many as are taken
    lines += [connect(server, b"GET / HTTP/1.1\r\nHost: 12") for _ in range(50)]
    try:
        assert server.send(PNG).status_code == 200
        assert server.http.get("/health/live").status_code == 200
        for line in lines:  # and in the end they are sent away
            line.settimeout(20)
            said = line.recv(4096)
            assert said == b"" or b" 408 " in said or b" 429 " in said
    finally:
        for line in lines:
            line.close()
    until(lambda: server.service.room.used == sum(server.service.room._sizes.values()))


def test_who_leaves_stops_the_work(server: Running) -> None:
    with server.held():
        body = b"".join(
            [
                b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n",
                f"Content-Length: {len(PNG)}\r\n\r\n".encode(),
                PNG,
            ]
        )
        line = connect(server, body)
        until(lambda: server.service.crew.running == 1)
        line.close()
        until(lambda: server.service.crew.running == 0)
    until(lambda: server.service.crew.is_ready)


def test_pictures_go_when_their_time_is_over() -> None:
    with running(ttl=1.0) as server:
        record = server.submit(PNG)
        at = server.http.post("/v1/sessions", files={"picture": ("a", PNG)}).headers["location"]
        root = server.service.room.root
        assert list(root.iterdir())
        until(lambda: not list(root.iterdir()))
        for path in (f"/v1/jobs/{record['id']}", at):
            assert server.http.get(path).status_code == 404
    assert not root.exists()


def test_sessions_make_room_for_others_and_jobs_do_not() -> None:
    large = encoded(np.random.default_rng(1).integers(0, 255, (300, 300), np.uint8), "PNG")
    with running(storage=3 * len(large)) as server:
        opened = [
            server.http.post("/v1/sessions", files={"picture": ("a", large)}) for _ in range(4)
        ]
        states = [server.http.get(one.headers["location"]).status_code for one in opened]
        assert states[-1] == 200
        assert states[0] == 404
        assert server.service.room.used <= 3 * len(large)
        answers = [
            server.http.post("/v1/jobs", files={"picture": ("a", large)}, data={"size": "64"})
            for _ in range(4)
        ]
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"]


class Thing:
    def __init__(self, key: str, *, busy: bool = False) -> None:
        self.id, self.used, self.is_under_way, self.dropped = key, 0.0, busy, False

    def drop(self) -> None:
        self.dropped = True


def test_a_shelf_keeps_what_is_used() -> None:
    now = 0.0
    shelf: Shelf[Thing] = Shelf("thing", 10, clock=lambda: now)
    old, used, busy = Thing("old"), Thing("used"), Thing("busy", busy=True)
    for thing in (old, used, busy):
        shelf.put(thing)
    now = 6
    assert shelf.find("used") is used
    now = 11
    with pytest.raises(Exception, match="no such thing"):
        shelf.find("old")
    shelf.sweep()
    assert (old.dropped, used.dropped, busy.dropped) == (True, False, False)
    assert shelf.make_room()
    assert used.dropped
    assert not shelf.make_room()


def test_folders_of_servers_that_were_killed_are_swept(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile
    from pathlib import Path

    folder = Path(str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    gone, here, other = (
        folder / f"tinct-serve-{number}-abc" for number in (2**22 + 5, os.getpid(), "x")
    )
    for one in (gone, here, other):
        one.mkdir()
    sweep()
    assert (gone.exists(), here.exists(), other.exists()) == (False, True, True)


def test_many_at_once_are_all_answered(server: Running) -> None:
    def send(_: int) -> httpx.Response:
        to = f"{server.url}v1/colorize?size=64"
        return httpx.post(to, files={"p": ("a", PNG)}, timeout=30)

    with ThreadPoolExecutor(12) as pool:
        statuses = [answer.status_code for answer in pool.map(send, range(24))]
    assert set(statuses) <= {200, 429}
    assert 200 in statuses
