"""What several test files share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# a program that a test starts and that crashes in a library says where
os.environ.setdefault("PYTHONFAULTHANDLER", "1")
# how long an example takes is the machine's affair: nothing here measures time
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
