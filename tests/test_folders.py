"""Folders of tiles appear whole or not at all, and nothing else is lost for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

import tinct
from tests.originals import picture
from tinct.cli.grammar import carry_out
from tinct.errors import OutputExists, OutputUnwritable, TinctError, Unreadable
from tinct.image import decode, feed
from tinct.image.atomic import sweep
from tinct.image.folders import write_folder
from tinct.naming import TILES_MARK

KINDS = ["dzi", "iiif"]


@pytest.fixture(scope="module")
def colorizer() -> tinct.Colorizer:
    return tinct.Colorizer(size=64)


def scan(folder: Path) -> Path:
    options = {"compression": "zlib", "tile": (64, 64), "metadata": None}
    tifffile.imwrite(folder / "a.tif", picture(300, 203), **options)
    return folder / "a.tif"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


RESULTS = {"dzi": ["b.dzi", "b_files"], "iiif": ["b.iiif"]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("streams", [False, True])
def test_a_damaged_picture_leaves_nothing(
    kind: str,
    streams: bool,
    colorizer: tinct.Colorizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if streams:
        monkeypatch.setattr(decode, "STRIP_PIXELS", 300 * 18)
        monkeypatch.setattr(feed, "_IN_MEMORY", 0)
    source = scan(tmp_path)
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    source.write_bytes(data)
    with pytest.raises(Unreadable):
        colorizer.file(source, tmp_path / f"b.{kind}")
    assert names(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    kind: str, colorizer: tinct.Colorizer, tmp_path: Path, small_disk: Path
) -> None:
    source = scan(tmp_path)
    with pytest.raises(OutputUnwritable, match="no space left") as caught:
        tinct.Colorizer.of(
            tinct.Colorizer(size=64, tile_format="png", tile_size=64), colorizer.network
        ).file(source, small_disk / f"b.{kind}")
    assert caught.value.where == str(small_disk / f"b.{kind}")
    assert caught.value.exit_code == 4
    assert names(small_disk) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_stays_unless_it_is_to_be_replaced(
    kind: str, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source, target = scan(tmp_path), tmp_path / f"b.{kind}"
    colorizer.file(source, target)
    before = contents(tmp_path)
    other = tinct.Colorizer.of(tinct.Colorizer(size=64, tile_size=100), colorizer.network)
    with pytest.raises(OutputExists, match="exists already"):
        other.file(source, target)
    assert contents(tmp_path) == before
    other.file(source, target, overwrite=True)
    after = contents(tmp_path)
    assert names(tmp_path) == ["a.tif", *RESULTS[kind]]
    assert after != before
    # nothing of the first is left among the second
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    other.file(source, fresh / f"b.{kind}")
    assert set(contents(fresh)) == {name for name in after if name != "a.tif"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_not_ours_is_never_touched(
    overwrite: bool, colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    source = scan(tmp_path)
    for name in ("b_files", "b.iiif"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("mine", encoding="utf-8")
    before = contents(tmp_path)
    for kind in KINDS:
        with pytest.raises(OutputExists, match="something else"):
            colorizer.file(source, tmp_path / f"b.{kind}", overwrite=overwrite)
    assert contents(tmp_path) == before
    assert names(tmp_path) == ["a.tif", "b.iiif", "b_files"]


def test_tiles_whose_description_never_came_are_replaced(
    colorizer: tinct.Colorizer, tmp_path: Path
) -> None:
    """A process killed between two renames leaves tiles without a name: the next one goes on."""
    source = scan(tmp_path)
    colorizer.file(source, tmp_path / "b.dzi")
    whole = contents(tmp_path)
    (tmp_path / "b.dzi").unlink()
    (tmp_path / "b_files" / "9" / "0_0.jpg").unlink()
    colorizer.file(source, tmp_path / "b.dzi")
    again = contents(tmp_path)
    assert set(again) == set(whole)


def test_a_failure_between_two_renames_puts_all_back(tmp_path: Path) -> None:
    parts = {"one": tmp_path / "one", "two": tmp_path / "two"}
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / TILES_MARK).write_text("old", encoding="utf-8")
    (tmp_path / "two").write_text("old", encoding="utf-8")
    before = contents(tmp_path)
    with (
        pytest.raises(TinctError),
        write_folder(tmp_path / "two", overwrite=True, parts=parts) as folder,
    ):
        (folder / "one").mkdir()  # and no "two"
    assert contents(tmp_path) == before
    assert names(tmp_path) == ["one", "two"]


KILLED = """
import sys, time
from pathlib import Path
import tinct
from tinct.image import tiles
whole = tiles._check
def slow(*given):
    whole(*given)
    print("cut", flush=True)
    time.sleep(60)
