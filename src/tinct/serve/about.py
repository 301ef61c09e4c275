"""What a server says of itself: models, health, figures, its description and its pages."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from tinct.color import SRGB, encode
from tinct.provenance import SENTENCE
from tinct.reference import Palette
from tinct.serve.answers import json_answer
from tinct.serve.describe import JSON, problems
from tinct.serve.problems import NotFound, ServiceError, Stopping, kinds, title_of
from tinct.serve.records import Health, ModelRecord, ModelsRecord, StyleRecord, StylesRecord
from tinct.serve.service import service_of
from tinct.styles import styles
from tinct.version import __version__

router = APIRouter()
_NEAR_GREY = 8.0  # CIE units
#: the kinds of file that pages are made of
_PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


@router.get(
    "/v1/models",
    summary="The models that can be named",
    tags=["Colour"],
    responses={**JSON(ModelsRecord), **problems()},
)
async def models(request: Request) -> Response:
    """The default first."""
    service = service_of(request)
    return json_answer(
        ModelsRecord(
            models=tuple(
                ModelRecord(
                    name=spec.name,
                    default=spec.name == service.default,
                    licence=spec.licence,
                    sha256=spec.sha256,
                    parameters=spec.parameters,
                    trained_on=spec.trained_on,
                    working_size=spec.working_size,
                    outputs=spec.outputs,
                    hints=spec.hints,
                )
                for spec in service.models.values()
            ),
            label=SENTENCE,
        )
    )


@router.get(
    "/v1/styles",
    summary="The styles that can be named",
    tags=["Colour"],
    responses={**JSON(StylesRecord), **problems()},
)
async def palettes() -> Response:
    """Artists and periods, each with the mean palette of its paintings."""
    return json_answer(
        StylesRecord(
            styles=tuple(
                StyleRecord(
                    name=style.name,
                    title=style.title,
                    pictures=style.pictures,
                    colours=_colours_of(style.palette),
                )
                for style in styles().values()
            )
        )
    )


def _colours_of(palette: Palette, *, count: int = 5, light: float = 62.0) -> tuple[str, ...]:
    """The colours that a palette has most of, those near grey aside, at one lightness L*."""
    distance = np.hypot(palette.chroma[:, 0], palette.chroma[:, 1])
    most = np.argsort(-palette.share * (distance > _NEAR_GREY), kind="stable")[:count]
    lab = np.insert(palette.chroma[most], 0, light, axis=1).astype(np.float32)
    codes = np.rint(encode(lab, SRGB).clip(0, 1) * 255).astype(int)
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in codes)


@router.get(
    "/health/live",
    summary="Whether the server lives",
    tags=["Health"],
    responses={**JSON(Health), **problems()},
)
async def live() -> Response:
    """Always, if it answers."""
    return json_answer(Health(status="live", version=__version__))


@router.get(
    "/health/ready",
    summary="Whether the server can colour",
    tags=["Health"],
    responses={**JSON(Health), **problems(503)},
)
async def ready(request: Request) -> Response:
    """As soon as a worker has loaded its model."""
    crew = service_of(request).crew
    if not crew.is_ready:
        why = str(crew.trouble) if crew.trouble is not None else "no worker is ready yet"
        raise Stopping(why, remedy="ask again", headers={"Retry-After": "1"})
    return json_answer(Health(status="ready", version=__version__))


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    tags=["Health"],
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(),
    },
)
async def metrics(request: Request) -> Response:
    """Requests, seconds by stage, the queue, memory and disk."""
    service = service_of(request)
    text = service.metrics.text(service.crew.pids)
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


@router.get(
    "/problems/{code}",
    summary="What an error means",
    tags=["Health"],
    responses={
        200: {
            "description": "The explanation.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems(404),
    },
)
async def explain(code: str) -> Response:
    """In one line; the address is the `type` of problem details."""
    kind = kinds().get(code)
    if kind is None:
        raise NotFound("there is no such error", remedy="see docs/errors.md")
    page = "serve" if issubclass(kind, ServiceError) else "errors"
    text = f"{code}: {title_of(kind)}\nexit code {kind.exit_code}; see docs/{page}.md\n"
    return Response(text, media_type="text/plain")


@router.get("/", include_in_schema=False)
async def index() -> Response:
    """The page."""
    return _page("index.html")


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """The description, for people."""
    return _page("docs.html")


@router.get("/web/{name:path}", include_in_schema=False)
async def asset(name: str) -> Response:
    """What pages are made of."""
    return _page(name)


def _page(name: str) -> Response:
    """A file of the package; the names it may have are those that are there."""
    found = _web().get(name)
    if found is None:
        raise NotFound("there is no such page", remedy="see / and /docs")
    content, kind = found
    return Response(content, headers={"content-type": kind, "cache-control": "no-cache"})


def _web() -> dict[str, tuple[bytes, str]]:
    """All files of the pages, by their names below the folder `web`."""
    if not _LOADED:
        waiting = [("", files("tinct.serve").joinpath("web"))]
        while waiting:
            prefix, folder = waiting.pop()
            for entry in folder.iterdir():
                suffix = "." + entry.name.rpartition(".")[2]
                if entry.is_dir():
                    waiting.append((f"{prefix}{entry.name}/", entry))
                elif suffix in _PAGE_TYPES:
                    _LOADED[prefix + entry.name] = entry.read_bytes(), _PAGE_TYPES[suffix]
    return _LOADED


_LOADED: dict[str, tuple[bytes, str]] = {}
