"""The description of the API is complete, and the API does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.pictures import GREY, encoded
from tests.servers import Running, running
from tinct.errors import UsageError
from tinct.options import ColorizeOptions, descriptions
from tinct.serve.choices import ABSENT, choices, from_members, from_words
from tinct.serve.records import RECORDS

PNG = encoded(GREY, "PNG")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(ttl=60) as served:
        yield served


@pytest.fixture
def described(server: Running) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get("/openapi.json").json()
    return found


def test_every_option_of_the_command_is_offered_under_its_name(described: dict[str, Any]) -> None:
    """An option that holds text or a file must be named in `choices`, with how it comes."""
    wanted = {field.name for field in fields(ColorizeOptions)} - set(ABSENT)
    assert set(choices()) == wanted
    body = described["paths"]["/v1/colorize"]["post"]["requestBody"]["content"]
    form = body["multipart/form-data"]["schema"]["properties"]
    assert set(form) == wanted | {"picture"}
    queried = described["paths"]["/v1/colorize"]["post"]["parameters"]
    assert wanted <= {one["name"] for one in queried}
    for path in ("colorize", "palette"):
        operation = described["paths"][f"/v1/sessions/{{session_id}}/{path}"]["post"]
        members = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
        assert wanted <= set(members)
    texts = descriptions()
    assert form["saturation"]["description"] == texts["saturation"]
    assert form["format"]["default"] == "same"
    assert "avif" in form["format"]["enum"]
    assert "iiif" not in form["format"]["enum"]  # an answer is one file


def test_no_option_lets_a_client_name_a_path(server: Running) -> None:
    for name in ("model", "hints", "reference", "confidence"):
        for path in ("/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1/a"):
            answer = server.send(PNG, **{name: path})
            assert answer.status_code == 422, answer.text
            assert answer.json()["code"] in ("usage", "model")


def test_every_field_of_every_record_is_described(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for record in RECORDS:
        schema = schemas[record.__name__]
        assert schema["description"] == record.__doc__
        for name, field in schema["properties"].items():
            assert field.get("description"), f"{record.__name__}.{name}"


def test_every_operation_has_a_summary_and_its_errors_examples(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"]
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    content = answer["content"]["application/problem+json"]
                    assert content["examples"], (path, status)


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ([("saturation", "much")], "saturation"),
        ([("quality", "1.5")], "quality"),
        ([("format", "bmp")], "format"),
        ([("sidecar", "perhaps")], "sidecar"),
        ([("hints", "{")], "hints"),
        ([("hints", '{"points": [{"x": 2, "y": 0, "color": "#fff"}]}')], "hints"),
        ([("hints", '{"points": [{"x": 0, "y": 0}]}')], "hints"),
        ([("hints", '{"points": 7}')], "hints"),
        ([("hints", '{"keep": [{"path": [[0, 0]], "color": "#fff"}]}')], "hints"),
        ([("hints", '{"keep": [{"width": 0.1}]}')], "hints"),
        ([("depth", "8"), ("depth", "16")], "depth"),
        ([("saturation ", "1")], None),
        ([("reference", "a.jpg")], "reference"),
    ],
)
def test_fields_that_make_no_sense(words: list[tuple[str, str]], where: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        from_words(words)
    assert caught.value.where == where


def test_strokes_that_cover_everything_a_thousand_times_are_refused() -> None:
    path = [[0, 0], [1, 1]] * 200
    with pytest.raises(UsageError, match="cover too much"):
        from_members({"hints": {"strokes": [{"path": path, "width": 1, "color": "#fff"}]}})
    with pytest.raises(UsageError, match="cover too much"):
        from_members({"hints": {"keep": [{"path": path, "width": 1}] * 9}})
    drawn = [[at / 1000, 0.5] for at in range(1000)]  # what a hand draws is taken
    hints = {"keep": [{"path": drawn, "width": 0.1}]}
    assert from_members({"hints": hints})[0] == {"hints": hints}


def test_words_become_values() -> None:
    chosen, rest = from_words(
        [("saturation", "1.5"), ("sidecar", "true"), ("size", "96"), ("x", "0.5")], others=["x"]
    )
    assert chosen == {"saturation": 1.5, "sidecar": True, "size": 96}
    assert rest == {"x": "0.5"}
    hints = {"points": [{"x": 0.5, "y": 0.5, "ab": [10, -10]}]}
    assert from_members({"hints": hints, "palette": None})[0] == {"hints": hints, "palette": None}


@pytest.mark.parametrize("examples", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_the_api_keeps_to_its_description(server: Running, examples: int) -> None:
    """schemathesis: no 5xx, no undocumented status, media type or shape of answer."""
    schema = schemathesis.openapi.from_url(f"{server.url}openapi.json")
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    answered: set[tuple[str, int]] = set()

    def keeps(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(mode))
        def probe(case: Any) -> None:
            response = case.call_and_validate(checks=checks)
            answered.add((operation.label, response.status_code))

        probe()

    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr] # an Err has none, which is a failure
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # nothing can be wrong where nothing can be said
                keeps(operation, mode)
    assert len({label for label, _ in answered}) == sum(
        len(methods) for methods in schema.raw_schema["paths"].values()
    )
    assert ("POST /v1/colorize", 422) in answered
    assert ("GET /v1/models", 200) in answered
