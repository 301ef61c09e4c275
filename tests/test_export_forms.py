"""Models in the forms of other runtimes, held against torch and ONNX."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from tests.test_export import make_run
from tinct import cli
from tinct.errors import ModelError, OutputExists, OutputUnwritable, UsageError
from tinct.models import DEFAULT, weights_path
from tinct.systems import find_system
from tinct.training import graph, openvino, parity, tflite
from tinct.training.export import export_run, network_of, read_weights
from tinct.training.forms import described, export_form, onnx_form
from tinct.training.graph import Interface
from tinct.training.parity import LARGEST, cases, compared, torch_form

converts = pytest.mark.skipif(
    find_spec("litert_torch") is None,
    reason='needs the extra "tflite", which `make test` does not install: it is large',
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the quickest network; its ONNX file is traced once for each test that converts."""
    torch.manual_seed(5)
    return make_run(tmp_path_factory.mktemp("runs") / "mine", "alpha", size=96)


@pytest.fixture(scope="module")
def model(run: Path) -> Path:
    """The same as an ONNX file."""
    return export_run(run)


def test_the_flagship_as_openvino_gives_the_same_colours(tmp_path: Path) -> None:
    folder = export_form(Path(DEFAULT), tmp_path / "model", to="openvino")
    assert sorted(file.name for file in folder.iterdir()) == ["model.bin", "model.xml"]
    said = described(folder)
    assert (said["name"], said["outputs"], said["hints"]) == (DEFAULT, "distribution", "true")
    assert float(said["difference"]) <= LARGEST
    given = openvino.openvino_form(folder / "model.xml", threads=1)
    exact = onnx_form(weights_path(DEFAULT))
    inputs = list(cases(Interface.DISTRIBUTION, [(64, 96)], bins=144))
    assert [bool(case["hints"].any()) for case in inputs] == [False, True, False, True]
    assert [bool(case["palette"].any()) for case in inputs] == [False, False, True, True]
    assert compared(given, exact, inputs).largest <= LARGEST
    steered = compared(
        lambda case: given({**case, "hints": inputs[0]["hints"]}), exact, inputs[1:2]
    )
    assert steered.largest > 1  # what it compares is there


def test_a_run_as_openvino_replaces_its_own_and_nothing_else(
    run: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = SimpleNamespace(model_proto=onnx.load(model))  # tracing is what takes long
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: program)
    monkeypatch.setattr(graph, "TOLERANCE", 1.0)  # its weights are float16 already
    folder = run / "model.openvino"
    folder.mkdir()
    (folder / "old").write_text("old")
    for name, seconds in (("killed", 7200), ("at-work", 0)):
        (run / f".tinct-{name}.tmp" / "new").mkdir(parents=True)
        os.utime(run / f".tinct-{name}.tmp", (time.time() - seconds,) * 2)
    assert export_form(run, to="openvino") == folder
    assert sorted(file.name for file in folder.iterdir()) == ["model.bin", "model.xml"]
    assert described(folder)["name"] == "alpha.mine"
    (tmp_path / "there").write_text("mine")
    with pytest.raises(OutputExists):
        export_form(run, tmp_path / "there", to="openvino")
    assert (tmp_path / "there").read_text() == "mine"
    assert [path.name for path in run.glob(".tinct-*")] == [".tinct-at-work.tmp"]


