"""The page of a study and what it talks to: no cookies, no addresses, nothing from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from importlib.resources import files
from string import Template
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as Refusal
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinct.errors import TinctError
from tinct.study.folder import PICTURES, Study
from tinct.study.store import OutOfTurn, State, Store, Unknown

#: bytes of a request's body
LARGEST = 4096
#: milliseconds that a picture may take to arrive before its time is up
_GRACE = 2000
_TOKEN = re.compile(r"Bearer ([0-9a-f]{32})")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_FILES = {"page.js": "text/javascript", "page.css": "text/css"}


class Shown(BaseModel):
    """That a picture has appeared."""

    model_config = ConfigDict(extra="forbid", strict=True)
    trial: str = Field(pattern=r"^[0-9a-f]{32}$")


class Answered(Shown):
    """What a participant said."""

    answer: int = Field(ge=0, le=5)
    response_ms: int = Field(ge=0, le=2**53)


def _token(request: Request) -> str:
    """The random number that a participant's browser has made up."""
    match = _TOKEN.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise HTTPException(401, "a participant's token is needed")
    return match[1]


#: a participant's, of every request that concerns one
Token = Annotated[str, Depends(_token)]


def make_app(study: Study, store: Store) -> FastAPI:
    """The application that serves a study.

    Args:
        study: what is shown; its manifest stays here.
        store: where answers go.
    """
    app = FastAPI(title="Tinct study", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Guard)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TinctError, _failed)
    app.add_exception_handler(Refusal, _refused)
    page = _page(study)
    texts = {name: _text(name) for name in _FILES}
    shapes = {one.id: (one.width, one.height) for one in (*study.pictures, *study.checks)}
    shown = {
        (one.id, way): study.folder / PICTURES / file.name
        for one in (*study.pictures, *study.checks)
        for way, file in one.files.items()
    }
    limit = study.options.time_limit

    def described(state: State) -> dict[str, object]:
        """What the page may know, which is what the participant sees."""
        record: dict[str, object] = {"done": state.done, "total": state.total, "trial": None}
        trial = state.trial
        if trial is not None:
            width, height = shapes[trial.picture]
            over = limit is not None and (trial.elapsed_ms or 0) > 1000 * limit
            record["trial"] = {
                "id": trial.id,
                "pictures": [f"picture/{view}" for view in trial.views],
                "width": width,
                "height": height,
                "elapsed_ms": trial.elapsed_ms,
                "hidden": over,
            }
            record["next"] = [f"picture/{view}" for view in state.after]
        return record

    @app.get("/")
    def front() -> Response:
        return Response(page, media_type="text/html")

    @app.get("/page.{kind}")
    def asset(kind: str) -> Response:
        name = f"page.{kind}"
        if name not in texts:
            raise HTTPException(404, "there is nothing of that name")
        return Response(texts[name], media_type=_FILES[name])

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)  # browsers ask for it unasked

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.put("/api/participant")
    def join(token: Token) -> dict[str, object]:
        return described(store.join(token))

    @app.get("/api/state")
    def state(token: Token) -> dict[str, object]:
        return described(_known(lambda: store.state(token)))

    @app.post("/api/shown")
    def show(token: Token, body: Shown) -> dict[str, object]:
        return described(_known(lambda: store.show(token, body.trial)))

    @app.post("/api/answer")
    def answer(token: Token, body: Answered) -> dict[str, object]:
        given = (token, body.trial, body.answer, body.response_ms)
        return described(_known(lambda: store.answer(*given)))

    @app.get("/picture/{view}")
    def picture(view: str) -> Response:
        name, way, elapsed = _found(lambda: store.view(view))
        if limit is not None and elapsed is not None and elapsed > 1000 * limit + _GRACE:
            raise HTTPException(410, "the time for this picture is over")
        try:
            data = shown[name, way].read_bytes()
        except OSError as error:
            raise HTTPException(500, "a picture of the study is missing") from error
        return Response(data, media_type="image/png")

    return app


def _known(work: Callable[[], State]) -> State:
    try:
        return work()
    except Unknown:
        raise HTTPException(404, "there is no such participant or question") from None
    except OutOfTurn as error:
        raise HTTPException(409, str(error)) from None


def _found(work: Callable[[], tuple[str, str, int | None]]) -> tuple[str, str, int | None]:
    try:
        return work()
    except Unknown:
        raise HTTPException(404, "there is no such picture") from None


def _text(name: str) -> str:
    return files("tinct.study").joinpath(name).read_text(encoding="utf-8")


def _page(study: Study) -> str:
    options = study.options
    values = {
        "title": options.title,
        "mode": options.mode,
        "total": str(study.total),
        "limit": "" if options.time_limit is None else f"{options.time_limit:g}",
        "study": study.sha256[:16],
        "contact": f"Questions? {options.contact}" if options.contact else "",
    }
    shown = {name: html.escape(value) for name, value in values.items()}
    return Template(_text("page.html")).substitute(shown)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


async def _failed(_: Request, error: Exception) -> Response:
    """The disk is full, or the answers are damaged: the page keeps the answer and tries again."""
    assert isinstance(error, TinctError)
    return JSONResponse({"error": error.message}, 503)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse({"error": error.detail}, error.status_code)


class _Guard:
    """Adds the headers of every answer, and refuses bodies that are too large to be one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), text.encode()) for name, text in _HEADERS.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        length = dict(scope["headers"]).get(b"content-length", b"0")
        chunked = b"transfer-encoding" in dict(scope["headers"])
        if chunked or not length.isdigit() or int(length) > LARGEST:
            refusal = JSONResponse({"error": "that is too much for an answer"}, 413)
            await refusal(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)
