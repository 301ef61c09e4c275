"""Options: ranges, what is recorded, and that every field is described."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import tinct
from tinct.errors import UsageError
from tinct.options import ColorizeOptions, descriptions, flag


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("toned", "sepia"),
        ("if_color", "maybe"),
        ("format", "gif"),
        ("depth", "12"),
        ("saturation", -0.1),
        ("saturation", float("nan")),
        ("saturation", float("inf")),
        ("saturation", 4.5),
        ("quality", 0),
        ("quality", 101),
        ("size", 63),
        ("size", 5000),
    ],
)
def test_values_out_of_range_are_usage_errors_that_name_the_option(field: str, value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        ColorizeOptions(**{field: value})
    assert caught.value.where == flag(field)
    assert caught.value.remedy


def test_only_what_differs_and_shapes_the_result_is_recorded() -> None:
    assert ColorizeOptions().record() == {}
    options = ColorizeOptions(saturation=0.5, toned="keep", if_color="recolor", sidecar=True)
    assert options.record() == {"saturation": "0.5", "toned": "keep"}


def test_every_field_is_described_in_one_line() -> None:
    texts = descriptions()
    assert set(texts) == {field.name for field in fields(ColorizeOptions)}
    assert all(text.endswith(".") and "\n" not in text for text in texts.values())


def test_depth_may_be_a_number() -> None:
    assert ColorizeOptions(depth=16).depth == "16"  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["saturation", "quality", "size"])
def test_a_text_is_no_number(field: str) -> None:
    with pytest.raises(UsageError, match="not possible"):
        ColorizeOptions(**{field: "1.2"})  # type: ignore[arg-type]


def test_what_is_of_files_is_refused_for_pictures_in_memory() -> None:
    grey = np.full((16, 16), 90, np.uint8)
    for asked in ({"confidence": "map.png"}, {"sidecar": True}, {"format": "png"}):
        with pytest.raises(UsageError, match="is of files"):
            tinct.colorize(grey, **asked)
    with pytest.raises(UsageError, match="confidence"):
        ColorizeOptions(confidence=True)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="say which, 1 to 3"):
        tinct.colorize(grey, variants=3)