@pytest.mark.usefixtures("model")
def test_a_form_that_gives_other_colours_is_not_written(
    run: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = openvino.openvino_form

    def tinted(xml: Path) -> parity.Form:
        form = honest(xml)
        return lambda case: {"chroma": form(case)["chroma"] + np.float32(0.06)}

    monkeypatch.setattr(openvino, "openvino_form", tinted)
    with pytest.raises(ModelError, match=r"0\.06 CIE units from those of the ONNX file"):
        export_form(model, tmp_path / "model", to="openvino")
    assert not list(tmp_path.iterdir())


def test_a_number_that_is_none_is_a_difference() -> None:
    light = {"lightness": np.full((1, 1, 4, 4), 50, np.float32)}
    plain = {"chroma": np.zeros((1, 2, 4, 4), np.float32)}
    broken = {"chroma": np.full((1, 2, 4, 4), np.nan, np.float32)}
    assert compared(lambda _: plain, lambda _: broken, [light]).largest == np.inf


def test_a_full_disk_leaves_no_half_of_a_model(model: Path, small_disk: Path) -> None:
    (small_disk / "much").write_bytes(bytes(180 << 10))
    with pytest.raises(OutputUnwritable):
        export_form(model, small_disk / "model", to="openvino")
    assert [path.name for path in small_disk.iterdir()] == ["much"]


def test_openvino_tells_its_makers_nothing(model: Path, tmp_path: Path) -> None:
    """As `test_it_runs_here`: the network forbidden, and no identifier left in the user's home."""
    home = tmp_path / "home"
    home.mkdir()
    script = (
        "import socket, sys\n"
        "def forbidden(*a, **k): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = forbidden\n"
        "from tinct.cli import run\n"
        "code = run(['export', sys.argv[1], '--to', 'openvino', '-o', 'out'])\n"
        "assert 'openvino' in sys.modules and 'openvino_telemetry' not in sys.modules\n"
        "import openvino.tools.ovc.telemetry_utils as used\n"
        "assert used.tm.__name__.endswith('telemetry_stub')\n"
        "sys.exit(code)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, model],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
    )
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert (tmp_path / "out" / "model.xml").is_file()


def test_what_cannot_be_asked_for_is_one_line(
    run: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    with pytest.raises(UsageError, match="any size"):
        export_form(run, to="openvino", size=96)
    with pytest.raises(UsageError, match="where the model is to go"):
        export_form(model, to="openvino")
    with pytest.raises(UsageError, match="validation pictures of a run"):
        export_form(model, new, to="openvino", calibrate=True)
    with pytest.raises(ModelError, match="no model of the name 'nope'"):
        export_form(Path("nope"), new, to="openvino")
    for module, to in (("openvino", "openvino"), ("litert_torch", "tflite")):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(UsageError, match=f"needs {module}") as caught:
            export_form(run, new, to=to)  # type: ignore[arg-type] # mypy sees str
        assert f"tinct[{to}]" in str(caught.value.remedy)
    assert not new.exists()


def test_the_command_says_where_it_is(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["export", str(model), "--to", "openvino", "-o", "out"]
    assert cli.run([*words, "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert (record["event"], record["to"], record["path"]) == ("export", "openvino", "out")
    assert record["name"] == "alpha.mine"
    assert cli.run(words) == 4
    assert "is there already" in capfd.readouterr().err
    assert cli.run(["export", str(model), "--size", "64"]) == 2
    assert "add --to tflite" in capfd.readouterr().err


def test_a_tflite_file_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(tflite.described(b"\x1c\0\0\0TFL3" + bytes(100), {"name": "é", "size": "64"}))
    assert file.read_bytes()[4:8] == b"TFL3"
    assert described(file) == {"name": "é", "size": "64"}
    assert zipfile.ZipFile(file).testzip() is None


@converts
def test_a_run_as_tflite_gives_the_same_colours(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = export_form(run, tmp_path / "small.tflite", to="tflite", size=72)
    assert capfd.readouterr().out == ""
    said = described(file)
    assert (said["name"], said["size"], said["storage"]) == ("alpha.mine", "72", "float16")
    assert float(said["difference"]) <= LARGEST
    network = network_of(read_weights(run, "best"), find_system("alpha"), run)
    inputs = list(cases(Interface.CHROMA, [(72, 72)], bins=0))
    found = compared(tflite.tflite_form(file.read_bytes()), torch_form(network), inputs)
    assert found.mean < 0.2  # its weights are float16
    with pytest.raises(OutputExists):
        export_form(run, file, to="tflite")


@converts
@pytest.mark.slow
def test_the_flagship_as_tflite_can_be_steered(tmp_path: Path) -> None:
    small = tmp_path / "small.tflite"
    file = export_form(Path(DEFAULT), small, to="tflite", storage="int8", size=128)
    given = tflite.tflite_form(file.read_bytes())
    inputs = list(cases(Interface.DISTRIBUTION, [(128, 128)], bins=144))
    # the same codes in both files: the converter keeps the steps of weights that are int8 already
    found = compared(given, onnx_form(weights_path(DEFAULT)), inputs)
    assert found.largest <= LARGEST
    assert file.stat().st_size < 6e6
    with pytest.raises(UsageError, match="no multiple of 32"):
        export_form(Path(DEFAULT), tmp_path / "odd.tflite", to="tflite", size=100)
