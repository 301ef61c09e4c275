"""The cluster engine, on real clusters of this machine: nothing lost, twice or half-written."""

from __future__ import annotations

import csv
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.stores import TINCT, free_port, picture, store, tinct
from tinct import cli
from tinct.batch import run
from tinct.batch.actors import TRIES, crew
from tinct.batch.engine import EngineOptions
from tinct.batch.inputs import expand
from tinct.batch.journal import NAME
from tinct.batch.plan import make_plan
from tinct.batch.terminal import Terminal
from tinct.errors import UsageError

PATIENCE = 120


def commands(word: str) -> dict[int, str]:
    """Processes with this word in their command line, by number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in line:
                found[int(entry.name)] = line
    return found


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def entries(journal: Path, event: str) -> list[dict[str, Any]]:
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return [known for line in lines if (known := json.loads(line))["event"] == event]


def left(process: int) -> list[Path]:
    return list(Path("/tmp").glob(f"tinct-ray-{process}-*"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_store_is_coloured_by_a_cluster_as_by_one_machine(tmp_path: Path) -> None:
    with store() as archive:
        for number in range(6):
            archive.put(f"in/{number % 2}/{number}.jpg", picture(number))
        archive.put("in/bad.jpg", b"no picture")
        command: list[str | Path] = ["colorize", "-r", f"{archive.url}/in/"]
        command += ["-o", f"{archive.url}/out/", "--journal", tmp_path / "journal"]
        report = tmp_path / "report.csv"
        words = map(str, [*TINCT, *command, "--engine", "ray", "-j", "2", "--report", report])
        with subprocess.Popen(
            list(words),
            env={**os.environ, **archive.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            said, told = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said) == (1, ""), told
        assert told.splitlines()[-1].startswith("6 coloured, 1 failed in")
        assert len(told.splitlines()) == 4, told  # with a table of one failure
        made = archive.changed("out/")
        assert set(made) == {f"out/{n % 2}/{n}.colorized.jpg" for n in range(6)}
        with report.open() as file:
            assert [row["status"] for row in csv.DictReader(file)] == ["failed"] + ["coloured"] * 6
        assert not left(process.pid)
        assert not commands(f"tinct-ray-{process.pid}-")
        # another engine goes on with the same journal
        local = tinct(*command, environment=archive.environment)
        assert "0 coloured, 6 coloured before, 1 failed" in local.stderr
        assert archive.changed("out/") == made


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--address", "127.0.0.1:6379"], "add --engine ray"),
        (["--engine", "ray", "--address", "ray://head:10001"], "ray job submit"),
        (["--engine", "ray", "--address", "head"], "names no host and port"),
        (["--engine", "spark"], "'local', 'ray'"),
        (["--engine", "ray", "-"], "streams"),
        (["--engine", "ray", "--confidence", "map.png"], "--confidence"),
    ],
)
def test_orders_that_make_no_sense(
    words: list[str], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    inputs = [] if "-" in words else [str(tmp_path / "a.jpg")]
    assert cli.run(["colorize", *inputs, "-o", str(tmp_path / "out/"), *words]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert told in said.err
    assert len(said.err.splitlines()) == 1


def test_options_are_checked_where_they_are_made() -> None:
    with pytest.raises(UsageError, match="--jobs"):
        EngineOptions(jobs=-1)
    assert EngineOptions().local_jobs == 1
    assert EngineOptions(jobs=0).local_jobs >= 1


def test_without_its_libraries_the_remedy_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "a.jpg").write_bytes(picture(1))
    assert cli.run(["colorize", str(tmp_path / "a.jpg"), "--engine", "ray"]) == 2
    assert capfd.readouterr().err == (
        'error: --engine ray needs ray, which is not installed (pip install "tinct[cluster]")\n'
    )


def test_the_usual_way_loads_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    script = (
        "import sys; from tinct import cli\n"
        "assert cli.run(['colorize', '-q', sys.argv[1], '-o', sys.argv[2]]) == 0\n"
        "assert not {'ray', 'fsspec', 'aiohttp', 'boto3', 's3fs'} & set(sys.modules)\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "a.jpg"), str(tmp_path / "out/")]
    subprocess.run(words, check=True)


def test_a_program_that_has_loaded_ray_already_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(1))
    script = (
        "import sys, ray; from tinct import cli\n"
        "sys.exit(cli.run(['colorize', '-q', sys.argv[1], '-o', sys.argv[2], '--engine', 'ray']))"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "a.jpg"), str(tmp_path / "out/")]
    run = subprocess.run(words, check=False, capture_output=True, text=True)
    assert run.returncode == 6
    assert run.stderr.count("\n") == 1
    assert "has loaded Ray already" in run.stderr
    assert "--address" in run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_cluster_of_our_own_has_no_processes_that_it_does_not_need() -> None:
    script = (
        "from tinct.batch.cluster import cluster\n"
        "with cluster(None, 1):\n    print('there', flush=True)\n    input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        lines = list(commands(f"tinct-ray-{process.pid}-").values())
        process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0
    assert [line for line in lines if "raylet" in line]
    assert not [line for line in lines if "monitor.py" in line]
    assert not commands(f"tinct-ray-{process.pid}-")


def test_an_address_where_no_cluster_answers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr("tinct.batch.cluster.ANSWER", 0.5)
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(picture(1))
    words = ["colorize", str(tmp_path), "-o", str(tmp_path / "out/"), "--engine", "ray"]
    assert cli.run([*words, "--address", f"127.0.0.1:{free_port()}"]) == 6
    assert "no cluster can be reached" in capfd.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert cli.run([*words, "--address", f"127.0.0.1:{silent.getsockname()[1]}"]) == 6
    assert "no answer" in capfd.readouterr().err
    from tests.stores import web

    with web(tmp_path) as site:
        assert cli.run([*words, "--address", site.url.removeprefix("http://")]) == 6
    assert "is no cluster of Ray" in capfd.readouterr().err


# ---- what takes its time ---------------------------------------------------------------------


@dataclass
class Cluster:
    """Several machines, all of them this one, each with one core."""

    address: str
    environment: dict[str, str]
    """Of programs that join it."""

    def add(self) -> int:
        """The process that is another machine."""
        before = set(commands(RAYLET))
        ray(self.environment, "start", "--address", self.address, *EACH)
        (added,) = set(commands(RAYLET)) - before
        return added


RAYLET = "raylet/raylet "
EACH = ("--num-cpus", "1", "--object-store-memory", "80000000", "--disable-usage-stats")


def ray(environment: dict[str, str], *words: str) -> None:
    program = str(Path(sys.executable).with_name("ray"))
    subprocess.run([program, *words], env=environment, check=True, capture_output=True)


@contextmanager
def one_machine() -> Iterator[Cluster]:
    """A cluster of one machine, which others may join."""
    temporary = Path("/tmp") / f"tinct-test-{secrets.token_hex(4)}"  # sockets want short names
    temporary.mkdir(0o700)
    (temporary / "token").write_text(secrets.token_hex(32))
    port = free_port()
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(temporary / "token"),
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_timeout_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
        "SOURCE_DATE_EPOCH": "1000000000",
    }
    head = ["--head", "--port", str(port), "--include-dashboard", "false"]
    try:
        ray(environment, "start", *head, "--temp-dir", str(temporary), *EACH)
        yield Cluster(f"127.0.0.1:{port}", environment)
    finally:
        for process in commands(str(temporary)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        subprocess.run(["rm", "-rf", str(temporary)], check=True)


def scans(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:03}.jpg").write_bytes(picture(number, scale=60))
    return folder


def check_whole(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is there, once, to the bit as one machine makes it."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    whole = out.with_name("whole")
    assert cli.run(["colorize", "-q", str(source), "-o", str(whole)]) == 0
    found = {path.name: path.read_bytes() for path in out.iterdir()}
    expected = {path.name: path.read_bytes() for path in whole.iterdir()}
    assert found.pop(NAME) != expected.pop(NAME)
    assert found == expected
    done_for = Counter(entry["output"] for entry in entries(out / NAME, "done"))
    assert set(done_for) == set(expected)
    assert set(done_for.values()) == {1}
    assert not entries(out / NAME, "fail")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_machine_joins_and_is_killed_and_nothing_is_lost_or_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = scans(tmp_path / "in", 400), tmp_path / "out"
    with one_machine() as cluster:
        command = [*TINCT, "colorize", str(source), "-o", str(out), "--engine", "ray"]
        process = subprocess.Popen(
            [*command, "--address", cluster.address],
            env=cluster.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: len(entries(out / NAME, "done")) >= 2)
        other = cluster.add()

        def workers() -> list[int]:
            return [one for one in commands("ray::Painter.paint") if parent(one) == other]

        until(workers)
        killed = [other, *workers()]
        settled = {
            entry["output"]: (out / entry["output"]).stat().st_mtime_ns
            for entry in entries(out / NAME, "done")
        }
        assert len(settled) < 390  # it was in the middle
        for one in killed:
            os.kill(one, signal.SIGKILL)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    assert "400 coloured in" in told
    assert "a worker was lost" in told
    assert len(told.splitlines()) == 2, told
    for name, changed in settled.items():
        assert (out / name).stat().st_mtime_ns == changed, "done twice"
    check_whole(source, out, monkeypatch)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_processes_and_is_gone_on_with(
    way: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    source, out = scans(tmp_path / "in", 200), tmp_path / "out"
    command = [*TINCT, "colorize", str(source), "-o", str(out)]
    process = subprocess.Popen(
        [*command, "--engine", "ray", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(entries(out / NAME, "done")) >= 3)
    if way == signal.SIGINT:
        os.killpg(process.pid, way)  # as a terminal does
    else:
        os.kill(process.pid, way)
    said, told = process.communicate(timeout=PATIENCE)
    assert said == ""
    if way != signal.SIGKILL:
        assert process.returncode == 130, told
        lines = [line for line in told.splitlines() if "finishing the current" not in line]
        assert len(lines) == 1, told
        assert lines[0].startswith("interrupted: ")
        assert not left(process.pid)
        assert not commands(f"tinct-ray-{process.pid}-")
    else:
        until(lambda: not commands(f"tinct-ray-{process.pid}-"))
    done = len(entries(out / NAME, "done"))
    assert done < 200
    for path in out.glob("*.jpg"):
        assert path.read_bytes().endswith(b"\xff\xd9")
    assert cli.run(["colorize", "-q", str(source), "-o", str(out), "--engine", "ray"]) == 0
    assert not left(process.pid)
    check_whole(source, out, monkeypatch)


#: colours as ever, but for pictures that bring the process down
DEADLY = """
import os
from tinct.cli.verbs import make_colour
from tinct.image.atomic import write_atomic
from tinct.options import ColorizeOptions

