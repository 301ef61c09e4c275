"""`tinct evaluate` from folder to record: sets, ways, bad input, and what is measured on demand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.networks import network
from tinct.cli import run
from tinct.errors import InputError, OutputUnwritable, UsageError
from tinct.evaluation import hints, tradeoff
from tinct.evaluation.evaluate import baselines
from tinct.evaluation.protocol import Protocol, grey
from tinct.evaluation.run import EvaluateOptions, evaluate
from tinct.evaluation.sets import find_sets
from tinct.evaluation.statistics import draw
from tinct.evaluation.tint import Tint
from tinct.evaluation.ways import Way, baseline_ways, case_of, coloured
from tinct.image.atomic import write_atomic
from tinct.models.session import Prediction

Image8 = NDArray[np.uint8]
SMALL = EvaluateOptions(protocol=Protocol("crop", 48), features="none")


def scene(seed: int, height: int = 60, width: int = 72) -> Image8:
    rng = np.random.default_rng(seed)
    colours = rng.integers([120, 60, 20], [250, 210, 160], (4, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(autouse=True)
def no_training_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCT_DATA", str(tmp_path / "absent"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sets of six and two pictures; the first has a table of artists beside it."""
    for name, count in (("oils", 6), ("snaps", 2)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(scene(number)).save(tmp_path / "data" / name / f"p{number}.png")
    rows = "".join(f"oils/p{number}.png\tmuseum\tAnna\n" for number in range(5))
    (tmp_path / "data" / "manifest.tsv").write_text(f"path\tsource\tartist\n{rows}")
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return network(tmp_path / "own.onnx", {"pictures_seen": "700"})


def others(folder: Path, target: Path, **settings: Any) -> Path:
    """A tool that gives back the truth, as JPEG."""
    for file in folder.rglob("*.png"):
        (target / file.parent.name).mkdir(parents=True, exist_ok=True)
        with Image.open(file) as picture:
            picture.save(target / file.parent.name / f"{file.stem}.jpg", quality=95, **settings)
    return target


def test_every_kind_of_way_stands_in_one_record(folder: Path, model: Path, tmp_path: Path) -> None:
    copies = others(folder, tmp_path / "other")
    found = evaluate([model], folder, predictions={"copies": copies}, options=SMALL)
    oils, snaps = found.record["sets"]
    assert [(one["name"], one["n"]) for one in (oils, snaps)] == [("oils", 6), ("snaps", 2)]
    assert oils["sha256"] != snaps["sha256"]
    names = ["grey", "tint a* 1 b* 5", "oracle mean a*b*", "alpha.test", "copies", "truth"]
    assert [way["name"] for way in oils["ways"]] == names
    by_name = {way["name"]: way for way in oils["ways"]}
    errors = {name: way["means"]["ciede2000"]["mean"] for name, way in by_name.items()}
    assert errors["truth"] == 0 < errors["copies"] < errors["oracle mean a*b*"] < errors["grey"]
    assert by_name["copies"]["wins"]["won"] == 6
    assert by_name["copies"]["wins"]["p"] == pytest.approx(2 / 64)
    assert by_name["grey"]["wins"] is None
    assert by_name["alpha.test"]["about"]["pictures_seen"] == 700
    assert by_name["grey"]["set_measures"]["colourfulness_ratio"]["mean"] < 0.02
    assert by_name["truth"]["set_measures"]["colourfulness_ratio"]["mean"] == 1
    assert oils["groups"]["artist"] == {
        "Anna": {"n": 5, "ways": oils["groups"]["artist"]["Anna"]["ways"]}
    }
    assert snaps["groups"] == {"category": {}, "artist": {}}
    assert oils["tint_from"].startswith("recorded")
    rows = by_name["alpha.test"]["pictures"]
    mean = np.mean([row["ciede2000"] for row in rows])
    assert mean == pytest.approx(errors["alpha.test"], rel=1e-4)
    assert by_name["alpha.test"]["worst"][0] == max(rows, key=lambda row: row["ciede2000"])["id"]


def test_the_command_prints_tables_and_writes_a_folder(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["evaluate", str(model), "--data", str(folder), "--size", "48", "--features", "none"]
    assert run([*words, "--out", str(out), "-q"]) == 0
    printed = capsys.readouterr()
    assert "**oils**: n = 6, crop 48, pictures sha256" in printed.out
    assert "| alpha.test | 2 | 700 |" in printed.out
    assert (out / "table.md").read_text() == printed.out
    record = json.loads((out / "results.json").read_text())
    rows = list(csv.DictReader(io.StringIO((out / "pictures.csv").read_text())))
    assert len(rows) == (6 + 2) * 5
    assert {row["sha256"] for row in rows} == {one["sha256"] for one in record["sets"]}
    assert float(rows[0]["ciede2000"]) == record["sets"][0]["ways"][0]["pictures"][0]["ciede2000"]
    assert run([*words, "--out", str(out)]) == 4
    assert "not empty" in capsys.readouterr().err
    assert run([*words, "--json", "-q", "--limit", "2"]) == 0
    limited = json.loads(capsys.readouterr().out)
    assert [one["n"] for one in limited["sets"]] == [2, 2]
    assert "drawn with seed 0" in limited["sets"][0]["part"]


def test_prints_the_same_twice(folder: Path, model: Path) -> None:
    first, second = (evaluate([model], folder, options=SMALL).record for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("break_it", "message", "code"),
    [
        (lambda data, _: (data / "oils/p1.png").write_bytes(b"no picture"), "p1.png", 3),
        (lambda _, made: (made / "oils/p3.jpg").unlink(), "1 of 6 pictures of 'oils'", 3),
        (lambda _, made: Image.new("RGB", (50, 31)).save(made / "oils/p0.jpg"), "50 x 31", 3),
        (lambda _, made: Image.new("RGB", (9, 9)).save(made / "oils/p0.png"), "could both", 3),
    ],
)
def test_bad_input_is_one_line(
    folder: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    break_it: Any,
    message: str,
    code: int,
) -> None:
    made = others(folder, tmp_path / "made")
    break_it(folder, made)
    words = ["evaluate", str(model), "--data", str(folder), "--predictions", f"made={made}"]
    assert run([*words, "--size", "48", "--features", "none", "-q"]) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--against", "nobody"], "no 'nobody' to compare with", 2),
        (["--hints", "0,3"], "takes no points of colour: alpha.test", 2),
        (["--hints", "few"], "whole numbers", 2),
        (["--size", "3"], "3 pixels are too few", 2),
        (["--predictions", "folder"], "is not NAME=FOLDER", 2),
        (["--predictions", "grey=."], "another way's name", 2),
        (["--features", "mobilenet_v2", "--limit", "1"], "needs 2 pictures", 2),
        (["no-such-model"], "no-such-model", 5),
        (["--equal-colourfulness", "0"], "is no colourfulness", 2),
    ],
)
def test_bad_options_are_one_line(
    folder: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
    code: int,
) -> None:
    assert run(["evaluate", str(model), "--data", str(folder / "snaps"), *words, "-q"]) == code
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_where_an_evaluation_fails_or_is_stopped_nothing_is_left(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", str(model), "--data", str(folder), "--size", "48", "--features", "none"]
    out = tmp_path / "new" / "out"
    assert run(["evaluate", "absent", "--data", str(folder), "--out", str(out)]) == 5
    assert not out.parent.exists()
    assert run([*words, "--predictions", f"x={tmp_path}/absent", "--out", str(out)]) == 3
    assert not out.parent.exists()

    def interrupted(*_: object, **__: object) -> None:
        assert not out.parent.exists()  # nor is anything there while it runs
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tinct.evaluation.run.measure", interrupted)
        assert run([*words, "--out", str(out)]) == 130
    assert not out.parent.exists()
    with monkeypatch.context() as patch:
        patch.setattr("tinct.evaluation.outputs.write_atomic", once_only())
        assert run([*words, "--out", str(out)]) == 4
    assert not out.parent.exists()
    out.mkdir(parents=True)  # an empty one may be there, and stays
    assert run(["evaluate", "absent", "--data", str(folder), "--out", str(out)]) == 5
    assert out.is_dir()


def once_only() -> Any:
    """`write_atomic` on a disk that is full after the first file."""
    written: list[Path] = []

    def write(target: Path, *, overwrite: bool) -> Any:
        if written:
            raise OutputUnwritable("the disk is full", where=str(target))
        written.append(target)
        return write_atomic(target, overwrite=overwrite)

    return write


def test_lpips_is_spoken_of_where_it_is_asked_for_alone(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    monkeypatch.setattr("tinct.evaluation.run.open_network", lambda *_, **__: (None, ""))
    words = ["evaluate", str(model), "--data", str(folder / "snaps"), "--size", "48"]
    assert run(words) == 0
    assert not capsys.readouterr().err
    assert run([*words, "--lpips"]) == 5
    out, err = capsys.readouterr()
    assert "LPIPS" in err
    assert not out


@pytest.mark.parametrize("asked", [{"working_size": (32,)}, {"consistency": True}])
def test_what_needs_a_model_says_so(folder: Path, tmp_path: Path, asked: dict[str, Any]) -> None:
    made = others(folder, tmp_path / "made")
    with pytest.raises(UsageError, match="needs a model"):
        evaluate([], folder, predictions={"made": made}, options=replace(SMALL, **asked))


def test_intervals_of_one_picture_say_nothing(folder: Path, model: Path) -> None:
    (folder / "snaps" / "p1.png").unlink()
    found = evaluate([model], folder / "snaps", options=SMALL)
    assert found.notes == ["snaps: of one picture, intervals have no width and say nothing"]


def test_baselines_are_painted_by_their_shades(folder: Path) -> None:
    """A table of 256 colours gives what pixel by pixel does, but for steps of rounding."""
    (one, _) = find_sets(folder)
    case = case_of(one.truths[0], Protocol("full", 48))
    paints = baselines((40.0, -70.0)).values()  # out of the gamut in part
    for way, paint in zip(baseline_ways(Tint((40.0, -70.0), "")), paints, strict=False):
        whole = coloured(case.light, paint(case.light, case.truth)).astype(int)
        assert np.abs(way.paint(case) - whole).max() <= 1


def test_grey_truths_are_left_out_and_named(folder: Path, model: Path) -> None:
    plain = grey(scene(1))
    Image.fromarray(np.stack([plain] * 3, -1)).save(folder / "oils" / "p1.png")
    found = evaluate([model], folder / "oils", options=SMALL)
    (one,) = found.record["sets"]
    assert one["n"] == 5
    assert [left["id"] for left in one["left_out"]] == ["p1"]
    assert any("p1 left out" in note for note in found.notes)
    for file in (folder / "snaps").iterdir():
        Image.fromarray(plain).save(file)
    with pytest.raises(InputError, match="all 2 pictures are grey"):
        evaluate([model], folder / "snaps", options=SMALL)


def test_pictures_without_a_truth_are_named(folder: Path, model: Path, tmp_path: Path) -> None:
    made = others(folder, tmp_path / "made")
    Image.new("RGB", (9, 9)).save(made / "oils" / "stranger.jpg")
    found = evaluate([model], folder, predictions={"made": made}, options=SMALL)
    assert any("stranger" in note for note in found.notes)


def test_predictions_at_the_size_of_the_file_are_cut_as_the_truth_is(
    folder: Path, tmp_path: Path
) -> None:
    """The same pictures before and after the protocol score alike."""
    cut = tmp_path / "cut"
    cut.mkdir()
    for file in (folder / "oils").iterdir():
        with Image.open(file) as picture:
            fitted = Protocol("crop", 48).fit(np.asarray(picture.convert("RGB")))
        Image.fromarray(fitted).save(cut / file.name)
    given = {"whole": folder / "oils", "cut": cut}
    found = evaluate([], folder / "oils", predictions=given, options=SMALL)
    means = {way["name"]: way["means"] for way in found.record["sets"][0]["ways"]}
    assert means["whole"] == means["cut"] == means["truth"]


def test_scaled_chroma_draws_a_curve_and_meets_at_one_colourfulness(
    folder: Path, tmp_path: Path
) -> None:
    """A tool as it is, and the same at half its chroma: at equal colourfulness they are one."""
    dull = tmp_path / "dull"
    dull.mkdir()
    for truth in find_sets(folder / "oils")[0].truths:
        case = case_of(truth, SMALL.protocol)
        chroma = tradeoff.chroma_of_way(Way("", "predictions", lambda case: case.truth), case)
        Image.fromarray(coloured(case.light, 0.5 * chroma)).save(dull / f"{truth.id}.png")
    given = {"vivid": folder / "oils", "dull": dull}
    options = replace(SMALL, trade_off=True)
    found = evaluate([], folder / "oils", predictions=given, options=options)
    trade = found.record["sets"][0]["trade_off"]
    vivid = trade["curves"]["vivid"]
    assert [point["gain"] for point in vivid] == list(tradeoff.GAINS)
    ratios = [point["colourfulness_ratio"] for point in vivid]
    assert ratios == sorted(ratios)
    assert min(vivid, key=lambda point: point["ciede2000"])["gain"] == 1.0
    equal = trade["equal"]
    assert equal["ways"]["vivid"]["gain"] == pytest.approx(0.5, abs=0.03)
    shares = [way["colourfulness_ratio"] for way in equal["ways"].values()]
    assert shares[0] == pytest.approx(shares[1], rel=0.02)
    errors = [way["ciede2000"]["mean"] for way in equal["ways"].values()]
    assert errors[0] == pytest.approx(errors[1], rel=0.03)
    (pair,) = equal["pairs"]
    assert {pair["way"], pair["against"]} == {"vivid", "dull"}


def test_points_help_a_model_that_heeds_them(folder: Path) -> None:
    """A double that spreads the mean of its points: the more points, the less error."""

    def predict(
        light: Any,
        *,
        size: Any = None,
        temperature: Any = None,
        hints: Any = None,
        distribution: bool = False,
    ) -> Any:
        chroma = np.zeros((8, 8, 2), np.float32)
        if hints is not None:
            assert hints.dtype == np.float32
            assert hints.shape[1] == 4
            assert hints[:, :2].min() > 0
            assert hints[:, :2].max() < 1
            chroma += hints[:, 2:].mean(0)
        return Prediction(chroma, (8, 8))

    double: Any = SimpleNamespace(spec=SimpleNamespace(hints=True), predict=predict)
    way = Way("double", "model", lambda case: case.truth, model=double)
    assert hints.takers([way]) == [way]
    measured: Any = SimpleNamespace(name="oils", truths=find_sets(folder / "oils")[0].truths)
    curve = hints.hint_curve(measured, [way], (0, 1, 100), SMALL.protocol, draw(6))
    none, one, many = (row["ciede2000"]["mean"] for row in curve["ways"]["double"])
    assert none > one > many


def test_what_is_asked_for_is_printed(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asks for no folder sees it all the same."""
    words = ["evaluate", str(model), "--data", str(folder / "oils"), "--size", "48"]
    words += ["--features", "none"]
    assert run(words) == 0
    plain = capsys.readouterr().out
    assert "| artist | n | grey |" in plain
    assert "| Anna | 5 |" in plain
    asked = ["--trade-off", "--equal-colourfulness", "0.1", "--working-size", "32", "--consistency"]
    assert run([*words, *asked]) == 0
    out = capsys.readouterr().out
    assert out.startswith(plain.rstrip())
    for head in ("| way | by 0 |", "| model | working size |", "| way | chroma times |"):
        assert head in out
    assert "| alpha.test | 32 |" in out
    assert "| model | moved by the working size |" in out
    assert out.count("n = 6, ") == 1 + out.count(":\n\n")


def test_working_sizes_are_swept_beside_the_models_own(folder: Path, model: Path) -> None:
    options = replace(SMALL, working_size=(32, 48), consistency=True)
    found = evaluate([model], folder / "snaps", options=options)
    (one,) = found.record["sets"]
    rows = one["working_sizes"]["ways"]["alpha.test"]
    assert [(row["working_size"], row["own"]) for row in rows] == [
        (32, False),
        (48, False),
        (96, True),
    ]
    assert rows[-1]["times_own"] == 1
    assert all(row["seconds"] > 0 for row in rows)
    assert one["consistency"]["alpha.test"]["flip_consistency"]["mean"] < 0.5
    with pytest.raises(UsageError, match="not possible"):
        evaluate([model], folder / "snaps", options=replace(SMALL, working_size=(2,)))
