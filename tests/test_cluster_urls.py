"""Pictures by URL: from and to a store as S3 is one, and from a web server; each of them real."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pytest

from tests.stores import Store, Web, free_port, picture, store, web
from tinct import cli
from tinct.batch import places, remote
from tinct.batch.places import Url
from tinct.errors import OutputExists, Unreadable, UsageError
from tinct.verify import verify


@pytest.fixture(scope="module")
def archive() -> Iterator[Store]:
    with store() as one:
        yield one


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


class Command:
    """The command in this process; what was known of other servers is forgotten before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capfd = monkeypatch, capfd

    def __call__(self, *words: object, environment: Mapping[str, str] | None = None) -> Done:
        remote._system.cache_clear()
        for name, value in (environment or {}).items():
            self._monkeypatch.setenv(name, value)
        self._capfd.readouterr()
        code = cli.run(list(map(str, words)))
        return Done(code, *self._capfd.readouterr())


@pytest.fixture
def tinct(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capfd)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "site"
    (folder / "scans" / "old town").mkdir(parents=True)
    (folder / "scans" / "a.jpg").write_bytes(picture(1))
    (folder / "scans" / "notes.txt").write_text("no picture")
    (folder / "scans" / "old town" / "b.png").write_bytes(picture(2, suffix=".png"))
    with web(folder) as one:
        yield one


