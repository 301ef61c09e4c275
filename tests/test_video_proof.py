"""`verify` proves of films, too, that only colour was added, and notices when it was not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.films import Kind, film, reel
from tests.networks import network
from tinct import cli, colorize_video
from tinct.errors import InputError
from tinct.image.sniff import ENOUGH, is_film
from tinct.video.proof import compare_films


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(network(tmp_path_factory.mktemp("model") / "shares.onnx"))


@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_a_lossless_copy_has_the_same_luma(tmp_path: Path, model: str, suffix: str) -> None:
    source, target = film(tmp_path / "in.mkv", reel(6)), tmp_path / f"out.{suffix}"
    result = colorize_video(source, target, model=model)
    assert result.luma_identical
    verdict = compare_films(source, target)
    assert verdict.ok, verdict
    assert verdict.luma_identical
    assert (verdict.frames, verdict.max_delta_luma, verdict.psnr_luma) == (6, 0, None)
    assert cli.run(["verify", str(source), str(target)]) == 0


def test_luma_with_more_bits_is_the_same_light(tmp_path: Path) -> None:
    frames, limited = reel(3), {"color_range": 1}
    few = film(tmp_path / "8.mkv", frames, Kind(pix_fmt="yuv420p", attributes=limited))
    more = film(tmp_path / "10.mkv", frames, Kind(pix_fmt="yuv420p10le", attributes=limited))
    assert compare_films(few, more).ok


def test_one_code_of_one_pixel_is_found(tmp_path: Path) -> None:
    frames = reel(5)
    before = film(tmp_path / "before.mkv", frames)
    frames[3][7, 9] += 1
    verdict = compare_films(before, film(tmp_path / "after.mkv", frames))
    assert not verdict.ok
    assert verdict.luma_identical is False
    assert verdict.max_delta_luma == 1
    assert verdict.psnr_luma is not None


def test_a_lossy_copy_says_how_much_it_differs(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = film(tmp_path / "in.mkv", reel(6)), tmp_path / "out.mp4"
    colorize_video(source, target, model=model, codec="libx264")
    assert cli.run(["verify", "--json", str(source), str(target)]) == 9
    record = json.loads(capsys.readouterr().out)
    assert record["event"] == "verify"
    assert not record["ok"]
    assert record["psnr_luma"] > 30
    assert "lossy" in record["reason"]
    assert cli.run(["verify", str(source), str(target)]) == 9
    assert "PSNR" in capsys.readouterr().err


def test_frames_sizes_and_times_must_match(tmp_path: Path) -> None:
    frames = reel(5)
    before = film(tmp_path / "before.mkv", frames)
    cut = compare_films(before, film(tmp_path / "cut.mkv", frames[:4]))
    assert "copy ends after 4 frames" in (cut.reason or "")
    longer = compare_films(film(tmp_path / "cut.mkv", frames[:4]), before)
    assert "original ends after 4 frames" in (longer.reason or "")
    small = film(tmp_path / "small.mkv", [one[:-2] for one in frames])
    assert "64 x 46" in (compare_films(before, small).reason or "")
    late = film(tmp_path / "late.mkv", frames, Kind(times=[0, 40, 95, 120, 160]))
    moved = compare_films(before, late)
    assert moved.luma_identical
    assert not moved.ok
    assert "15 ms" in (moved.reason or "")


def test_a_picture_beside_a_film_is_an_input_error(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv", reel(2))
    with pytest.raises(InputError):
        compare_films(source, Path(__file__))
    assert cli.run(["verify", str(source), str(tmp_path / "none.mkv")]) == 3


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mkv", "ffv1"),
        ("avi", "ffv1"),
        ("mp4", "mpeg4"),
        ("mov", "mpeg4"),
        ("ts", "mpeg2video"),
        ("mpg", "mpeg2video"),
        ("flv", "flv1"),
        ("wmv", "wmv2"),
    ],
)
def test_films_are_told_from_pictures_by_their_first_bytes(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    kind = Kind(codec=codec, pix_fmt="gray" if codec == "ffv1" else "yuv420p")
    made = film(tmp_path / f"made.{suffix}", reel(3), kind)
    assert is_film(made.read_bytes()[:ENOUGH])
    assert cli.run(["colorize", str(made)]) == 3
