"""Sessions: a picture sent once and coloured often; and the likely colours of a point."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tinct.errors import UsageError
from tinct.palette import MOST_COLOURS, Likely
from tinct.serve.answers import file_answer, json_answer, session_record, timing
from tinct.serve.choices import Chosen, from_members
from tinct.serve.describe import (
    JPEG,
    JSON,
    PICTURE,
    PNG,
    point,
    problems,
    with_options,
    with_upload,
)
from tinct.serve.jobs import Session
from tinct.serve.pictures import finished
from tinct.serve.problems import Malformed, MediaType
from tinct.serve.records import LikelyColour, PaletteRecord, SessionRecord
from tinct.serve.service import Service, service_of
from tinct.serve.store import new_id
from tinct.serve.tasks import File, Layer, Open, Part, Seen, Show, Shown, Sure, Weigh
from tinct.serve.uploads import receive

router = APIRouter()
#: shorter sides, in pixels, that a preview can have
SIDES = range(64, 2049)
_LARGEST_JSON = 1 << 20


@router.post(
    "/v1/palette",
    summary="The likely colours of a point",
    tags=["Steer"],
    responses={
        **JSON(PaletteRecord),
        **problems(400, 408, 409, 413, 415, 422, 429, 500, 503),
    },
    openapi_extra=with_upload(point()),
)
async def palette(request: Request) -> Response:
    """What the model weighed at a point before it settled on a colour.

    For more than one point, send the picture once: `POST /v1/sessions`.
    """
    service = service_of(request)
    folder = service.room.folder()
    try:
        upload = await receive(request, folder, others=("x", "y", "count"))
        options = service.settled(upload.chosen).options
        task = Weigh(
            source=folder.given,
            name=upload.name,
            max_pixels=service.settings.max_pixels,
            options=options,
            **_point(upload.rest),
        )
        service.room.measure(folder)
        return _palette(service, task, await service.ask(task, None))
    finally:
        service.room.remove(folder)


@router.post(
    "/v1/sessions",
    status_code=201,
    summary="Send a picture once",
    tags=["Steer"],
    responses={
        201: {"model": SessionRecord},
        **problems(400, 408, 413, 415, 422, 429, 500, 503),
    },
    openapi_extra=with_upload({}, options=False),
)
async def open_session(request: Request) -> Response:
    """The record of a new session. Whoever knows its `id` can colour and delete it.

    When there is no room for more pictures, sessions that were not used for the longest time go.
    """
    service = service_of(request)
    folder = service.room.folder()
    try:
        upload = await receive(request, folder)
        if upload.chosen:
            raise UsageError(
                "a session has no options", where=next(iter(upload.chosen)), remedy="give it later"
            )
        service.room.measure(folder)
        limit = service.settings.max_pixels
        task = Open(source=folder.given, name=upload.name, max_pixels=limit, keep=True)
        ticket = await service.crew.submit(task, urgent=True)
        seen: Seen = await ticket.outcome
    except BaseException:
        service.room.remove(folder)
        raise
    session = Session(upload.name, folder, service.room, seen, forget=service.forget)
    session.at(ticket.seat)
    service.sessions.put(session)
    record = session_record(service, session)
    return json_answer(record, 201, {"location": f"/v1/sessions/{session.id}"})


@router.get(
    "/v1/sessions/{session_id}",
    summary="What a session is about",
    tags=["Steer"],
    responses={**JSON(SessionRecord), **problems(404)},
)
async def show_session(request: Request, session_id: str) -> Response:
    """The picture's size, format and tone."""
    service = service_of(request)
    return json_answer(session_record(service, service.sessions.find(session_id)))


@router.post(
    "/v1/sessions/{session_id}/colorize",
    summary="Colour the picture of a session",
    tags=["Steer"],
    responses={**PICTURE, **problems(400, 404, 409, 413, 415, 422, 429, 500, 503)},
    openapi_extra=with_options({"preview": SIDES}),
)
async def colorize_session(request: Request, session_id: str) -> Response:
    """What the model said is kept, so that a change costs little.

    With `preview`, the shorter side in pixels, at once a small JPEG of the first page, upright and
    in sRGB: the same colours as the full result. Without, the full result, as `POST /v1/colorize`
    gives it.
    """
    service = service_of(request)
    chosen, rest = from_members(await members_of(request), others=("preview",))
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(service.using(session_id))
        how = await settled_within(service, chosen, stack)
        if rest.get("preview") is not None:
            side = whole_number("preview", rest["preview"], SIDES)
            return await _shown(service, session, how, side, plain=False)
        job = await service.begin(session.folder, session.name, how, session=session)
        return await finished(request, service, job)


@router.get(
    "/v1/sessions/{session_id}/preview",
    summary="Look at the picture of a session as it came",
    tags=["Steer"],
    responses={**JPEG, **problems(404, 422, 429, 500, 503)},
)
async def preview_session(
    request: Request,
    session_id: str,
    side: Annotated[int, Query(ge=SIDES[0], le=SIDES[-1])] = 640,
) -> Response:
    """A small JPEG of the first page, upright and in sRGB, of any format that is read."""
    service = service_of(request)
    async with service.using(session_id) as session:
        return await _shown(service, session, service.settled({}), side, plain=True)


@router.post(
    "/v1/sessions/{session_id}/palette",
    summary="The likely colours of a point in the picture of a session",
    tags=["Steer"],
    responses={
        **JSON(PaletteRecord),
        **problems(400, 404, 413, 415, 422, 429, 500, 503),
    },
    openapi_extra=with_options(point()),
)
async def palette_session(request: Request, session_id: str) -> Response:
    """As `POST /v1/palette`; after the first, every point costs next to nothing."""
    service = service_of(request)
    members = await members_of(request)
    chosen, rest = from_members(members, others=("x", "y", "count"))
    chosen.pop("reference", None)  # what is weighed is the picture alone
    options, where = service.settled(chosen).options, _point(rest)
    async with service.using(session_id) as session:
        task = Weigh(
            source=session.folder.given,
            name=session.name,
            max_pixels=service.settings.max_pixels,
            options=options,
            keep=True,
            **where,
        )
        return _palette(service, task, await service.ask(task, session))


