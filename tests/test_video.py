"""Films: only colour is added, everything else stays, and what does not is said."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import tinct
from tests.films import Kind, film, packets, reel, scene, shown
from tests.networks import network
from tinct import cli
from tinct.errors import (
    AlreadyColour,
    AlreadyTinct,
    OutputExists,
    Signed,
    Unreadable,
    Unsupported,
    UsageError,
)
from tinct.provenance import SENTENCE, is_ours
from tinct.video.join import decoding_times
from tinct.video.label import C2PA_BOX, XMP_BOX, private_boxes
from tinct.video.outcome import FilmResult
from tinct.video.signal import BT709, FULL, SMPTE170M

TINCT = [sys.executable, "-c", "from tinct.cli import main; main()"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(network(tmp_path_factory.mktemp("model") / "shares.onnx"))


def colour(source: Path, target: Path, model: str, **options: object) -> FilmResult:
    return tinct.colorize_video(source, target, model=model, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pix_fmt", "full"),
    [
        ("gray", True),
        ("gray10le", True),
        ("yuv420p", False),
        ("yuv422p10le", False),
        ("yuv444p", True),
    ],
)
def test_luma_of_a_lossless_film_is_exactly_that_of_the_source(
    tmp_path: Path, model: str, pix_fmt: str, full: bool
) -> None:
    """Every code counts, those beyond black and white too."""
    frames = reel(5)
    frames[2][:] = np.arange(48 * 64).reshape(48, 64) % 256
    range_ = {"color_range": FULL} if full and "gray" not in pix_fmt else {}
    source = film(tmp_path / "in.mkv", frames, Kind(pix_fmt=pix_fmt, attributes=range_))
    result = colour(source, tmp_path / "out.mkv", model)
    assert result.luma_identical is True
    assert not result.warnings
    before, after = shown(source), shown(tmp_path / "out.mkv")
    assert after.times == before.times
    for one, other in zip(before.luma, after.luma, strict=True):
        np.testing.assert_array_equal(one, other)
    neutral = 1 << (int(np.log2(after.luma[0].max() + 1) + 0.999) - 1)
    assert all(np.abs(np.median(planes, (1, 2)) - neutral).min() > 2 for planes in after.chroma)


@pytest.mark.parametrize(
    ("matrix", "shares"), [(BT709, (0.2126, 0.0722)), (SMPTE170M, (0.299, 0.114))]
)
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_asked_for_in_the_film_s_own_matrix_and_range(
    tmp_path: Path, model: str, matrix: int, shares: tuple[float, float], full: bool
) -> None:
    """The network of the test says a* = L*/2 and b* = -L*/4, so we know what must come out."""
    from tinct.color import SRGB, lightness, rgb_to_lab

    codes = np.full((48, 64), 120, np.uint8)
    tags = {"colorspace": matrix, "color_range": 2 if full else 1}
    source = film(tmp_path / "in.mkv", [codes], Kind(pix_fmt="yuv444p", attributes=tags))
    colour(source, tmp_path / "out.mkv", model)
    after = shown(tmp_path / "out.mkv")
    span, black, wide = (255, 0, 255) if full else (219, 16, 224)
    luma = (120 - black) / span
    blue, red = (np.median(plane) - 128 for plane in after.chroma[0])
    r = luma + red / wide * 2 * (1 - shares[0])
    b = luma + blue / wide * 2 * (1 - shares[1])
    g = (luma - shares[0] * r - shares[1] * b) / (1 - sum(shares))
    lab = rgb_to_lab(np.array([r, g, b], np.float32))
    light = lightness(np.full((1, 1), round(luma * 255), np.uint8), SRGB)[0, 0]
    assert abs(lab[1] - light / 2) < 2.5
    assert abs(lab[2] + light / 4) < 2.5


def test_times_of_a_variable_frame_rate_are_kept_exactly(tmp_path: Path, model: str) -> None:
    times = [0, 33, 70, 71, 150, 1000, 1040, 1081]
    unit = Fraction(1, 1000)
    for name, codec in (("in.mkv", "ffv1"), ("in.mp4", "libx264")):
        kind = Kind(codec=codec, pix_fmt="yuv420p", times=times, unit=unit)
        source = film(tmp_path / name, reel(len(times)), kind)
        target = tmp_path / f"out{source.suffix}"
        result = colour(source, target, model)
        assert not result.warnings
        assert shown(target).times == shown(source).times == [time * unit for time in times]


def test_sound_chapters_tags_and_geometry_come_along(tmp_path: Path, model: str) -> None:
    kind = Kind(
        codec="libx264",
        pix_fmt="yuv420p",
        sound=True,
        metadata={"title": "A reel", "comment": "found in the attic"},
        chapters=[(0, 200, "One"), (200, 400, "Two")],
        attributes={"sample_aspect_ratio": Fraction(16, 15), "gop_size": 5},
    )
    source, target = film(tmp_path / "in.mkv", reel(11), kind), tmp_path / "out.mkv"
    result = colour(source, target, model)
    assert not result.warnings
    assert result.codec == "libx264"
    assert packets(target, "audio") == packets(source, "audio") != []
    with av.open(str(source)) as before, av.open(str(target)) as after:
        assert after.chapters() == before.chapters() != []
        assert after.metadata["title"] == "A reel"
        comment = after.metadata["COMMENT"]
        assert comment.startswith("found in the attic\n")
        assert SENTENCE in comment
        assert "compositeWithTrainedAlgorithmicMedia" in comment
        stream = after.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(16, 15)
        assert stream.average_rate == before.streams.video[0].average_rate
        keys = [p.is_keyframe for p in after.demux(stream) if p.size]
        assert keys[0]
        assert sum(keys) >= 2
    frames = shown(target).luma
    assert (
        max(float(np.abs(a.astype(int) - b).mean()) for a, b in zip(frames, reel(11), strict=True))
        < 4
    )


def test_rotation_stays_and_the_network_sees_the_film_upright(tmp_path: Path, model: str) -> None:
    source = film(tmp_path / "in.mp4", reel(3), Kind(codec="libx264", pix_fmt="yuv420p", turned=90))
    colour(source, tmp_path / "out.mp4", model)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 90
    # the test's network makes a* of L*: what is bright is red, wherever it stands
    after = shown(tmp_path / "out.mp4")
    red, luma = after.chroma[1][1].astype(float), after.luma[1][::2, ::2].astype(float)
    assert np.corrcoef(red.ravel(), luma.ravel())[0, 1] > 0.5


def test_interlaced_films_stay_interlaced_and_it_is_said(tmp_path: Path, model: str) -> None:
    coding = {"field_order": 2, "flags": (1 << 18) | (1 << 29)}
    kind = Kind(codec="libx264", pix_fmt="yuv420p", attributes=coding)
    source = film(tmp_path / "in.mkv", reel(3), kind)
    result = colour(source, tmp_path / "out.mkv", model)
    assert any("interlaced" in warning for warning in result.warnings)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert next(container.decode(video=0)).interlaced_frame


def test_an_mp4_carries_the_label_of_pictures(tmp_path: Path, model: str) -> None:
    source = film(tmp_path / "in.mp4", reel(2), Kind(codec="libx264", pix_fmt="yuv420p"))
    result = colour(source, tmp_path / "out.mp4", model)
    assert result.label == "metadata"
    assert is_ours(dict(private_boxes(tmp_path / "out.mp4"))[XMP_BOX])
    with pytest.raises(AlreadyTinct):
        colour(tmp_path / "out.mp4", tmp_path / "again.mp4", model)


def test_where_a_container_takes_no_label_a_record_lies_beside_it(
    tmp_path: Path, model: str
) -> None:
    source = film(tmp_path / "in.ts", reel(20), Kind(codec="mpeg2video", pix_fmt="yuv420p"))
    result = colour(source, tmp_path / "out.ts", model)
    assert result.label == "sidecar"
    record = json.loads((tmp_path / "out.ts.json").read_text("utf-8"))
    assert record["statement"] == SENTENCE
    assert record["output"]["sha256"] == result.sha256_out


def test_what_a_container_cannot_hold_is_refused_or_said(tmp_path: Path, model: str) -> None:
    source = film(tmp_path / "in.mkv", reel(2), Kind(sound=True))
    with pytest.raises(Unsupported, match=r"sound.*\.mkv"):
        colour(source, tmp_path / "out.webm", model)
    result = colour(source, tmp_path / "out.avi", model)
    assert any("full range" in warning for warning in result.warnings)
    with pytest.raises(Unsupported, match="no codec fits"):
        colour(source, tmp_path / "out.gif", model)
    with pytest.raises(UsageError, match="no kind of film"):
        colour(source, tmp_path / "out.jpg", model)
    with pytest.raises(UsageError, match="--codec nosuch"):
        colour(source, tmp_path / "out.mkv", model, codec="nosuch")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "out.avi"]


def test_colours_that_are_there_are_judged_as_those_of_pictures(tmp_path: Path, model: str) -> None:
    pixels = np.stack([scene(48, 64, seed) for seed in (1, 2, 3)], -1).astype(np.uint8)
    source = film(tmp_path / "in.mkv", [pixels] * 3, Kind(pix_fmt="yuv444p"))
    result = colour(source, tmp_path / "out.mkv", model)
    assert result.status == "skipped"
    with pytest.raises(AlreadyColour):
        colour(source, tmp_path / "out.mkv", model, if_color="fail")
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]
    assert colour(source, tmp_path / "out.mkv", model, if_color="recolor").frames == 3
    grey = film(tmp_path / "grey.mkv", reel(3), Kind(pix_fmt="yuv420p"))
    assert colour(grey, tmp_path / "grey.out.mkv", model, if_color="fail").status == "done"


def test_a_tone_shines_through_where_asked(tmp_path: Path, model: str) -> None:
    sepia = scene(48, 64, 1)[..., None] * np.array([1.0, 0.87, 0.68], np.float32)
    frames = [sepia.astype(np.uint8)] * 2
    source = film(tmp_path / "in.mkv", frames, Kind(pix_fmt="yuv444p"))
    colour(source, tmp_path / "neutral.mkv", model, saturation=0.0)
    colour(source, tmp_path / "keep.mkv", model, saturation=0.0, toned="keep")
    neutral, keep = (shown(tmp_path / f"{name}.mkv").chroma[1] for name in ("neutral", "keep"))
    assert np.abs(neutral.astype(int) - 128).max() <= 1
    assert np.abs(keep.astype(int) - shown(source).chroma[1]).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (47, 65), (300, 2), (2, 300)])
def test_odd_sizes(tmp_path: Path, model: str, size: tuple[int, int]) -> None:
    frames = reel(3, height=size[0], width=size[1])
    source = film(tmp_path / "in.mkv", frames)
    colour(source, tmp_path / "out.mkv", model)
    for one, other in zip(frames, shown(tmp_path / "out.mkv").luma, strict=True):
        np.testing.assert_array_equal(one, other)
    if min(size) > 40:
        result = colour(source, tmp_path / "out.mp4", model, codec="libx264")
        assert result.pix_fmt == "yuv444p"


def test_an_animated_gif_is_a_film(tmp_path: Path, model: str) -> None:
    source = film(tmp_path / "in.gif", reel(4), Kind(codec="gif", rate=10))
    result = colour(source, tmp_path / "out.mkv", model, codec="ffv1")
    assert (result.frames, result.pix_fmt) == (4, "yuva420p")
    for one, other in zip(shown(source).rgb, shown(tmp_path / "out.mkv").luma, strict=True):
        np.testing.assert_array_equal(one[..., 1], other)


def test_transparency_is_kept(tmp_path: Path, model: str) -> None:
    source = film(tmp_path / "in.mkv", reel(2), Kind(pix_fmt="yuva420p"))
    result = colour(source, tmp_path / "out.mkv", model)
    assert (result.pix_fmt, result.warnings) == ("yuva420p", ())


def test_what_is_no_film_is_one_clear_line(tmp_path: Path, model: str) -> None:
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "text.mkv").write_text("this is no film")
    whole = film(tmp_path / "whole.mp4", reel(8), Kind(codec="libx264", pix_fmt="yuv420p"))
    (tmp_path / "headless.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for name in ("empty.mkv", "text.mkv", "headless.mp4", "absent.mkv", "."):
        with pytest.raises(Unreadable):
            colour(tmp_path / name, tmp_path / "out.mkv", model)
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        part = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        part.sample_rate = 8000
        container.mux(stream.encode(part))
    with pytest.raises(Unsupported, match="no moving pictures \\(it has sound\\)"):
        colour(tmp_path / "sound.wav", tmp_path / "out.mkv", model)
    assert not list(tmp_path.glob("out*"))
    assert not list(tmp_path.glob(".out*"))


def test_a_film_that_was_cut_off_is_coloured_as_far_as_it_goes_and_it_is_said(
    tmp_path: Path, model: str
) -> None:
    whole = film(tmp_path / "whole.mkv", reel(40), Kind(codec="ffv1", sound=True))
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = colour(half, tmp_path / "out.mkv", model)
    assert 10 < result.frames < 30
    said = " ".join(result.warnings)
    assert f"breaks off after {result.frames} frames" in said or "should last 1.6 s" in said
    for one, other in zip(shown(tmp_path / "out.mkv").luma, reel(40), strict=False):
        np.testing.assert_array_equal(one, other)


def test_results_are_never_overwritten_unasked(tmp_path: Path, model: str) -> None:
    source, target = film(tmp_path / "in.mkv", reel(2)), tmp_path / "out.mkv"
    before = source.read_bytes()
    with pytest.raises(OutputExists, match="its own input"):
        colour(source, source, model, overwrite=True)
    target.write_text("precious")
    with pytest.raises(OutputExists, match="exists already"):
        colour(source, target, model)
    assert target.read_text() == "precious"
    assert source.read_bytes() == before
    colour(source, target, model, overwrite=True)
    assert shown(target).times


def test_signed_films_are_refused(tmp_path: Path, model: str) -> None:
    source = film(tmp_path / "in.mp4", reel(2), Kind(codec="libx264", pix_fmt="yuv420p"))
    with source.open("ab") as stream:
        stream.write((24 + 4).to_bytes(4, "big") + b"uuid" + C2PA_BOX + b"jumb")
    with pytest.raises(Signed):
        colour(source, tmp_path / "out.mp4", model)
    assert colour(source, tmp_path / "out.mp4", model, drop_credentials=True).frames == 2


def test_options_of_pictures_alone_are_refused() -> None:
    from tinct.video.options import VideoOptions

    for field, value in (("format", "png"), ("variants", 2), ("depth", "16"), ("every", 0)):
        with pytest.raises(UsageError, match=f"--{field}"):
            VideoOptions(**{field: value})  # type: ignore[arg-type]


def test_decoding_times_rise_and_come_before_showing() -> None:
    times = np.array([0, 10, 15, 40, 41, 90])
    numbers = np.array([0, 3, 1, 2, 5, 4])
    decoded = decoding_times(times, numbers)
    assert (np.diff(decoded) > 0).all()
    assert (decoded <= times[numbers]).all()


def test_the_command_speaks_of_what_it_does(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source, target = film(tmp_path / "in.mkv", reel(4)), tmp_path / "out.mkv"
    command = ["video", str(source), str(target), "--model", model]
    assert cli.run([*command, "--json"]) == 0
    told = capfd.readouterr()
    events = [json.loads(line) for line in told.out.splitlines()]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert events[-2]["done"] == events[-2]["total"] == 4
    assert events[-1]["event"] == "done"
    assert events[-1]["luma_identical"] is True
    assert "4 frames" in told.err
    assert cli.run(command) == OutputExists.exit_code
    assert cli.run([*command, "--on-exists", "skip"]) == 0
    assert cli.run(["video", str(tmp_path / "none.mkv"), str(target)]) == Unreadable.exit_code
    assert cli.run([*command, "--every", "x"]) == UsageError.exit_code
    assert capfd.readouterr().out == ""


def test_without_pyav_one_line_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['av'] = None\n"
        "import tinct\n"
        "from tinct.cli import main; main(['video', 'in.mkv', 'out.mkv'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == UsageError.exit_code
    assert done.stderr.count("\n") == 1
    assert "pip install 'tinct[video]'" in done.stderr


def test_colouring_a_film_imports_no_torch(tmp_path: Path) -> None:
    film(tmp_path / "in.mkv", reel(2))
    script = (
        "import sys, tinct\n"
        "assert 'av' not in sys.modules\n"
        "tinct.colorize_video('in.mkv', 'out.mkv')\n"
        "assert not {'torch', 'scipy', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_options_have_one_name_everywhere() -> None:
    from tinct.video.options import SHARED, VideoOptions

    parameters = dict(inspect.signature(tinct.colorize_video).parameters)
    own = set(vars(VideoOptions)["__annotations__"])
    others = {"source", "target", "overwrite", "restart", "threads"}
    assert set(parameters) == {*SHARED, *own, *others}
    for name in {*SHARED, *own}:
        assert parameters[name].default == getattr(VideoOptions, name)
    shown_ = subprocess.run([*TINCT, "video", "--help"], check=True, capture_output=True, text=True)
    for name in {*SHARED, *own}:
        assert f"--{name.replace('_', '-')}" in shown_.stdout
