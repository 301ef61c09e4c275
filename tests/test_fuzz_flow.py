"""Damaged files of every kind through the whole flow: a picture or one of our errors, no debris."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

import tinct
from tests.originals import KINDS
from tests.profiles import ADOBE, GREYS
from tests.test_fuzz_reader import damaged
from tinct.errors import TinctError


def check(seed: int, count: int, folder: Path) -> None:
    colorizer = tinct.Colorizer(threads=1, size=64)
    chance = random.Random(seed)
    names = sorted(KINDS)
    whole: dict[str, bytes] = {}
    for _ in range(count):
        name = chance.choice(names)
        kind = KINDS[name]
        if name not in whole:
            icc = GREYS["dot gain"] if kind.values.ndim == 2 else ADOBE
            whole[name] = kind.write(kind.values, icc, 6)
        data = damaged(whole[name], chance)
        source, target = folder / f"a{kind.suffix}", folder / f"b{kind.result or kind.suffix}"
        source.write_bytes(data)
        try:
            done = colorizer.file(source, target).status == "done"
        except TinctError as error:
            assert error.remedy  # noqa: PT017
            done = False
        assert target.exists() == done
        assert source.read_bytes() == data
        assert {path.name for path in folder.iterdir()} <= {source.name, target.name}
        assert not [t for t in threading.enumerate() if t.name.startswith("tinct")], "still at work"
        source.unlink()
        target.unlink(missing_ok=True)


def test_damaged_files_through_the_flow(tmp_path: Path) -> None:
    check(0, 200, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_damaged_files_through_the_flow(seed: int, tmp_path: Path) -> None:
    check(seed, 1000, tmp_path)


def test_nothing_reads_a_file_whose_colouring_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner may cut or remove it; a thread that still read it would take the process down."""
    kind = KINDS["jpeg grey"]
    source = tmp_path / "a.jpg"
    source.write_bytes(kind.write(kind.values, None, 1))
    colorizer = tinct.Colorizer(threads=1, size=512)
    _ = colorizer.network

    def fails(*_: object, **__: object) -> None:
        raise TinctError("at once", remedy="none")

    monkeypatch.setattr("tinct.jpeg.luma", fails)
    with pytest.raises(TinctError, match="at once"):
        colorizer.file(source, tmp_path / "b.jpg")
    assert not [t for t in threading.enumerate() if t.name.startswith("tinct")]
