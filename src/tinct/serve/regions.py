"""Parts of the picture of a session at full size: what a page shows one to one."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tinct.errors import UsageError
from tinct.serve.choices import Chosen, from_members
from tinct.serve.describe import PNG, problems, with_options
from tinct.serve.jobs import Session
from tinct.serve.pictures import has_left
from tinct.serve.service import service_of
from tinct.serve.steering import members_of, settled_within, shown_answer, whole_number
from tinct.serve.tasks import MOST_PIXELS, Part

router = APIRouter()
_PLACE = ("x", "y", "width", "height")
_FARTHEST = 2**31 - 1
_TEXTS = {
    "x": "First column, of the upright picture.",
    "y": "First row.",
    "width": "Columns.",
    "height": "Rows.",
}


def _schemas() -> dict[str, Any]:
    return {
        name: {
            "type": "integer",
            "minimum": int(name in ("width", "height")),
            "maximum": _FARTHEST,
            "description": text,
        }
        for name, text in _TEXTS.items()
    }


@router.post(
    "/v1/sessions/{session_id}/region",
    summary="A part of the picture of a session in colour, at full size",
    tags=["Steer"],
    responses={**PNG, **problems(400, 404, 409, 413, 415, 422, 429, 500, 503)},
    openapi_extra=with_options(_schemas(), required=_PLACE),
)
async def colour_region(request: Request, session_id: str) -> Response:
    """A PNG of the pixels that the full result has there: first page, upright, in sRGB.

    At most 8,388,608 pixels. What the network said is kept, so this costs what the pixels cost. Of
    a JPEG that stays a JPEG, colours have full size here, and half of it in the file.
    """
    service = service_of(request)
    chosen, rest = from_members(await members_of(request), others=_PLACE)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(service.using(session_id))
        how = await settled_within(service, chosen, stack)
        return await _part(request, session, how, rest, plain=False)


@router.get(
    "/v1/sessions/{session_id}/region",
    summary="A part of the picture of a session as it came, at full size",
    tags=["Steer"],
    responses={**PNG, **problems(404, 413, 422, 429, 500, 503)},
)
async def plain_region(
    request: Request,
    session_id: str,
    x: Annotated[int, Query(ge=0, le=_FARTHEST, description=_TEXTS["x"])],
    y: Annotated[int, Query(ge=0, le=_FARTHEST, description=_TEXTS["y"])],
    width: Annotated[int, Query(ge=1, le=_FARTHEST, description=_TEXTS["width"])],
    height: Annotated[int, Query(ge=1, le=_FARTHEST, description=_TEXTS["height"])],
) -> Response:
    """A PNG of the first page, upright and in sRGB; at most 8,388,608 pixels."""
    service = service_of(request)
    place = {"x": x, "y": y, "width": width, "height": height}
    async with service.using(session_id) as session:
        return await _part(request, session, service.settled({}), place, plain=True)


async def _part(
    request: Request, session: Session, how: Chosen, given: Mapping[str, Any], *, plain: bool
) -> Response:
    """Nobody waits for a part that was scrolled away, so it is not begun then."""
    service, place = service_of(request), _place(given, session)
    task = Part(
        source=session.folder.given,
        name=session.name,
        max_pixels=service.settings.max_pixels,
        options=how.options,
        sent=how.sent,
        keep=True,
        plain=plain,
        **place,
    )
    return shown_answer(
        service, task, await service.ask(task, session, left=lambda: has_left(request))
    )


def _place(given: Mapping[str, Any], session: Session) -> dict[str, int]:
    """A part that lies within the picture and is not too large."""
    for name in _PLACE:
        if given.get(name) is None:
            raise UsageError("it is missing", where=name, remedy="give a number of pixels")
    columns, rows = session.seen.width, session.seen.height
    x = whole_number("x", given["x"], range(columns))
    y = whole_number("y", given["y"], range(rows))
    width = whole_number("width", given["width"], range(1, columns - x + 1))
    height = whole_number("height", given["height"], range(1, rows - y + 1))
    if width * height > MOST_PIXELS:
        raise UsageError(
            f"{width} x {height} pixels are more than {MOST_PIXELS:,}",
            where="width",
            remedy="ask for smaller parts, or for the full result",
        )
    return {"x": x, "y": y, "width": width, "height": height}