tiles._check = slow
tinct.Colorizer(size=64).file(sys.argv[1], sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only POSIX kills a process so")
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_leaves_nothing_under_the_results_name(kind: str, tmp_path: Path) -> None:
    source, target = scan(tmp_path), tmp_path / f"b.{kind}"
    command = [sys.executable, "-c", KILLED, str(source), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "cut\n"  # all tiles are there, in another folder
        sweep(tmp_path, older_than=0)  # what a living process holds is not swept
        rest = [path for path in tmp_path.iterdir() if path.name.startswith(".tinct-")]
        assert len(rest) == 1
        process.send_signal(signal.SIGKILL)
    assert not any((tmp_path / name).exists() for name in RESULTS[kind])
    sweep(tmp_path, older_than=3600)
    assert rest[0].exists()  # too fresh to tell, on a disk without locks
    sweep(tmp_path, older_than=0)
    assert names(tmp_path) == ["a.tif"]


def test_a_folder_that_grows_deep_inside_is_not_stale(tmp_path: Path) -> None:
    folder = tmp_path / f".tinct-{'0' * 16}.tmp"
    (folder / "tiles" / "13").mkdir(parents=True)
    old = time.time() - 1000
    for path in (folder, folder / "tiles"):
        os.utime(path, (old, old))
    sweep(tmp_path, older_than=60)
    assert folder.exists()
    os.utime(folder / "tiles" / "13", (old, old))
    sweep(tmp_path, older_than=60)
    assert not folder.exists()


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scan(tmp_path)

    def tinct_(*words: str) -> int:
        try:
            return carry_out(words)
        except TinctError as error:
            return error.exit_code

    colour = ("colorize", "a.tif", "--size", "64")
    assert tinct_(*colour, "-o", "b.dzi", "--tile-format", "png") == 0
    assert tinct_("verify", "a.tif", "b.dzi") == 0
    assert "within the rounding" in capsys.readouterr().out
    assert tinct_(*colour, "-o", "b.dzi") == 4
    assert tinct_(*colour, "--format", "iiif", "--tile-address", "https://example.org") == 0
    assert (tmp_path / "a.colorized.iiif" / "info.json").is_file()
    assert tinct_(*colour, "-o", "a.colorized.iiif") == 4  # a folder, yet one result
    assert tinct_(*colour, "-o", "a.colorized.iiif", "--on-exists", "overwrite") == 0
    assert not list((tmp_path / "a.colorized.iiif").glob("*.tif"))
    assert tinct_(*colour, "-o", "c.tif", "--pyramid", "pages") == 0
    assert tinct_("verify", "a.tif", "c.tif") == 0
    assert tinct_(*colour, "-o", "-", "--format", "dzi") == 2
    assert tinct_(*colour, "-o", "d.dzi", "--format", "iiif") == 2
    assert tinct_(*colour, "-o", "e.tif", "--max-megapixels", "0.01") == 3
    assert tinct_("verify", "a.tif", "c.tif", "--max-megapixels", "0.01") == 3
    assert not (tmp_path / "e.tif").exists()


def test_tiles_are_no_pictures_to_be_coloured(tmp_path: Path, colorizer: tinct.Colorizer) -> None:
    from tinct.batch.inputs import expand

    source = scan(tmp_path)
    for kind in KINDS:
        colorizer.file(source, tmp_path / f"b.{kind}")
    (tmp_path / "more_files").mkdir()
    tifffile.imwrite(tmp_path / "more_files" / "x.tif", np.zeros((9, 9), np.uint8))
    found = expand([str(tmp_path)], recursive=True)
    assert [str(one.relative) for one in found] == ["a.tif", str(Path("more_files") / "x.tif")]


def test_a_finished_result_is_known_again(tmp_path: Path, colorizer: tinct.Colorizer) -> None:
    """A batch that was killed after a rename finds its result by the label among the tiles."""
    from tinct.batch.places import is_of, sha256

    source = scan(tmp_path)
    for kind in KINDS:
        colorizer.file(source, tmp_path / f"b.{kind}")
        assert is_of(tmp_path / f"b.{kind}", sha256(source))
        assert not is_of(tmp_path / f"b.{kind}", "0" * 64)
