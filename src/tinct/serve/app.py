"""The application: routes, guard and errors put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tinct.batch.workers import defect
from tinct.errors import TinctError, UsageError
from tinct.serve import about, pictures, regions, steering
from tinct.serve.describe import describe
from tinct.serve.guard import Guard, problem_response
from tinct.serve.problems import Malformed, NotFound, WrongMethod
from tinct.serve.service import Service, make_service
from tinct.serve.settings import Settings
from tinct.version import __version__


def make_app(settings: Settings) -> FastAPI:
    """An ASGI application; workers run between its startup and its shutdown.

    Its `state.service` is what the routes share.

    Raises:
        ModelError: there is no such model as the settings name.
    """
    service = make_service(settings)
    app = FastAPI(
        title="Tinct",
        version=__version__,
        docs_url=None,  # those pages load their scripts from other servers
        redoc_url=None,
        lifespan=_life(service),
        redirect_slashes=False,
    )
    app.state.service = service
    for router in (pictures.router, steering.router, regions.router, about.router):
        app.include_router(router)
    app.add_middleware(Guard, settings=settings, metrics=service.metrics, room=service.room)
    app.add_exception_handler(TinctError, _answer)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    described: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not described:
            described.update(describe(app, settings))
        return described

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to change it
    return app


def _life(service: Service) -> Any:
    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await service.crew.start()
        house = asyncio.create_task(service.keep_house())
        try:
            yield
        finally:
            service.stop()
            house.cancel()
            with suppress(asyncio.CancelledError):
                await house
            await service.crew.stop()
            service.room.close()

    return life


async def _answer(_: Request, error: Exception) -> Response:
    return problem_response(error if isinstance(error, TinctError) else defect(error))


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound("there is no such address", remedy="see /docs"))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(
            WrongMethod(
                f"{request.method[:20]} is not for this address",
                remedy="see /docs",
                headers=error.headers,
            )
        )
    return problem_response(Malformed(str(error.detail)[:200], remedy="see /docs"))


async def _answer_invalid(_: Request, error: Exception) -> Response:
    """A parameter that a route declares and that makes no sense."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problem_response(
        UsageError(
            "it is not possible",
            where=str(first["loc"][-1]),
            remedy=first["msg"][:1].lower() + first["msg"][1:],
        )
    )
