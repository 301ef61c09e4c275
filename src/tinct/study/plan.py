"""What a participant is shown: a balanced random set, drawn when they join."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from tinct.study.folder import Picture, Study
from tinct.study.options import ORIGINAL, SPOILED

#: one way, or two that are compared, in the order of the study
Ways = tuple[str, ...]
#: picture and ways to how often they were shown
Shown = Mapping[tuple[str, Ways], int]


@dataclass(frozen=True)
class Slot:
    """One question to one participant."""

    picture: str
    """Id of the picture."""
    ways: Ways
    """As they stand on the page, from left to right."""
    check: bool = False
    """Whether it is an attention check."""


def plan(study: Study, shown: Shown, chance: random.Random) -> list[Slot]:
    """The questions of one participant, in their order.

    Every picture is there at most once. Half are originals in mode `real`; the ways share the
    rest, and all of the other modes, evenly. What was shown least goes first, by way and then by
    picture; what is equal is drawn.

    Args:
        study: what there is.
        shown: to others, so far.
        chance: what draws.
    """
    totals: dict[Ways, int] = {}
    for (_, ways), count in shown.items():
        totals[ways] = totals.get(ways, 0) + count
    count = study.per_participant
    if study.options.mode == "real":
        real = (count + chance.randrange(2)) // 2
        coloured = [(name,) for name in study.coloured]
        kinds = [*_share([(ORIGINAL,)], real, totals, chance)]
        kinds += _share(coloured, count - real, totals, chance)
    elif study.options.mode == "rate":
        kinds = _share([(name,) for name in study.names], count, totals, chance)
    else:
        kinds = _share(list(combinations(study.names, 2)), count, totals, chance)
    chance.shuffle(kinds)
    slots = _pictures(study.pictures, kinds, shown, chance)
    slots = [_turned(slot, chance) for slot in slots]
    chance.shuffle(slots)
    return _with_checks(slots, study, chance)


def _share(
    kinds: Sequence[Ways], count: int, totals: Mapping[Ways, int], chance: random.Random
) -> list[Ways]:
    """`count` of the kinds, as evenly as can be; those shown least get what is left over."""
    order = sorted(kinds, key=lambda kind: (totals.get(kind, 0), chance.random()))
    return [order[index % len(order)] for index in range(count)]


def _pictures(
    pictures: Sequence[Picture], kinds: Sequence[Ways], shown: Shown, chance: random.Random
) -> list[Slot]:
    """A picture for each kind, none twice: the one least shown in that kind, then at all."""
    seen: dict[str, int] = {}
    for (picture, _), times in shown.items():
        seen[picture] = seen.get(picture, 0) + times
    left = {picture.id for picture in pictures}
    slots = []
    for kind in kinds:
        least = min(
            sorted(left),
            key=lambda name: (shown.get((name, kind), 0), seen.get(name, 0), chance.random()),
        )
        left.remove(least)
        slots.append(Slot(least, kind))
    return slots


def _turned(slot: Slot, chance: random.Random) -> Slot:
    ways = tuple(chance.sample(slot.ways, len(slot.ways)))
    return Slot(slot.picture, ways, slot.check)


def _with_checks(slots: list[Slot], study: Study, chance: random.Random) -> list[Slot]:
    """The questions with the attention checks among them, spread out, none at the very start."""
    both = study.options.mode == "pair"
    ways = (ORIGINAL, SPOILED) if both else (SPOILED,)
    checks = [Slot(picture.id, ways, check=True) for picture in study.checks]
    part = len(slots) / max(len(checks), 1)
    mixed = list(slots)
    for index in reversed(range(len(checks))):
        low, high = max(1, round(index * part)), max(1, round((index + 1) * part))
        mixed.insert(chance.randint(min(low, high), high), _turned(checks[index], chance))
    return mixed


def passed(mode: str, slot: Slot, answer: int) -> bool:
    """Whether an answer to an attention check is that of somebody who looked.

    `real`: called coloured; `pair`: the other one chosen; `rate`: 1 or 2 of 5.
    """
    if mode == "real":
        return answer == 0
    if mode == "pair":
        return slot.ways[answer] == ORIGINAL
    return answer <= 2
