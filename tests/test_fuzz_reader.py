"""Damaged files of every kind: a picture or one of our errors, never anything else."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import kinds
from tests.programs import PEAK
from tinct.errors import TinctError
from tinct.image import load


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A copy cut short, with wrong bytes, with extreme bytes in its head, or with a wrong part."""
    result = bytearray(data)
    way = chance.randrange(4)
    if way == 0:
        return bytes(result[: chance.randrange(len(result))])
    if way == 1:
        for _ in range(chance.randrange(1, 8)):
            result[chance.randrange(len(result))] = chance.randrange(256)
    elif way == 2:
        for _ in range(chance.randrange(1, 4)):
            result[chance.randrange(min(200, len(result)))] = chance.choice([0, 1, 127, 128, 255])
    else:
        at = chance.randrange(len(result))
        result[at : at + chance.randrange(1, 60)] = chance.randbytes(chance.randrange(60))
    return bytes(result)


def check(seed: int, count: int) -> None:
    chance = random.Random(seed)
    names = sorted(kinds())
    for _ in range(count):
        data = damaged(kinds()[chance.choice(names)][0], chance)
        try:
            picture = load(data, max_megapixels=30)
            for page in picture.pages[:3]:
                page.preview(16)
                for strip in page.rows():
                    assert strip.pixels.shape[1] == page.width
        except TinctError as error:
            assert error.where == "input"  # noqa: PT017
            assert error.remedy  # noqa: PT017


def check_alone(seed: int, count: int) -> None:
    """In a process of its own, so that the peak of memory is not that of other tests."""
    script = f"from tests.test_fuzz_reader import check; check({seed}, {count}); print({PEAK})"
    words = [sys.executable, "-W", "error", "-c", script]
    root = Path(__file__).parent.parent
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1024 * 1024, "over 1 GiB"


def test_damaged_files() -> None:
    check_alone(0, 200)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_many_damaged_files(seed: int) -> None:
    check_alone(seed, 500)
