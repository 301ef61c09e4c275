"""What every request passes: host, origin, token, headers; and what settings are refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests.pictures import GREY, encoded
from tinct.cli import run
from tinct.errors import UsageError
from tinct.serve.app import make_app
from tinct.serve.problems import kinds, problem, status_of
from tinct.serve.settings import Settings, is_loopback

TOKEN = "a-word-that-nobody-guesses"
WEB = Path(__file__).parent.parent / "src" / "tinct" / "serve" / "web"


def made(**chosen: object) -> FastAPI:
    return make_app(Settings(**chosen))  # type: ignore[arg-type]


def ask(app: FastAPI, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
    """One request to an application whose workers were never started."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=names)

    return asyncio.run(asked())


@pytest.fixture(scope="module")
def private() -> Iterator[FastAPI]:
    app = made()
    yield app
    app.state.service.room.close()


@pytest.fixture(scope="module")
def public() -> Iterator[FastAPI]:
    app = made(host="0.0.0.0", token=TOKEN, hostname="tinct.example.org")
    yield app
    app.state.service.room.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST."])
def test_the_own_names_are_answered(private: FastAPI, host: str) -> None:
    assert ask(private, "/health/live", host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "[::"],
)
def test_other_names_are_not_so_that_dns_rebinding_gets_nothing(
    private: FastAPI, host: str
) -> None:
    answer = ask(private, "/v1/models", host=host)
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong-host")


def test_a_public_server_answers_to_addresses_and_its_names(public: FastAPI) -> None:
    for host, status in (
        ("192.168.0.7:8000", 200),
        ("tinct.example.org", 200),
        ("evil.example", 421),
    ):
        assert ask(public, "/health/live", host=host).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"sec_fetch_site": "cross-site"},
    ],
)
def test_other_sites_pages_get_nothing(private: FastAPI, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/v1/colorize"), ("GET", "/v1/models"), ("DELETE", "/v1/jobs/a")):
        answer = ask(private, path, method=method, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")
        assert "access-control-allow-origin" not in answer.headers
    own = ask(private, "/v1/models", origin="http://127.0.0.1", sec_fetch_site="same-origin")
    assert own.status_code == 200
    assert ask(private, "/", sec_fetch_site="cross-site").status_code == 200  # a link to us


def test_there_is_no_cors(private: FastAPI) -> None:
    answer = ask(
        private,
        "/v1/colorize",
        method="OPTIONS",
        origin="http://127.0.0.1",
        access_control_request_method="POST",
    )
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_token_guards_all_that_is_anybodys(public: FastAPI) -> None:
    for path in ("/v1/models", "/v1/jobs/a", "/metrics"):
        for given in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {TOKEN}"}):
            answer = ask(public, path, **given)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert ask(public, "/v1/models", authorization=f"Bearer {TOKEN}").status_code == 200
    for path in ("/", "/docs", "/health/live", "/openapi.json"):
        assert ask(public, path).status_code == 200
    assert ask(public, "/openapi.json").json()["components"]["securitySchemes"]


def test_every_answer_has_the_headers_of_a_cautious_server(private: FastAPI) -> None:
    for path in ("/", "/docs", "/v1/models", "/nowhere", "/openapi.json"):
        headers = ask(private, path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_pages_are_made_of_local_files_alone(private: FastAPI) -> None:
    for page in ("/", "/docs"):
        text = ask(private, page).text
        found = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert found
        for address in found:
            assert address.startswith(("/", "#"))
            if not address.startswith("#"):  # a part of the page itself
                assert ask(private, address).status_code in (200, 503)
        assert not re.search(r"\son\w+=|<style|<script(?![^>]*src)|style=", text)
    for file in WEB.rglob("*.*"):
        text = file.read_text("utf-8").replace(
            "http://www.w3.org/2000/svg", ""
        )  # a name, no address
        assert not re.search(r"https?://(?!127\.0\.0\.1)|//cdn", text), file


@pytest.mark.parametrize(
    "path", ["/web/../app.py", "/web/%2e%2e/app.py", "/web//etc/passwd", "/web/"]
)
def test_pages_are_no_way_to_other_files(private: FastAPI, path: str) -> None:
    assert ask(private, path).status_code == 404


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        ({"host": "0.0.0.0"}, "--token"),
        ({"host": "example.org"}, "--token"),
        ({"host": "0.0.0.0", "token": "short"}, "--token"),
        ({"token": "naïve naïve naïve naïve"}, "--token"),
        ({"port": 70_000}, "--port"),
        ({"workers": 0}, "--workers"),
        ({"ttl": float("nan")}, "--ttl"),
        ({"max_pixels": 0}, "--max-pixels"),
    ],
)
def test_settings_that_make_no_sense_are_refused(chosen: dict[str, object], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**chosen)  # type: ignore[arg-type]
    assert caught.value.where == where
    assert caught.value.remedy


def test_the_token_is_never_shown() -> None:
    assert TOKEN not in repr(Settings(token=TOKEN))


def test_only_this_machine_is_this_machine() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.3.2.1", "::1", "[::1]")] == [True] * 4
    assert not any(map(is_loopback, ("0.0.0.0", "::", "localhost.evil.example", "", "10.0.0.1")))


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    for words, code in (
        (["--host", "0.0.0.0"], 2),
        (["--host", "no.such.name.invalid", "--token", TOKEN], 2),
        (["--max-upload", "many"], 2),
        (["--port", "0", "--model", "no-such-model"], 5),
    ):
        assert run(["serve", *words]) == code
        said = capsys.readouterr()
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1


def test_every_problem_has_its_status_and_an_explanation(private: FastAPI) -> None:
    for code, kind in kinds().items():
        found = problem(kind("what"))
        assert 400 <= status_of(kind("what")) < 600
        assert found["type"] == f"/problems/{code}"
        assert found["title"]
        assert code in ask(private, found["type"]).text
    assert ask(private, "/problems/none").status_code == 404


def test_unexpected_errors_are_defects_and_say_nothing_more(
    private: FastAPI, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from tinct.serve import about

    def broken(**_: object) -> object:
        raise RuntimeError("the inside")

    monkeypatch.setattr(about, "ModelsRecord", broken)
    answer = ask(private, "/v1/models")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "inside" not in answer.text
    assert "the inside" in capfd.readouterr().err


def test_pictures_are_not_read_without_the_token(public: FastAPI) -> None:
    answer = ask(public, "/v1/colorize", method="POST")
    assert answer.status_code == 401
    assert encoded(GREY, "PNG")  # nothing of it was needed
    assert not list(public.state.service.room.root.iterdir())
