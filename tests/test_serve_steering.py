"""What the page steers with: styles, the colours as a layer, confidence, variants of a session."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from tests.pictures import GREY, encoded
from tests.servers import Running, running
from tinct import flow
from tinct.image import load
from tinct.models import load_model
from tinct.options import ColorizeOptions
from tinct.serve.kept import Kept, _merged
from tinct.serve.layer import colour_layer, most_transparent
from tinct.styles import styles

PNG = encoded(GREY, "PNG")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as served:
        yield served


@pytest.fixture(scope="module")
def session(server: Running) -> str:
    answer = server.http.post("/v1/sessions", files={"picture": ("a.png", PNG)})
    return f"/v1/sessions/{answer.json()['id']}"


def picture(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(Image.open(BytesIO(content)), np.float32)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, (2, 5, 3), elements=st.integers(0, 255)))
def test_the_most_transparent_layer_gives_the_picture(
    pair: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    before, after = pair.astype(np.float32)
    layer = most_transparent(before, after).astype(np.float32)
    alpha = layer[..., 3:] / 255
    over = layer[..., :3] * alpha + before * (1 - alpha)
    assert np.abs(over - after).max() <= 1
    same = (before == after).all(-1)
    assert not layer[same].any()
    # a little less alpha would not reach: some channel's colour is at its end
    ends = np.minimum(layer[..., :3], 255 - layer[..., :3]).min(-1)
    room = 255 / np.maximum(layer[..., 3], 1) + 1
    assert (ends[~same] <= room[~same]).all()


def test_the_layer_over_the_original_is_the_coloured_picture(server: Running, session: str) -> None:
    layer = picture(server.http.post(f"{session}/layer", json={"size": 64}).content)
    coloured = picture(server.send(PNG, size="64").content)
    grey = picture(PNG)
    grey = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, 2)
    alpha = layer[..., 3:] / 255
    over = layer[..., :3] * alpha + grey * (1 - alpha)
    assert np.abs(over - coloured).max() <= 2
    assert layer[..., 3].max() > 0


def test_the_layer_of_a_toned_picture_that_lies_on_its_side(tmp_path: Path) -> None:
    ramp = np.linspace(20, 230, 60 * 40).reshape(40, 60)
    toned = np.stack([ramp, 0.85 * ramp, 0.7 * ramp], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(toned).save(tmp_path / "toned.png", exif=exif)
    page = load(tmp_path / "toned.png").pages[0]
    layer = colour_layer(page, load_model(), ColorizeOptions(size=64)).astype(np.float32)
    assert layer.shape == (60, 40, 4)
    before = np.rot90(toned, -1).astype(np.float32)
    alpha = layer[..., 3:] / 255
    over = layer[..., :3] * alpha + before * (1 - alpha)
    plain = colour_layer(page, load_model(), ColorizeOptions(size=64, saturation=0)).astype(
        np.float32
    )
    neutral = plain[..., :3] * plain[..., 3:] / 255 + before * (1 - plain[..., 3:] / 255)
    assert np.ptp(neutral, axis=-1).max() <= 3  # the tone is taken away
    assert np.ptp(over, axis=-1).max() > 5


def test_a_picture_that_keeps_its_colours_has_no_layer(server: Running) -> None:
    colours = np.random.default_rng(3).integers(0, 255, (40, 50, 3), np.uint8)
    sent = {"picture": ("a.png", encoded(colours, "PNG"))}
    at = f"/v1/sessions/{server.http.post('/v1/sessions', files=sent).json()['id']}"
    answer = server.http.post(f"{at}/layer", json={})
    assert answer.status_code == 409
    assert answer.json()["code"] == "already-colour"
    assert server.http.post(f"{at}/layer", json={"if_color": "recolor"}).status_code == 200


def test_a_preview_keeps_what_the_full_picture_keeps(server: Running, session: str) -> None:
    kept = {"keep": [{"path": [[0, 0.25], [1, 0.25]], "width": 0.25}]}
    how = {"size": 64, "hints": kept}
    shown = picture(server.http.post(f"{session}/colorize", json={**how, "preview": 64}).content)
    whole = picture(server.http.post(f"{session}/colorize", json=how).content)
    for pixels in (shown, whole):
        rows = pixels.shape[0]
        inside = pixels[int(0.21 * rows) : int(0.29 * rows)]
        assert np.ptp(inside, axis=-1).max() <= 3
        assert np.ptp(pixels[int(0.6 * rows) :], axis=-1).max() > 6


def test_confidence_of_a_session(server: Running, session: str) -> None:
    answer = server.http.post(f"{session}/confidence", json={"size": 64, "saturation": 2})
    assert answer.headers["content-type"] == "image/png"
    certain = picture(answer.content)
    assert certain.ndim == 2
    assert certain.shape[0] / certain.shape[1] == pytest.approx(
        GREY.shape[0] / GREY.shape[1], rel=0.05
    )


def test_styles_are_those_of_the_command(server: Running) -> None:
    listed = server.http.get("/v1/styles").json()["styles"]
    assert [one["name"] for one in listed] == list(styles())
    for one in listed:
        assert len(one["colours"]) == 5


def test_the_label_is_told_before_it_is_written(server: Running) -> None:
    told = server.http.get("/v1/models").json()["label"]
    written = server.send(PNG).content
    assert told.encode() in written


def test_a_kept_variant_is_the_one_that_would_be_written() -> None:
    kept = Kept(load(PNG))
    network = load_model()
    for variant in (1, 3):
        options = ColorizeOptions(variants=3, variant=variant, seed=5, saturation=1.5, size=64)
        light = kept.light(64)
        direct = flow.colours(light, None, network, options)
        shown = kept.coloured(network, options, 64)
        again = Kept(load(PNG))
        plain = again.coloured(network, ColorizeOptions(size=64), 64)
        assert np.array_equal(shown, _merged(kept.light(64), direct))
        assert not np.array_equal(shown, plain)
    assert len(kept.varied) == 1