@router.post(
    "/v1/sessions/{session_id}/confidence",
    summary="How sure the model is of the colours of the picture of a session",
    tags=["Steer"],
    responses={**PNG, **problems(400, 404, 413, 415, 422, 429, 500, 503)},
    openapi_extra=with_options({}),
)
async def confidence_session(request: Request, session_id: str) -> Response:
    """A small upright grey PNG of the first page, white where it is sure."""
    service = service_of(request)
    chosen, _ = from_members(await members_of(request))
    options = service.settled({key: chosen[key] for key in ("model", "size") if key in chosen})
    async with service.using(session_id) as session:
        task = Sure(
            source=session.folder.given,
            name=session.name,
            max_pixels=service.settings.max_pixels,
            options=options.options,
            keep=True,
        )
        return Response(await service.ask(task, session), media_type="image/png")


@router.post(
    "/v1/sessions/{session_id}/layer",
    summary="The colours of the picture of a session as a layer",
    tags=["Steer"],
    responses={**PNG, **problems(400, 404, 409, 413, 415, 422, 429, 500, 503)},
    openapi_extra=with_options({}),
)
async def layer_session(request: Request, session_id: str) -> Response:
    """A transparent PNG of the first page, upright, in sRGB and at full size.

    Laid over the original in any program for pictures, it gives the coloured picture.
    """
    service = service_of(request)
    chosen, _ = from_members(await members_of(request))
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(service.using(session_id))
        how = await settled_within(service, chosen, stack)
        task = Layer(
            source=session.folder.given,
            name=session.name,
            max_pixels=service.settings.max_pixels,
            options=how.options,
            sent=how.sent,
            keep=True,
            stem=new_id(),
        )
        made: Path = await service.ask(task, session)
        return file_answer(made, "image/png")


@router.delete(
    "/v1/sessions/{session_id}",
    status_code=204,
    summary="Forget a session",
    tags=["Steer"],
    responses=problems(404),
)
async def delete_session(request: Request, session_id: str) -> Response:
    """Takes away the picture, and all that is kept of it, at once."""
    service = service_of(request)
    service.sessions.find(session_id)
    service.sessions.drop(session_id)
    return Response(status_code=204)


async def settled_within(
    service: Service, chosen: dict[str, Any], stack: contextlib.AsyncExitStack
) -> Chosen:
    """Checked options; the session of a reference stays for as long as `stack`."""
    if chosen.get("reference") is not None:
        other = await stack.enter_async_context(service.using(chosen["reference"]))
        chosen["reference"] = File(other.folder.given, other.name)
    return service.settled(chosen)


async def _shown(
    service: Service, session: Session, how: Chosen, side: int, *, plain: bool
) -> Response:
    task = Show(
        source=session.folder.given,
        name=session.name,
        max_pixels=service.settings.max_pixels,
        options=how.options,
        sent=how.sent,
        keep=True,
        side=side,
        plain=plain,
    )
    return shown_answer(service, task, await service.ask(task, session))


def shown_answer(service: Service, task: Show | Part, shown: Shown) -> Response:
    """A preview or a part as the answer to a request."""
    for stage, seconds in shown.stages.items():
        service.metrics.stages.labels(stage).observe(seconds)
    headers = {"x-status": shown.status, "server-timing": timing(shown.stages)}
    if not task.plain:
        headers["x-model"] = shown.model
    return Response(shown.content, media_type=shown.media_type, headers=headers)


def _palette(service: Service, task: Weigh, found: tuple[Likely, ...]) -> Response:
    names = {place: name for name, place in service.offered.items()}
    record = PaletteRecord(
        x=task.x,
        y=task.y,
        model=names[task.options.model or service.default],
        colours=tuple(LikelyColour(**asdict(one)) for one in found),
    )
    return json_answer(record)


def _point(given: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("x", "y"):
        if given.get(name) is None:
            raise UsageError("it is missing", where=name, remedy="give a number from 0 to 1")
    return {
        "x": _share("x", given["x"]),
        "y": _share("y", given["y"]),
        "count": whole_number("count", given.get("count", 5), range(1, MOST_COLOURS + 1)),
    }


def _share(name: str, value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= 1:
        raise UsageError(
            f"{str(value)[:40]!r} is outside the picture",
            where=name,
            remedy="give a number from 0 to 1, of the picture's width or height",
        )
    return number


def whole_number(name: str, value: Any, allowed: range) -> int:
    """A number of a request.

    Raises:
        UsageError: it is none, or not allowed.
    """
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed:
        return int(text)
    raise UsageError(
        f"{text[:40]!r} is not possible",
        where=name,
        remedy=f"give a whole number from {allowed[0]} to {allowed[-1]}",
    )


async def members_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request; an empty body is an empty one.

    Raises:
        MediaType: it is something else.
        Malformed: it does not hold together.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_JSON:
            raise Malformed(f"more than {_LARGEST_JSON:,} bytes of JSON", remedy="send less")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        raise MediaType(f"a body of {kind[:80] or 'no type'}", remedy="send application/json")
    try:
        members = json.loads(bytes(body)) if body else {}
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the JSON does not hold together: {error}"[:200]) from error
    if not isinstance(members, dict):
        raise Malformed("the JSON is no object", remedy='send {"saturation": 1.2}, for example')
    return members
