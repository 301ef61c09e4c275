"""The report recovers what is true of simulated participants, within its own intervals."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.studies import believer, make_study, take_part
from tests.test_report import Page
from tinct.cli import run
from tinct.study.findings import collect, figures
from tinct.study.folder import Study
from tinct.study.options import ORIGINAL
from tinct.study.plan import Slot
from tinct.study.store import Store

Report = Callable[..., tuple[int, str, str]]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    def call(study: Study, *words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["study", "report", str(study.folder), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def simulated(study: Study, answer: Callable[[Slot], int], people: int) -> dict[str, Any]:
    """The figures of a study after `people` have taken part."""
    store = Store(study, chance=random.Random(11))
    store._base.execute("PRAGMA synchronous = OFF")  # the figures are tested, not the disk
    for _ in range(people):
        take_part(store, answer)
    store.close()
    return figures(study, collect(study))


def test_shares_and_fooling_rates_are_recovered(tmp_path: Path) -> None:
    study = make_study(tmp_path, per_participant=12)
    rates = {ORIGINAL: 0.75, "way-0": 0.6, "way-1": 0.2}
    found = simulated(study, believer(rates), 120)
    assert found["participants"]["votes"] == 120 * 12
    for row in found["ways"]:
        share, rate = row["share"], rates[row["name"]]
        assert share["low"] <= rate <= share["high"]
        assert share["high"] - share["low"] < 0.12
        low, high = row["share_by_participants"]
        assert low <= rate <= high
        if row["name"] != ORIGINAL:
            fooling = row["fooling"]
            assert fooling["low"] <= rate / rates[ORIGINAL] <= fooling["high"]
            low, high = row["fooling_by_participants"]
            assert low <= rate / rates[ORIGINAL] <= high
    assert abs(found["agreement"]["value"]) < 0.35
    assert sum(way["votes"] for one in found["pictures"] for way in one["ways"]) == 1440


def test_preferences_are_recovered(tmp_path: Path) -> None:
    study = make_study(tmp_path, mode="pair", per_participant=12)
    true = {ORIGINAL: 1.0, "way-0": 0.2, "way-1": -1.2}
    chance = random.Random(8)

    def answer(slot: Slot) -> int:
        if slot.check:
            return slot.ways.index(ORIGINAL)
        odds = true[slot.ways[1]] - true[slot.ways[0]]
        return int(chance.random() < 1 / (1 + np.exp(-odds)))

    found = simulated(study, answer, 120)
    for row in found["ways"]:
        assert row["score"]["low"] <= true[row["name"]] <= row["score"]["high"]
        if row["name"] != ORIGINAL:
            beats = 1 / (1 + np.exp(true[ORIGINAL] - true[row["name"]]))
            assert row["beats_original"]["low"] <= beats <= row["beats_original"]["high"]
    for row in found["pairs"]:
        rate = 1 / (1 + np.exp(true[row["other"]] - true[row["name"]]))
        assert row["share"]["low"] <= rate <= row["share"]["high"]
    assert sum(row["votes"] for row in found["pairs"]) == 1440


def test_ratings_are_recovered(tmp_path: Path) -> None:
    study = make_study(tmp_path, mode="rate", per_participant=12)
    means = {ORIGINAL: 4.2, "way-0": 3.4, "way-1": 1.8}
    chance = np.random.default_rng(4)

    def answer(slot: Slot) -> int:
        # 1 and four draws of one half or so: the mean is known, the answers are whole
        return 1 if slot.check else 1 + int(chance.binomial(4, (means[slot.ways[0]] - 1) / 4))

    found = simulated(study, answer, 120)
    for row in found["ways"]:
        mean = row["mean"]
        assert mean["low"] <= means[row["name"]] <= mean["high"]
        assert sum(row["counts"]) == row["votes"] == 480
    assert found["agreement"]["value"] > 0.3


def test_who_fails_attention_checks_is_left_out_unless_allowed(
    tmp_path: Path, report: Report
) -> None:
    study = make_study(tmp_path)
    store = Store(study)
    good = believer({ORIGINAL: 0.8, "way-0": 0.4, "way-1": 0.4})
    for _ in range(6):
        take_part(store, good)
    for _ in range(3):
        take_part(store, lambda _: 1)  # says real to everything, to loud colours too
    store.close()
    found = json.loads(report(study, "--json")[1])
    people = found["participants"]
    assert (people["answered"], people["scored"], people["excluded"]) == (9, 6, 3)
    assert people["checks"] == {"answered": 18, "failed": 6, "allowed": 0}
    assert people["votes"] == 48
    kept = json.loads(report(study, "--json", "--allow-failed", 2)[1])["participants"]
    assert (kept["scored"], kept["excluded"], kept["always_the_same"]) == (9, 0, 3)
    assert report(study, "--allow-failed", "-1")[0] == 2
    with (study.folder / "answers.sqlite").open("rb"):
        code, out, err = report(study)
    assert code == 0
    assert "6 scored, 3 left out for failed attention checks, 9 of 9 finished" in out
    assert not err


def test_all_failing_is_one_line(tmp_path: Path, report: Report) -> None:
    study = make_study(tmp_path)
    store = Store(study)
    take_part(store, lambda _: 1)
    store.close()
    code, out, err = report(study)
    assert (code, out) == (3, "")
    assert "no answers are left: everybody failed" in err


@pytest.mark.parametrize("mode", ["real", "pair", "rate"])
def test_the_page_and_the_table_hold_everything(tmp_path: Path, report: Report, mode: str) -> None:
    study = make_study(tmp_path, mode=mode, sample="stratified", title="Real <or> not?")
    store = Store(study)
    chance = random.Random(1)

    def answer(slot: Slot) -> int:
        if slot.check:
            return slot.ways.index(ORIGINAL) if mode == "pair" else int(mode == "rate")
        return chance.randrange(2) + (mode == "rate")

    tokens = [take_part(store, answer, response_ms=1234) for _ in range(8)]
    store.close()
    page, table = tmp_path / "report.html", tmp_path / "votes.csv"
    code, out, _ = report(study, "--html", page, "--csv", table, "--json")
    assert code == 0
    found = json.loads(out)
    html = Page(page.read_text(encoding="utf-8"))
    assert all(one.startswith("data:") for one in html.references)
    assert "Real <or> not?" in html.words
    for row in found["ways"]:
        assert row["name"] in html.words
        assert row["median_response_ms"] == 1234
    assert found["study"]["sha256"] == study.sha256
    assert study.sha256 in html.words
    assert {row["category"] for row in found["categories"]} == {"photos", "paintings"}
    assert len(html.references) == len(study.pictures) * 3
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert len(rows) == 80
    assert {row["participant"] for row in rows} == {str(number) for number in range(1, 9)}
    assert sum(row["check"] == "1" for row in rows) == 16
    everything = out + page.read_text("utf-8") + table.read_text("utf-8")
    assert not any(token in everything for token in tokens)


def test_scores_that_cannot_be_told_are_not(tmp_path: Path, report: Report) -> None:
    study = make_study(tmp_path, mode="pair", ways=1)
    store = Store(study)
    for _ in range(3):
        take_part(store, lambda slot: slot.ways.index(ORIGINAL))
    store.close()
    code, out, _ = report(study)
    assert code == 0
    assert "not to be told" in out
    assert "100.0 %" in out
    assert report(study, "--html", tmp_path / "page.html")[0] == 0


def test_a_single_vote_makes_a_report(tmp_path: Path, report: Report) -> None:
    for mode in ("real", "pair", "rate"):
        study = make_study(tmp_path / mode, mode=mode, count=8, attention_checks=0)
        store = Store(study)
        token = "a" * 32
        trial = store.join(token).trial
        assert trial is not None
        store.answer(token, trial.id, 1, 400)
        store.close()
        code, out, _ = report(study, "--html", tmp_path / f"{mode}.html")
        assert code == 0
        assert "1 scored" in out


@pytest.mark.parametrize("option", ["--html", "--csv"])
def test_a_report_replaces_an_earlier_one_and_nothing_else(
    tmp_path: Path, report: Report, option: str
) -> None:
    """Least of all the answers it is made of."""
    study = make_study(tmp_path, mode="real", attention_checks=0)
    simulated(study, lambda _: 1, 3)
    target = tmp_path / "report"
    for _ in range(2):
        code, _, err = report(study, "--allow-failed", 9, option, target)
        assert code == 0, err
    mine = tmp_path / "letter.txt"
    mine.write_text("dear you")
    for file in (study.folder / "answers.sqlite", study.folder / "study.json", mine):
        before = file.read_bytes()
        code, _, err = report(study, "--allow-failed", 9, option, file)
        assert (code, "no report of Tinct" in err) == (4, True), err
        assert file.read_bytes() == before


def test_page_and_table_are_two_files(tmp_path: Path, report: Report) -> None:
    study = make_study(tmp_path, mode="real", attention_checks=0)
    simulated(study, lambda _: 1, 3)
    code, _, err = report(study, "--html", tmp_path / "a", "--csv", tmp_path / "a")
    assert (code, "one file for both" in err) == (2, True)
    assert not (tmp_path / "a").exists()
