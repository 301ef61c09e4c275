"""The description of the API (OpenAPI 3.1): schemas and examples made of the records' own texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tinct.options import descriptions
from tinct.palette import MOST_COLOURS
from tinct.serve.choices import choices
from tinct.serve.problems import MEDIA_TYPE, problem, status_of
from tinct.serve.problems import kinds as problem_kinds
from tinct.serve.records import RECORDS
from tinct.serve.settings import Settings

_SUMMARY = """\
Adds colour to black-and-white pictures and touches nothing else. Options have the names, defaults
and meanings of `tinct colorize`. Errors are problem details (RFC 9457) with the codes and remedies
of the command line. Pictures stay on this server until they are deleted or not used for a while;
whoever has an id has what is behind it, and nobody else."""

#: what every route may answer, whatever it does
_EVERYWHERE = (401, 403, 405, 421)
_BINARY = {"type": "string", "format": "binary"}


def JSON(record: type) -> dict[int | str, dict[str, Any]]:  # noqa: N802 - reads as what it is
    """A record as the answer."""
    return {200: {"model": record}}


def _headers(texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()
    }


PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture; or, where JSON is asked for, the record of the job.",
        "content": {
            "image/*": {"schema": _BINARY},
            "application/json": {"schema": {"$ref": "#/components/schemas/JobRecord"}},
        },
        "headers": _headers(
            {
                "ETag": "SHA-256 of the result.",
                "X-Status": "`done`, or `skipped` for a picture that keeps its own colours.",
                "X-Model": "The model that was used.",
                "X-Label": "Where the result says that its colours are inferred.",
                "X-Max-Delta-L": "Largest difference in L* over all pixels.",
                "X-Luma-Identical": "Whether the luma of a JPEG was copied bit for bit.",
                "X-Warnings": "What the user should know: a JSON list.",
                "Server-Timing": "Milliseconds by stage.",
                "Link": "The job that has the full record, where there is one.",
            }
        ),
    }
}
JPEG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A small picture.", "content": {"image/jpeg": {"schema": _BINARY}}}
}
PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "A small picture.", "content": {"image/png": {"schema": _BINARY}}}
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 1\nevent: queued\ndata: {"state": "queued", "place": 0}\n\n',
            }
        },
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with, beside those that any may."""
    kinds = problem_kinds()
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, *_EVERYWHERE}):
        examples = {}
        for code, kind in kinds.items():
            error = kind("what is wrong, in one line")
            if status_of(error) == status:
                examples[code] = {"value": problem(error)}
        content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        if examples:
            content["examples"] = examples
        titles = [problem(kinds[code](""))["title"] for code in examples]
        found[status] = {
            "description": "; ".join(titles) or "An error",
            "content": {MEDIA_TYPE: content},
        }
    return found


def point() -> dict[str, Any]:
    """Schemas of a point and of how much is asked about it; x and y are required."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "x": {**share, "description": "From the left edge, 0, to the right edge, 1."},
        "y": {**share, "description": "From the upper edge, 0, to the lower edge, 1."},
        "count": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_COLOURS,
            "default": 5,
            "description": "How many colours at most.",
        },
    }


def with_upload(more: Mapping[str, Any] | None = None, *, options: bool = True) -> dict[str, Any]:
    """A request with a picture: as a form, or as the body with options in the query.

    Args:
        more: schemas of other fields.
        options: whether the options of colouring are among the fields.
    """
    others = dict(more or {})
    required = [name for name in others if name in ("x", "y")]
    fields = {**others, **(_option_schemas() if options else {})}
    picture = {**_BINARY, "description": "The file, of any format that Tinct reads."}
    form = {
        "type": "object",
        "properties": {"picture": picture, **fields},
        "required": ["picture", *required],
        "additionalProperties": False,
    }
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in fields.items()
    ]
    parameters.append(
        {
            "name": "Content-Disposition",
            "in": "header",
            "required": False,
            "description": "The file's name, of a picture that is the body itself.",
            "schema": {"type": "string"},
            "example": 'attachment; filename="grandmother.jpg"',
        }
    )
    return {
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/octet-stream": {"schema": _BINARY},
                "image/*": {"schema": _BINARY},
            },
        },
    }


def with_options(more: Mapping[str, Any], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """A request with options as JSON.

    Args:
        more: schemas of other members; a range stands for whole numbers.
        required: those of them that must be given; x and y always must.
    """
    fields: dict[str, Any] = {}
    for name, schema in more.items():
        if isinstance(schema, range):
            fields[name] = {
                "type": ["integer", "null"],
                "minimum": schema[0],
                "maximum": schema[-1],
                "description": "Shorter side in pixels; without it, the full result.",
            }
        else:
            fields[name] = schema
    needed = [name for name in fields if name in (*required, "x", "y")]
    body = {
        "type": "object",
        "properties": {**fields, **_option_schemas()},
        "required": needed,
        "additionalProperties": False,
    }
    example: dict[str, Any] = {"saturation": 1.2, "preview": 640}
    if required:
        example = {"x": 0, "y": 0, "width": 1, "height": 1, "saturation": 1.2}
    elif needed:
        example = {"x": 0.5, "y": 0.25}
    return {
        "requestBody": {
            "required": bool(needed),
            "content": {"application/json": {"schema": body, "example": example}},
        }
    }


def _option_schemas() -> dict[str, Any]:
    return {
        name: {**choice.schema, "description": choice.description}
        for name, choice in choices().items()
    }


def describe(app: FastAPI, settings: Settings) -> dict[str, Any]:
    """The whole description."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary="Colour for black-and-white pictures",
        description=_SUMMARY,
        routes=app.routes,
        servers=[{"url": "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = found["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for methods in found["paths"].values():  # the framework's own word for what no path can be
        for method in methods.values():
            if "application/json" in method["responses"].get("422", {}).get("content", {}):
                del method["responses"]["422"]
    for record in RECORDS:
        texts = descriptions(record)
        schema = schemas.get(record.__name__, {})
        if record.__doc__:
            schema["description"] = record.__doc__
        for name, text in texts.items():
            if name in schema.get("properties", {}):
                schema["properties"][name]["description"] = text
    if settings.token is not None:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, methods in found["paths"].items():
            if path.startswith(("/v1/", "/metrics")):
                for method in methods.values():
                    method["security"] = [{"token": []}]
    return found
