"""Known colours are obeyed where they are, fill what they belong to, and leave the rest alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinct.propagation import obey


def two_halves() -> tuple[Any, Any]:
    """Light with a strong edge down the middle, over colours that are grey."""
    light = np.full((128, 128), 40, np.float32)
    light[:, 64:] = 75
    return np.zeros((32, 32, 2), np.float32), light


def test_a_hint_is_obeyed_where_it_is_fills_its_region_and_stops_at_edges() -> None:
    chroma, light = two_halves()
    coloured = obey(chroma, light, np.array([[0.25, 0.5, 40, -20]], np.float32))
    np.testing.assert_allclose(coloured[16, 8], (40, -20), atol=1)
    own = np.linalg.norm(coloured[14:19, 6:11] - (40, -20), axis=-1)
    assert own.max() < 8
    beyond = np.linalg.norm(coloured[:, 17:], axis=-1)
    assert beyond.max() < np.linalg.norm((40, -20)) / 10


def test_what_the_network_tells_apart_is_an_edge_too() -> None:
    """Skin and cloth of one light and one mean colour."""
    chroma, light = np.zeros((32, 32, 2), np.float32), np.full((128, 128), 60, np.float32)
    odds = np.full((32, 32, 4), 0.25, np.float32)
    odds[:, 16:] = (0.4, 0.1, 0.4, 0.1)
    point = np.array([[0.3, 0.5, 40, -20]], np.float32)
    alone, told = obey(chroma, light, point), obey(chroma, light, point, odds=odds)
    strength = np.linalg.norm(np.stack([alone, told])[:, 16], axis=-1)
    assert strength[1, 18] < 0.6 * strength[0, 18]
    assert strength[1, 12] > 0.9 * strength[0, 12]


def test_a_hint_fades_with_distance_where_no_edge_stops_it() -> None:
    chroma = np.zeros((32, 32, 2), np.float32)
    coloured = obey(
        chroma, np.full((128, 128), 50, np.float32), np.array([[0.1, 0.5, 40, -20]], np.float32)
    )
    at, middle, far = (np.linalg.norm(coloured[16, x]) for x in (3, 16, 31))
    assert at > 44 > middle > far > 0
    assert far < 10


def test_what_is_right_already_stays() -> None:
    chroma, light = two_halves()
    chroma[:, :16] = (20, -8)
    chroma[:, 16:] = (-5, 30)
    cells = [(3, 4), (9, 30)]
    points = np.array([[(c + 0.5) / 32, (r + 0.5) / 32, *chroma[r, c]] for r, c in cells])
    np.testing.assert_allclose(obey(chroma, light, points.astype(np.float32)), chroma, atol=0.5)


def test_many_hints_are_all_obeyed() -> None:
    chroma, light = two_halves()
    rng = np.random.default_rng(2)
    cells = rng.permutation(32 * 32)[:60]
    colours = rng.uniform(-40, 40, (60, 2))
    places = np.stack([(cells % 32 + 0.5) / 32, (cells // 32 + 0.5) / 32], 1)
    coloured = obey(chroma, light, np.concatenate([places, colours], 1).astype(np.float32))
    assert np.abs(coloured.reshape(-1, 2)[cells] - colours).max() < 3


def test_one_hint_does_not_colour_the_rest_however_much_the_network_says_so() -> None:
    plain, light = two_halves()
    everywhere = np.full_like(plain, 30)
    one = np.array([[0.25, 0.5, 40, 40]], np.float32)
    coloured = obey(everywhere, light, one, without=plain)
    np.testing.assert_allclose(coloured[16, 8], (40, 40), atol=1)
    assert np.abs(coloured[:, 18:]).max() < 3
    stroke = np.array([[0.05 + x / 100, 0.5, 40, 40] for x in range(20)], np.float32)
    assert np.abs(obey(everywhere, light, stroke, without=plain)[:, 18:]).max() < 3


def test_hints_in_many_places_let_the_network_speak_of_the_whole() -> None:
    plain, light = two_halves()
    everywhere = np.full_like(plain, 30)
    places = [(x, y) for x in (0.1, 0.2, 0.3) for y in (0.2, 0.5, 0.8)]
    many = np.array([[x, y, 30, 30] for x, y in places], np.float32)
    np.testing.assert_allclose(obey(everywhere, light, many, without=plain), everywhere, atol=0.1)


def test_a_small_step_is_an_edge_where_it_is_dark() -> None:
    one = np.array([[0.25, 0.5, 40, 0]], np.float32)
    plain = np.zeros((32, 32, 2), np.float32)
    passed = []
    for dark, bright in ((6, 10), (60, 64)):
        light = np.full((32, 32), dark, np.float32)
        light[:, 16:] = bright
        passed.append(obey(plain, light, one)[16, 18, 0])
    assert passed[0] < 1
    assert passed[1] > 10


def test_what_the_network_sees_as_another_thing_is_left_alone() -> None:
    light = np.full((32, 32), 60, np.float32)
    plain = np.zeros((32, 32, 2), np.float32)
    plain[:, 16:] = (14, 18)  # skin beside cloth as light as it is
    coloured = obey(plain, light, np.array([[0.3, 0.5, -30, 20]], np.float32), without=plain)
    assert np.abs(coloured[:, 17:] - plain[:, 17:]).max() < 2
    np.testing.assert_allclose(coloured[16, 13], (-30, 20), atol=6)
