"""What is served tells nothing, and what is acknowledged survives the server."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.studies import live, make_study, slots
from tinct.cli import run
from tinct.study.app import LARGEST
from tinct.study.folder import Study
from tinct.study.store import Store

SECRETS = ("way-0", "way-1", "original", "spoiled", "photos", "paintings", "0001", "check")


def headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextmanager
def served(study: Study, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in a process of its own, and its address."""
    command = [sys.executable, "-m", "tinct", "study", "serve", str(study.folder), "--json", *more]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield json.loads(line)["address"], process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("study")
    study = make_study(folder, contact="Ask <b>us</b> & them", title="Is it “real”?")
    store = Store(study)
    yield store
    store.close()


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[httpx.Client]:
    with live(store._study, store) as address, httpx.Client(base_url=address) as client:
        yield client


def test_nothing_that_is_served_betrays_a_picture(client: httpx.Client, store: Store) -> None:
    token = secrets.token_hex(16)
    reply = client.put("/api/participant", headers=headers(token))
    lengths: dict[str, set[str]] = defaultdict(set)
    known = slots(store)
    seen = 0
    while (state := reply.json())["trial"]:
        assert not any(word in reply.text for word in SECRETS)
        assert set(state["trial"]) == {"id", "pictures", "width", "height", "elapsed_ms", "hidden"}
        (address,) = state["trial"]["pictures"]
        picture = client.get(f"/{address}")
        assert picture.headers["content-type"] == "image/png"
        for name, value in picture.headers.items():
            if name != "date":
                lengths[name].add(value)
        assert known[state["trial"]["id"]].picture not in address
        body = {"trial": state["trial"]["id"], "answer": 1, "response_ms": 700}
        reply = client.post("/api/answer", headers=headers(token), json=body)
        seen += 1
    assert seen == 10
    assert state == {"done": 10, "total": 10, "trial": None}
    # the headers of all pictures are the same, the length among them
    assert {name: len(values) for name, values in lengths.items()} == dict.fromkeys(lengths, 1)
    assert not {"etag", "last-modified", "set-cookie", "server"} & set(lengths)
    for page in ("/", "/page.js", "/page.css"):
        answer = client.get(page)
        assert not any(word in answer.text for word in SECRETS[:3])
        assert "set-cookie" not in answer.headers
        assert "http" not in answer.text.replace("http-equiv", "")


def test_addresses_are_of_one_participant(client: httpx.Client) -> None:
    views: list[str] = []
    for _ in range(6):
        token = secrets.token_hex(16)
        state = client.put("/api/participant", headers=headers(token)).json()
        views += [*state["trial"]["pictures"], *state["next"]]
    assert len(set(views)) == len(views)
    assert all(len(view) == len("picture/") + 32 for view in views)


def test_a_page_is_strict_about_where_things_come_from(client: httpx.Client) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "Ask &lt;b&gt;us&lt;/b&gt; &amp; them" in page.text
    assert "Is it “real”?" in page.text
    for hidden in ("/docs", "/openapi.json", "/manifest.json", "/study.json", "/page.py", "/x"):
        assert client.get(hidden).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "token", "body", "code"),
    [
        ("GET", "/api/state", "", None, 401),
        ("GET", "/api/state", "X" * 32, None, 401),
        ("GET", "/api/state", "a" * 32, None, 404),
        ("PUT", "/api/participant", "short", None, 401),
        ("POST", "/api/answer", "a" * 32, {}, 422),
        ("POST", "/api/answer", "a" * 32, {"trial": "x", "answer": 1, "response_ms": 1}, 422),
        (
            "POST",
            "/api/answer",
            "a" * 32,
            {"trial": "a" * 32, "answer": 1.5, "response_ms": 1},
            422,
        ),
        ("POST", "/api/answer", "a" * 32, {"trial": "a" * 32, "answer": 1, "response_ms": -1}, 422),
        ("POST", "/api/answer", "a" * 32, {"trial": "a" * 32, "answer": 1, "response_ms": 1}, 404),
        ("POST", "/api/answer", "a" * 32, {"trial": "a" * LARGEST}, 413),
        ("GET", "/picture/" + "a" * 32, "", None, 404),
        ("GET", "/picture/..%2f..%2fmanifest.json", "", None, 404),
        ("DELETE", "/api/state", "a" * 32, None, 405),
    ],
)
def test_bad_requests_are_refused(
    client: httpx.Client, method: str, path: str, token: str, body: Any, code: int
) -> None:
    reply = client.request(method, path, headers=headers(token), json=body)
    assert reply.status_code == code
    assert set(reply.json()) == {"error"}
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_hidden_picture_stays_hidden(tmp_path: Path) -> None:
    study = make_study(tmp_path, time_limit=1.0)
    store = Store(study)
    with live(study, store) as address, httpx.Client(base_url=address) as client:
        token = secrets.token_hex(16)
        trial = client.put("/api/participant", headers=headers(token)).json()["trial"]
        assert (trial["hidden"], trial["elapsed_ms"]) == (False, None)
        client.post("/api/shown", headers=headers(token), json={"trial": trial["id"]})
        store._base.execute("UPDATE trial SET shown = shown - 60000 WHERE id = ?", (trial["id"],))
        # a second look, as a reload would ask for, does not begin anew
        body = {"trial": trial["id"]}
        again = client.post("/api/shown", headers=headers(token), json=body).json()["trial"]
        assert again["hidden"]
        assert again["elapsed_ms"] >= 60_000
        assert client.get(f"/{trial['pictures'][0]}").status_code == 410
    store.close()


