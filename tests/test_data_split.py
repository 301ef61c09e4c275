"""Splits: nothing leaks between them, and they are drawn fairly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinct.datasets.manifest import Row
from tinct.datasets.split import artist_key, balanced, leaks, split
from tinct.errors import UsageError


def paintings(count: int, artists: int) -> list[Row]:
    return [
        Row(
            f"id{at}",
            f"{at}.jpg",
            sha256=f"{at:064}",
            artist=f"Artist {at * 7919 % artists}" if at % 5 else "Unknown artist",
            title=f"work {at // 2}",
            category=("oil", "ink", "photo")[at % 3],
        )
        for at in range(count)
    ]


def test_neither_an_artist_nor_a_work_leaks() -> None:
    rows = paintings(2000, 200)
    alike = [(at, at + 700) for at in range(0, 400, 25)]
    sides = split(rows, validation=0.1, test=0.1, alike=alike)
    done = [replace(row, split=side) for row, side in zip(rows, sides, strict=True)]
    assert not leaks(done)
    assert all(sides[one] == sides[other] for one, other in alike)
    assert 0.07 < sides.count("validation") / 2000 < 0.13
    assert 0.07 < sides.count("test") / 2000 < 0.13
    torn = [replace(row, split=("train", "test")[at // 3 % 2]) for at, row in enumerate(done)]
    assert any(what.startswith("artist ") for what, _ in leaks(torn))
    assert not any(what.startswith("artist ") for what, _ in leaks(torn, by="work"))


def test_one_artist_is_known_by_many_spellings() -> None:
    names = ("Vincent van Gogh", "vincent-van-gogh", "GOGH, Vincent van", "Vincent  Van_Gogh")
    assert len({artist_key(Row(artist=name)) for name in names}) == 1
    assert artist_key(Row(artist="Albrecht Dürer")) == artist_key(Row(artist="DURER, Albrecht"))
    assert artist_key(Row(artist="Jan Steen")) != artist_key(Row(artist="Jan van Steen"))
    assert {artist_key(Row(artist=name)) for name in ("Unknown", "anon.", "?", " ")} == {""}
    rows = [Row(f"{at}", f"{at}", artist=names[at % 4]) for at in range(40)]
    rows += [Row(f"o{at}", f"o{at}", artist=f"Artist {at}") for at in range(40)]
    for seed in range(5):
        assert len(set(split(rows, validation=0.3, test=0.2, seed=seed)[:40])) == 1


def test_each_category_gives_its_share() -> None:
    rows = paintings(3000, 3000)
    sides = split(rows, validation=0.1, by="work")
    for kind in ("oil", "ink", "photo"):
        own = [side for row, side in zip(rows, sides, strict=True) if row.category == kind]
        assert 0.08 < own.count("validation") / len(own) < 0.12


def test_a_split_depends_on_its_seed_and_not_on_the_order() -> None:
    rows = paintings(600, 60)
    first = dict(zip((row.id for row in rows), split(rows, validation=0.2), strict=True))
    turned = rows[::-1]
    again = dict(zip((row.id for row in turned), split(turned, validation=0.2), strict=True))
    other = dict(zip((row.id for row in rows), split(rows, validation=0.2, seed=1), strict=True))
    assert first == again != other


def test_a_great_artist_does_not_become_the_whole_split() -> None:
    rows = [Row(f"v{at}", f"v{at}", artist="Van Gogh") for at in range(500)]
    rows += [Row(f"o{at}", f"o{at}", artist=f"Artist {at}") for at in range(500)]
    for seed in range(20):
        sides = split(rows, validation=0.05, seed=seed)
        assert sides[0] == "train"
        assert 40 <= sides.count("validation") <= 60


def test_a_share_shows_many_artists() -> None:
    sizes = [*range(1, 60), *range(100, 400, 50)]  # few have painted half of it all
    rows = [
        Row(f"{artist}-{at}", f"{artist}-{at}", artist=f"Artist {artist}")
        for artist, size in enumerate(sizes)
        for at in range(size)
    ]
    for seed in range(20):
        sides = split(rows, validation=0.03, test=0.03, seed=seed)
        for name in ("validation", "test"):
            own = [row.artist for row, side in zip(rows, sides, strict=True) if side == name]
            assert 0.02 < len(own) / len(rows) < 0.04
            assert max(own.count(artist) for artist in own) <= 0.3 * len(own)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_a_share_is_never_empty_where_there_are_groups(count: int) -> None:
    rows = [Row(f"{at}", f"{at}") for at in range(count)]
    sides = split(rows, validation=0.01)
    assert sides.count("validation") == 1
    assert split(rows[:1], validation=0.5) in (["train"], ["validation"])


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0), (0.5, 0.5), (1.0, 0)])
def test_shares_that_leave_nothing_are_refused(validation: float, test: float) -> None:
    with pytest.raises(UsageError, match="held out"):
        split([], validation=validation, test=test)


def test_a_sample_is_even_among_artists_and_takes_nothing_twice() -> None:
    rows = [Row(f"a{at}", f"a{at}", artist="Prolific") for at in range(100)]
    rows += [Row(f"b{at}", f"b{at}", artist=f"Artist {at % 9}") for at in range(27)]
    taken = balanced(rows, 30)
    assert len(set(taken)) == 30
    artists = [rows[at].artist for at in taken]
    assert all(artists.count(name) == 3 for name in set(artists))
    assert len(set(artists)) == 10
    assert taken == balanced(rows, 30) != balanced(rows, 30, seed=1)
    assert len(balanced(rows, 10_000)) == 127
