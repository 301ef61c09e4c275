"""`tinct data get` against a server that misbehaves."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.misbehaving import Server, picture, running
from tests.programs import need
from tinct.cli import run
from tinct.datasets.get import Options, Outcome, get
from tinct.datasets.journal import Entry
from tinct.datasets.listing import find_origin
from tinct.datasets.manifest import read_manifest
from tinct.datasets.web import Web
from tinct.errors import InputError, OutputError, OutputUnwritable, UsageError

Get = Callable[..., Outcome]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    for name in ("TINCT_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TINCT_CACHE", str(tmp_path / "cache"))
    with running() as started:
        yield started


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fetch(server: Server, tmp_path: Path, waits: list[float]) -> Get:
    """Get a list of paths from the server into `set`."""
    web = partial(Web, tries=3, pause=0.5, timeout=0.4, wait=waits.append)

    def fetched(*paths: str, **options: object) -> Outcome:
        listed = tmp_path / "urls.txt"
        listed.write_text("".join(f"{server.url(path)}\n" for path in paths), encoding="utf-8")
        progress = options.pop("progress", lambda _: None)
        settings = Options(**options)  # type: ignore[arg-type]
        origin = find_origin(str(listed))
        return get(origin, tmp_path / "set", settings, web=web, progress=progress)  # type: ignore[arg-type]

    return fetched


def report(folder: Path) -> dict[str, tuple[str, str]]:
    """Path to outcome and reason."""
    with (folder / "report.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {"/" + row["url"].split("/", 3)[-1]: (row["outcome"], row["reason"]) for row in rows}


def pictures(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix in {".png", ".jpg"}}


def named(data: bytes, suffix: str = ".png") -> str:
    return hashlib.sha256(data).hexdigest()[:16] + suffix


def test_whatever_servers_do(server: Server, fetch: Get, tmp_path: Path) -> None:
    server.breaks = 1
    outcome = fetch(
        *("/picture/1.png", "/picture/2.jpg?size=3", "/nameless/3", "/moved/4", "/broken/5"),
        *("/picture/1.png?again", "/absent.jpg", "/page/1.jpg", "/lie/1.jpg", "/half/6"),
        *("/circle/1", "/ill/1", "/silent/1", "/huge/1", "/closed/1"),
    )
    folder = tmp_path / "set"
    good = {named(picture(number)) for number in (1, 2, 4, 5)} | {named(picture(3, "JPEG"), ".jpg")}
    assert pictures(folder) == good
    assert {path.name for path in folder.iterdir()} == {
        *(*good, "manifest.tsv", "report.tsv", ".journal")
    }
    told = report(folder)
    assert {path for path, (outcome, _) in told.items() if outcome == "saved"} > {
        *("/picture/2.jpg?size=3", "/nameless/3", "/moved/4", "/broken/5")
    }
    same = {told["/picture/1.png"], told["/picture/1.png?again"]}  # either may come first
    name = named(picture(1))
    assert same == {("saved", name), ("duplicate", f"the same as {name}")}
    reasons = {path: reason for path, (outcome, reason) in told.items() if outcome == "failed"}
    assert reasons == {
        "/absent.jpg": "the server answers 404 Not Found",
        "/page/1.jpg": "the server sent text/html, not a picture",
        "/lie/1.jpg": "not a picture",
        "/half/6": reasons["/half/6"],
        "/circle/1": "is redirected without end",
        "/ill/1": "the server answers 503 Service Unavailable",
        "/silent/1": "its server was silent for too long",
        "/huge/1": "is 1,099,511,627,776 bytes, more than 268,435,456",
        "/closed/1": "the server answers 429 Too Many Requests, and wants 86400 s of rest",
    }
    assert "cut short" in reasons["/half/6"] or "damaged" in reasons["/half/6"]
    assert outcome.counts == {"saved": 5, "duplicate": 1, "failed": 9}
    assert server.times["/absent.jpg"] == 1
    assert server.times["/ill/1"] == 3
    rows = {row.file: row for row in read_manifest(folder / "manifest.tsv")}
    assert set(rows) == good
    row = rows[named(picture(2))]
    assert (row.id, row.sha256) == (row.file[:16], hashlib.sha256(picture(2)).hexdigest())
    assert (row.width, row.height, row.shard) == (32, 24, "")
    assert row.source == f"urls.txt {server.url('/picture/2.jpg?size=3')}"


def test_a_broken_line_is_taken_up_where_it_broke(
    server: Server, fetch: Get, tmp_path: Path
) -> None:
    server.breaks = 3
    assert fetch("/broken/1").counts == {"failed": 1}
    size = len(picture(1))
    assert fetch("/broken/1").counts == {"saved": 1}
    ranges = [headers.get("Range") for path, headers in server.asked if path == "/broken/1"]
    expected = [size // 2, size // 2 + (size - size // 2) // 2]
    assert ranges[:3] == [None, *(f"bytes={begin}-" for begin in expected)]
    assert pictures(tmp_path / "set") == {named(picture(1))}
    assert not (tmp_path / "set" / ".journal" / "parts").exists()


def test_a_busy_server_gets_the_rest_it_asks_for(
    server: Server, fetch: Get, waits: list[float]
) -> None:
    server.busy = 2
    assert fetch("/busy/1").counts == {"saved": 1}
    assert [round(wait) for wait in waits] == [7, 7]


def test_pauses_grow(server: Server, fetch: Get, waits: list[float]) -> None:
    assert fetch("/ill/1").counts == {"failed": 1}
    assert waits == [0.5, 1.0]


def test_a_host_that_is_gone_is_not_waited_for(
    server: Server, fetch: Get, waits: list[float], tmp_path: Path
) -> None:
    server.server_close()
    outcome = fetch(*(f"/picture/{number}" for number in range(20)), jobs=1)
    assert outcome.counts == {"failed": 20}
    assert len(waits) == 2  # those of its robots.txt


def test_no_more_at_once_than_allowed(server: Server, fetch: Get) -> None:
    paths = [f"/picture/{number}" for number in range(12)]
    assert fetch(*paths, per_host=2, jobs=6).counts == {"saved": 12}
    assert server.most <= 2


def test_pauses_between_requests(server: Server, fetch: Get, waits: list[float]) -> None:
    fetch("/picture/1", "/picture/2", "/picture/3", pause=5, jobs=1)
    assert [round(wait) for wait in waits] == [5, 10, 15]  # nothing really waits here


def test_robots_are_obeyed(server: Server, fetch: Get, waits: list[float], tmp_path: Path) -> None:
    server.robots = b"User-agent: *\nDisallow: /picture/\n\nUser-agent: tinct\nDisallow: /moved/4\n"
    assert fetch("/moved/4", "/picture/1", jobs=1).counts == {"failed": 1, "saved": 1}
    assert report(tmp_path / "set")["/moved/4"][1] == "the robots.txt of its server forbids it"
    assert server.paths() == ["/picture/1"]
    agent = server.asked[0][1]["User-Agent"]
    assert agent.startswith("tinct/")
    assert "+https://" in agent


def test_robots_that_cannot_be_read_forbid(server: Server, fetch: Get, tmp_path: Path) -> None:
    server.robots = 503
    assert fetch("/picture/1").counts == {"failed": 1}
    server.robots = 403
    assert fetch("/picture/1").counts == {"saved": 1}


def test_a_redirection_to_another_host_asks_its_robots_too(server: Server, fetch: Get) -> None:
    assert fetch("/elsewhere/1").counts == {"saved": 1}
    assert server.times["/robots.txt"] == 2


def test_a_second_run_fetches_what_is_missing(server: Server, fetch: Get, tmp_path: Path) -> None:
    paths = ("/picture/1", "/picture/2", "/absent.png", "/ill/1")
    fetch(*paths)
    server.asked.clear()
    outcome = fetch(*paths, "/picture/3")
    assert outcome.counts == {"there": 2, "lost": 1, "failed": 1, "saved": 1}
    assert set(server.paths()) == {"/ill/1", "/picture/3"}
    folder = tmp_path / "set"
    (folder / named(picture(1))).unlink()
    assert fetch(*paths).counts == {"there": 1, "removed": 1, "lost": 1, "failed": 1}
    assert fetch(*paths, again=True).counts == {"there": 1, "saved": 1, "failed": 2}
    assert len(read_manifest(folder / "manifest.tsv")) == 3


def test_limit_and_skip(fetch: Get, tmp_path: Path) -> None:
    paths = [f"/picture/{number}" for number in range(10)]
    assert fetch(*paths, skip=3, limit=4).counts == {"saved": 4}
    assert pictures(tmp_path / "set") == {named(picture(number)) for number in range(3, 7)}


def test_a_killed_run_is_taken_up(fetch: Get, tmp_path: Path) -> None:
    """The journal is what counts: a torn line and an old manifest do no harm."""
    fetch("/picture/1", "/picture/2")
    folder = tmp_path / "set"
    (folder / "manifest.tsv").unlink()
    with (folder / ".journal" / "log.jsonl").open("ab") as log:
        log.write(b'{"key": "http://torn')
    assert fetch("/picture/1", "/picture/3").counts == {"there": 1, "saved": 1}
    assert len(read_manifest(folder / "manifest.tsv")) == 3
    assert fetch("/picture/1", "/picture/3").counts == {"there": 2}


def test_interruption_leaves_a_set_that_goes_on(fetch: Get, tmp_path: Path) -> None:
    def stop(_: Entry) -> None:
        raise KeyboardInterrupt

    paths = [f"/picture/{number}" for number in range(30)]
    outcome = fetch(*paths, progress=stop, jobs=1)
    assert outcome.interrupted
    saved = pictures(tmp_path / "set")
    assert {row.file for row in read_manifest(tmp_path / "set" / "manifest.tsv")} == saved
    assert fetch(*paths).counts["saved"] == 30 - len(saved)


def test_two_at_once_are_refused(fetch: Get, tmp_path: Path) -> None:
    def second(_: Entry) -> None:
        with pytest.raises(OutputError, match="another `tinct data get` is at work"):
            fetch("/picture/2")

    assert fetch("/picture/1", progress=second).counts == {"saved": 1}


def test_a_full_disk_is_one_clear_error(server: Server, small_disk: Path) -> None:
    server.files["/big.png"] = picture(1) + bytes(400_000)
    listed = small_disk.parent / "urls.txt"
    listed.write_text(f"{server.url('/picture/1')}\n{server.url('/big.png')}\n", encoding="utf-8")
    with pytest.raises(OutputUnwritable, match="no space left"):
        get(find_origin(str(listed)), small_disk / "set", Options(jobs=1))
    (row,) = read_manifest(small_disk / "set" / "manifest.tsv")
    assert (small_disk / "set" / row.file).read_bytes() == picture(1)


def test_what_comes_to_nothing_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    (tmp_path / "there").mkdir()
    for folder in ("set", "there"):
        words = ["data", "get", str(tmp_path / "half.zip"), str(tmp_path / folder)]
        assert run(words) == InputError.exit_code
    assert "half.zip" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
    assert (tmp_path / "there").is_dir()


def test_offline_means_offline(
    server: Server, fetch: Get, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TINCT_OFFLINE", "1")
    with pytest.raises(UsageError, match="TINCT_OFFLINE"):
        fetch("/picture/1")
    assert not server.asked
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("cat/a.png", picture(1))
    outcome = get(find_origin(str(tmp_path / "some.zip")), tmp_path / "local")
    assert outcome.counts == {"saved": 1}


def test_an_archive_by_address(server: Server, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("train/cat/a.png", picture(1))
    server.files["/some.zip"] = (tmp_path / "some.zip").read_bytes()
    said: list[str] = []
    origin = find_origin(server.url("/some.zip"))
    assert get(origin, tmp_path / "set", say=said.append).counts == {"saved": 1}
    assert "this one counts from now on" in said[-1]
    (row,) = read_manifest(tmp_path / "set" / "manifest.tsv")
    assert (row.category, row.split, row.title) == ("cat", "train", "a")
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("train/cat/b.png", picture(2))
    server.files["/some.zip"] = (tmp_path / "some.zip").read_bytes()
    with pytest.raises(InputError, match=r"not the file expected .* of the first one"):
        get(origin, tmp_path / "set")


def test_the_verb(
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Web, "__init__", _impatient(Web.__init__))
    listed = tmp_path / "urls.txt"
    listed.write_text(f"{server.url('/picture/1')}\n{server.url('/absent')}\n", encoding="utf-8")
    folder = str(tmp_path / "set")
    assert run(["data", "get", str(listed), folder, "--contact", "me@example.org"]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{folder}\n"
    assert "1 saved, 1 failed" in captured.err
    assert "1 x the server answers 404 Not Found" in captured.err
    assert "me@example.org" in server.asked[-1][1]["User-Agent"]
    assert run(["data", "get", str(listed), folder, "--json", "-q"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) | {"folder": ""} == {
        **{"v": 1, "event": "got", "folder": "", "interrupted": False, "saved": 0, "there": 1},
        **{"duplicate": 0, "failed": 0, "refused": 0, "lost": 1, "removed": 0},
    }


def _impatient(make: Callable[..., None]) -> Callable[..., None]:
    return lambda self, **settings: make(self, **settings, wait=lambda _: None)


def test_nobody_is_believed_without_a_certificate(
    server: Server, fetch: Get, waits: list[float], tmp_path: Path
) -> None:
    made = [need("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    made += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run(made, check=True, cwd=tmp_path, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    listed = tmp_path / "urls.txt"
    listed.write_text(server.url("/picture/1").replace("http:", "https:"), encoding="utf-8")
    web = partial(Web, wait=waits.append)
    assert get(find_origin(str(listed)), tmp_path / "set", web=web).counts == {"failed": 1}
    (reason,) = (reason for _, reason in report(tmp_path / "set").values())
    assert "certificate" in reason
    assert waits == []
    assert server.asked == []


def test_a_limited_archive_is_kept_for_the_next_run(server: Server, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", picture(number))
    server.files["/some.zip"] = (tmp_path / "some.zip").read_bytes()
    origin = find_origin(server.url("/some.zip"))
    assert get(origin, tmp_path / "set", Options(limit=1)).counts == {"saved": 1}
    assert get(origin, tmp_path / "set").counts == {"saved": 3, "there": 1}
    assert server.paths() == ["/some.zip"]
    assert not (tmp_path / "set" / ".journal" / "archives").exists()


def test_without_httpx_what_is_here_can_still_be_got(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    (tmp_path / "pile").mkdir()
    (tmp_path / "pile" / "a.png").write_bytes(picture(1))
    assert get(find_origin(str(tmp_path / "pile")), tmp_path / "set").counts == {"saved": 1}
    with pytest.raises(UsageError, match=r"httpx.*tinct\[data\]"):
        get(find_origin("https://example.org/a.jpg"), tmp_path / "set")


def test_a_folder_is_not_got_into_itself(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    with pytest.raises(UsageError, match="the folder they come from"):
        get(find_origin(str(tmp_path)), tmp_path / "set")


def test_a_link_that_leads_nowhere_is_in_the_report(tmp_path: Path) -> None:
    pile = tmp_path / "pile"
    pile.mkdir()
    (pile / "a.png").write_bytes(picture(1))
    (pile / "dead.png").symlink_to(tmp_path / "gone.png")
    assert get(find_origin(str(pile)), tmp_path / "set").counts == {"saved": 1, "refused": 1}
    assert ("refused", "a link that leads nowhere") in report(tmp_path / "set").values()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["no-such-source"], "no such source"),
        (["cryptopunk"], "did you mean 'cryptopunks'?"),
        (["absent/urls.txt"], "no such file"),
        (["commons"], "has to be told what to look for (--query WORDS)"),
        (["cifar-10", "--query", "cat"], "takes no words"),
        (["met", "--archive", __file__], "comes as no archive"),
        (["cifar-10", "--archive", "absent.tar.gz"], "absent.tar.gz: no such file"),
        (["cifar-10", "--skip", "-1"], "the least is 0"),
        (["url-list"], "name your list"),
        (["met", "--contact", "m\né"], "is no address"),
    ],
)
def test_what_cannot_be_meant(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "get", *words, str(tmp_path / "set")]) in {2, 3}
    assert text in capsys.readouterr().err
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_killed_process_and_a_second_run_leave_a_set_that_checks(tmp_path: Path) -> None:
    pile = tmp_path / "pile"
    pile.mkdir()
    for number in range(80):
        (pile / f"{number}.png").write_bytes(picture(number))
    command = [sys.executable, "-m", "tinct", "data", "get", str(pile), str(tmp_path / "set")]
    with subprocess.Popen([*command, "--json", "-q", "-j", "1"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(10):
            assert b'"saved"' in process.stdout.readline()
        process.kill()
    assert len(pictures(tmp_path / "set")) >= 10
    assert get(find_origin(str(pile)), tmp_path / "set").counts["there"] >= 10
    rows = read_manifest(tmp_path / "set" / "manifest.tsv")
    assert {row.file for row in rows} == pictures(tmp_path / "set")
    assert len(rows) == 80
    assert run(["data", "check", str(tmp_path / "set"), "-q"]) == 0
