"""Sets that are measured, how they are cut, the tint, and points of true colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_evaluation_run import scene
from tinct.datasets.manifest import Row, write_manifest
from tinct.errors import InputError
from tinct.evaluation import hints
from tinct.evaluation.protocol import Protocol
from tinct.evaluation.sets import find_sets
from tinct.evaluation.tint import RECORDED, fit_tint, training_tint
from tinct.evaluation.ways import coloured
from tinct.study.draw import candidates


def test_a_manifest_gives_its_held_out_part(tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        Image.fromarray(scene(number)).save(tmp_path / f"{number}.png")
        split = "test" if number > 1 else "train"
        rows.append(Row(f"id{number}", f"{number}.png", category="sea", split=split))
    write_manifest(tmp_path, rows)
    # as `tinct data build` writes it, to keep trainings away from the test part
    (tmp_path / "exclude.txt").write_text("id2\nid3\n")
    for source in (tmp_path, tmp_path / "manifest.parquet"):
        assert [truth.id for one in find_sets(source, test=False) for truth in one.truths] == [
            "id0",
            "id1",
        ]
        assert [one.row.id for one in candidates([source])] == ["id2", "id3"]
        (one,) = find_sets(source)
        assert [truth.id for truth in one.truths] == ["id2", "id3"]
        assert (one.part, one.truths[0].category) == ("test", "sea")


def test_sub_folders_of_a_set_are_categories(tmp_path: Path) -> None:
    for name in ("a/x.png", "b/x.png", "top.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(scene(1)).save(tmp_path / name)
    (one,) = find_sets(tmp_path)
    assert [(truth.id, truth.category) for truth in one.truths] == [
        ("a/x", "a"),
        ("b/x", "b"),
        ("top", ""),
    ]
    with pytest.raises(InputError, match="no such file or folder"):
        find_sets(tmp_path / "absent")


def test_protocols_give_the_sizes_they_name() -> None:
    tall = scene(0, 90, 40)
    assert Protocol("crop", 32).fit(tall).shape == (32, 32, 3)
    assert Protocol("stretch", 32).fit(tall).shape == (32, 32, 3)
    assert Protocol("full", 32).fit(tall).shape == (72, 32, 3)
    assert Protocol("full", 256).fit(tall) is tall
    assert Protocol("crop", 256).fit(tall).shape == (256, 256, 3)
    middle = Protocol("crop", 40).fit(tall)
    assert np.array_equal(middle, tall[25:65])


def test_the_tint_is_the_best_of_all_near_it() -> None:
    """Pictures of one true tint: the fit finds it."""
    light = np.linspace(30, 80, 400, dtype=np.float32).reshape(20, 20)
    chroma = np.broadcast_to(np.array([6.0, 12.0], np.float32), (20, 20, 2))
    a, b = fit_tint([coloured(light, chroma)] * 2)
    assert abs(a - 6) <= 1
    assert abs(b - 12) <= 1


def test_the_tint_says_where_it_comes_from(tmp_path: Path) -> None:
    assert training_tint(tmp_path / "absent") is RECORDED
    Image.fromarray(scene(0)).save(tmp_path / "one.png")
    assert "1 training pictures" in training_tint(tmp_path).origin


def test_a_point_has_the_true_colour_of_its_place() -> None:
    truth = np.zeros((40, 60, 3), np.uint8)
    truth[:, :30], truth[:, 30:] = (200, 30, 30), (30, 30, 200)
    drawn = hints.points(truth, 50, np.random.default_rng(0))
    for x, _, a, b in drawn:
        if abs(x - 0.5) > 0.1:
            assert (b > 0) == (x < 0.5)
            assert a > 0


def test_fewer_points_are_the_first_of_more() -> None:
    """So that a count has one error, whatever other counts it is asked for with."""
    few, many = (hints.points(scene(3), count, np.random.default_rng(1)) for count in (3, 40))
    assert np.array_equal(few, many[:3])
