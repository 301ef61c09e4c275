"""A server under load: many clients at once, some of them hostile; results go to results/.

    python benchmarks/serve.py                 # 50 clients for two minutes
    python benchmarks/serve.py --seconds 10    # short

On loopback, against `tinct serve` with its defaults: clients that send pictures of 1 to 24
megapixels one after the other and wait when told to; a worker that is killed in the middle; 500
malformed uploads; and clients that send a byte now and then. What must hold: nobody gets anything
but a picture or a documented 429, but for the one picture of the killed worker; the memory of all
processes stays under its bound; malformed uploads get clean refusals; the server answers on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from run import RESULTS, made_by, scan

CLIENTS = 50
SLOW_CLIENTS = 30
MALFORMED = 500
WORKERS = 2
#: height and width of the pictures
SIZES = ((800, 1250), (1500, 2000), (2400, 2500), (3000, 4000), (4000, 6000))
#: MiB: the server's own process, and each worker with the largest of these pictures in any format
BOUND = 300 + WORKERS * 700


@dataclass
class Load:
    """What was seen."""

    name: str = "server under load"
    clients: int = CLIENTS
    seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    """By status and code."""
    pictures: int = 0
    megapixels: float = 0.0
    p50_seconds: float = 0.0
    p95_seconds: float = 0.0
    """Of pictures that came back, waiting in the queue included."""
    peak_mib: float = 0.0
    """Resident memory of the server and its workers together."""
    bound_mib: float = BOUND
    malformed: dict[str, int] = field(default_factory=dict)
    """Answers to malformed uploads, by status."""
    health_p95_seconds: float = 0.0
    """Of `/health/live`, asked all the time."""
    failures: list[str] = field(default_factory=list)
    """What should not have been."""
    holds: bool = False


def pictures() -> list[tuple[str, bytes, float]]:
    """Name, file and megapixels."""
    found = []
    for number, (height, width) in enumerate(SIZES):
        image = Image.fromarray(scan(height, width))
        for kind, suffix in (("JPEG", "jpg"), ("PNG", "png")):
            if kind == "PNG" and number > 2:
                continue  # encoding those takes longer than the test
            file = BytesIO()
            image.save(file, kind, quality=90, compress_level=1)
            found.append((f"picture-{number}.{suffix}", file.getvalue(), height * width / 1e6))
    return found


def malformed(whole: list[tuple[str, bytes, float]]) -> list[bytes]:
    """Files that are damaged in many ways."""
    chance = random.Random(1)
    small = [content[:200_000] for _, content, _ in whole[:4]]
    found = []
    for number in range(MALFORMED):
        content = bytearray(chance.choice(small))
        if number % 3 == 0:
            content = content[: chance.randrange(1, len(content))]
        elif number % 3 == 1:
            content = bytearray(chance.randbytes(chance.randrange(1, 5000)))
        else:
            for _ in range(20):
                content[chance.randrange(0, 400)] = chance.randrange(256)
        found.append(bytes(content))
    return found


class Measured:
    """A server that is being watched."""

    def __init__(self, url: str, pid: int, load: Load, until: float) -> None:
        self.url, self.pid, self.load, self.until = url, pid, load, until
        self.waits: list[float] = []
        self.health: list[float] = []
        self.answers: Counter[str] = Counter()
        self.killed = 0

    @property
    def is_over(self) -> bool:
        """Whether no new picture is to be sent."""
        return time.monotonic() > self.until

    async def client(self, number: int, given: list[tuple[str, bytes, float]]) -> None:
        """Sends pictures one after the other."""
        chance = random.Random(number)
        async with httpx.AsyncClient(timeout=300, trust_env=False) as http:
            while not self.is_over:
                name, content, megapixels = chance.choice(given)
                started = time.monotonic()
                answer = await http.post(
                    f"{self.url}v1/colorize", files={"picture": (name, content)}
                )
                if answer.status_code == 200:
                    self.waits.append(time.monotonic() - started)
                    self.load.pictures += 1
                    self.load.megapixels += megapixels
                    self.answers["200"] += 1
                    continue
                code = answer.json()["code"]
                self.answers[f"{answer.status_code} {code}"] += 1
                if answer.status_code == 429:
                    await asyncio.sleep(float(answer.headers["retry-after"]))

    async def vandal(self, broken: list[bytes]) -> None:
        """Sends malformed files, each until it is looked at."""
        seen: Counter[str] = Counter()
        async with httpx.AsyncClient(timeout=300, trust_env=False) as http:
            for content in broken:
                while True:
                    answer = await http.post(
                        f"{self.url}v1/colorize?size=64", files={"picture": ("x", content)}
                    )
                    if answer.status_code != 429:
                        break
                    await asyncio.sleep(0.2)
                seen[str(answer.status_code)] += 1
        self.load.malformed = dict(sorted(seen.items()))

    async def slow(self) -> None:
        """Sends a byte now and then, and begins anew when sent away."""
        head = b"POST /v1/colorize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\n"
        port = int(self.url.rstrip("/").rpartition(":")[2])
        while not self.is_over:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head)
                while not self.is_over and not reader.at_eof():
                    writer.write(b"x")
                    await writer.drain()
                    with suppress(TimeoutError):
                        if not await asyncio.wait_for(reader.read(100), 1):
                            break
                writer.close()

    async def watch(self) -> None:
        """Looks at memory and at whether the server answers; kills a worker in the middle."""
        middle = (time.monotonic() + self.until) / 2
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            while not self.is_over:
                workers = children(self.pid)
                used = sum(resident(pid) for pid in (self.pid, *workers)) / 2**20
                self.load.peak_mib = max(self.load.peak_mib, used)
                started = time.monotonic()
                assert (await http.get(f"{self.url}health/live")).status_code == 200
                self.health.append(time.monotonic() - started)
                if not self.killed and time.monotonic() > middle:
                    busy = max(workers, key=resident)
                    os.kill(busy, signal.SIGKILL)
                    self.killed = busy
                await asyncio.sleep(0.1)


def children(pid: int) -> list[int]:
    """Processes that a process started, and that colour."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    found = []
    for child in map(int, text.split()):
        with suppress(OSError):
            if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def resident(pid: int) -> int:
    """Bytes that a process holds."""
    with suppress(OSError):
        found = re.search(
            r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        )
        return int(found[1]) * 1024 if found else 0
    return 0


