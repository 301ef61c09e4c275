"""Sets: manifests, splits that do not leak, builds that survive anything, and their check."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinct.cli import run
from tinct.datasets.build import build
from tinct.datasets.check import Problem, check
from tinct.datasets.encode import bring
from tinct.datasets.manifest import TSV, Row, as_tsv, read_manifest, write_manifest
from tinct.datasets.options import BuildOptions, Form
from tinct.datasets.pictures import open_pile
from tinct.datasets.staging import FOLDER
from tinct.errors import InputError, OutputExists, OutputUnwritable, UsageError
from tinct.training.pictures import open_pictures

SMALL = BuildOptions(form=Form(sizes=(24,), kind="jpeg"), validation=0.25)


def scene(seed: int, height: int = 40, width: int = 56) -> NDArray[np.uint8]:
    """A smooth colourful picture unlike those of other seeds."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def folder_of(path: Path, count: int = 12) -> Path:
    """Pictures in two folders."""
    for number in range(count):
        file = path / ("land" if number % 3 else "sea") / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(number)).save(file)
    return path


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("pile"))


# manifests


def test_both_manifests_say_the_same(tmp_path: Path) -> None:
    rows = [
        Row("a", "a.avif", "train-00000.tar", "0" * 64, title='tab\tand "quote"\nline', width=3),
        Row("b", "é.png", artist="Élisabeth Vigée Le Brun", year="1780–85", split="train"),
    ]
    write_manifest(tmp_path, rows)
    assert read_manifest(tmp_path / "manifest.tsv") == rows
    assert read_manifest(tmp_path / "manifest.parquet") == rows


def test_the_manifest_of_shards_without_files_is_read(tmp_path: Path) -> None:
    (tmp_path / TSV).write_text("id\tcategory\tartist\tshard\nx1\tpainting\tMonet\ta.tar\n")
    (row,) = read_manifest(tmp_path / TSV)
    assert row == Row("x1", shard="a.tar", artist="Monet", category="painting")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../b", "C:\\x.png"])
def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / TSV).write_text(as_tsv([Row("a", name)]))
    with pytest.raises(InputError, match="outside its folder"):
        read_manifest(tmp_path / TSV)


@pytest.mark.parametrize(
    ("text", "said"), [("colour\tshape\n1\t2\n", "no column id"), ("id\twidth\na\tx\n", "whole")]
)
def test_what_is_no_manifest_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / TSV).write_text(text)
    with pytest.raises(InputError, match=said):
        read_manifest(tmp_path / TSV)


def test_damaged_parquet_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(InputError, match="not a table"):
        read_manifest(tmp_path / "manifest.parquet")


# builds


