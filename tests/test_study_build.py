"""Studies are drawn, not picked; what is shown tells nothing; bad input is one line."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.studies import make_study, write_pictures, write_predictions
from tinct.cli import run
from tinct.errors import InputError, TinctError, UsageError
from tinct.evaluation.evaluate import colour, colourer
from tinct.evaluation.protocol import Protocol
from tinct.models import load_model
from tinct.study.build import build
from tinct.study.draw import candidates, in_drawn_order
from tinct.study.folder import PICTURES, open_study
from tinct.study.options import ORIGINAL, SPOILED, StudyOptions
from tinct.study.pictures import chroma_of, encode, padded, spoil
from tinct.study.plan import plan


def test_the_same_seed_builds_the_same_study_to_the_bit(tmp_path: Path) -> None:
    one = make_study(tmp_path / "a", seed=4, count=6, per_participant=6)
    same = make_study(tmp_path / "b", seed=4, count=6, per_participant=6)
    assert one.sha256 == same.sha256
    other = build(
        tmp_path / "other",
        models={},
        predictions={"way-0": tmp_path / "a" / "way-0", "way-1": tmp_path / "a" / "way-1"},
        data=[tmp_path / "a" / "truths"],
        options=StudyOptions(pictures=6, size=32, per_participant=6, seed=5),
    )
    assert other.sha256 != one.sha256
    assert open_study(tmp_path / "other").options.seed == 5


def test_pictures_are_shown_as_they_are(tmp_path: Path) -> None:
    truths = write_pictures(tmp_path / "truths", 5, side=64)
    options = StudyOptions(pictures=4, attention_checks=1, size=48)
    build(
        tmp_path / "study",
        models={"ours": "tinct-small.third"},
        predictions={},
        data=[truths],
        options=options,
    )
    study = open_study(tmp_path / "study", files=True)
    paint = colourer(load_model("tinct-small.third"))
    for picture in study.pictures:
        with Image.open(truths / picture.name) as file:
            truth = Protocol("crop", 48).fit(np.asarray(file.convert("RGB")))
        shown = {
            way: np.asarray(Image.open(study.folder / PICTURES / file.name))
            for way, file in picture.files.items()
        }
        assert np.array_equal(shown[ORIGINAL], truth)
        assert np.array_equal(shown["ours"], colour(truth, paint))
    (way,) = [way for way in study.ways if way.kind == "model"]
    assert way.sha256 == load_model("tinct-small.third").spec.sha256


def test_files_do_not_tell_what_they_hold(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    files = sorted((study.folder / PICTURES).iterdir())
    assert len(files) == 16 * 3 + 2 * 2
    assert len({file.stat().st_size for file in files}) == 1
    for file in files:
        with Image.open(file) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert not picture.info


def test_padding_changes_no_pixel() -> None:
    pixels = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    data = encode(pixels)
    for more in (12, 13, 5000):
        longer = padded(data, len(data) + more)
        assert len(longer) == len(data) + more
        import io

        with Image.open(io.BytesIO(longer)) as picture:
            assert np.array_equal(np.asarray(picture), pixels)


def test_attention_checks_are_loud_whatever_the_picture(tmp_path: Path) -> None:
    for grey in (0, 40, 128, 255):
        assert chroma_of(spoil(np.full((32, 32, 3), grey, np.uint8))) > 25
    study = make_study(tmp_path)
    assert {tuple(check.files) for check in study.checks} == {(ORIGINAL, SPOILED)}
    assert not {check.sha256 for check in study.checks} & {one.sha256 for one in study.pictures}


def test_strata_are_even_and_the_draw_is_even(tmp_path: Path) -> None:
    write_pictures(tmp_path, 4)
    for number in range(20):
        source = tmp_path / "photos" / "000.png"
        shutil.copy(source, tmp_path / "photos" / f"more-{number:02d}.png")
    found = candidates([tmp_path])
    assert len(found) == 24
    for seed in range(20):
        first = [one.category for one in in_drawn_order(found, "stratified", seed)][:4]
        assert Counter(first) == {"photos": 2, "paintings": 2}
    drawn: Counter[str] = Counter()
    for seed in range(2400):
        drawn[next(in_drawn_order(found, "random", seed)).name] += 1
    # each is first 100 times but for chance, s.d. 9.8
    assert max(abs(count - 100) for count in drawn.values()) < 45
    assert len(drawn) == 24


def test_a_table_that_does_not_say_where_pictures_lie_is_no_manifest(tmp_path: Path) -> None:
    """As of a folder of two sets with a list of who made what: all pictures below count."""
    place = write_pictures(tmp_path / "both", 6)
    table = place / "manifest.tsv"
    table.write_text("path\tsource\tartist\npaintings/001.png\tmuseum\tAnna\n")
    found = candidates([place])
    assert [one.name for one in found] == sorted(
        file.relative_to(place).as_posix() for file in place.rglob("*.png")
    )
    assert {one.category for one in found} == {"paintings", "photos"}
    assert found[0].read()[0].shape == (48, 40, 3)
    with pytest.raises(InputError, match="name its folder"):
        candidates([table])


def test_copies_and_grey_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    write_pictures(tmp_path, 6)
    for number in range(3):
        shutil.copy(tmp_path / "photos" / "000.png", tmp_path / f"copy-{number}.png")
        Image.new("L", (40, 40), 90 + number).save(tmp_path / f"grey-{number}.png")
    with pytest.raises(InputError, match=r"7 pictures are needed.*3 left out as"):
        build(
            tmp_path / "study",
            models={},
            predictions={"w": tmp_path},
            data=[tmp_path],
            options=StudyOptions(pictures=7, attention_checks=0, size=32),
        )
    assert not list(tmp_path.glob(".tinct-study-*"))
    built = build(
        tmp_path / "study",
        models={},
        predictions={"w": tmp_path},
        data=[tmp_path],
        options=StudyOptions(pictures=6, attention_checks=0, size=32),
    )
    assert built.pictures == 6
    assert set(built.left_out) <= {"copies", "grey"}


@pytest.mark.parametrize(
    ("mode", "per"), [("real", 9), ("real", 10), ("rate", 9), ("pair", 9), ("pair", 16)]
)
def test_every_participant_has_a_balanced_set(tmp_path: Path, mode: str, per: int) -> None:
    study = make_study(tmp_path, mode=mode, per_participant=per)
    chance = random.Random(1)
    shown: Counter[tuple[str, tuple[str, ...]]] = Counter()
    firsts: Counter[str] = Counter()
    for _ in range(160):
        slots = plan(study, shown, chance)
        assert len(slots) == per + 2
        assert len({slot.picture for slot in slots}) == per + 2
        assert not slots[0].check
        checks = [slot for slot in slots if slot.check]
        assert {slot.picture for slot in checks} == {one.id for one in study.checks}
        kinds = Counter(tuple(sorted(slot.ways)) for slot in slots if not slot.check)
        if mode == "real":
            originals = kinds.pop((ORIGINAL,))
            assert originals in {per // 2, (per + 1) // 2}
        assert max(kinds.values()) - min(kinds.values()) <= 1
        for slot in slots:
            if not slot.check:
                ways = tuple(sorted(slot.ways, key=study.names.index))
                shown[slot.picture, ways] += 1
                firsts[slot.ways[0]] += len(slot.ways) > 1
    # least-shown first: no picture in any way falls behind by more than a few
    for kind in {ways for _, ways in shown}:
        counts = [shown[picture.id, kind] for picture in study.pictures]
        assert max(counts) - min(counts) <= 4
    if mode == "pair":  # sides are drawn: each way stands left in half of its comparisons
        total = 160 * per / 3
        assert all(abs(count - total) < 5 * np.sqrt(total / 2) for count in firsts.values())


BAD = {
    "no way": (["--data", "truths"], 2, "no way to colour"),
    "no pictures given": (["--predictions", "w=ok"], 2, "--data"),
    "no such data": (["--predictions", "w=ok", "--data", "nowhere"], 3, "nowhere"),
    "empty data": (["--predictions", "w=ok", "--data", "empty"], 3, "holds no pictures"),
    "one way in pairs": (
        ["--predictions", "w=ok", "--data", "truths", "--mode", "pair", "--without-originals"],
        2,
        "mode pair needs two ways, and w is the only one",
    ),
    "no originals": (
        ["--predictions", "w=ok", "--data", "truths", "--without-originals"],
        2,
        "needs the originals",
    ),
    "missing prediction": (["--predictions", "w=some", "--data", "truths"], 3, "is missing"),
    "other size": (["--predictions", "w=small", "--data", "truths"], 3, "is 7 x 9 pixels"),
    "no such folder": (["--predictions", "w=gone", "--data", "truths"], 3, "gone"),
    "no such model": (["--models", "tinct-smal.first", "--data", "truths"], 5, "did you mean"),
    "a name twice": (["--models", "a=x,a=y", "--data", "truths"], 2, "given twice"),
    "a reserved name": (["--predictions", "original=ok", "--data", "truths"], 2, "is taken"),
    "too many": (["--predictions", "w=ok", "--data", "truths", "--pictures", "99"], 3, "there are"),
    "more each than there are": (
        ["--predictions", "w=ok", "--data", "truths", "--pictures", "4", "--per-participant", "5"],
        2,
        "none is shown twice",
    ),
    "a limit of no time": (
        ["--predictions", "w=ok", "--data", "truths", "--time-limit", "0"],
        2,
        "--time-limit",
    ),
    "damaged": (["--predictions", "w=ok", "--data", "damaged"], 3, "cannot be read as a picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, said = BAD[name]
    truths = write_pictures(tmp_path / "truths", 8)
    write_predictions(truths, tmp_path / "ok", shift=9)
    shutil.copytree(tmp_path / "ok" / "photos", tmp_path / "some" / "photos")
    for file in truths.rglob("*.png"):
        (tmp_path / "small").mkdir(exist_ok=True)
        Image.new("RGB", (7, 9)).save(tmp_path / "small" / file.name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    (tmp_path / "damaged" / "b.png").write_bytes(b"")
    (tmp_path / "damaged" / "c.png").write_bytes(b"GIF")
    monkeypatch.chdir(tmp_path)
    assert run(["study", "build", "study", "--size", "32", *words]) == code
    out, err = capsys.readouterr()
    assert not out
    assert said in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "study").exists()
    assert not list(tmp_path.glob(".tinct-study-*"))


def test_a_build_that_is_stopped_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By Ctrl-C or by what a service manager sends."""
    truths = write_pictures(tmp_path / "truths", 4)
    others = write_predictions(truths, tmp_path / "others", shift=10)
    words = ["study", "build", str(tmp_path / "new"), "--data", str(truths)]
    words += ["--predictions", f"x={others}", "--size", "32"]
    before = sorted(tmp_path.iterdir())
    for number in (signal.SIGINT, signal.SIGTERM):

        def stop(*_: object, number: signal.Signals = number) -> bytes:
            signal.raise_signal(number)
            time.sleep(1)  # in a thread: the main one is told while this one is still at work
            return b""

        with monkeypatch.context() as patch:
            patch.setattr("tinct.study.build.encode", stop)
            assert run(words) == 130
        assert "interrupted" in capsys.readouterr().err
        assert sorted(tmp_path.iterdir()) == before
    assert run(words) == 0


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(tmp_path, count=4, per_participant=4)
    words = ["--predictions", f"w={tmp_path / 'way-0'}", "--data", str(tmp_path / "truths")]
    assert run(["study", "build", str(study.folder), *words]) == 4
    assert "is there already" in capsys.readouterr().err
    assert open_study(study.folder, files=True).sha256 == study.sha256


