"""The table of docs/performance.md, from benchmarks/results/."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cards import escaped, table

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results"
#: figures of which more is better
_MORE = ("batch.json",)


def figures() -> str:
    """Every claim with a bar: what was measured, the bar, whether it holds, at which commit."""
    rows = []
    for file in sorted(RESULTS.glob("*.json")):
        for name, found in _claims(json.loads(file.read_text(encoding="utf-8")), ""):
            value, bar = float(found["value"]), float(found["bar"])
            holds = value >= bar if file.name in _MORE else value <= bar
            rows.append(
                (
                    escaped(name),
                    f"{value:.3g} {found.get('unit', '')}".strip(),
                    f"{'at least' if file.name in _MORE else 'at most'} {bar:.3g}",
                    "holds" if holds else "**missed**",
                    f"`{file.stem}`",
                    found["commit"],
                )
            )
    return table(("what", "measured", "bar", "", "file", "commit"), rows)


def _claims(found: Any, commit: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All measurements in what a benchmark wrote, however deep."""
    if isinstance(found, list):
        for one in found:
            yield from _claims(one, commit)
    elif isinstance(found, dict):
        commit = str(found.get("commit", commit))
        if {"name", "value", "bar"} <= found.keys():
            yield str(found["name"]), {**found, "commit": commit}
            return
        for one in found.values():
            yield from _claims(one, commit)
