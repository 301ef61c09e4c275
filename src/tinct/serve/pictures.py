"""Colouring over HTTP: at once, or as a job that is asked after."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from tinct.errors import TinctError, UsageError
from tinct.serve.answers import event_stream, job_record, json_answer, picture_answer, wants_json
from tinct.serve.describe import JSON, PICTURE, PNG, STREAM, problems, with_upload
from tinct.serve.jobs import Job
from tinct.serve.problems import NotFound, NotReady, Stopping
from tinct.serve.records import JobRecord
from tinct.serve.service import Service, service_of
from tinct.serve.uploads import receive

router = APIRouter()
_KEEP_ALIVE = 15.0  # seconds between signs of life of a stream


@router.post(
    "/v1/colorize",
    summary="Colour a picture and wait for it",
    tags=["Colour"],
    responses={**PICTURE, **problems(400, 408, 409, 413, 415, 422, 429, 500, 503)},
    openapi_extra=with_upload(),
)
async def colorize(request: Request) -> Response:
    """The picture in colour, with its metadata and the label.

    It is what `tinct colorize` would write, byte for byte. With `Accept: application/json`, the
    record of a job whose result is then fetched. If the client leaves, the work stops.
    """
    service = service_of(request)
    job = await _received(request, service)
    return await finished(request, service, job)


@router.post(
    "/v1/jobs",
    status_code=202,
    summary="Have a picture coloured, without waiting",
    tags=["Jobs"],
    responses={202: {"model": JobRecord}, **problems(400, 408, 413, 415, 422, 429, 500, 503)},
    openapi_extra=with_upload(),
)
async def begin(request: Request) -> Response:
    """The record of a new job. Whoever knows its `id` can follow, fetch and delete it."""
    service = service_of(request)
    job = await _received(request, service)
    record = job_record(service, job)
    return json_answer(record, 202, {"location": record.links["self"]})


@router.get(
    "/v1/jobs/{job_id}",
    summary="How a job stands",
    tags=["Jobs"],
    responses={**JSON(JobRecord), **problems(404)},
)
async def show(request: Request, job_id: str) -> Response:
    """State, place in the queue, and outcome or error."""
    service = service_of(request)
    return json_answer(job_record(service, service.jobs.find(job_id)))


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Follow a job",
    tags=["Jobs"],
    responses={**STREAM, **problems(404, 422)},
)
async def events(
    request: Request, job_id: str, last_event_id: Annotated[str | None, Header()] = None
) -> Response:
    """Server-sent events, from the first to the last.

    They are `queued`, `started`, `examined`, and one of `done`, `failed` and `cancelled`, with
    which the stream ends. Each has a `state`. A stream that broke off goes on after
    `Last-Event-ID`.
    """
    service = service_of(request)
    job = service.jobs.find(job_id)
    after = last_event_id or "0"
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise UsageError(
            "it is no number of an event", where="Last-Event-ID", remedy="give that of the last one"
        )
    return event_stream(job.follow(int(after), service.stopping, _KEEP_ALIVE))


@router.get(
    "/v1/jobs/{job_id}/result",
    summary="Fetch what a job made",
    tags=["Jobs"],
    responses={**PICTURE, **problems(404, 409, 413, 415, 422, 500, 503)},
)
async def result(request: Request, job_id: str) -> Response:
    """The picture in colour, or the error that the job ended with.

    While it is under way, `not-ready`.
    """
    job = service_of(request).jobs.find(job_id)
    _raise_unless_done(job)
    return picture_answer(job)


@router.get(
    "/v1/jobs/{job_id}/confidence",
    summary="Fetch how sure the model was",
    tags=["Jobs"],
    responses={**PNG, **problems(404, 409, 413, 415, 422, 500, 503)},
)
async def confidence(request: Request, job_id: str) -> Response:
    """A small upright grey PNG, white where it was sure; where `confidence` was asked for."""
    job = service_of(request).jobs.find(job_id)
    _raise_unless_done(job)
    found = job.outcome.confidence if job.outcome is not None else None
    if found is None or not found.exists():
        raise NotFound("no map of confidence was made", remedy="ask for it: confidence=true")
    return Response(found.read_bytes(), media_type="image/png")


@router.delete(
    "/v1/jobs/{job_id}",
    status_code=204,
    summary="Cancel and forget a job",
    tags=["Jobs"],
    responses=problems(404),
)
async def delete(request: Request, job_id: str) -> Response:
    """Stops the work wherever it is, and takes away the picture and its result at once."""
    service = service_of(request)
    service.jobs.find(job_id)
    service.jobs.drop(job_id)
    return Response(status_code=204)


async def finished(request: Request, service: Service, job: Job) -> Response:
    """Wait for a job and answer with its result; it stops if the client leaves."""
    keep = wants_json(request)
    try:
        await _wait(request, job)
        if keep and job.state == "done":
            return json_answer(job_record(service, job))
        _raise_unless_done(job)
        assert job.outcome is not None
        keep = keep or job.outcome.has_more
        if keep:
            return picture_answer(job)
        return picture_answer(job, last=lambda: service.jobs.drop(job.id))
    except BaseException:
        service.jobs.drop(job.id)
        raise


async def _wait(request: Request, job: Job) -> None:
    """Until a job ends, or the client leaves, which cancels it."""
    stay = asyncio.Event()  # the server lets jobs that are under way end
    gone = asyncio.create_task(has_left(request))
    ended = asyncio.create_task(_ended(job, stay))
    try:
        await asyncio.wait((gone, ended), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (gone, ended):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    if job.is_under_way:
        job.cancel()


async def _ended(job: Job, never: asyncio.Event) -> None:
    async for _ in job.follow(len(job.events), never, _KEEP_ALIVE):
        pass


async def has_left(request: Request) -> None:
    """Ends when the client does not wait any more; its request must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _received(request: Request, service: Service) -> Job:
    if service.stopping.is_set():
        raise Stopping("the server stops", headers={"Retry-After": "5"})
    folder = service.room.folder()
    try:
        upload = await receive(request, folder)
        chosen = service.settled(upload.chosen)
        service.room.measure(folder)
        return await service.begin(folder, upload.name, chosen)
    except BaseException:
        service.room.remove(folder)
        raise


def _raise_unless_done(job: Job) -> None:
    if job.is_under_way:
        raise NotReady(
            f"the job is {job.state}",
            remedy="follow its events, or ask again",
            headers={"Retry-After": "1"},
        )
    if job.error is not None:
        error: TinctError = job.error
        raise error