def test_what_was_changed_since_is_told(tmp_path: Path) -> None:
    study = make_study(tmp_path, count=4, per_participant=4)
    file = next((study.folder / PICTURES).iterdir())
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] + b"\0")
    with pytest.raises(TinctError, match="changed since it was built"):
        open_study(study.folder, files=True)
    file.unlink()
    with pytest.raises(TinctError, match="cannot be read"):
        open_study(study.folder, files=True)
    settings = json.loads((study.folder / "study.json").read_text())
    (study.folder / "study.json").write_text(json.dumps({**settings, "mode": "rate"}))
    with pytest.raises(TinctError, match="damaged"):
        open_study(study.folder)
    (study.folder / "study.json").write_text("{")
    with pytest.raises(TinctError, match="damaged"):
        open_study(study.folder)
    (study.folder / "study.json").write_text(json.dumps(settings))
    (study.folder / "manifest.json").write_text("{}")
    with pytest.raises(TinctError, match="by its hash"):
        open_study(study.folder)
    (study.folder / "study.json").unlink()
    with pytest.raises(InputError, match="holds no study"):
        open_study(study.folder)


def test_options_are_checked() -> None:
    with pytest.raises(UsageError, match="--attention-checks"):
        StudyOptions(attention_checks=-1)
    with pytest.raises(UsageError, match="--size"):
        StudyOptions(size=4)
    with pytest.raises(UsageError, match="--time-limit"):
        StudyOptions(time_limit=float("nan"))
