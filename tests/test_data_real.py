"""From real pictures to a set, with the verbs as they are typed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinct.cli import run
from tinct.datasets.cleaned import read_verdicts
from tinct.datasets.manifest import TSV, read_manifest
from tinct.datasets.pictures import open_pile
from tinct.datasets.split import artist_key
from tinct.training.pictures import open_pictures


@pytest.fixture(scope="module")
def train() -> Path:
    """The shards of the training set, with their manifest."""
    folder = Path(os.environ.get("TINCT_DATA", "../shared/data")) / "train"
    if not (folder / TSV).is_file():
        pytest.skip("no training pictures: TINCT_DATA names no folder that holds them")
    return folder


@pytest.fixture(scope="module")
def pile(train: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every 36th picture of them: 600."""
    folder = tmp_path_factory.mktemp("real") / "pile"
    folder.mkdir()
    for shard in train.glob("*.tar"):
        (folder / shard.name).symlink_to(shard.resolve())
    head, *lines = (train / TSV).read_text(encoding="utf-8").splitlines()
    (folder / TSV).write_text("\n".join([head, *lines[::36]]) + "\n", encoding="utf-8")
    (folder / "exclude.txt").write_bytes((train / "exclude.txt").read_bytes())
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """What a verb prints for programs at its end."""
    capsys.readouterr()
    assert run(["data", *map(str, words), "--json"]) == 0
    last: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return last


@pytest.mark.slow
def test_real_pictures_from_end_to_end(
    pile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_manifest(pile / TSV)
    assert len(rows) == 600

    cleaned = said(capsys, "clean", pile, "--least=150", "-o", tmp_path / "clean")
    assert cleaned["pictures"] == 600
    reasons: dict[str, int] = cleaned["reasons"]
    assert set(reasons) <= {"small", "aspect", "grey", "text", "white", *("border", "frame")} | {
        *("clipart", "duplicate")
    }, "all of them can be read"
    report = tmp_path / "clean" / "report.tsv"
    with report.open(encoding="utf-8", newline="") as file:
        assert Counter(row["reason"] for row in csv.DictReader(file, delimiter="\t")) == reasons

    words = ["build", pile, tmp_path / "set", "--cleaned", report, "--size=64", "--format=jpeg"]
    built = said(capsys, *words, "--validation=0.1", "--test=0.1")
    dropped = {where for where, verdict in read_verdicts(report).items() if verdict.drop}
    held_back = set((pile / "exclude.txt").read_text(encoding="utf-8").split())
    left = [row for row in rows if row.where not in dropped and row.id not in held_back]
    assert built["pictures"] == len(left)
    assert built["unreadable"] == 0
    made = read_manifest(tmp_path / "set" / TSV)
    assert {row.id for row in made} == {row.id for row in left}
    for split in ("validation", "test"):
        assert 0.05 < built["splits"][split] / len(made) < 0.15
    sides: dict[str, set[str]] = {}
    for row in made:
        sides.setdefault(artist_key(row), set()).add(row.split)
    sides.pop("")
    assert len(sides) > 60
    assert all(len(some) == 1 for some in sides.values()), "no artist is on two sides"

    checked = said(capsys, "check", tmp_path / "set", "--decode", "--copies")
    assert (checked["pictures"], checked["problems"]) == (len(made), 0)
    figures = said(capsys, "stats", tmp_path / "set", "-o", tmp_path / "stats")
    assert figures["pictures"] == len(made)
    assert sum(figures["categories"].values()) == len(made)
    assert figures["splits"] == built["splits"]
    assert 20 < figures["colourfulness"]["mean"] < 60

    again = said(capsys, *words, "--validation=0.1", "--test=0.1")
    assert not again["anew"], "a second run changes nothing"
    learned = open_pictures(tmp_path / "set", shorter=64, folder=tmp_path / "cache")
    known = len(learned.training) + len(learned.validation) + learned.grey
    assert known == len(made) - built["splits"]["test"]


@pytest.mark.slow
def test_a_real_archive_becomes_a_folder_of_pictures(
    train: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard, folder = train / "photos-00.tar", tmp_path / "photos"
    got = said(capsys, "get", shard, folder, "--limit=60", "-j", "2")
    assert (got["saved"] + got["duplicate"], got["failed"]) == (60, 0)
    for row in open_pile(folder).rows:
        content = (folder / row.file).read_bytes()
        assert row.sha256 == hashlib.sha256(content).hexdigest()
        assert row.file == f"{row.sha256[:16]}.avif"
    assert said(capsys, "get", shard, folder, "--limit=60")["there"] == 60
    assert said(capsys, "check", folder, "--decode")["problems"] == 0


_BUILD = """
import resource, sys
from tinct.cli import run
code = run(["data", "build", sys.argv[1], sys.argv[2], "--size=16", "--format=jpeg", "-q"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss differs elsewhere")
def test_a_build_does_not_hold_its_pictures(tmp_path: Path) -> None:
    rng, peaks = np.random.default_rng(0), []
    for count in (400, 4000):
        pile = tmp_path / str(count)
        pile.mkdir()
        for number in range(count):
            coarse = rng.integers(0, 256, (5, 7, 3), np.uint8)
            Image.fromarray(coarse).resize((300, 220)).save(pile / f"{number}.jpg")
        command = [sys.executable, "-c", _BUILD, str(pile), str(tmp_path / f"set-{count}")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        code, peak = map(int, done.stdout.split()[-2:])
        assert code == 0
        peaks.append(peak / 1024)
    # decoded, 3,600 more would be 700 MB; their rows, hashes and candidates are some 20 kB each
    assert peaks[1] - peaks[0] < 150
