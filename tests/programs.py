"""Programs that some tests need and pip cannot install."""

from __future__ import annotations

import os
import shutil

import pytest

#: an expression for the most memory of a Linux process so far, in KiB, for scripts in processes of
#: their own; `ru_maxrss` would begin with the memory of the process that started them
PEAK = "int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"


def need(program: str, package: str) -> str:
    """Path of a program; the test is skipped without it, but fails in CI, which installs it."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is not installed (Debian package {package})"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: .ci/run should have installed it")
        pytest.skip(reason)
    return found
