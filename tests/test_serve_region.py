"""Parts at full size over HTTP: the pixels of the result, within limits, for who has the id."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.pictures import GREY, WIDE, encoded, tiff
from tests.servers import Running, running
from tinct import Colorizer
from tinct.client import Client
from tinct.color import lightness, merge
from tinct.image import load, upright
from tinct.models import load_model
from tinct.options import ColorizeOptions
from tinct.refine import Upsampler
from tinct.serve.cutout import Box, coloured_part, plain_part, window
from tinct.serve.drawn import coloured_jpeg
from tinct.serve.kept import Kept, Memory, bytes_of, grey_of
from tinct.verify import verify

HOW = ColorizeOptions(size=64, saturation=1.5)
ROWS, COLUMNS = GREY.shape


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as served:
        yield served


def pixels(content: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"))


def at(server: Running, content: bytes, name: str = "a.png") -> str:
    answer = server.http.post("/v1/sessions", files={"picture": (name, content)})
    return f"/v1/sessions/{answer.json()['id']}"


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = BytesIO()
    Image.fromarray(GREY).save(out, "PNG", exif=exif)
    return out.getvalue()


def test_a_part_is_that_of_the_result(server: Running) -> None:
    content = encoded(GREY, "PNG")
    with Client(server.url) as client, client.open(content, name="a.png") as session:
        result = pixels(session.colorize(HOW).content)
        for x, y, width, height in ((0, 0, COLUMNS, ROWS), (7, 3, 20, 30), (COLUMNS - 1, 0, 1, 1)):
            part = session.region(x, y, width, height, HOW)
            assert np.array_equal(pixels(part), result[y : y + height, x : x + width])
            plain = session.region(x, y, width, height, plain=True)
            shown = pixels(plain)
            assert np.array_equal(shown[..., 0], GREY[y : y + height, x : x + width])
        hinted = session.region(7, 3, 20, 30, HOW, hints={"keep": [{"path": [[0.3, 0.3]]}]})
        assert hinted != session.region(7, 3, 20, 30, HOW)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("roomy", [0, 1 << 30], ids=["streamed", "kept"])
def test_a_part_of_a_picture_that_lies_on_its_side(orientation: int, roomy: int) -> None:
    kept = Kept(load(turned(orientation)))
    whole = upright(GREY, orientation)
    box = Box(5, 9, 17, 11)
    shown = plain_part(kept, box, roomy=roomy)
    assert np.array_equal(shown[..., 1], whole[9:20, 5:22])
    chroma = np.random.default_rng(1).normal(0, 20, (6, 8, 2)).astype(np.float32)
    found = coloured_part(kept, box, chroma, roomy=roomy, keeps_luma=False)
    wanted = merge(lightness(whole), Upsampler(chroma, *whole.shape).rows(0, len(whole)), depth=8)
    assert np.abs(found.astype(int) - wanted[9:20, 5:22]).max() <= 1
    assert (kept.pixels is None) == (roomy == 0)


def test_a_part_of_sixteen_bits_is_shown_in_eight() -> None:
    kept = Kept(load(tiff(WIDE)))
    height, width = WIDE.shape[:2]
    shown = plain_part(kept, Box(0, 0, width, height), roomy=0)
    assert np.abs(shown[..., 0] - WIDE / 257).max() < 0.51


def test_a_part_of_a_jpeg_has_the_luma_that_is_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    rows, columns = np.mgrid[:400, :600]
    Image.fromarray((128 + 60 * np.sin(rows / 40) * np.cos(columns / 60)).astype(np.uint8)).save(
        source, quality=95
    )
    network = load_model(threads=1)
    Colorizer.of(HOW, network).file(source, target)
    assert verify(source, target).ok
    kept = Kept(load(source))
    assert kept.keeps_luma(HOW)
    assert not kept.keeps_luma(ColorizeOptions(format="png"))
    box = Box(101, 53, 222, 147)
    part = coloured_part(kept, box, kept.colours(network, HOW), roomy=0, keeps_luma=True)
    result = pixels(target.read_bytes())[53:200, 101:323]
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs(part @ luma - result @ luma).max() < 1.5
    assert np.abs(part.astype(int) - result).mean() < 1.5


def test_a_window_is_a_part_of_the_whole() -> None:
    chroma = np.random.default_rng(2).normal(0, 30, (9, 14, 2)).astype(np.float32)
    whole = Upsampler(chroma, 333, 501).rows(0, 333)
    found = window(chroma, 333, 501, rows=range(100, 180), columns=range(200, 417))
    assert np.abs(found - whole[100:180, 200:417]).max() < 1e-4


def test_a_quick_preview_looks_like_the_slow_one() -> None:
    rows, columns = np.mgrid[:301, :403]
    grey = (128 + 60 * np.sin(rows / 50) * np.cos(columns / 70)).astype(np.uint8)
    chroma = np.random.default_rng(3).normal(0, 9, (5, 7, 2)).astype(np.float32)
    whole = Upsampler(chroma, *grey.shape).rows(0, 301)
    wanted = merge(lightness(grey), whole, depth=8).astype(int)
    luma = np.array([0.299, 0.587, 0.114])
    copied, moved = (
        pixels(coloured_jpeg(grey, chroma, keeps_luma=keeps)).astype(int) for keeps in (True, False)
    )
    assert np.abs(copied @ luma - grey).mean() < 0.7
    assert np.abs(moved - wanted).mean() < 1.5
    error = np.abs(moved @ luma - wanted @ luma).mean()
    assert error < 1.2
    assert np.abs(copied @ luma - wanted @ luma).mean() > 1.5 * error


def test_grey_values_are_those_of_the_light() -> None:
    codes = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(grey_of(lightness(codes)), codes)


@pytest.mark.parametrize(
    ("place", "where"),
    [
        ({"x": -1}, "x"),
        ({"x": COLUMNS}, "x"),
        ({"width": COLUMNS - 1}, "width"),
        ({"height": 0}, "height"),
        ({"y": 1.5}, "y"),
        ({"y": None}, "y"),
    ],
)
def test_a_part_beyond_the_picture_is_refused(
    server: Running, place: dict[str, object], where: str
) -> None:
    session = at(server, encoded(GREY, "PNG"))
    asked = {"x": 2, "y": 2, "width": 8, "height": 8, **place}
    answer = server.http.post(f"{session}/region", json=asked)
    assert (answer.status_code, answer.json()["where"]) == (422, where)
    words = {name: str(value) for name, value in asked.items() if value is not None}
    answer = server.http.get(f"{session}/region", params=words)
    assert answer.status_code == 422


def test_a_part_is_no_larger_than_the_limit_and_nobody_elses(server: Running) -> None:
    large = encoded(np.full((2900, 2900), 90, np.uint8), "PNG")
    session = at(server, large)
    asked = {"x": 0, "y": 0, "width": 2900, "height": 2900}
    for answer in (
        server.http.post(f"{session}/region", json=asked),
        server.http.get(f"{session}/region", params=asked),
    ):
        assert (answer.status_code, answer.json()["where"]) == (422, "width")
    assert server.http.delete(session).status_code == 204
    asked["width"] = 4
    assert server.http.get(f"{session}/region", params=asked).status_code == 404


def test_what_is_kept_is_counted_and_goes_with_the_session(server: Running) -> None:
    def figures() -> dict[str, float]:
        lines = server.http.get("/metrics").text.splitlines()
        pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}

    hits, misses = 'tinct_features_total{found="hit"}', 'tinct_features_total{found="miss"}'
    bytes_, everything = 'tinct_kept_bytes{what="features"}', 'tinct_kept_bytes{what="all"}'
    before = figures()
    session = at(server, encoded(GREY, "JPEG"))
    for number in range(3):
        hints = {"points": [{"x": 0.1 * number, "y": 0.5, "color": "#7a3b2e"}]}
        how = {"preview": 64, "size": 64, "hints": hints}
        assert server.http.post(f"{session}/colorize", json=how).status_code == 200
    after = figures()
    assert after[misses] - before[misses] == 1
    assert after[hits] - before[hits] == 3  # and once for the colours without any hints
    assert after[everything] > after[bytes_] > before[bytes_]
    server.http.delete(session)
    other = at(server, encoded(GREY, "PNG"))  # by when the worker has heard of it
    server.http.get(f"{other}/preview")
    assert figures()[bytes_] == before[bytes_]


def test_bytes_are_counted_once_and_with_what_a_view_is_of() -> None:
    whole = np.zeros((10, 10, 4), np.uint8)
    assert bytes_of([whole[..., :3], whole[2:4], whole]) == 400
    memory = Memory(10**9)
    kept = Kept(load(encoded(GREY, "PNG")))
    network = load_model(threads=1, halved=True)
    kept.colours(network, HOW)
    memory.keep(Path("a"), kept)
    said = list(kept.said.values())
    own = [kept.preview(64), kept.light(64), *kept.features.arrays, *(one.chroma for one in said)]
    own += [chroma for _, _, chroma in kept.maps]
    assert memory.figures().size == bytes_of(own)
    assert memory.figures().features == sum(one.nbytes for one in kept.features.arrays)
    small = Memory(memory.size - 1)
    small.keep(Path("a"), kept)
    assert (small.figures().size, small.figures().misses) == (0, 1)
