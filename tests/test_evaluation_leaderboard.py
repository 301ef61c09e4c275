"""docs/leaderboard.md says what the committed results say, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.networks import network
from tests.test_evaluation_run import SMALL, scene
from tinct.errors import InputError
from tinct.evaluation.leaderboard import PAGE, PEERS, RESULTS, current, joined
from tinct.evaluation.results import as_json, read_record, without_pictures
from tinct.evaluation.run import evaluate

ROOT = Path(__file__).parent.parent


def test_the_page_is_made_of_its_results() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == current(ROOT)


def test_the_results_are_whole_and_small() -> None:
    files = [file for file in (ROOT / RESULTS).glob("*.json") if file.name != PEERS]
    records = [read_record(file) for file in files]
    sets = {one["name"]: one for record in records for one in record["sets"]}
    assert set(sets) >= {"paintings", "photos"}
    for one in sets.values():
        assert one["n"] == 250
        assert len(one["sha256"]) == 64
        names = [way["name"] for way in one["ways"]]
        assert names[0] == "grey"
        assert {"oracle mean a*b*", "truth"} < set(names)
        assert all(not way["pictures"] for way in one["ways"])
    assert sum(file.stat().st_size for file in files) < 400_000


def test_records_of_the_same_pictures_are_one_table_and_others_are_not() -> None:
    def record(name: str, *, sha256: str = "ab", error: float = 9.0) -> dict[str, Any]:
        ways = [
            {"name": "grey", "kind": "baseline"},
            {"name": name, "kind": "model", "error": error},
            {"name": "truth", "kind": "baseline"},
        ]
        groups = {"artist": {"Monet": {"n": 5, "ways": {"grey": 1, name: error}}}}
        one = {"name": "oils", "sha256": sha256, "tint": [1, 5], "ways": ways, "groups": groups}
        about = dict.fromkeys(("protocol", "against", "seed", "resamples", "features"), 1)
        return {**about, "sets": [one]}

    found = joined([record("a"), record("b"), record("a", sha256="cd"), record("b", error=8.0)])
    assert [len(one["sets"]) for one in found] == [1, 1]
    ways = found[0]["sets"][0]["ways"]
    assert [way["name"] for way in ways] == ["grey", "b", "a", "truth"]
    assert ways[1]["error"] == 8.0
    assert found[0]["sets"][0]["groups"]["artist"]["Monet"]["ways"] == {"grey": 1, "a": 9, "b": 8}


def test_a_record_becomes_a_page_and_a_stale_page_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setenv("TINCT_DATA", str(tmp_path / "absent"))
    (tmp_path / "oils").mkdir()
    for number in range(3):
        Image.fromarray(scene(number)).save(tmp_path / "oils" / f"{number}.png")
    found = evaluate([network(tmp_path / "own.onnx")], tmp_path / "oils", options=SMALL)
    file = tmp_path / "results.json"
    file.write_text(as_json(found.record), encoding="utf-8")
    assert read_record(file) == found.record
    assert not any(way["pictures"] for way in without_pictures(found.record)["sets"][0]["ways"])
    (tmp_path / RESULTS).mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    table = {"title": "Set", "note": "n.", "source": "s", "head": ["system"], "rows": [["CIC"]]}
    (tmp_path / RESULTS / PEERS).write_text(json.dumps({"tables": [table]}))
    command = [sys.executable, "-m", "tinct.evaluation.leaderboard"]
    add = [*command, "--add", str(file), "mine"]
    subprocess.run(add, cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "| alpha.test | 2 |" in page
    assert (
        page.index("alpha.test")
        < page.index("Other pictures, other protocols")
        < page.index("| CIC |")
    )
    (tmp_path / PAGE).write_text(page.replace("alpha.test", "beta.test"))
    checked = subprocess.run([*command, "--check"], cwd=tmp_path, check=False, capture_output=True)
    assert checked.returncode == 1
    file.write_text("{}")
    with pytest.raises(InputError, match="no record"):
        read_record(file)
