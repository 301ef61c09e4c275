"""The leaderboard: docs/leaderboard.md, made from committed results and from nothing else.

    python -m tinct.evaluation.leaderboard           # write the page
    python -m tinct.evaluation.leaderboard --check   # exit code 1 where it is stale
    python -m tinct.evaluation.leaderboard --add OUT/results.json NAME

`--add` takes the record of `tinct evaluate --out OUT` without its rows for single pictures. Run it
in the repository.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinct.errors import TinctError, UsageError
from tinct.evaluation.results import as_json, read_record, without_pictures
from tinct.evaluation.tables import group_table, heading, set_table
from tinct.image.atomic import write_atomic

Record = Mapping[str, Any]
#: in the repository
RESULTS = Path("benchmarks/results/leaderboard")
PAGE = Path("docs/leaderboard.md")
#: of `RESULTS`: what papers say of themselves, no record of an evaluation
PEERS = "peers.json"

_HEAD = """# Leaderboard

Every row of a table was measured by `tinct evaluate` on the same pictures, by the same protocol,
and stands beside what can be had for nothing: grey, one constant tint, and an oracle that knows
each picture's mean colour. This page is made of the files in
[`benchmarks/results/leaderboard`](../benchmarks/results/leaderboard) by
`python -m tinct.evaluation.leaderboard`; [evaluation.md](evaluation.md) says what the columns are.

Read CIEDE2000, PSNR and LAB accuracy together with the colourfulness ratio (1: as colourful as the
truth): a duller guess errs less, so a system that hardly colours at all scores well in all three.
Frechet and kernel distances here are of MobileNetV2's features and few pictures: not comparable
with any published FID. The source systems were given 15 minutes of one processor core each, far
less than any of them was made for; see [systems.md](systems.md#an-equal-budget)."""
_PEERS_HEAD = """## What papers report of themselves

**Other pictures, other protocols, other code: no row here can be compared with a row above.**
Figures are copied from the sources named; `–` is not reported. FID is of Inception's features, by
implementations that differ."""


def page(records: Sequence[Record], peers: Record) -> str:
    """The whole page.

    Args:
        records: evaluations, in the order of their files' names.
        peers: published figures; {"tables": [{"title", "source", "head", "rows", "note"}]}.
    """
    parts = [_HEAD]
    for record in records:
        for one in record["sets"]:
            parts += [f"## {one['name'].capitalize()}", heading(record, one), set_table(one)]
            parts += [
                f"CIEDE2000 by {kind}, groups of five pictures or more:\n\n{group_table(one, kind)}"
                for kind in one["groups"]
                if one["groups"][kind]
            ]
    parts.append(_PEERS_HEAD)
    for table in peers["tables"]:
        head, rows = table["head"], table["rows"]
        lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        parts += [f"### {table['title']}", f"{table['note']} Source: {table['source']}."]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def joined(records: Sequence[Record]) -> list[Record]:
    """Records of the same pictures by the same protocol as one, so that their rows stand together.

    Baselines are the same in all of them and are taken once; models come in the order of their
    records, newer results of a name replace older ones.
    """
    found: list[Record] = []
    for record in records:
        twin = next((one for one in found if _identity(one) == _identity(record)), None)
        if twin is None:
            found.append(copy.deepcopy(dict(record)))
            continue
        for one, other in zip(twin["sets"], record["sets"], strict=True):
            new = {way["name"]: way for way in other["ways"] if way["kind"] != "baseline"}
            kept = [way for way in one["ways"] if way["name"] not in new]
            at = next(n for n, way in enumerate([*kept, None]) if way is None or _is_model(way))
            one["ways"][:] = [*kept[:at], *new.values(), *kept[at:]]
            for kind, groups in one["groups"].items():
                for name, group in groups.items():
                    theirs = other["groups"].get(kind, {}).get(name, {"ways": {}})["ways"]
                    group["ways"].update({way: theirs[way] for way in new if way in theirs})
    return found


def _is_model(way: Record) -> bool:
    return bool(way["kind"] != "baseline")


def _identity(record: Record) -> str:
    """What has to agree for rows to be compared."""
    about = [record[key] for key in ("protocol", "against", "seed", "resamples", "features")]
    sets = [(one["name"], one["sha256"], one["tint"]) for one in record["sets"]]
    return json.dumps([about, sets])


def current(root: Path) -> str:
    """The page as the committed results have it.

    Raises:
        UsageError: there are none.
        InputError: a file is no record.
    """
    folder = root / RESULTS
    files = sorted(file for file in folder.glob("*.json") if file.name != PEERS)
    if not files or not (folder / PEERS).is_file():
        raise UsageError("holds no results", where=str(folder), remedy="run it in the repository")
    peers = json.loads((folder / PEERS).read_text(encoding="utf-8"))
    return page(joined([read_record(file) for file in files]), peers)


def main(arguments: Sequence[str]) -> int:
    """Write or check the page, or add a record; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tinct.evaluation.leaderboard", description="Make docs/leaderboard.md."
    )
    parser.add_argument("--check", action="store_true", help="Only say whether it is stale.")
    parser.add_argument("--add", nargs=2, metavar=("RESULTS", "NAME"), help="Take a record first.")
    words = parser.parse_args(arguments)
    try:
        if words.add:
            record = without_pictures(read_record(Path(words.add[0])))
            file = RESULTS / f"{words.add[1]}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            with write_atomic(file, overwrite=True) as temporary:
                temporary.write_text(as_json(record), encoding="utf-8")
        wanted = current(Path())
        stale = not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != wanted
        if stale and not words.check:
            with write_atomic(PAGE, overwrite=True) as temporary:
                temporary.write_text(wanted, encoding="utf-8")
    except TinctError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if stale:
        print(f"{'stale' if words.check else 'written'}: {PAGE}")
    return 1 if stale and words.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
