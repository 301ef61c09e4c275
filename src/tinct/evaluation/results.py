"""The record of an evaluation: all that JSON holds, and every table and page is made from.

{"v": 1, "tinct", "protocol", "seed", "resamples", "against", "sets": [one for each set]}
set: {"name", "part", "n", "sha256", "tint", "tint_from", "left_out", "ways", "groups"}
way: {"name", "kind", "about", "means": {metric: {"mean", "low", "high"}}, "set_measures",
      "wins", "worst", "pictures": [{"id", "category", "artist", metric: value}]}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.evaluation.measure import Measured
from tinct.evaluation.statistics import Bootstrap, compare_pairs
from tinct.evaluation.tint import Tint
from tinct.evaluation.ways import TRUTH, Way

VERSION = 1
#: what pairs of ways are compared by; less is better
PAIRED = "ciede2000"
#: groups of fewer pictures say nothing
SMALLEST_GROUP = 5
WORST = 10
#: metrics that are averaged for each group as well
GROUPED = ("ciede2000", "psnr")
#: colourfulness of the result, and the same of the truth
COLOURFUL = ("colourfulness", "colourfulness_truth")
COLOURFUL_ABS = ("colourfulness_abs", "colourfulness_abs_truth")
FloatArray = NDArray[np.float64]
Record = dict[str, Any]


def set_record(
    measured: Measured,
    ways: Sequence[Way],
    bootstrap: Bootstrap,
    *,
    tint: Tint,
    against: str,
    distances: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> Record:
    """What is to be said of one set.

    Args:
        measured: every way, picture by picture.
        ways: in the order of the tables.
        bootstrap: resamples of the pictures.
        tint: the constant.
        against: the way that all others are compared with.
        distances: way to distances between sets, as `set_measures` of the record.
    """
    record: Record = rounded(
        {
            "name": measured.name,
            "part": measured.part,
            "n": len(measured.truths),
            "sha256": measured.sha256,
            "tint": list(tint.values),
            "tint_from": tint.origin,
            "left_out": [{"id": name, "reason": why} for name, why in measured.left_out],
            "ways": [
                _way(way, measured, bootstrap, against, (distances or {}).get(way.name, {}))
                for way in ways
            ],
            "groups": {
                kind: _groups(measured, [getattr(truth, kind) for truth in measured.truths])
                for kind in ("category", "artist")
            },
        }
    )
    return record


def _way(
    way: Way,
    measured: Measured,
    bootstrap: Bootstrap,
    against: str,
    distances: Mapping[str, Mapping[str, float]],
) -> Record:
    values = measured.values[way.name]
    wins = None
    if way.name != against:
        other = measured.values[against][PAIRED]
        wins = asdict(compare_pairs(values[PAIRED], other, against=against, metric=PAIRED))
    order = np.argsort(-values[PAIRED], kind="stable")[:WORST]
    return {
        "name": way.name,
        "kind": way.kind,
        "about": dict(way.about),
        "means": {key: bootstrap.interval(one) for key, one in values.items()},
        "set_measures": {**colourful(values, bootstrap), **distances},
        "wins": wins,
        "worst": [] if way.name == TRUTH else [measured.truths[at].id for at in order],
        "pictures": [
            {
                "id": truth.id,
                "category": truth.category,
                "artist": truth.artist,
                **{key: float(one[at]) for key, one in values.items()},
            }
            for at, truth in enumerate(measured.truths)
        ],
    }


def colourful(values: Mapping[str, FloatArray], bootstrap: Bootstrap) -> Record:
    """Colourfulness of a whole set beside that of the truth, with intervals.

    `colourfulness_ratio`: mean of the results by mean of the truths, signed opponents (Hasler and
    Suesstrunk 2003); `colourfulness_difference`: distance of the same means; `..._abs_...`: with
    absolute opponents, as DDColor's code has it, whose delta CF this is;
    `colourfulness_distance`: mean of the distances picture by picture, which too vivid and too
    dull pictures do not cancel.
    """
    found: Record = {}
    for name, (mine, true) in (("", COLOURFUL), ("_abs", COLOURFUL_ABS)):
        if mine not in values or true not in values:
            continue
        means = [(float(values[key].mean()), bootstrap.means(values[key])) for key in (mine, true)]
        (one, ones), (other, others) = means
        if not name:
            ratio = ones / np.maximum(others, 1e-9)
            found["colourfulness_ratio"] = bootstrap.spread(one / max(other, 1e-9), ratio)
        found[f"colourfulness{name}_difference"] = bootstrap.spread(
            abs(one - other), np.abs(ones - others)
        )
        if not name:
            apart = np.abs(values[mine] - values[true])
            found["colourfulness_distance"] = bootstrap.interval(apart)
    return found


def _groups(measured: Measured, labels: Sequence[str]) -> Record:
    """Means of each group that is large enough, by its name."""
    found: Record = {}
    for label in sorted(set(labels) - {""}):
        chosen = np.array([one == label for one in labels])
        if chosen.sum() < SMALLEST_GROUP:
            continue
        found[label] = {
            "n": int(chosen.sum()),
            "ways": {
                name: {
                    **{key: float(values[key][chosen].mean()) for key in GROUPED if key in values},
                    **_ratio(values, chosen),
                }
                for name, values in measured.values.items()
            },
        }
    return found


def _ratio(values: Mapping[str, FloatArray], chosen: NDArray[np.bool_]) -> Record:
    mine, true = COLOURFUL
    if mine not in values or true not in values:
        return {}
    share = values[mine][chosen].mean() / max(float(values[true][chosen].mean()), 1e-9)
    return {"colourfulness_ratio": float(share)}


# ---- the file -----------------------------------------------------------------------------


def rounded(value: Any) -> Any:
    """The same with numbers of six digits: more would differ from processor to processor.

    What is not finite becomes None: JSON has no word for it.
    """
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list | tuple) else value


def as_json(record: Mapping[str, Any]) -> str:
    """The record as a file: one line a picture, so that differences can be read."""
    pictures: list[str] = []

    def hide(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: hide(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            if value and isinstance(value[0], Mapping) and "id" in value[0]:
                pictures.extend(json.dumps(one, ensure_ascii=False) for one in value)
                start = len(pictures) - len(value)
                return [f"\0{at}\0" for at in range(start, len(pictures))]
            return [hide(one) for one in value]
        return value

    text = json.dumps(hide(record), ensure_ascii=False, indent=1, allow_nan=False)
    return re.sub(r'"\\u0000(\d+)\\u0000"', lambda at: pictures[int(at[1])], text) + "\n"


def read_record(file: Path) -> Record:
    """A record that an evaluation wrote.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from error
    if not isinstance(record, dict) or record.get("v") != VERSION or "sets" not in record:
        raise InputError(
            "is no record of an evaluation",
            where=str(file),
            remedy="give the results.json of `tinct evaluate --out`",
        )
    return record


def without_pictures(record: Mapping[str, Any]) -> Record:
    """The record without rows for single pictures: small enough to be kept with code."""
    slim = dict(record)
    slim["sets"] = [
        {**one, "ways": [{**way, "pictures": []} for way in one["ways"]]} for one in record["sets"]
    ]
    return slim