async def burden(measured: Measured) -> None:
    """Everybody at once."""
    given = pictures()
    broken = malformed(given)
    measured.until += time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(measured.client(number, given))
        for _ in range(SLOW_CLIENTS):
            group.create_task(measured.slow())
        group.create_task(measured.vandal(broken))
        group.create_task(measured.watch())


def judge(measured: Measured) -> None:
    """Say what should not have been."""
    load = measured.load
    load.answers = dict(sorted(measured.answers.items()))
    wrong = {k: n for k, n in load.answers.items() if k != "200" and not k.startswith("429 ")}
    if wrong.pop("500 worker-died", 0) > 1:
        wrong["500 worker-died"] = load.answers["500 worker-died"]
    if wrong:
        load.failures.append(f"answers other than pictures and 429: {wrong}")
    if not set(load.malformed) <= {"200", "409", "413", "415", "422", "500"}:
        load.failures.append(f"malformed uploads were answered {load.malformed}")
    if load.malformed.get("500", 0) > 1:  # one may have been in the worker that was killed
        load.failures.append("malformed uploads broke something")
    if sum(load.malformed.values()) != MALFORMED:
        load.failures.append("not all malformed uploads were answered")
    if load.peak_mib > BOUND:
        load.failures.append(f"{load.peak_mib:.0f} MiB are more than {BOUND}")
    if not load.pictures or not measured.killed:
        load.failures.append("nothing was tried")
    load.holds = not load.failures


def main() -> None:
    """Serve, burden, judge, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    seconds = parser.parse_args().seconds
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tinct", "serve", "--port", str(port)]
    with subprocess.Popen([*command, "--workers", str(WORKERS)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        try:
            while httpx.get(f"{url}health/ready", trust_env=False).status_code != 200:
                time.sleep(0.1)
            load = Load(seconds=seconds)
            measured = Measured(url, process.pid, load, seconds)
            asyncio.run(burden(measured))
            time.sleep(1)
            after = httpx.get(f"{url}health/ready", trust_env=False)
            if after.status_code != 200:
                load.failures.append("the server is not ready afterwards")
        finally:
            process.terminate()
        if process.wait(60):
            load.failures.append(f"the server left with code {process.returncode}")
    waits = sorted(measured.waits) or [0.0]
    load.p50_seconds = round(statistics.median(waits), 3)
    load.p95_seconds = round(waits[int(0.95 * (len(waits) - 1))], 3)
    health = sorted(measured.health)
    load.health_p95_seconds = round(health[int(0.95 * (len(health) - 1))], 4)
    load.peak_mib, load.megapixels = round(load.peak_mib, 1), round(load.megapixels, 1)
    judge(measured)
    record = {
        **asdict(load),
        **made_by(),
        "numpy": np.__version__,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "serve.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    sys.exit(not load.holds)


if __name__ == "__main__":
    main()
