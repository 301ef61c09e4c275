"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from tests.pictures import coloured, tiff
from tinct.errors import OutputExists, OutputUnwritable
from tinct.image import load, save, write_atomic
from tinct.image.atomic import sweep


def test_the_file_appears_with_its_content(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    with write_atomic(target, overwrite=False) as place:
        assert place.parent == tmp_path
        place.write_bytes(b"whole")
        assert not target.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert target.read_bytes() == b"whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_nothing_is_left_when_writing_fails(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises((error, OutputUnwritable)):  # noqa: PT012, SIM117
        with write_atomic(target, overwrite=True) as place:
            place.write_bytes(b"half")
            raise error
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(OutputExists), write_atomic(target, overwrite=False):
        raise AssertionError("must not get here")
    with write_atomic(target, overwrite=True) as place:
        place.write_bytes(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr("tinct.image.atomic.os.link", no_links)
    target = tmp_path / "a.bin"
    with pytest.raises(OutputExists):  # noqa: PT012, SIM117
        with write_atomic(target, overwrite=False) as place:
            place.write_bytes(b"ours")
            target.write_bytes(b"theirs")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.bin", b"theirs")]
    target.unlink()
    with write_atomic(target, overwrite=False) as place:
        place.write_bytes(b"ours")
    assert target.read_bytes() == b"ours"


def test_a_dangling_link_counts_as_something_there(tmp_path: Path) -> None:
    (tmp_path / "a.bin").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExists), write_atomic(tmp_path / "a.bin", overwrite=False):
        raise AssertionError("must not get here")


def test_permissions_are_the_users_own(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    before = os.umask(0o027)
    try:
        with write_atomic(target, overwrite=False):
            pass
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o640
    target.chmod(0o604)
    with write_atomic(target, overwrite=True):
        pass
    assert target.stat().st_mode & 0o777 == 0o604


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="folder does not exist"):
        write_atomic(tmp_path / "missing" / "a.bin", overwrite=False).__enter__()
    with pytest.raises(OutputExists, match="is a folder"):
        write_atomic(tmp_path, overwrite=True).__enter__()
    with pytest.raises(OutputUnwritable):
        write_atomic(tmp_path / ("x" * 300), overwrite=True).__enter__()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do all")
def test_no_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritable, match="no rights"):
        write_atomic(tmp_path / "a.bin", overwrite=False).__enter__()


@pytest.mark.parametrize("kind", ["tiff", "png", "jpeg", "webp", "avif"])
def test_a_full_disk_leaves_nothing_behind(small_disk: Path, kind: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, (900, 900), dtype=np.uint8)
    picture = load(tiff(values))
    with (
        pytest.raises(OutputUnwritable, match="no space"),
        write_atomic(small_disk / "out", overwrite=False) as place,
    ):
        save(picture, coloured(picture), place, format=kind, quality=95, software="")
    assert list(small_disk.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_full_pipe_is_reported(kind: str) -> None:
    picture = load(tiff(np.zeros((900, 900), np.uint8)))
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OutputUnwritable, match="no space"),
    ):
        save(picture, coloured(picture), full, format=kind, quality=95, software="")


def test_only_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    left, recent = tmp_path / f".tinct-{'0' * 16}.tmp", tmp_path / f".tinct-{'1' * 16}.tmp"
    others = [tmp_path / ".tinct-notes.tmp", tmp_path / f"tinct-{'0' * 16}.tmp"]
    for path in (left, recent, *others):
        path.write_text("half")
        if path != recent:
            os.utime(path, (0, 0))
    with write_atomic(tmp_path / "a", overwrite=False) as held:
        assert not left.exists()
        os.utime(held, (0, 0))
        sweep(tmp_path, older_than=0)
        assert held.exists(), "a file that is being written was removed"
    assert not recent.exists()
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a", *others])
