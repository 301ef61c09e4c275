"""Pictures, records and streams as answers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tinct.batch.events import done_fields
from tinct.naming import FALLBACK_FORMAT, WRITTEN_SUFFIXES
from tinct.serve.jobs import Event, Job, Session
from tinct.serve.problems import NotFound, problem
from tinct.serve.records import JobRecord, Outcome, Problem, SessionRecord
from tinct.serve.service import Service
from tinct.serve.tasks import Coloured
from tinct.serve.work import result_name

#: media type of each format that can come back
MEDIA_TYPES: Mapping[str, str] = {
    **{name: f"image/{name}" for name in ("jpeg", "png", "tiff", "webp", "avif", "heic", "jp2")},
    "bmp": "image/bmp",
    "gif": "image/gif",
    "pnm": "image/x-portable-anymap",
}
_CHUNK = 1 << 18


def wants_json(request: Request) -> bool:
    """Whether a client asks for the record instead of the picture."""
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "image/" not in accept


def json_answer(
    record: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A record as an answer."""
    return JSONResponse(asdict(record), status, headers=dict(headers or {}))


def picture_answer(job: Job, *, last: Callable[[], None] | None = None) -> Response:
    """The result of a job that is done.

    Args:
        job: it.
        last: called once the picture is sent, or the client has left.

    Raises:
        NotFound: the file is not there any more.
    """
    assert job.outcome is not None
    coloured = job.outcome
    try:
        file = coloured.file.open("rb")
    except FileNotFoundError:  # its session is over
        raise NotFound("the result is gone", remedy="send the picture again") from None
    size = os.fstat(file.fileno()).st_size

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk
        finally:
            file.close()
            if last is not None:
                last()

    headers = {"content-length": str(size), **_picture_headers(job, coloured)}
    return StreamingResponse(chunks(), media_type=MEDIA_TYPES[coloured.format], headers=headers)


def file_answer(file: Path, media_type: str) -> Response:
    """A file that nobody needs once it is sent, nor if it is not."""
    opened = file.open("rb")
    file.unlink()
    size = os.fstat(opened.fileno()).st_size

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while chunk := await asyncio.to_thread(opened.read, _CHUNK):
                yield chunk
        finally:
            opened.close()

    return StreamingResponse(chunks(), media_type=media_type, headers={"content-length": str(size)})


def _picture_headers(job: Job, coloured: Coloured) -> dict[str, str]:
    result = coloured.result
    name = _name(job, coloured)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-status": result.status,
        "x-warnings": json.dumps(list(result.warnings), ensure_ascii=True),
    }
    if result.status == "done":
        headers |= {
            "etag": f'"{result.sha256_out}"',
            "x-model": result.model,
            "x-label": result.label,
            "server-timing": timing(result.stages),
        }
    if result.max_delta_lightness is not None:
        headers["x-max-delta-l"] = f"{result.max_delta_lightness:.6g}"
    if result.luma_identical is not None:
        headers["x-luma-identical"] = "true" if result.luma_identical else "false"
    if coloured.has_more:
        headers["link"] = f'</v1/jobs/{job.id}>; rel="describedby"'
    return headers


def timing(stages: Mapping[str, float]) -> str:
    """Seconds by stage as a Server-Timing header."""
    return ", ".join(
        f"{stage.replace(' ', '-')};dur={1000 * seconds:.1f}" for stage, seconds in stages.items()
    )


def job_record(service: Service, job: Job) -> JobRecord:
    """What a client may know of its job."""
    at = f"/v1/jobs/{job.id}"
    links = {"self": at, "events": f"{at}/events"}
    if job.state == "done":
        links["result"] = f"{at}/result"
    if job.outcome is not None and job.outcome.confidence is not None:
        links["confidence"] = f"{at}/confidence"
    return JobRecord(
        id=job.id,
        state=job.state,
        name=job.name,
        place=service.crew.place(job.ticket) if job.ticket is not None else 0,
        expires_in=round(service.jobs.left(job), 1),
        links=links,
        outcome=_outcome(job, job.outcome) if job.outcome is not None else None,
        error=Problem(**problem(job.error)) if job.error is not None else None,
    )


def _outcome(job: Job, coloured: Coloured) -> Outcome:
    result = coloured.result
    fields = done_fields(result)
    fields["warnings"] = tuple(result.warnings)
    size = coloured.file.stat().st_size if coloured.file.exists() else 0
    known: dict[str, Any] = {"name": _name(job, coloured), "format": coloured.format, "bytes": size}
    return Outcome(status=result.status, record=coloured.record, **known, **fields)  # type: ignore[arg-type]


def _name(job: Job, coloured: Coloured) -> str:
    if coloured.result.status == "skipped":
        return job.name
    return result_name(job.name, coloured.file.suffix)


def session_record(service: Service, session: Session) -> SessionRecord:
    """What a client may know of its session."""
    seen = session.seen
    return SessionRecord(
        id=session.id,
        name=session.name,
        width=seen.width,
        height=seen.height,
        pages=seen.pages,
        format=seen.format,
        saves_as=seen.format if seen.format in WRITTEN_SUFFIXES else FALLBACK_FORMAT,
        depth=8 if seen.depth == 8 else 16,
        tone=seen.tone,  # type: ignore[arg-type] # a Tone's value
        expires_in=round(service.sessions.left(session), 1),
        warnings=tuple(seen.warnings),
    )


def event_stream(events: AsyncIterator[Event | None]) -> Response:
    """Events as a stream (server-sent events, WHATWG HTML section 9.2)."""

    async def lines() -> AsyncIterator[bytes]:
        async for event in events:
            if event is None:
                yield b": nothing new\n\n"
            else:
                data = json.dumps(event.data, ensure_ascii=True)
                yield f"id: {event.number}\nevent: {event.name}\ndata: {data}\n\n".encode()

    headers = {"x-accel-buffering": "no"}  # nginx would hold events back
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)
