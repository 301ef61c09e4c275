"""`tinct.client` over a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import fields
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import GREY, encoded
from tests.servers import running
from tinct.client import Client, ServerError
from tinct.client.answers import chosen_options
from tinct.errors import AlreadyColour, ModelError, Unreadable, Unsupported, UsageError
from tinct.options import ColorizeOptions
from tinct.styles import styles

PNG = encoded(GREY, "PNG")
SMALL = ColorizeOptions(size=64)
TOKEN = "a-word-that-nobody-guesses"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOURCE_DATE_EPOCH", "1700000000")  # labels hold the second
        with running(token=TOKEN) as server, Client(server.url, token=TOKEN) as connected:
            yield connected


def test_a_picture_comes_back(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "Tür.png"
    file.write_bytes(PNG)
    coloured = client.colorize(file, SMALL)
    assert coloured.name == "Tür.colorized.png"
    assert (coloured.media_type, coloured.status) == ("image/png", "done")
    assert coloured.model == client.models()[0].name
    assert coloured.max_delta_lightness is not None
    assert coloured.max_delta_lightness <= 0.25
    again = client.colorize(encoded(GREY, "JPEG"), ColorizeOptions(size=64, quality=70))
    assert again.luma_identical is True


def test_a_job_is_followed_fetched_and_deleted(client: Client) -> None:
    job = client.submit(PNG, SMALL, name="a.png")
    names = [event.name for event in client.events(job.id)]
    assert names == ["queued", "started", "examined", "done"]
    assert [event.name for event in client.events(job.id, after=3)] == ["done"]
    done = client.job(job.id)
    assert done.outcome is not None
    assert done.outcome.name == "a.colorized.png"
    assert client.result(job.id).content[:4] == b"\x89PNG"
    client.delete(job.id)
    with pytest.raises(ServerError) as caught:
        client.job(job.id)
    assert caught.value.problem is not None
    assert caught.value.problem.code == "not-found"
    with pytest.raises(ServerError):
        list(client.events(job.id))


def test_a_session_is_opened_steered_and_closed(client: Client) -> None:
    with client.open(PNG, name="a.png") as session:
        assert (session.record.width, session.record.height) == (61, 42)
        assert session.preview(64, SMALL).media_type == "image/jpeg"
        assert session.colorize(SMALL).content == client.colorize(PNG, SMALL, name="a.png").content
        likely = session.palette(0.5, 0.5, count=2).colours
        assert likely[0].probability >= likely[-1].probability
        assert session.confidence(size=64)[:4] == b"\x89PNG"
        with pytest.raises(UsageError, match="no number"):
            session.palette(float("nan"), 0.5)
        layer = np.asarray(Image.open(BytesIO(session.layer(SMALL))))
        assert layer.shape == (42, 61, 4)
        kept = {"keep": [{"path": [[0, 0.25], [1, 0.25]], "width": 0.25}]}
        bare = np.asarray(Image.open(BytesIO(session.layer(SMALL, hints=kept))))
        assert layer[8:12, ..., 3].any()
        assert bare[8:12, ..., 3].max() <= 3
        assert session.colorize(SMALL, hints=kept).content == (
            client.colorize(PNG, SMALL, name="a.png", hints=kept).content
        )
    with pytest.raises(ServerError):
        session.palette(0.5, 0.5)
    session.close()  # once more does no harm
    assert len(client.palette(PNG, 0.5, 0.5, count=1).colours) == 1


def test_a_reference_crosses_as_a_file(client: Client) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (64, 64, 3), np.uint8)
    reference = encoded(noise, "PNG")
    if client.models()[0].hints:
        plain = client.colorize(PNG, SMALL).content
        assert client.colorize(PNG, SMALL, reference=reference).content != plain
        job = client.submit(PNG, SMALL, reference=reference)
        assert [one.name for one in client.events(job.id)][-1] == "done"
    else:
        with pytest.raises(UsageError, match="takes no"):
            client.colorize(PNG, SMALL, reference=reference)


def test_styles_are_listed(client: Client) -> None:
    listed = client.styles()
    assert [one.name for one in listed] == list(styles())
    assert all(one.title and len(one.colours) == 5 for one in listed)


def test_errors_are_those_of_the_command_line(client: Client, tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as caught:
        client.colorize(b"no picture", name="letter.txt")
    assert caught.value.where == "letter.txt"
    assert caught.value.remedy
    colours = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    with pytest.raises(AlreadyColour):
        client.colorize(encoded(colours, "PNG"), ColorizeOptions(if_color="fail"))
    with pytest.raises(ModelError):
        client.colorize(PNG, ColorizeOptions(model="no-such-model"))
    for absent in (tmp_path / "absent.png", str(tmp_path / "absent.png")):
        with pytest.raises(Unreadable):
            client.colorize(absent)
    with pytest.raises(Unsupported, match="a NoneType"):
        client.colorize(None)  # type: ignore[arg-type]


def test_a_wrong_token_and_a_server_that_is_not_there() -> None:
    with socket.socket() as held:  # bound, and never listening
        held.bind(("127.0.0.1", 0))
        with Client(f"http://127.0.0.1:{held.getsockname()[1]}") as client:
            assert not client.is_ready()
            with pytest.raises(ServerError, match="cannot be reached") as caught:
                client.models()
            assert caught.value.remedy


def test_without_the_token_nothing_is_told(client: Client) -> None:
    with Client(str(client._http.base_url)) as stranger:
        assert stranger.is_ready()
        with pytest.raises(ServerError) as caught:
            stranger.models()
        assert caught.value.problem is not None
        assert caught.value.problem.status == 401


def test_only_what_differs_is_sent() -> None:
    assert chosen_options(None) == {}
    assert chosen_options(ColorizeOptions(sidecar=True, palette="#8a2b1d")) == {
        "sidecar": True,
        "palette": "#8a2b1d",
    }
    hinted = ColorizeOptions(hints=[[0.5, 0.5, 10, 10]])
    with pytest.raises(UsageError, match="as it came"):
        chosen_options(hinted)
    assert len(fields(ColorizeOptions)) >= len(chosen_options(None))