def make():
    colour = make_colour(ColorizeOptions(), 1)

    def file(source, target, *, overwrite, variant=0):
        if source.stem == "kills":
            os.kill(os.getpid(), 9)
        if source.stem == "kills while writing":
            with write_atomic(target, overwrite=overwrite):
                os.kill(os.getpid(), 9)
        return colour(source, target, overwrite=overwrite, variant=variant)

    return file
"""


@pytest.mark.slow
def test_a_picture_that_brings_its_workers_down_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # of the workers
    import deadly  # type: ignore[import-not-found]

    source = scans(tmp_path / "in", 6)
    for number, name in ((1, "kills"), (3, "kills while writing")):
        (source / f"{number:03}.jpg").rename(source / f"{name}.jpg")
    (source / "bad.jpg").write_text("no picture")
    tasks = make_plan(expand([str(tmp_path / "in")]), output=tmp_path / "out")
    reporter = Terminal()
    workers = partial(
        crew,
        deadly.make,
        EngineOptions(engine="ray", jobs=2),
        remote=False,
        notice=reporter.notice,
    )
    summary = run(tasks, make=deadly.make, reporter=reporter, crew=workers)
    failed = {path.stem: error for path, error in summary.failures}
    assert (summary.done, set(failed)) == (4, {"kills", "kills while writing", "bad"})
    assert f"{TRIES} workers were lost" in failed["kills"].message
    assert failed["kills while writing"].code == "resource"
    assert failed["bad"].code == "unreadable"
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {f"{number:03}.colorized.jpg" for number in (0, 2, 4, 5)}
    assert "a worker was lost" in capfd.readouterr().err
