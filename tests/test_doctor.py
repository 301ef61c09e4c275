"""`tinct doctor`: everything is looked at, and what is broken is said."""

from __future__ import annotations

import json

import pytest

from tinct import cli
from tinct.cli import doctor


def test_all_is_well_here() -> None:
    checks = doctor.examine()
    assert [check for check in checks if check.status != "ok"] == []
    names = {check.name for check in checks}
    assert {"tinct", "python", "libvips", "writes", "self-test png", "self-test jpeg"} <= names
    assert any(name.startswith("model ") for name in names)


def test_what_is_broken_is_said_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(doctor.PACKAGES, "absent", "tinct.no_such_module")
    monkeypatch.setattr(doctor, "_self_test", lambda kind: 1 / 0)
    assert cli.run(["doctor", "--json"]) == 1
    checks = {line["name"]: line for line in map(json.loads, capfd.readouterr().out.splitlines())}
    assert checks["absent"]["status"] == "fail"
    assert "ZeroDivisionError" in checks["self-test png"]["detail"]
    assert checks["writes"]["status"] == "ok"