def test_a_name_is_a_url_only_where_it_looks_like_one() -> None:
    assert places.place("scans/a.jpg") == Path("scans/a.jpg")
    assert places.place("file:///scans/a%20b.jpg") == Path("/scans/a b.jpg")
    at = places.place("https://host:8080/old%20town/a b.jpg?size=1")
    assert isinstance(at, Url)
    assert (at.name, at.stem, at.suffix) == ("a b.jpg", "a b", ".jpg")
    assert str(at) == "https://host:8080/old%20town/a%20b.jpg?size=1"
    key = places.place("s3://bucket/a?b#c.jpg")  # which a store takes as it is
    assert isinstance(key, Url)
    assert str(key.parent / "x" / "y.jpg") == "s3://bucket/x/y.jpg"
    assert str(key.with_name("z.jpg")) == "s3://bucket/z.jpg"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gs://bucket/a.jpg", "not read"),
        ("s3:///a.jpg", "no bucket"),
        ("http:///a.jpg", "no server"),
        ("https://me:secret@host/a.jpg", "password"),
        ("file://other/a.jpg", "another machine"),
    ],
)
def test_urls_that_are_not_read_say_so_and_keep_secrets(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        places.place(text)
    assert "secret" not in str(caught.value)


def test_a_store_is_coloured_into_a_store_and_gone_on_with(
    archive: Store, tmp_path: Path, tinct: Command
) -> None:
    names = {"a.jpg": ".jpg", "deep/b.png": ".png", "deep/er/c.tif": ".tif"}
    for number, (name, suffix) in enumerate(names.items()):
        archive.put(f"in/{name}", picture(number, suffix=suffix))
    archive.put("in/bad.jpg", b"no picture")
    archive.put("in/notes.txt", b"no picture either")
    archive.put("in/.hidden/d.jpg", picture(7))
    command: list[object] = [
        "colorize",
        "-r",
        f"{archive.url}/in/",
        "-o",
        f"{archive.url}/out/",
        "--sidecar",
    ]
    command += ["--journal", tmp_path / "journal", "--report", tmp_path / "report.csv"]
    command += ["--report", tmp_path / "report.html", "--json"]
    first = tinct(*command, environment=archive.environment)
    assert first.returncode == 1, first.stderr
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    summary = lines[-1]
    assert (summary["done"], summary["failed"]) == (3, 1)
    made = {f"out/{Path(n).with_suffix('')}.colorized{s}" for n, s in names.items()}
    results = {key for key in archive.keys("out/") if not key.endswith(".json")}
    assert results == made
    assert len(archive.keys("out/")) == 6  # with a record beside each
    for name, suffix in names.items():
        given, got = tmp_path / f"given{suffix}", tmp_path / f"got{suffix}"
        given.write_bytes(archive.get(f"in/{name}"))
        got.write_bytes(archive.get(f"out/{Path(name).with_suffix('')}.colorized{suffix}"))
        assert verify(given, got).ok
    with (tmp_path / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["failed", "coloured", "coloured", "coloured"]
    assert rows[0]["input"] == f"{archive.url}/in/bad.jpg"
    assert (tmp_path / "report.html").read_text("utf-8").count("data:image/webp") == 6

    before = archive.changed("out/")
    archive.put("in/bad.jpg", picture(9))  # mended
    archive.put("in/deep/b.png", picture(5, suffix=".png"))  # changed since
    for key in archive.keys("out/a."):
        archive.client.delete_object(Bucket=archive.bucket, Key=key)
    command[-1:] = ["--on-exists", "overwrite"]
    sleep(1.1)  # the store says when an object was put to a second
    second = tinct(*command, environment=archive.environment)
    assert second.returncode == 0, second.stderr
    assert "3 coloured, 1 coloured before" in second.stderr
    after = archive.changed("out/")
    kept = "out/deep/er/c.colorized.tif"
    assert {key for key in made if after.get(key) == before.get(key)} == {kept}


def test_what_lies_in_a_store_is_not_replaced(
    archive: Store, tmp_path: Path, tinct: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.put("kept/a.jpg", picture(1))
    archive.put("kept/a.colorized.jpg", b"somebody else's")
    done = tinct("colorize", f"{archive.url}/kept/a.jpg", environment=archive.environment)
    assert (done.returncode, done.stdout) == (4, "")
    assert "exists already" in done.stderr
    assert archive.get("kept/a.colorized.jpg") == b"somebody else's"
    # one that appears after the plan was made is refused by the store when the result is put
    monkeypatch.setattr(remote, "state", lambda url: None)
    late = tmp_path / "late"
    late.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        remote.put(late, Url(archive.url, "kept/a.colorized.jpg"), overwrite=False)
    assert archive.get("kept/a.colorized.jpg") == b"somebody else's"


def test_names_in_a_store_do_not_lead_out_of_the_folder(
    archive: Store, tmp_path: Path, tinct: Command
) -> None:
    archive.put("evil/../../escaped.jpg", picture(1))
    archive.put("evil/good.jpg", picture(2))
    out = tmp_path / "deep" / "out"
    done = tinct(
        "colorize", "-r", f"{archive.url}/evil/", "-o", out, environment=archive.environment
    )
    assert done.returncode == 1, done.stderr
    assert "is no path" in done.stderr
    found = {path.name for path in tmp_path.rglob("*.jpg")}
    assert found == {"good.colorized.jpg"}


def test_patterns_and_single_results(archive: Store, tmp_path: Path, tinct: Command) -> None:
    for number in range(3):
        archive.put(f"many/{number}/x{number}.jpg", picture(number))
    out = tmp_path / "out"
    done = tinct(
        "colorize", f"{archive.url}/many/*/x[01].jpg", "-o", out, environment=archive.environment
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.glob("*.jpg")} == {"x0.colorized.jpg", "x1.colorized.jpg"}
    target = f"{archive.url}/one/result.png"
    given = tmp_path / "given.jpg"
    given.write_bytes(picture(4))
    done = tinct("colorize", given, "-o", target, environment=archive.environment)
    assert done.returncode == 0, done.stderr
    assert archive.get("one/result.png").startswith(b"\x89PNG")


def test_a_web_server_is_read_as_far_as_it_lists(site: Web, tmp_path: Path, tinct: Command) -> None:
    out = tmp_path / "out"
    site.failing["/scans/a.jpg"] = 1
    done = tinct("colorize", "-r", f"{site.url}/scans/", "-o", out)
    assert done.returncode == 0, done.stderr
    made = {path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.is_file()}
    assert made == {".tinct-journal.jsonl", "a.colorized.jpg", "old town/b.colorized.png"}
    fetched = site.asked["GET /scans/a.jpg"]
    again = tinct("colorize", "-r", f"{site.url}/scans/", "-o", out)
    assert "2 coloured before" in again.stderr
    assert site.asked["GET /scans/a.jpg"] == fetched  # what has not changed is not fetched
    (listed := tmp_path / "list").write_text(f"{site.url}/scans/a.jpg?x=1\n{site.url}/none.jpg\n")
    done = tinct("colorize", "--files-from", listed, "-o", tmp_path / "listed/")
    assert done.returncode == 1
    assert "no such object" in done.stderr
    assert (tmp_path / "listed" / "scans" / "a.colorized.jpg").is_file()


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, tinct: Command) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    nobody = f"http://127.0.0.1:{free_port()}"
    environment = {
        "AWS_ENDPOINT_URL": nobody,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    for words, code, told in (
        ([tmp_path / "a.jpg", "-o", "https://host/out/"], 2, "nothing can be written"),
        (["https://host/a.jpg", "-o", "-"], 2, "exclude each other"),
        ([f"{nobody}/a.jpg", "-o", tmp_path / "out/"], 3, "Connection refused"),
        ([tmp_path / "a.jpg", "-o", "s3://bucket/out.jpg"], 4, "cannot be used"),
    ):
        done = tinct("colorize", *words, environment=environment)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_only_the_inputs_and_results_of_a_batch_are_urls(
    site: Web, tmp_path: Path, tinct: Command
) -> None:
    import tinct as package

    with pytest.raises(Unreadable):
        package.colorize(f"{site.url}/scans/a.jpg")
    for words in (
        ["watch", tmp_path, "-o", "s3://bucket/out/"],
        ["watch", f"{site.url}/scans/", "-o", tmp_path / "out"],
        ["colorize", tmp_path, "--report", "s3://bucket/report.csv"],
        ["colorize", tmp_path, "--journal", "s3://bucket/journal"],
    ):
        done = tinct(*words)
        assert done.returncode == 2
        assert "is a URL" in done.stderr
    assert not site.asked


def test_a_store_that_wants_credentials_says_where_they_come_from(
    tmp_path: Path, tinct: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: Url) -> None:
        with remote._reading(url):
            raise PermissionError("Forbidden")

    monkeypatch.setattr(remote, "state", refuse)
    done = tinct("colorize", "s3://locked/a.jpg", "-o", tmp_path / "out/")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no rights to it (see docs/cluster.md for where credentials" in done.stderr
