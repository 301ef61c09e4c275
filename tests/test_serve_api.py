"""Colouring over HTTP: the same results as the command line's, jobs, sessions, palettes."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import GREY, RGB, WIDE, encoded, kinds, tiff
from tests.servers import Running, running, until
from tinct.cli import run
from tinct.verify import verify

PNG = encoded(GREY, "PNG")
JPEG = encoded(GREY, "JPEG", quality=90)
EPOCH = "1700000000"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        with running() as served:
            yield served


@pytest.mark.parametrize(
    ("content", "name", "options"),
    [
        (JPEG, "grandmother.jpg", {"saturation": "1.0"}),
        (PNG, "grandmother.png", {"saturation": "1.3", "size": "96"}),
        (tiff(WIDE), "scan.tif", {"toned": "keep"}),
        (PNG, "Büro 1.png", {"format": "webp", "quality": "70"}),
        (PNG, "a.png", {"format": "tiff", "depth": "16", "palette": "#8a2b1d,#d9b36c"}),
    ],
    ids=["jpeg", "png", "tiff", "webp", "palette"],
)
def test_a_result_is_the_command_lines_byte_for_byte(
    server: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    name: str,
    options: dict[str, str],
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    source, folder = tmp_path / name, tmp_path / "out"
    source.write_bytes(content)
    words = [f"--{option}={value}" for option, value in options.items()]
    code = run(["colorize", str(source), "-o", f"{folder}{os.sep}", "-q", *words])
    answer = server.send(content, name, **options)
    if code:  # options that the shipped model does not take
        assert answer.status_code == 422
        assert answer.json()["exit_code"] == code
        return
    (wanted,) = folder.iterdir()
    assert answer.status_code == 200, answer.text
    assert answer.content == wanted.read_bytes()
    sent = answer.headers["content-disposition"].partition("''")[2]
    from urllib.parse import unquote

    assert unquote(sent) == wanted.name


@pytest.mark.parametrize("name", sorted(kinds()))
def test_all_formats_come_back_coloured(server: Running, name: str) -> None:
    content, own, depth, *_ = kinds()[name]
    answer = server.send(content, "scan", if_color="recolor", size="64")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-status"] == "done"
    written = own if own in ("jpeg", "png", "tiff", "webp", "avif") else "png"
    assert answer.headers["content-type"] == f"image/{written}"
    if written in ("png", "tiff"):
        assert verify(content, answer.content).ok
        assert depth in (8, 16)


def test_metadata_is_kept_and_the_label_added(server: Running) -> None:
    picture = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[0x010F] = "Camera of an aunt"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, dpi=(300, 300))
    answer = server.send(out.getvalue(), "aunt.jpg")
    with Image.open(io.BytesIO(answer.content)) as result:
        assert result.getexif()[0x010F] == "Camera of an aunt"
        assert result.info["dpi"] == (300, 300)
    assert b"compositeWithTrainedAlgorithmicMedia" in answer.content
    assert b"aunt.jpg" in answer.content
    assert answer.headers["x-luma-identical"] == "true"


def test_a_raw_body_is_a_picture_too(server: Running) -> None:
    headers = {
        "content-type": "image/jpeg",
        "content-disposition": 'attachment; filename="..\\\\..\\\\C:\\\\old.jpg"',
    }
    answer = server.http.post(
        "/v1/colorize", content=JPEG, headers=headers, params={"saturation": "0.5"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith("''old.colorized.jpg")


def test_a_picture_in_colour_comes_back_as_it_was(server: Running) -> None:
    content = encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), "PNG")
    answer = server.send(content)
    assert answer.headers["x-status"] == "skipped"
    assert answer.content == content
    refused = server.send(content, if_color="fail")
    assert (refused.status_code, refused.json()["code"]) == (409, "already-colour")


def test_json_is_the_record_with_a_link_to_the_result(server: Running) -> None:
    answer = server.http.post(
        "/v1/colorize",
        files={"picture": ("a.png", PNG)},
        data={"sidecar": "true"},
        headers={"accept": "application/json"},
    )
    record = answer.json()
    assert record["state"] == "done"
    outcome = record["outcome"]
    assert outcome["name"] == "a.colorized.png"
    assert outcome["max_delta_L"] <= 0.25
    assert outcome["record"]["input"]["name"] == "a.png"
    assert outcome["record"]["output"]["name"] == "a.colorized.png"
    result = server.http.get(record["links"]["result"])
    assert result.headers["etag"] == f'"{outcome["sha256_out"]}"'
    assert len(result.content) == outcome["bytes"]


def test_nothing_stays_of_a_picture_that_was_waited_for(server: Running) -> None:
    before = set(server.service.room.root.iterdir())
    jobs = len(server.service.jobs)
    assert server.send(PNG).status_code == 200
    assert server.send(b"nothing").status_code == 422
    until(lambda: set(server.service.room.root.iterdir()) == before)
    assert len(server.service.jobs) == jobs


def test_a_job_tells_what_happens_in_order(server: Running) -> None:
    record = server.submit(PNG)
    assert record["state"] in ("queued", "running")
    seen = []
    with server.http.stream("GET", record["links"]["events"]) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        block: dict[str, str] = {}
        for line in stream.iter_lines():
            if not line:
                seen.append(block)
                block = {}
            else:
                name, _, value = line.partition(": ")
                block[name] = value
    assert [one["event"] for one in seen] == ["queued", "started", "examined", "done"]
    assert [int(one["id"]) for one in seen] == [1, 2, 3, 4]
    states = [json.loads(one["data"])["state"] for one in seen]
    assert states == ["queued", "running", "running", "done"]
    rest = server.http.get(record["links"]["events"], headers={"last-event-id": "3"}).text
    assert rest.startswith("id: 4\nevent: done\n")
    assert server.http.get(f"/v1/jobs/{record['id']}/result").status_code == 200


def test_a_job_that_fails_says_why(server: Running) -> None:
    record = server.submit(b"no picture at all")
    until(lambda: server.job(record["id"])["state"] == "failed")
    error = server.job(record["id"])["error"]
    assert (error["code"], error["status"], error["where"]) == ("unreadable", 422, "a.png")
    result = server.http.get(f"/v1/jobs/{record['id']}/result")
    assert (result.status_code, result.json()["code"]) == (422, "unreadable")


def test_a_job_can_be_deleted_wherever_it_is(server: Running) -> None:
    with server.held():
        begun, waiting = server.submit(PNG), server.submit(PNG)
        until(lambda: server.service.crew.running == 1)
        assert server.job(waiting["id"])["state"] == "queued"
        early = server.http.get(f"/v1/jobs/{waiting['id']}/result")
        assert (early.status_code, early.json()["code"]) == (409, "not-ready")
        for record in (waiting, begun):
            assert server.http.delete(f"/v1/jobs/{record['id']}").status_code == 204
            assert server.http.get(f"/v1/jobs/{record['id']}").status_code == 404
            assert server.http.delete(f"/v1/jobs/{record['id']}").status_code == 404
        until(lambda: server.service.crew.running == 0)
    assert server.send(PNG).status_code == 200  # by the worker that took its place


def test_two_visitors_never_see_each_others_pictures(server: Running) -> None:
    one, other = server.submit(PNG), server.submit(JPEG)
    assert one["id"] != other["id"]
    assert min(len(one["id"]), len(other["id"])) >= 32
    guesses = (
        one["id"][:-1],
        one["id"] + "A",
        one["id"].swapcase(),
        "*",
        "%2e%2e",
        "0",
        other["id"][::-1],
    )
    for guess in guesses:
        assert server.http.get(f"/v1/jobs/{guess}").status_code == 404
        assert server.http.get(f"/v1/jobs/{guess}/result").status_code == 404
    for listing in ("/v1/jobs", "/v1/sessions"):
        assert server.http.get(listing).status_code in (404, 405)
    for record, kind in ((one, "image/png"), (other, "image/jpeg")):
        server.wait_for(record["id"])
        result = server.http.get(f"/v1/jobs/{record['id']}/result")
        assert result.headers["content-type"] == kind
    folders = [path.name for path in server.service.room.root.iterdir()]
    assert not [name for name in folders if one["id"] in name or other["id"] in name]
    assert server.service.room.root.stat().st_mode & 0o077 == 0


def test_a_session_colours_often_and_as_the_full_result(server: Running) -> None:
    opened = server.http.post("/v1/sessions", files={"picture": ("a.jpg", JPEG)})
    assert opened.status_code == 201
    session = opened.json()
    assert (session["width"], session["height"], session["tone"]) == (61, 42, "grey")
    at = opened.headers["location"]
    strong, weak = (
        server.http.post(f"{at}/colorize", json={"preview": 64, "saturation": value})
        for value in (2, 0)
    )
    with (
        Image.open(io.BytesIO(strong.content)) as shown,
        Image.open(io.BytesIO(weak.content)) as grey,
    ):
        assert min(shown.size) <= 64
        spread = [
            np.ptp(np.asarray(one.convert("RGB"), int), axis=2).mean() for one in (shown, grey)
        ]
    assert spread[0] > spread[1] + 2
    plain = server.http.get(f"{at}/preview", params={"side": 64})
    assert plain.headers["content-type"] == "image/jpeg"
    full = server.http.post(f"{at}/colorize", json={})
    again = server.http.post(f"{at}/colorize", json={"saturation": 1.0})
    assert full.content == again.content == server.send(JPEG, "a.jpg", quality="90").content
    assert server.http.delete(at).status_code == 204
    assert server.http.get(at).status_code == 404
    assert server.http.post(f"{at}/colorize", json={}).status_code == 404


def test_a_session_can_be_steered(server: Running) -> None:
    at = server.http.post("/v1/sessions", files={"picture": ("a.png", PNG)}).headers["location"]
    other = server.http.post("/v1/sessions", files={"picture": ("b.png", encoded(RGB, "PNG"))})
    hinted = server.http.post(
        f"{at}/colorize",
        json={
            "preview": 64,
            "hints": {"points": [{"x": 0.5, "y": 0.5, "color": "#7a3b2e"}]},
            "reference": other.json()["id"],
        },
    )
    if server.http.get("/v1/models").json()["models"][0]["hints"]:
        assert hinted.status_code == 200
    else:
        assert (hinted.status_code, hinted.json()["code"]) == (422, "usage")
        assert "takes no hints" in hinted.json()["detail"]
    unknown = server.http.post(f"{at}/colorize", json={"preview": 64, "reference": "/etc/passwd"})
    assert unknown.status_code == 404


def test_likely_colours_of_a_point(server: Running) -> None:
    fields = {"x": "0.5", "y": "0.25", "count": "3"}
    answer = server.http.post("/v1/palette", files={"picture": ("a.png", PNG)}, data=fields)
    assert answer.status_code == 200, answer.text
    once = answer.json()
    assert 1 <= len(once["colours"]) <= 3
    at = server.http.post("/v1/sessions", files={"picture": ("a.png", PNG)}).headers["location"]
    often = server.http.post(f"{at}/palette", json={"x": 0.5, "y": 0.25, "count": 3})
    assert often.json() == once
    missing = server.http.post(f"{at}/palette", json={"x": 0.5})
    assert (missing.status_code, missing.json()["where"]) == (422, "y")


def test_models_health_and_figures(server: Running) -> None:
    models = server.http.get("/v1/models").json()["models"]
    assert [one["default"] for one in models].index(True) == 0
    named = server.send(PNG, model=models[0]["name"])
    assert named.headers["x-model"] == models[0]["name"]
    assert server.http.get("/health/live").json()["status"] == "live"
    figures = server.http.get("/metrics").text
    for name in (
        'tinct_requests_total{method="POST",route="/v1/colorize",status="200"}',
        'tinct_stage_seconds_count{stage="read"}',
        "tinct_queue_waiting 0.0",
        'tinct_memory_bytes{process="workers"}',
    ):
        assert name in figures
    assert not [key for key in server.service.jobs._items if key in figures]


def test_confidence_is_a_map_beside_the_result(server: Running) -> None:
    answer = server.send(PNG, confidence="true", size="64")
    assert answer.status_code == 200, answer.text
    at = answer.headers["link"].partition(">")[0].lstrip("<")
    found = server.http.get(f"{at}/confidence")
    with Image.open(io.BytesIO(found.content)) as shown:
        assert shown.mode == "L"
    other = server.submit(PNG)
    until(lambda: server.job(other["id"])["state"] == "done")
    assert server.http.get(f"/v1/jobs/{other['id']}/confidence").status_code == 404
    path = server.send(PNG, confidence="/tmp/map.png")
    assert (path.status_code, path.json()["where"]) == (422, "confidence")


def test_one_variant_is_one_answer(server: Running) -> None:
    refused = server.send(PNG, variants="3")
    assert (refused.status_code, refused.json()["where"]) == (422, "variant")
    one, two = (server.send(PNG, variants="3", variant=number, size="64") for number in "12")
    assert one.status_code == two.status_code == 200
    assert one.content != two.content