def test_a_killed_server_loses_no_vote_it_has_acknowledged(tmp_path: Path) -> None:
    """kill -9 in the middle of votes, twice; what is not acknowledged is sent again."""
    study = make_study(tmp_path, count=30, per_participant=30)
    token = secrets.token_hex(16)
    acknowledged: list[tuple[str, int]] = []
    pending: dict[str, Any] | None = None
    for life in range(2):
        with served(study) as (address, process), httpx.Client(base_url=address) as client:
            reply = client.put("/api/participant", headers=headers(token)).json()
            assert reply["done"] >= len(acknowledged)
            if pending is not None:
                reply = client.post("/api/answer", headers=headers(token), json=pending).json()
                acknowledged.append((pending["trial"], pending["answer"]))
            for number in range(6):
                body = {"trial": reply["trial"]["id"], "answer": number % 2, "response_ms": 9}
                if number == 5 and life == 0:
                    # the answer is under way as the server dies; nobody knows whether it arrived
                    with socket.create_connection(tuple_of(address)) as line:
                        line.sendall(raw(body, token))
                        os.kill(process.pid, signal.SIGKILL)
                    pending = body
                    break
                reply = client.post("/api/answer", headers=headers(token), json=body).json()
                acknowledged.append((body["trial"], body["answer"]))
                assert reply["done"] == len(acknowledged)
    store = Store(study)
    rows = store._base.execute(
        "SELECT answer.trial, choice FROM answer JOIN trial ON trial.id = answer.trial"
        " ORDER BY position"
    ).fetchall()
    assert rows == acknowledged
    assert len(rows) == 5 + 1 + 6
    store.close()


def tuple_of(address: str) -> tuple[str, int]:
    url = httpx.URL(address)
    assert url.port is not None
    return url.host, url.port


def raw(body: dict[str, Any], token: str) -> bytes:
    data = json.dumps(body).encode()
    return (
        f"POST /api/answer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    ).encode() + data


def test_a_port_in_use_and_a_false_address_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert run(["study", "serve", str(study.folder), "--port", port]) == 2
        out, err = capsys.readouterr()
        assert f"port {port} is in use" in err
        assert "--port 0" in err
        assert not out
    assert run(["study", "serve", str(study.folder), "--host", "203.0.113.7"]) == 2
    assert "cannot listen there" in capsys.readouterr().err
    assert run(["study", "serve", str(study.folder), "--port", "70000"]) == 2
    assert run(["study", "serve", str(tmp_path / "way-0")]) == 3
    assert "holds no study" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_well(tmp_path: Path, number: signal.Signals) -> None:
    study = make_study(tmp_path)
    with served(study) as (address, process):
        assert httpx.get(f"{address}health").json() == {"status": "ok"}
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "127.0.0.1" not in process.stderr.read()  # nobody's address is logged
