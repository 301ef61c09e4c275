"""Cleaning: what each rule finds, copies, moving and bringing back; statistics."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.test_data_build import scene
from tinct.cli import run
from tinct.datasets import duplicates
from tinct.datasets.build import build
from tinct.datasets.clean import RULES, clean
from tinct.datasets.cleaned import Finding, read_verdicts
from tinct.datasets.duplicates import Copy, clusters, find_copies, near_pairs, small_light
from tinct.datasets.manifest import TSV, Row, as_tsv, read_manifest
from tinct.datasets.moving import move, undo
from tinct.datasets.options import BuildOptions, Form
from tinct.datasets.rules import Limits, rules
from tinct.errors import InputError, OutputExists, OutputUnwritable, UsageError

Pixels = NDArray[np.uint8]
LIMITS = Limits(least=64)


def photo(seed: int, height: int = 220, width: int = 300) -> Pixels:
    """Shapes of all sizes with grain: nothing that a rule should mind."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, weight in ((3, 1.0), (8, 0.6), (24, 0.35)):
        coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        large = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += weight * np.asarray(large, float)
    grain = rng.normal(0, 5, (height, width, 1))
    pixels: Pixels = np.clip(total / 1.95 + grain, 0, 255).astype(np.uint8)
    return pixels


def grey(seed: int) -> Pixels:
    return np.repeat(photo(seed).mean(2, keepdims=True).astype(np.uint8), 3, 2)


def sepia(seed: int) -> Pixels:
    light = grey(seed).astype(float) / 255
    pixels: Pixels = np.rint(255 * light ** np.array([0.8, 1.0, 1.35])).astype(np.uint8)
    return pixels


def bordered(seed: int) -> Pixels:
    return np.pad(photo(seed), ((20, 30), (25, 15), (0, 0)), constant_values=250)


def framed(seed: int) -> Pixels:
    picture = photo(seed).astype(int) // 2
    mould = np.pad(picture, ((18, 18), (18, 18), (0, 0)), constant_values=190)
    wall = np.pad(mould, ((12, 12), (12, 12), (0, 0)), constant_values=90)
    grain = np.random.default_rng(seed).normal(0, 9, wall.shape)
    return np.clip(wall + grain, 0, 255).astype(np.uint8)


def cut_out(seed: int) -> Pixels:
    picture, white = photo(seed, 160, 240), np.full((220, 300, 3), 255, np.uint8)
    mask = Image.new("L", (240, 160))
    ImageDraw.Draw(mask).ellipse((0, 0, 239, 159), fill=255)
    white[30:190, 30:270][np.asarray(mask) > 0] = picture[np.asarray(mask) > 0]
    return white


