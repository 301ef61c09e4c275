"""Errors as answers: problem details (RFC 9457) with the command line's codes and remedies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from tinct import errors
from tinct.batch.events import error_fields
from tinct.errors import TinctError

MEDIA_TYPE = "application/problem+json"

#: status of each code that the command line has, too; those below a code in the tree share it
STATUSES: dict[str, int] = {
    "usage": 422,
    "input": 422,
    "unreadable": 422,
    "unsupported": 415,
    "too-large": 413,
    "output": 500,
    "output-exists": 500,
    "output-unwritable": 500,
    "model": 422,
    "resource": 500,
    "refused": 409,
    "already-colour": 409,
    "already-tinct": 409,
    "signed": 409,
    "config": 500,
    "verify": 500,
    "internal": 500,
}


class ServiceError(TinctError):
    """Something that can only go wrong between a client and a server."""

    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.headers = dict(headers or {})


class Malformed(ServiceError):
    """A request that is no proper HTTP, form or JSON."""

    exit_code, code, status = 2, "malformed", 400


class Unauthorized(ServiceError):
    """The token is missing or wrong."""

    exit_code, code, status = 2, "unauthorized", 401


class CrossSite(ServiceError):
    """Another site's page sent the request."""

    exit_code, code, status = 2, "cross-site", 403


class NotFound(ServiceError):
    """There is no such thing, or it is deleted, or it is not yours."""

    exit_code, code, status = 2, "not-found", 404


class WrongMethod(ServiceError):
    """The address does not take this method."""

    exit_code, code, status = 2, "method", 405


class TooSlow(ServiceError):
    """The request came too slowly."""

    exit_code, code, status = 2, "too-slow", 408


class NotReady(ServiceError):
    """There is no result yet."""

    exit_code, code, status = 7, "not-ready", 409


class Cancelled(ServiceError):
    """The work was cancelled."""

    exit_code, code, status = 7, "cancelled", 409


class UploadTooLarge(ServiceError):
    """More bytes than allowed."""

    exit_code, code, status = 3, "upload-too-large", 413


class MediaType(ServiceError):
    """A body of a kind that is not taken."""

    exit_code, code, status = 2, "media-type", 415


class WrongHost(ServiceError):
    """The server does not go by the name it was called by."""

    exit_code, code, status = 2, "wrong-host", 421


class Busy(ServiceError):
    """There is more to do than the server takes on; try again later."""

    exit_code, code, status = 6, "busy", 429


class WorkerDied(ServiceError):
    """The process that coloured the picture ended; other pictures are not concerned."""

    exit_code, code, status = 6, "worker-died", 500


class TimedOut(ServiceError):
    """Colouring took longer than allowed."""

    exit_code, code, status = 6, "timeout", 503


class Stopping(ServiceError):
    """The server stops, or has not begun yet."""

    exit_code, code, status = 6, "stopping", 503


def status_of(error: TinctError) -> int:
    """The status code that an error is answered with."""
    return error.status if isinstance(error, ServiceError) else STATUSES.get(error.code, 500)


def problem(error: TinctError) -> dict[str, Any]:
    """The members of problem details; those beyond RFC 9457 are named as in `--json`."""
    fields = error_fields(error)
    detail, where = fields.pop("message"), fields.pop("where")
    if isinstance(error, ServiceError):
        fields["docs"] = f"docs/serve.md#{error.code}"
    if error.code == TinctError.code:  # its text is for the server's own log
        detail = title_of(TinctError)
        fields["remedy"] = "report it, with what the server printed"
    if isinstance(where, str) and where.startswith("--"):  # an option has no hyphens here
        where = where[2:].replace("-", "_")
    return {
        "type": f"/problems/{error.code}",
        "title": title_of(type(error)),
        "status": status_of(error),
        "detail": detail,
        "where": where,
        **fields,
    }


def problem_json(error: TinctError) -> bytes:
    """The body of an answer; ASCII, whatever a picture's name holds."""
    return json.dumps(problem(error), ensure_ascii=True).encode()


def title_of(kind: type[TinctError]) -> str:
    """What a kind of error is, in one line."""
    if kind.code == TinctError.code:
        return "A defect in Tinct: please report it"
    for base in kind.__mro__:
        if isinstance(base, type) and issubclass(base, TinctError) and "code" in vars(base):
            return (base.__doc__ or "").strip().rstrip(".")
    return "An error"


def kinds() -> dict[str, type[TinctError]]:
    """All errors by their codes."""
    return {TinctError.code: TinctError, **{kind.code: kind for kind in _below(TinctError)}}


def _below(kind: type[TinctError]) -> Iterator[type[TinctError]]:
    for child in kind.__subclasses__():
        if child.__module__ in (errors.__name__, __name__):
            if child is not ServiceError:
                yield child
            yield from _below(child)