def test_what_is_built_holds_and_can_be_trained_on(pile: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    built = build(pile, out, replace(SMALL, test=0.25))
    assert (built.pictures, built.left_out) == (12, [])
    assert not (out / FOLDER).exists()
    found = check(out, decoding=True, copies=True)
    assert found.problems == []
    assert found.splits == dict(built.splits) == {"train": 6, "validation": 3, "test": 3}
    rows = read_manifest(out / TSV)
    assert read_manifest(out / "manifest.parquet") == rows
    assert {row.category for row in rows} == {"land", "sea"}
    for row in rows:
        assert (row.width, row.height) == (34, 24)
        with tarfile.open(out / row.shard) as tar:
            data = tar.extractfile(row.file).read()  # type: ignore[union-attr]
        assert hashlib.sha256(data).hexdigest() == row.sha256
        assert row.shard.startswith(row.split)
    learned = open_pictures(out, shorter=24, validation=0.2, folder=tmp_path / "cache")
    assert len(learned.training) + len(learned.validation) == 9, "the test split is left out"


def test_the_same_build_gives_the_same_bytes(pile: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(pile, tmp_path / name, SMALL)
    for file in (tmp_path / "one").glob("*.*"):
        if file.suffix in {".tar", ".tsv"}:
            assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_second_run_changes_nothing_and_another_is_refused(pile: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    build(pile, out, SMALL)
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    assert not build(pile, out, SMALL).anew
    assert before == {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    shard = next(out.glob("*.tar"))
    shard.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{shard.name} .*gone"):
        build(pile, out, SMALL)
    (tmp_path / "elsewhere").rename(shard)
    with pytest.raises(OutputExists, match="other settings"):
        build(pile, out, replace(SMALL, seed=1))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(OutputExists, match="not empty"):
        build(pile, tmp_path / "full", SMALL)
    with pytest.raises(UsageError, match="lies in the folder"):
        build(pile, pile / "set", SMALL)


def test_pictures_that_were_written_anew_are_noticed(tmp_path: Path) -> None:
    pile = folder_of(tmp_path / "pile", 4)
    build(pile, tmp_path / "set", SMALL)
    Image.fromarray(scene(99)).save(pile / "sea" / "00.png")
    with pytest.raises(OutputExists, match="other pictures"):
        build(pile, tmp_path / "set", SMALL)


def test_variants_share_one_split(pile: Path, tmp_path: Path) -> None:
    options = replace(SMALL, form=Form(sizes=(8, 32, 16), fit="centre", kind="webp"))
    build(pile, tmp_path / "set", options)
    sets = {size: read_manifest(tmp_path / "set" / str(size) / TSV) for size in (8, 16, 32)}
    for size, rows in sets.items():
        assert {(row.width, row.height) for row in rows} == {(size, size)}
        assert [(row.id, row.split) for row in rows] == [(r.id, r.split) for r in sets[8]]
    found = check(tmp_path / "set")
    assert (found.pictures, found.problems) == (36, [])


def test_a_grey_copy_of_a_folder_keeps_its_names(pile: Path, tmp_path: Path) -> None:
    form = Form(sizes=(4000,), kind="png", grey=True)
    out = tmp_path / "grey"
    build(pile, out, BuildOptions(form=form, layout="files", validation=0))
    assert check(out).problems == []
    for file in pile.rglob("*.png"):
        with Image.open(out / file.relative_to(pile)) as copy, Image.open(file) as original:
            assert copy.mode == "L"
            difference = np.asarray(copy, int) - np.asarray(original.convert("L"), int)
            assert np.abs(difference).max() <= 1


def test_nothing_is_enlarged_padded_or_squashed() -> None:
    wide = np.zeros((20, 100, 3), np.uint8)
    wide[:, 70:90] = scene(3, 20, 20)
    from tests.pictures import encoded

    data = encoded(wide, "PNG")
    (whole,) = bring(data, Form(sizes=(64,)))
    assert whole.shape == (20, 100, 3)
    (small,) = bring(data, Form(sizes=(10,)))
    assert small.shape == (10, 50, 3)
    (centre,) = bring(data, Form(sizes=(64,), fit="centre"))
    assert centre.shape == (20, 20, 3)
    assert centre.max() == 0
    (content,) = bring(data, Form(sizes=(64,), fit="content"))
    assert content.shape == (20, 20, 3)
    assert (content.max(2) > 0).mean() > 0.7
    (box,) = bring(data, Form(sizes=(64,)), box=(0.7, 0.0, 0.9, 1.0))
    assert np.array_equal(box, wide[:, 70:90])


def test_bad_pictures_and_twins_are_reported(pile: Path, tmp_path: Path) -> None:
    source = tmp_path / "pile"
    shutil.copytree(pile, source)
    (source / "page.jpg").write_bytes(b"<html>404 Not Found</html>")
    (source / "cut.png").write_bytes((source / "sea" / "00.png").read_bytes()[:300])
    shutil.copy(source / "sea" / "00.png", source / "z-twin.png")
    Image.fromarray(scene(99, 6, 9)).save(source / "tiny.png")
    assert (
        run(["data", "build", str(source), str(tmp_path / "set"), "--size=24", "--least=10"]) == 1
    )
    report = (tmp_path / "set" / "report.tsv").read_text(encoding="utf-8")
    assert "page.jpg\tunreadable\t" in report
    assert "cut.png\tunreadable\t" in report
    assert "tiny.png\tleft out\tits shorter side is 6 pixels" in report
    assert "z-twin.png\tleft out\tthe same file as sea/00.png" in report
    assert check(tmp_path / "set", decoding=True).problems == []
    (tmp_path / "bad").mkdir()
    shutil.copy(source / "page.jpg", tmp_path / "bad")
    with pytest.raises(InputError, match="none of its 1 pictures"):
        build(tmp_path / "bad", tmp_path / "other", SMALL)


def test_copies_of_a_work_stand_on_one_side(tmp_path: Path) -> None:
    source = tmp_path / "pile"
    source.mkdir()
    for number in range(8):
        picture = Image.fromarray(scene(number, 120, 150))
        picture.save(source / f"{number}-whole.png")
        picture.crop((15, 0, 150, 105)).resize((90, 70)).transpose(
            Image.Transpose.FLIP_LEFT_RIGHT
        ).save(source / f"{number}-part.jpg", quality=80)
    options = BuildOptions(form=Form(sizes=(100,), kind="webp"), validation=0.3, by="work")
    out = tmp_path / "set"
    built = build(source, out, options)
    assert built.splits["validation"] >= 4
    assert check(out, copies=True).problems == []
    torn = [
        replace(row, split="train" if at % 2 else "test")
        for at, row in enumerate(read_manifest(out / TSV))
    ]
    assert any(one.kind == "leak" for one in _with_rows(out, torn, copies=True))


def _with_rows(out: Path, rows: list[Row], *, copies: bool = False) -> list[Problem]:
    (out / "manifest.parquet").unlink(missing_ok=True)
    (out / TSV).write_text(as_tsv(rows))
    return list(check(out, copies=copies).problems)


def test_a_full_disk_is_one_line_and_a_second_run_goes_on(pile: Path, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(150_000))
    out = small_disk / "set"
    with pytest.raises(OutputUnwritable, match="no space left"):
        build(pile, out, SMALL)
    assert [problem.kind for problem in check(out).problems] == ["unfinished"]
    ballast.unlink()
    built = build(pile, out, SMALL)
    assert built.pictures == 12
    assert check(out).problems == []


def test_a_killed_build_goes_on_where_it_stopped(pile: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tinct.datasets import build\n"
        "from tinct.datasets.options import BuildOptions, Form\n"
        "def kill(what, done, total):\n"
        "    if what == 'encode' and done == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "form = Form(sizes=(24,), kind='jpeg')\n"
        "options = BuildOptions(form=form, validation=0.25)\n"
        "build.build(Path(sys.argv[1]), Path(sys.argv[2]), options, progress=kill)\n"
    )
    dead = subprocess.run([sys.executable, "-c", script, pile, out], check=False)
    assert dead.returncode == -signal.SIGKILL
    assert [problem.kind for problem in check(out).problems] == ["unfinished"]
    with pytest.raises(OutputExists, match="unfinished build with other settings"):
        build(pile, out, replace(SMALL, seed=9))
    journal = out / FOLDER / "journal.jsonl"
    assert len(journal.read_bytes().splitlines()) == 5
    with journal.open("ab") as file:
        file.write(b'{"where": "half a li')
    damaged = json.loads(journal.read_bytes().splitlines()[0])["id"]
    next((out / FOLDER).rglob(f"{damaged}.jpg")).unlink()
    begun: list[int] = []
    built = build(
        pile, out, SMALL, progress=lambda what, done, _: begun.append(done) if not begun else None
    )
    assert begun == [4], "what was done is not done again"
    assert built.pictures == 12
    assert check(out).problems == []
    whole = tmp_path / "whole"
    build(pile, whole, SMALL)
    assert (whole / TSV).read_bytes() == (out / TSV).read_bytes()


def test_two_builds_do_not_meet(pile: Path, tmp_path: Path) -> None:
    def meet(what: str, _done: int, _total: int) -> None:
        if what == "encode":
            with pytest.raises(UsageError, match="another process"):
                build(pile, tmp_path / "set", SMALL)

    build(pile, tmp_path / "set", SMALL, progress=meet)


def test_sets_are_built_of_sets(pile: Path, tmp_path: Path) -> None:
    build(pile, tmp_path / "one", replace(SMALL, test=0.25))
    options = replace(SMALL, sample=5, form=Form(sizes=(12,), kind="png"))
    built = build(tmp_path / "one", tmp_path / "two", options)
    assert built.pictures == 5
    test = {row.id for row in read_manifest(tmp_path / "one" / TSV) if row.split == "test"}
    assert not test & {row.id for row in read_manifest(tmp_path / "two" / TSV)}
    assert check(tmp_path / "two").problems == []


# check


def test_check_finds_what_does_not_hold(pile: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    build(pile, out, replace(SMALL, layout="files"))
    rows = read_manifest(out / TSV)
    (out / rows[0].file).unlink()
    (out / rows[1].file).write_bytes(b"other")
    rows[2] = replace(rows[2], id=rows[3].id, split="traning")
    rows[4] = replace(rows[4], artist="Vermeer", split="train")
    rows[5] = replace(rows[5], artist="vermeer ", split="validation")
    problems = {(one.kind, one.where) for one in check_rows(out, rows)}
    assert problems >= {
        ("missing", rows[0].file),
        ("changed", rows[1].file),
        ("manifest", rows[3].id),
        ("manifest", rows[2].file),
        ("leak", "artist Vermeer"),
    }


def check_rows(out: Path, rows: list[Row]) -> list[Problem]:
    (out / TSV).write_text(as_tsv(rows))
    assert any(
        one.where == "manifest.tsv" or "differs" in one.reason for one in check(out).problems
    )
    return _with_rows(out, rows)


def test_check_explains_shards_that_are_damaged(
    pile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    build(pile, out, SMALL)
    shard = out / "train-00000.tar"
    os.truncate(shard, 3000)
    assert run(["data", "check", str(out)]) == 1
    said = capsys.readouterr()
    assert "not a whole tar file" in said.out
    assert "problems" in said.err
    shard.unlink()
    assert run(["data", "check", str(out), "--json"]) == 1
    assert '"kind": "missing"' in capsys.readouterr().out
    assert run(["data", "check", str(pile)]) == InputError.exit_code


def test_pictures_of_a_pile_come_with_their_rows(pile: Path, tmp_path: Path) -> None:
    build(pile, tmp_path / "set", SMALL)
    opened = open_pile(tmp_path / "set")
    contents = list(opened.contents())
    assert sorted(one.row.id for one in contents) == sorted(row.id for row in opened.rows)
    assert all(hashlib.sha256(one.read()).hexdigest() == one.row.sha256 for one in contents)
