"""What every request passes before anything is done for it, and every answer on its way out.

host      only names that are meant: a page that points its own name at us gets nothing
origin    only pages of ours: no other site's may send requests in a visitor's name
token     where there is one
body      no larger, and no slower, than allowed; a number of them at a time
headers   a strict Content-Security-Policy and its companions
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import sys
import time
import traceback
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinct.batch.workers import defect
from tinct.errors import TinctError
from tinct.serve.metrics import Metrics
from tinct.serve.problems import (
    MEDIA_TYPE,
    Busy,
    CrossSite,
    ServiceError,
    TooSlow,
    Unauthorized,
    UploadTooLarge,
    WrongHost,
    problem_json,
    status_of,
)
from tinct.serve.settings import Settings, is_loopback
from tinct.serve.store import Room

#: what pages may do: nothing but what this server itself gives them
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: what anything else may do, should a browser open it
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
#: paths that need the token, where there is one; all others hold nothing of any visitor
_PRIVATE = ("/v1/", "/metrics")
_SILENCE = 10.0  # seconds without a byte of an upload
_LEAST_RATE = 4096  # bytes a second of an upload, on average after _GRACE seconds
_GRACE = 10.0
_LEAVES_RATE = 65_536  # slower uploads than this make room for others after _LEAVES seconds
_LEAVES = 3.0
_CHUNK_OVERHEAD = 65_536  # of a form around its picture


@dataclass(eq=False)
class _Upload:
    """A body that is being received."""

    started: float
    received: int = 0
    must_leave: bool = False

    def rate(self, now: float) -> float:
        """Bytes a second so far."""
        return self.received / max(now - self.started, 1e-3)


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, room: Room) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._room = room
        self._uploads: set[_Upload] = set()

    @property
    def uploads(self) -> int:
        """Bodies being received now."""
        return len(self._uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            self._admit(scope)
            if scope["method"] in ("POST", "PUT", "PATCH"):
                await self._with_body(scope, receive, exchange)
            else:
                await self._app(scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = exchange.status or 499  # nobody is left to be answered
        except TinctError as error:
            await exchange.answer(error, scope, receive)
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            await exchange.answer(defect(error), scope, receive)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(_method(scope), route, str(exchange.status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - exchange.started)

    def _admit(self, scope: Scope) -> None:
        """Raise what speaks against a request."""
        headers = _headers(scope)
        host = headers.get("host", "")
        if not _is_ours(host, self._settings):
            self._metrics.refused.labels("host").inc()
            raise WrongHost(
                "this server is not called that",
                remedy="use the address it printed, or start it with --hostname NAME",
            )
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        foreign = foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site")
        harmless = scope["method"] in ("GET", "HEAD") and not scope["path"].startswith(_PRIVATE)
        if foreign and not harmless:
            self._metrics.refused.labels("origin").inc()
            raise CrossSite("another site's page asks", remedy="use this server's own page")
        if self._settings.token is not None and scope["path"].startswith(_PRIVATE):
            given = headers.get("authorization", "")
            wanted = f"Bearer {self._settings.token}"
            if not hmac.compare_digest(given.encode("latin-1"), wanted.encode()):
                self._metrics.refused.labels("token").inc()
                raise Unauthorized(
                    "the token is wrong" if given else "there is no token",
                    remedy="send the header Authorization: Bearer TOKEN",
                    headers={"WWW-Authenticate": 'Bearer realm="tinct"'},
                )

    async def _with_body(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        most = self._settings.max_upload + _CHUNK_OVERHEAD
        declared = _headers(scope).get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            raise self._too_large()
        upload = self._begin()
        try:
            await self._app(scope, self._limited(receive, upload, most), exchange.send)
        finally:
            self._end(upload)

    def _begin(self) -> _Upload:
        now = time.monotonic()
        if len(self._uploads) >= self._settings.concurrency:
            slow = [
                upload
                for upload in self._uploads
                if now - upload.started > _LEAVES and upload.rate(now) < _LEAVES_RATE
            ]
            if not slow:
                self._metrics.refused.labels("concurrency").inc()
                raise Busy(
                    f"{len(self._uploads)} uploads are being received already",
                    remedy="try again later",
                    headers={"Retry-After": "2"},
                )
            slowest = min(slow, key=lambda upload: upload.rate(now))
            slowest.must_leave = True
            self._uploads.discard(slowest)
        upload = _Upload(now)
        self._uploads.add(upload)
        return upload

    def _end(self, upload: _Upload) -> None:
        self._uploads.discard(upload)
        self._room.expect(-upload.received)
        upload.received = 0

    def _limited(self, receive: Receive, upload: _Upload, most: int) -> Receive:
        """`receive`, but raising what speaks against the body."""
        whole = False

        async def limited() -> Message:
            nonlocal whole
            if whole:  # from now on it is only asked whether the client is still there
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), _SILENCE)
            except TimeoutError:
                raise self._too_slow() from None
            if message["type"] != "http.request":
                return message
            size = len(message.get("body", b""))
            if upload.received + size > most:
                raise self._too_large()
            self._room.expect(size)
            upload.received += size
            now = time.monotonic()
            if not message.get("more_body", False):
                whole = True
                self._end(upload)
            elif upload.must_leave or (
                now - upload.started > _GRACE and upload.rate(now) < _LEAST_RATE
            ):
                raise self._too_slow()
            return message

        return limited

    def _too_large(self) -> UploadTooLarge:
        self._metrics.refused.labels("upload").inc()
        return UploadTooLarge(
            f"more than {self._settings.max_upload:,} bytes", remedy="send a smaller file"
        )

    def _too_slow(self) -> TooSlow:
        self._metrics.refused.labels("slow").inc()
        return TooSlow("the upload came too slowly", remedy="send it again over a faster line")


class _Exchange:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status = 0
        self.started = time.perf_counter()
        self._send = send
        self._path: str = scope["path"]

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer, with the headers that all answers have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = list(message.get("headers", []))
            known = {name.lower() for name, _ in own}
            page = any(n.lower() == b"content-type" and v.startswith(b"text/html") for n, v in own)
            policy = PAGE_POLICY if page else DATA_POLICY
            for name, value in {**_HEADERS, "content-security-policy": policy}.items():
                if name.encode() not in known:
                    own.append((name.encode(), value.encode()))
            message = {**message, "headers": own}
        await self._send(message)

    async def answer(self, error: TinctError, scope: Scope, receive: Receive) -> None:
        """Answer with an error, unless an answer has begun; then the line breaks off."""
        if not self.status:
            await problem_response(error)(scope, receive, self.send)


def problem_response(error: TinctError) -> Response:
    """An error as an answer."""
    headers = error.headers if isinstance(error, ServiceError) else {}
    return Response(
        problem_json(error), status_of(error), media_type=MEDIA_TYPE, headers=dict(headers)
    )


def _is_ours(host: str, settings: Settings) -> bool:
    """Whether a Host header names this server.

    Names of other sites may lead here (DNS rebinding), bare addresses cannot be such names.
    """
    name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    name = name.lower().rstrip(".")
    if name in settings.hostnames or is_loopback(name):
        return True
    if settings.is_private:
        return False
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == settings.host.lower()
    return True


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found


def _method(scope: Scope) -> str:
    usual = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
    return scope["method"] if scope["method"] in usual else "other"
