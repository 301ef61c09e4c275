"""Reports of batches: failures first, nothing left out, nothing of others replaced."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from tests.programs import need
from tinct import cli
from tinct.batch import page
from tinct.batch.events import Summary
from tinct.batch.journal import NAME
from tinct.batch.report import COLUMNS, Report, Row, as_csv

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.linear_gradient("L").resize((60 + number, 50)).save(tmp_path / f"in/{number}.png")
    Image.new("RGB", (50, 50), (200, 10, 10)).save(tmp_path / "in/red.png")
    (tmp_path / "in/<b>.jpg").write_text("no picture")
    return tmp_path


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_report_tells_of_every_picture_with_failures_first(folder: Path) -> None:
    command = ["colorize", "-q", "in", "-o", "out", "--report", "r.csv", "--report", "r.html"]
    assert cli.run(command) == 1
    rows = table(folder / "r.csv")
    assert [row["status"] for row in rows] == [
        "failed",
        "coloured",
        "coloured",
        "coloured",
        "skipped",
    ]
    assert rows[0]["input"] == "in/<b>.jpg"
    assert rows[0]["code"] == "unreadable"
    assert rows[0]["remedy"]
    assert rows[1]["output"] == "out/0.colorized.png"
    assert (rows[1]["width"], rows[1]["height"]) == ("60", "50")
    assert len(rows[1]["sha256_out"]) == 64
    assert float(rows[1]["seconds"]) > 0
    text = (folder / "r.html").read_text(encoding="utf-8")
    assert "3 coloured, 1 skipped, 1 failed" in text
    assert text.count("data:image/webp;base64,") == 6
    assert "in/&lt;b&gt;.jpg" in text
    assert "<b>" not in text
    assert text.index("<h2>Failed") < text.index("<h2>Before and after")
    assert 'href="out/0.colorized.png"' in text
    assert not re.search(r'(src|href)="(https?:)?//', text)
    HTMLParser().feed(text)


def test_a_run_that_goes_on_reports_the_whole(folder: Path) -> None:
    command = ["colorize", "-q", "in", "-o", "out", "--report", "r.csv"]
    cli.run(command)
    first = {row["input"]: row for row in table(folder / "r.csv")}
    Image.linear_gradient("L").resize((70, 50)).save(folder / "in/new.png")
    cli.run(command)
    second = {row["input"]: row for row in table(folder / "r.csv")}
    assert second["in/new.png"]["status"] == "coloured"
    known = second["in/1.png"]
    assert known["status"] == "coloured before"
    assert {**known, "status": "coloured"} == first["in/1.png"]


def test_each_variant_has_a_row_and_is_made_once(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "in/<b>.jpg").unlink()
    command = ["colorize", "in", "-o", "out", "--variants", "2", "--report", "r.csv"]
    assert cli.run(command) == 0
    rows = table(folder / "r.csv")
    assert len(rows) == 8
    made = [row["output"] for row in rows if row["status"] == "coloured"]
    assert len(set(made)) == 6
    assert "out/1.colorized.2.png" in made
    (folder / "out/1.colorized.2.png").unlink()
    capfd.readouterr()
    assert cli.run(command) == 0
    assert "1 coloured, 5 coloured before, 2 skipped" in capfd.readouterr().err
    assert (folder / "out/1.colorized.2.png").exists()


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("r.txt", 2, "neither of HTML and CSV"),
        ("in/0.png", 4, "never written to"),
        ("in/notes.csv", 4, "no report of Tinct"),
        ("in/page.html", 4, "no report of Tinct"),
        ("folder.csv", 4, "cannot be written"),
    ],
)
def test_nothing_of_others_is_replaced(
    folder: Path, name: str, code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "in/notes.csv").write_text("name,year\n")
    (folder / "in/page.html").write_text("<!doctype html>")
    (folder / "folder.csv").mkdir()
    assert cli.run(["colorize", "in", "-o", "out", "--report", name]) == code
    assert message in capfd.readouterr().err
    assert not (folder / "out").exists()
    assert (folder / "in/notes.csv").read_text() == "name,year\n"


def test_a_report_that_cannot_be_written_in_the_end_is_said(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["colorize", "in", "-o", "out", "--report", "none/r.csv"]) == 4
    assert "none/r.csv" in capfd.readouterr().err
    assert (folder / "out/2.colorized.png").exists()


def test_what_was_not_begun_is_told(tmp_path: Path) -> None:
    from tinct.batch.plan import Task

    report = Report(tmp_path / "r.csv")
    report.planned([Task(Path("a"), Path("b"), named=True)])
    report.finished(Summary(total=1, interrupted=True))
    assert table(tmp_path / "r.csv")[0]["status"] == "not begun"


def test_any_name_fits_into_a_table(tmp_path: Path) -> None:
    row = Row(status="failed", input='a,"\n\udcff.jpg', output="b")
    (tmp_path / "r.csv").write_text(as_csv([row]), "utf-8", errors="backslashreplace", newline="")
    (found,) = table(tmp_path / "r.csv")
    assert tuple(found) == COLUMNS
    assert found["input"] == 'a,"\n\\udcff.jpg'


def test_a_page_of_many_is_bounded_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAIRS", 6)
    Image.linear_gradient("L").save(tmp_path / "a.png")
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "b.png")
    rows = [
        Row(
            status="coloured",
            input=str(tmp_path / "a.png"),
            output=str(tmp_path / "b.png"),
            warnings="odd" if number < 200 else "",
        )
        for number in range(1500)
    ]
    text = page.as_html(rows, Summary(total=1500, done=1500), folder=tmp_path)
    assert text.count("<figure>") == page.PAIRS
    assert text.count('<tr class="coloured">') == page.ROWS
    assert text.count("<small>odd</small>") == page.PAIRS // 2
    assert "6 of 1,500" in text
    assert "first 1,000 of 1,500" in text


@pytest.mark.slow
def test_the_page_is_accessible(folder: Path) -> None:
    need("chromium", "chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    cli.run(["colorize", "-q", "in", "-o", "out", "--report", "r.html"])
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        view = browser.new_page(viewport={"width": 390, "height": 800})
        view.goto((folder / "r.html").as_uri())
        assert axe.Axe().run(view).violations_count == 0
        assert view.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()


def test_parts_fill_one_folder(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for part in ("1/2", "2/2"):
        cli.run(["colorize", "-q", "in", "-o", "out", "--shard", part])
    capfd.readouterr()
    names = {path.name for path in (folder / "out").iterdir()}
    assert {"0.colorized.png", "1.colorized.png", "2.colorized.png"} <= names
    assert names & {".tinct-journal.1-of-2.jsonl", ".tinct-journal.2-of-2.jsonl"}
    cli.run(["colorize", "in", "-o", "out"])  # the whole knows what its parts did
    assert "0 coloured, 3 coloured before, 1 skipped, 1 failed" in capfd.readouterr().err
    assert "red" not in (folder / "out" / NAME).read_text()


@pytest.mark.parametrize("shard", ["0/2", "3/2", "x", "1", "1/0", "-1/2"])
def test_parts_that_are_none(shard: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["colorize", "x", f"--shard={shard}"]) == 2
    assert "no part of a whole" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["in", "-o", "out", "--journal", "j.jsonl", "--no-journal"], "excludes --no-journal"),
        (["-", "--report", "r.csv"], "not streams"),
        (["in", "-o", "out", "--journal", "in/0.png"], "is no journal of Tinct"),
    ],
)
def test_options_that_do_not_fit(
    folder: Path, words: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "in/0.png").read_bytes()
    assert cli.run(["colorize", *words]) in (2, 4)
    assert message in capfd.readouterr().err
    assert (folder / "in/0.png").read_bytes() == before


def test_one_picture_has_no_journal_unless_it_is_asked_for(folder: Path) -> None:
    assert cli.run(["colorize", "-q", "in/0.png", "-o", "out/"]) == 0
    assert not (folder / "out" / NAME).exists()
    assert cli.run(["colorize", "-q", "in", "-o", "apart", "--no-journal"]) == 1
    assert not (folder / "apart" / NAME).exists()
    words = ["colorize", "-q", "in/0.png", "--journal", "notes.jsonl"]
    assert cli.run(words) == 0
    assert cli.run(words) == 0
    assert (folder / "notes.jsonl").read_text().count('"event": "done"') == 1
