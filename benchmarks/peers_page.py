"""The page `docs/peers.md`: its words stand in it, its tables are written from the results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "peers.md"


def write_page(record: Mapping[str, Any]) -> Path:
    """Fill the tables in."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")
    return PAGE


def filled(page: str, record: Mapping[str, Any]) -> str:
    """The page with what stands between its marks replaced."""
    for name, lines in (
        ("measured", measured(record)),
        ("published", published(record)),
        ("rebuilt", rebuilt(record)),
    ):
        body = "\n".join(lines)
        page, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda found, body=body: f"{found[1]}{body}\n{found[2]}",  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
        assert count == 1, f"the page has no place for {name}"
    return page


def measured(record: Mapping[str, Any]) -> Iterator[str]:
    """Cost of one picture, by either engine."""
    yield "| network | sees | engine | processor seconds | seconds | peak memory |"
    yield "|---|---|---|---|---|---|"
    for one in record["networks"].values():
        for engine, title in (("torch", "PyTorch"), ("onnx", "ONNX Runtime")):
            row = one[engine]
            cells = ["not measured", "", ""]
            if row is not None:
                cells = [f"{row['cpu_seconds']:.2f}", f"{row['seconds']:.2f}"]
                cells.append(f"{row['peak_mib']:,} MiB")
            size = f"{one['size']} x {one['size']}"
            yield f"| {one['title']} | {size} | {title} | {' | '.join(cells)} |"
    yield ""
    yield (
        f"{record['day']}, {record['machine']}, {record['threads']} threads, commit "
        f"{record['commit']}; the least of {record['rounds'] * record['times']} pictures, rounds: "
        f"{record['rounds']}."
    )


def published(record: Mapping[str, Any]) -> Iterator[str]:
    """What the peers say of themselves."""
    yield "| network | parameters | file of weights | published speed |"
    yield "|---|---|---|---|"
    for one in record["networks"].values():
        if one["kind"] == "peer":
            yield (
                f"| {one['title']} | {one['published']:.1f} M ({one['says']}) | {one['file']} | "
                f"{one['speed']} |"
            )
        else:
            yield (
                f"| {one['title']} | {one['parameters'] / 1e6:.2f} M | "
                f"{one['megabytes']:.1f} MB{'' if one['kind'] == 'ours' else ' as float32'} | |"
            )


def rebuilt(record: Mapping[str, Any]) -> Iterator[str]:
    """How near the re-built networks are."""
    yield "| network | published | re-built | what differs |"
    yield "|---|---|---|---|"
    for one in record["networks"].values():
        if one["kind"] == "peer":
            count = one["parameters"] / 1e6
            yield (
                f"| {one['title']} | {one['published']:.1f} M | {count:.2f} M "
                f"({100 * (count / one['published'] - 1):+.1f} %) | {one['differs']} |"
            )
