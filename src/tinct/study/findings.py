"""What the answers of a study say: figures, each with how many answers and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np

from tinct.errors import InputError, UsageError
from tinct.study.agreement import agreement, tallied
from tinct.study.folder import Study
from tinct.study.options import ORIGINAL
from tinct.study.plan import passed
from tinct.study.preference import bradley_terry
from tinct.study.statistics import (
    NOTHING,
    Estimate,
    Floats,
    ratio,
    resampled,
    weighted_mean,
    wilson,
)
from tinct.study.store import CHOICES, Store, Vote


@dataclass(frozen=True)
class Counted:
    """Answers that are scored, and those that are not."""

    votes: Sequence[Vote]
    """Of participants who stay, without attention checks."""
    everything: Sequence[Vote]
    """All there are."""
    excluded: frozenset[int]
    """Participants who failed attention checks."""
    record: Mapping[str, Any]
    """How many of what."""


def collect(study: Study, *, allow_failed: int = 0) -> Counted:
    """Read the answers of a study, and tell which are scored.

    Args:
        study: the study.
        allow_failed: attention checks that a participant may fail without being left out.

    Raises:
        InputError: there are no answers, or none that count, or they are damaged.
        UsageError: a negative number of checks is allowed to fail.
    """
    store = Store(study, create=False)
    try:
        return count(study, store.votes(), store.participants(), allow_failed)
    finally:
        store.close()


def count(study: Study, votes: Sequence[Vote], joined: int, allow_failed: int) -> Counted:
    """Tell answers that are scored from others.

    Raises:
        InputError: there are none.
        UsageError: a negative number of checks is allowed to fail.
    """
    if allow_failed < 0:
        raise UsageError("out of range", where="--allow-failed", remedy="0 or more")
    if not votes:
        raise InputError(
            "there are no answers yet",
            where=str(study.folder),
            remedy="`tinct study serve` gathers them",
        )
    failed: dict[int, int] = {}
    given = failures = 0
    for vote in votes:
        if vote.slot.check:
            wrong = not passed(study.options.mode, vote.slot, vote.choice)
            failed[vote.participant] = failed.get(vote.participant, 0) + wrong
            given, failures = given + 1, failures + wrong
    excluded = frozenset(who for who, times in failed.items() if times > allow_failed)
    kept = [vote for vote in votes if not vote.slot.check and vote.participant not in excluded]
    if not kept:
        raise InputError(
            "no answers are left: everybody failed attention checks"
            if excluded
            else "there are no answers yet, but to attention checks",
            where=str(study.folder),
            remedy="--allow-failed NUMBER keeps those who failed so many",
        )
    answered: dict[int, list[Vote]] = {}
    for vote in votes:
        answered.setdefault(vote.participant, []).append(vote)
    same = sum(
        len(own) >= 8 and len({vote.choice for vote in own if not vote.slot.check}) == 1
        for who, own in answered.items()
        if who not in excluded
    )
    record = {
        "joined": joined,
        "answered": len(answered),
        "finished": sum(len(own) == study.total for own in answered.values()),
        "excluded": len(excluded),
        "scored": len({vote.participant for vote in kept}),
        "always_the_same": same,
        "checks": {"answered": given, "failed": failures, "allowed": allow_failed},
        "votes": len(kept),
        "late": sum(vote.late for vote in kept),
    }
    return Counted(kept, votes, excluded, record)


def figures(study: Study, counted: Counted) -> dict[str, Any]:
    """All figures of answers that were counted."""
    mode = study.options.mode
    votes = counted.votes
    ways = {"real": _real, "pair": _pair, "rate": _rate}[mode](study, votes)
    units = [(vote.slot.picture, tuple(sorted(vote.slot.ways))) for vote in votes]
    values = [_placed(vote) for vote in votes]
    level = "interval" if mode == "rate" else "nominal"
    agreed = agreement(tallied(units, values, CHOICES[mode]), level)  # type: ignore[arg-type]
    return {
        "study": {
            "title": study.options.title,
            "mode": mode,
            "sha256": study.sha256,
            "pictures": len(study.pictures),
            "per_participant": study.per_participant,
            "attention_checks": len(study.checks),
            "time_limit": study.options.time_limit,
            "sample": study.options.sample,
            "seed": study.options.seed,
            "protocol": f"{study.options.protocol} {study.options.size}",
            "data": list(study.facts.get("data", [])),
            "found": study.facts.get("found"),
            "left_out": dict(study.facts.get("left_out", {})),
            "ways": [asdict(way) for way in study.ways],
        },
        "participants": dict(counted.record),
        "ways": ways,
        **({"pairs": _pairs(study, votes)} if mode == "pair" else {}),
        "agreement": {"measure": f"Krippendorff's alpha, {level}", **asdict(agreed)},
        "categories": _categories(study, votes),
        "pictures": _pictures(study, votes),
    }


def _placed(vote: Vote) -> int:
    """The answer without the side it stood on: pairs are compared in the order of their names."""
    if len(vote.slot.ways) == 1:
        return vote.choice
    return int(vote.slot.ways[vote.choice] == max(vote.slot.ways))


def _real(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    who = np.array([vote.participant for vote in votes])
    real = np.array([vote.choice for vote in votes], np.float64)
    shown = np.array([vote.slot.ways[0] for vote in votes])
    originals = shown == ORIGINAL
    truth = wilson(int(real[originals].sum()), int(originals.sum()))
    rows = []
    for name in study.names:
        mine = shown == name
        share = wilson(int(real[mine].sum()), int(mine.sum()))

        def relative(weights: Floats, mine: Any = mine) -> Floats:
            with np.errstate(invalid="ignore", divide="ignore"):
                own = weights[:, mine] @ real[mine] / weights[:, mine].sum(1)
                theirs = weights[:, originals] @ real[originals] / weights[:, originals].sum(1)
                quotient: Floats = own / theirs
            return quotient

        fooling = NOTHING if name == ORIGINAL else ratio(share, truth)
        rows.append(
            {
                "name": name,
                "votes": int(mine.sum()),
                "voted_real": int(real[mine].sum()),
                "share": asdict(share),
                "share_by_participants": _span(who[mine], weighted_mean(real[mine])),
                **(
                    {}
                    if name == ORIGINAL
                    else {
                        "fooling": asdict(fooling),
                        "fooling_by_participants": _span(who, relative) if mine.any() else None,
                    }
                ),
                **_pace([vote for vote in votes if vote.slot.ways[0] == name]),
            }
        )
    return rows


def _rate(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    rows = []
    for name in study.names:
        own = [vote for vote in votes if vote.slot.ways[0] == name]
        values = np.array([vote.choice for vote in own], np.float64)
        span = _span(np.array([vote.participant for vote in own]), weighted_mean(values))
        low, high = span or (None, None)
        mean = Estimate(float(values.mean()), low, high) if own else NOTHING
        rows.append(
            {
                "name": name,
                "votes": len(own),
                "mean": asdict(mean),
                "counts": [sum(vote.choice == value for vote in own) for value in CHOICES["rate"]],
                **_pace(own),
            }
        )
    return rows


def _pair(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    index = {name: place for place, name in enumerate(study.names)}
    wins = np.zeros((len(index), len(index)))
    for vote in votes:
        chosen, other = index[vote.slot.ways[vote.choice]], index[vote.slot.ways[1 - vote.choice]]
        wins[chosen, other] += 1
    scores = bradley_terry(wins)
    rows = []
    for name, place in index.items():
        own = [vote for vote in votes if name in vote.slot.ways]
        score = beats = NOTHING
        if scores is not None:
            score = Estimate(*scores.interval(place))
            if ORIGINAL in index and name != ORIGINAL:
                odds = scores.interval(place, against=index[ORIGINAL])
                beats = Estimate(*(float(1 / (1 + np.exp(-value))) for value in odds))
        won = int(wins[place].sum())
        rows.append(
            {
                "name": name,
                "votes": len(own),
                "won": won,
                "share": asdict(wilson(won, len(own))),
                "score": asdict(score),
                "beats_original": asdict(beats),
                **_pace(own),
            }
        )
    return rows


def _pairs(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    rows = []
    for one, other in combinations(study.names, 2):
        own = [vote for vote in votes if {one, other} == set(vote.slot.ways)]
        won = sum(vote.slot.ways[vote.choice] == one for vote in own)
        share = asdict(wilson(won, len(own)))
        rows.append({"name": one, "other": other, "votes": len(own), "won": won, "share": share})
    return rows


def _categories(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    """The ways in each category, where there are several."""
    category = {picture.id: picture.category for picture in study.pictures}
    names = sorted(set(category.values()))
    if len(names) < 2:
        return []
    return [
        {"category": name, **row}
        for name in names
        for row in _shares(study, [vote for vote in votes if category[vote.slot.picture] == name])
    ]


def _pictures(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    by_picture: dict[str, list[Vote]] = {}
    for vote in votes:
        by_picture.setdefault(vote.slot.picture, []).append(vote)
    return [
        {
            "id": picture.id,
            "name": picture.name,
            "category": picture.category,
            "sha256": picture.sha256,
            "ways": _shares(study, by_picture.get(picture.id, [])),
        }
        for picture in study.pictures
    ]


def _shares(study: Study, votes: Sequence[Vote]) -> list[dict[str, Any]]:
    """Of each way: the share voted real or preferred, or the mean rating."""
    rows = []
    for name in study.names:
        own = [vote for vote in votes if name in vote.slot.ways]
        if study.options.mode == "rate":
            mean = sum(vote.choice for vote in own) / len(own) if own else None
            rows.append({"name": name, "votes": len(own), "mean": mean})
            continue
        pair = study.options.mode == "pair"
        hits = sum(vote.slot.ways[vote.choice] == name if pair else vote.choice for vote in own)
        rows.append({"name": name, "votes": len(own), "share": asdict(wilson(hits, len(own)))})
    return rows


def _span(groups: Any, measure: Any) -> list[float] | None:
    found = resampled(groups, measure) if len(groups) else None
    return None if found is None else list(found)


def _pace(votes: Sequence[Vote]) -> dict[str, Any]:
    times = [vote.response_ms for vote in votes]
    return {
        "median_response_ms": round(median(times)) if times else None,
        "late": sum(vote.late for vote in votes),
    }
