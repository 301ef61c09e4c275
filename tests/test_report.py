from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.errors import UsageError
from tinct.training.log import RunLog
from tinct.training.plots import write_plots
from tinct.training.report import write_report
from tinct.training.sheet import SheetRow, write_sheet

MEASURES = {
    "network": {"loss": 0.0123, "ciede2000": 10.92, "lab_accuracy_5": 0.5663, "larger_of_a_b": 0.9},
    "grey": {"ciede2000": 13.31, "lab_accuracy_5": 0.2834, "larger_of_a_b": 0.02},
    "tint": {"ciede2000": 12.2, "lab_accuracy_5": 0.3, "larger_of_a_b": 0.85},
    "oracle": {"ciede2000": 9.1, "lab_accuracy_5": 0.6, "larger_of_a_b": 0.88},
}
VOID = {"meta", "img", "source", "input", "br"}


class Page(HTMLParser):
    """What a page refers to and says, and whether its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            assert dict(attrs).get("alt")
        for name, value in attrs:
            if name in {"src", "srcset", "href", "data", "poster", "action"}:
                self.references.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words += data


def train(run: Path, steps: int = 60) -> None:
    with RunLog(run, total=60, quiet=True) as log:
        for step in range(1, steps + 1):
            log.train(
                step=step,
                epoch=step / 20,
                losses={"loss": 1 / step, "adversarial": float("nan") if step == 7 else 0.5},
                rates={"network": 1e-3, "full": 2e-4},
                images_per_second=20,
                waiting=0,
            )
            if step % 20 == 0:
                log.validation(
                    step=step, epoch=step / 20, measures=MEASURES, pictures=12, best=step == 40
                )
        log.note(step=steps, text="rate <halved> & more")


def whole_run(run: Path, sheets: int = 14) -> Path:
    train(run)
    flat = np.full((16, 16, 3), 90, np.uint8)
    row = SheetRow(np.full((16, 16), 50, np.float32), flat, flat)
    for number in range(sheets):
        write_sheet(run / "sheets" / f"{100 * number:08}.png", [row])
    (run / "recipe.toml").write_text(
        'system = "koalarization"\nname = "<b>mine</b>"\n[stop]\nsteps = 60\n', encoding="utf-8"
    )
    data = {"pictures": 12345, "unreadable": [["a<1>.jpg", "truncated"]], "sha256": "9f2c"}
    (run / "data.json").write_text(json.dumps(data), encoding="utf-8")
    (run / "environment.json").write_text('{"versions": {"torch": "2.13"}, "git": null}')
    return run


def test_the_page_holds_everything_and_refers_to_nothing_outside(tmp_path: Path) -> None:
    page = write_report(whole_run(tmp_path))
    assert page == tmp_path / "report.html"
    text = page.read_text(encoding="utf-8")
    parsed = Page(text)
    pictures = parsed.references
    assert all(reference.startswith("data:image/") for reference in pictures)
    assert not re.search(r"url\(|@import|https?://", text)
    sheets = [reference for reference in pictures if reference.startswith("data:image/jpeg")]
    assert len(sheets) == 10  # the first and the last among them
    assert "step 0" in parsed.words
    assert "step 1300" in parsed.words
    assert len([reference for reference in pictures if "svg" in reference]) == 6  # light and dark
    words = parsed.words.replace("\N{NO-BREAK SPACE}", " ")
    for said in (
        "koalarization: <b>mine</b>",
        "Step 60 of 60, epoch 3.0",
        "figures are of step 40, the best",
        "grey 13.31, tint 12.20",
        "56.6 %",
        "b* > a* agrees",
        "40 (best)",
        "oracle: each picture's true mean colour",
        "rate <halved> & more",
        "12 345",
        "a<1>.jpg: truncated",
        "versions.torch",
        "not known",
        'name = "<b>mine</b>"',
    ):
        assert said in words, said


def test_a_page_needs_the_history_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no history\.jsonl"):
        write_report(tmp_path)
    RunLog(tmp_path, total=1, quiet=True).close()  # interrupted at once
    assert "Nothing has been learned yet." in write_report(tmp_path).read_text(encoding="utf-8")
    train(tmp_path, steps=1)
    (tmp_path / "recipe.toml").write_text("system = ", encoding="utf-8")  # cut short
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "00000001.png").write_bytes(b"not a picture")
    parsed = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert tmp_path.name in parsed.words
    assert "Validations" not in parsed.words
    with RunLog(tmp_path, total=None, quiet=True) as log:
        diverged = {"network": {"loss": float("nan")}}
        log.validation(step=1, epoch=0, measures=diverged, pictures=1, best=False)
    assert "Validations" in Page(write_report(tmp_path).read_text(encoding="utf-8")).words
    write_plots(tmp_path)


def test_the_history_as_json_and_csv_is_complete(tmp_path: Path) -> None:
    train(tmp_path)
    write_report(tmp_path)
    history = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))
    assert [len(history[kind]) for kind in ("train", "validation", "note")] == [60, 3, 1]
    with (tmp_path / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 64
    assert list(rows[0])[:4] == ["event", "step", "epoch", "seconds"]
    expected = {"losses.loss", "losses.adversarial", "rates.network", "rates.full"}
    expected |= {f"measures.{who}.{name}" for who, all_ in MEASURES.items() for name in all_}
    expected |= {"images_per_second", "waiting", "best", "pictures", "text"}
    assert expected < set(rows[0])
    assert rows[0]["losses.loss"] == "1.0"
    assert rows[6]["losses.adversarial"] == ""
    assert rows[20]["event"] == "validation"
    assert rows[20]["measures.grey.ciede2000"] == "13.31"


def test_plots_are_pictures_and_leave_out_what_there_is_not(tmp_path: Path) -> None:
    write_plots(tmp_path)
    assert not list(tmp_path.glob("*.png"))
    train(tmp_path, steps=10)
    write_plots(tmp_path)
    assert sorted(file.name for file in tmp_path.glob("*.png")) == ["loss.png", "rate.png"]
    train(tmp_path)
    write_plots(tmp_path)
    for name in ("loss", "accuracy", "rate"):
        with Image.open(tmp_path / f"{name}.png") as plot:
            assert plot.format == "PNG"
            assert len(plot.convert("RGB").getcolors(1 << 20) or ()) > 50
    before = (tmp_path / "loss.png").read_bytes()
    write_plots(tmp_path)
    assert (tmp_path / "loss.png").read_bytes() == before


def test_drawing_is_not_imported_until_it_is_wanted() -> None:
    script = (
        "import sys\n"
        "import tinct.training.log, tinct.training.plots, tinct.training.report\n"
        "assert 'matplotlib' not in sys.modules and 'tensorboard' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_matplotlib_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, steps=2)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "tinct\[train\]"'):
        write_plots(tmp_path)