def printed(seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    page = Image.new("RGB", (300, 400), (246, 241, 228))
    draw = ImageDraw.Draw(page)
    for top in range(30, 370, 12):
        words = " ".join(
            "".join(chr(97 + c) for c in rng.integers(0, 26, n)) for n in (6, 4, 8, 7, 9)
        )
        draw.text((32, top), words + " tinct", fill=(35, 30, 30))
    return np.asarray(page)


def drawn(seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    sheet = Image.new("RGB", (300, 220), (60, 120, 220))
    draw = ImageDraw.Draw(sheet)
    for number, colour in enumerate(
        ((230, 40, 40), (250, 220, 60), (40, 170, 80), (240, 240, 240))
    ):
        left, top = 70 * number, int(rng.integers(0, 60))
        draw.ellipse((left, top, left + 80, top + 150), fill=colour)
    return np.asarray(sheet)


MADE: dict[str, Callable[[int], Pixels]] = {
    "border": bordered,
    "frame": framed,
    "white": cut_out,
    "text": printed,
    "clipart": drawn,
}


@pytest.mark.parametrize("rule", MADE)
def test_each_rule_finds_what_it_is_for(rule: str) -> None:
    for seed in range(5):
        pixels = MADE[rule](seed)
        found = [hit.rule for hit in rules(pixels, 900, 700, LIMITS)]
        assert found == [rule], seed


@pytest.mark.parametrize("make", [grey, sepia])
def test_monochrome_is_found(make: Callable[[int], Pixels]) -> None:
    assert [hit.rule for hit in rules(make(1), 900, 700, LIMITS)] == ["grey"]


def test_nothing_is_said_against_ordinary_pictures() -> None:
    for seed in range(20):
        assert list(rules(photo(seed), 900, 700, LIMITS)) == []
    dark = (photo(3) // 6).astype(np.uint8)
    sky = np.linspace((90, 140, 220), (190, 215, 240), 220)[:, None].repeat(300, 1)
    assert list(rules(dark, 900, 700, LIMITS)) == []
    assert [hit.rule for hit in rules(sky.astype(np.uint8), 900, 700, LIMITS)] in ([], ["grey"])
    for height, width in ((1, 1), (1, 300), (8, 8), (9, 400)):
        list(rules(photo(0, height, width), width, height, LIMITS))


def test_a_crop_takes_the_border_and_no_more() -> None:
    (hit,) = rules(bordered(4), 900, 700, LIMITS)
    height, width = bordered(4).shape[:2]
    assert hit.box == pytest.approx(
        (25 / width, 20 / height, 1 - 15 / width, 1 - 30 / height), abs=0.01
    )
    (hit,) = rules(framed(4), 900, 700, LIMITS)
    height, width = framed(4).shape[:2]
    inset = (30 / width, 30 / height, 1 - 30 / width, 1 - 30 / height)
    assert hit.box == pytest.approx(inset, abs=0.02)


def test_a_narrow_picture_on_a_wide_ground_is_cut_out_on_all_sides() -> None:
    picture = photo(5, 180, 140)
    ground = np.pad(picture, ((40, 60), (150, 150), (0, 0)), constant_values=250)
    (hit,) = rules(ground, 900, 700, LIMITS)
    assert hit.rule == "border"
    assert hit.box == pytest.approx((150 / 440, 40 / 280, 290 / 440, 220 / 280), abs=0.01)


def test_size_and_shape() -> None:
    assert [hit.rule for hit in rules(photo(1), 60, 90, LIMITS)] == ["small"]
    assert [hit.rule for hit in rules(photo(1), 100, 301, LIMITS)] == ["aspect"]


# copies


def changed(pixels: Pixels, how: str) -> Pixels:
    height, width, _ = pixels.shape
    picture = Image.fromarray(pixels)
    if how == "smaller":
        picture = picture.resize((width // 3, height // 3), Image.Resampling.LANCZOS)
    elif how == "mirrored":
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif how == "cropped":
        picture = picture.crop((width // 9, 0, width - width // 20, height - height // 7))
    elif how == "square":
        picture = picture.crop(((width - height) // 2, 0, (width + height) // 2, height))
    elif how == "squashed":
        picture = picture.resize((200, 200))
    elif how == "faded":
        picture = Image.fromarray((pixels * 0.6 + np.array([70, 55, 35])).astype(np.uint8))
    else:
        return np.pad(pixels, ((20, 20), (25, 25), (0, 0)), constant_values=240)
    return np.asarray(picture)


def test_copies_are_found_and_others_are_not() -> None:
    ways = ("smaller", "mirrored", "cropped", "square", "squashed", "faded", "bordered")
    originals = [photo(seed) for seed in range(60)]
    made = [changed(originals[seed], way) for seed in range(4) for way in ways]
    copies = find_copies(np.stack([small_light(one) for one in (*originals, *made)]))
    found = {frozenset((copy.first, copy.second)): copy for copy in copies}
    for number in range(len(made)):
        pair = frozenset((60 + number, number // len(ways)))
        way = ways[number % len(ways)]
        assert pair in found, way
        assert found[pair].mirrored == (way == "mirrored"), way
    for pair in found:
        assert len({at if at < 60 else (at - 60) // len(ways) for at in pair}) == 1
    sides = [found[frozenset((seed, 60 + 2 + 7 * seed))].window for seed in range(4)]
    for window in sides:
        assert window == pytest.approx((1 / 9, 0, 0.95, 6 / 7), abs=0.02)


def test_hashes_within_seven_bits_are_always_found() -> None:
    rng = np.random.default_rng(0)
    known = rng.integers(0, 2**63, 500, dtype=np.uint64)
    asked = known.copy()
    for at in range(500):
        for bit in rng.choice(64, at % 8, replace=False):
            asked[at] ^= np.uint64(1) << np.uint64(bit)
    pairs = {
        pair
        for one, other in near_pairs(asked, known, radius=7)
        for pair in zip(one.tolist(), other.tolist(), strict=True)
    }
    assert pairs >= {(at, at) for at in range(500)}


def test_a_pile_of_nearly_the_same_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    avatar = small_light(photo(1)).astype(int)
    alike = np.stack([np.clip(avatar + rng.integers(-20, 20, (64, 64)), 0, 255) for _ in range(99)])
    whole, parts = duplicates.hashes(alike.astype(np.uint8))
    found = duplicates._candidates(whole, parts)
    each = np.bincount(found[:, 1] * 2 + found[:, 2], minlength=198)
    assert each[::2].min() == each.max() == duplicates._NEAREST
    monkeypatch.setattr(duplicates, "_COMPARED", 300)  # parts of the work change nothing
    again = duplicates._candidates(whole, parts)
    assert sorted(map(tuple, again.tolist())) == sorted(map(tuple, found.tolist()))


def test_copies_of_copies_are_one_group() -> None:
    alike = [Copy(0, 3, 1, False, (0, 0, 1, 1)), Copy(3, 5, 1, False, (0, 0, 1, 1))]
    assert clusters(alike, 7) == [[0, 3, 5]]


# the verb


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dirty") / "pile"
    (folder / "sub").mkdir(parents=True)
    for seed in range(3):
        Image.fromarray(photo(seed)).save(folder / f"good-{seed}.png")
    Image.fromarray(changed(photo(1), "cropped")).save(folder / "sub" / "again.jpg", quality=85)
    Image.fromarray(grey(7)).save(folder / "grey.png")
    Image.fromarray(bordered(8)).save(folder / "sub" / "bordered.png")
    Image.fromarray(scene(9)).save(folder / "tiny.png")
    (folder / "404.jpg").write_bytes(b"<html>not found</html>")
    return folder


def listing(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_report_is_written_and_nothing_moved(
    dirty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(dirty)
    assert run(["data", "clean", str(dirty), "-o", str(tmp_path / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    wanted = {"unreadable": 1, "small": 2, "grey": 1, "border": 1, "duplicate": 1}
    assert said["reasons"] == wanted
    assert (said["pictures"], said["flagged"]) == (8, 5)
    assert listing(dirty) == before
    verdicts = read_verdicts(tmp_path / "out" / "report.tsv")
    assert verdicts["sub/again.jpg"].drop
    assert not verdicts["sub/bordered.png"].drop
    assert "good-0.png" not in verdicts
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "copy of good-1.png, cropped" in page
    assert "http" not in page
    assert 'src="data:' in page


def test_the_copy_that_stays_is_the_one_that_is_fit_to_learn_from(tmp_path: Path) -> None:
    good, pile = photo(3), tmp_path / "pile"
    pile.mkdir()
    Image.fromarray(good).save(pile / "good.png")
    large = Image.fromarray(good).convert("L").resize((900, 660))
    large.save(pile / "large-and-grey.png")
    mounted = np.pad(good, ((20, 20), (25, 25), (0, 0)), constant_values=240)
    Image.fromarray(mounted).save(pile / "mounted.png")
    findings = clean(pile, tmp_path / "out").findings
    copies = {one.file: one.of for one in findings if one.reason == "duplicate"}
    assert copies == {"large-and-grey.png": "good.png", "mounted.png": "good.png"}


def test_what_is_cleaned_can_be_built(dirty: Path, tmp_path: Path) -> None:
    clean(dirty, tmp_path / "out")
    options = BuildOptions(form=Form(sizes=(2000,), kind="png"), layout="files", validation=0)
    build(dirty, tmp_path / "set", options, cleaned=tmp_path / "out" / "report.tsv")
    rows = {row.file: row for row in read_manifest(tmp_path / "set" / TSV)}
    assert sorted(rows) == ["good-0.png", "good-1.png", "good-2.png", "sub/bordered.png"]
    assert rows["sub/bordered.png"].width == pytest.approx(300, abs=3)
    with pytest.raises(InputError, match="not a report"):
        build(dirty, tmp_path / "other", options, cleaned=tmp_path / "set" / TSV)


def test_moving_can_be_undone(dirty: Path, tmp_path: Path) -> None:
    folder, away = tmp_path / "pile", tmp_path / "away"
    shutil.copytree(dirty, folder)
    before = listing(folder)
    words = ["data", "clean", str(folder), "-o", str(tmp_path / "out"), "--move", str(away), "-q"]
    assert run(words) == 0
    assert sorted(listing(folder)) == ["good-0.png", "good-1.png", "good-2.png", "sub/bordered.png"]
    assert (away / "grey" / "grey.png").is_file()
    assert (away / "duplicate" / "sub" / "again.jpg").is_file()
    assert run(["data", "clean", "--undo", str(away), "-q"]) == 0
    assert listing(folder) == before
    assert not away.exists()
    with pytest.raises(InputError, match="no journal"):
        undo(folder)


def test_moves_harm_nothing(tmp_path: Path) -> None:
    folder, away = tmp_path / "pile", tmp_path / "away"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"a")
    finding = Finding("a.png", "grey")
    with pytest.raises(UsageError, match="lies in the folder"):
        move(folder, [finding], folder / "away")
    assert (
        move(folder, [finding, Finding("a.png", "small"), Finding("gone.png", "grey")], away) == 1
    )
    (folder / "a.png").write_bytes(b"another")
    with pytest.raises(OutputExists):
        undo(away)
    with pytest.raises(OutputExists):
        move(folder, [finding], away)
    (folder / "a.png").unlink()
    # killed between the two names of one file, and in the middle of a line
    with (away / "journal.jsonl").open("a") as journal:
        journal.write('{"from": "/no')
    (folder / "a.png").hardlink_to(away / "grey" / "a.png")
    assert undo(away) == 1
    assert (folder / "a.png").read_bytes() == b"a"


def test_a_full_disk_is_one_line(dirty: Path, small_disk: Path) -> None:
    hog = small_disk / "hog"
    with contextlib.suppress(OSError), hog.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    with pytest.raises(OutputUnwritable, match="no space left"):
        clean(dirty, small_disk / "out")
    hog.unlink()
    assert clean(dirty, small_disk / "out").flagged == 5


def test_a_note_cut_short_does_not_swallow_the_next(tmp_path: Path) -> None:
    folder, away = tmp_path / "pile", tmp_path / "away"
    folder.mkdir()
    away.mkdir()
    (away / "journal.jsonl").write_text('{"from": "/no')  # the disk was full
    (folder / "a.png").write_bytes(b"a")
    (folder / "link.png").symlink_to("a.png")
    assert move(folder, [Finding("a.png", "grey"), Finding("link.png", "grey")], away) == 1
    assert [path.name for path in folder.iterdir()] == ["link.png"]
    assert undo(away) == 1
    assert (folder / "link.png").read_bytes() == b"a"


def test_copies_across_a_split_are_said(dirty: Path, tmp_path: Path) -> None:
    rows = [Row("1", "good-1.png", split="train"), Row("2", "sub/again.jpg", split="test")]
    folder = tmp_path / "pile"
    shutil.copytree(dirty, folder)
    (folder / TSV).write_text(as_tsv(rows))
    (found,) = clean(folder, tmp_path / "out", only=["duplicate"]).findings
    assert "which is in train and this in test" in found.detail


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "gray"], "'gray' is no rule"),
        (["--move", "{}/away"], "those of a manifest stay"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    dirty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (tmp_path / TSV).write_text(as_tsv([Row("1", "good-1.png")]))
    filled = [word.format(tmp_path) for word in words]
    assert run(["data", "clean", str(tmp_path), *filled]) == UsageError.exit_code
    assert said in capsys.readouterr().err


def test_every_rule_is_described() -> None:
    assert set(MADE) | {"grey", "small", "aspect", "unreadable", "duplicate"} == set(RULES)
