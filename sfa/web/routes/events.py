"""GET /events: a page's pieces as they change, as htmx partials over server-sent events."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sfa.web.addresses import job_of, track_of
from sfa.web.failures import Missing
from sfa.web.pages import Home, Track, Tracks
from sfa.web.services import services, user
from sfa.web.stream import Watched, stream


async def events(request: Request) -> Response:
    """The stream of ?page=home, tracks (with its ?q= and ?before=) or track (with ?track= and ?job=)."""
    page, hub, seat = _page(request), services(request).hub, user(request).session
    if hub.full(seat):
        return PlainTextResponse("Too many pages are open: close some.\n", status_code=429)
    return StreamingResponse(
        stream(request, page),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


def _page(request: Request) -> Watched:
    query, owner = request.query_params, user(request).id
    match query.get("page"):
        case "home":
            return Home(owner)
        case "tracks":
            return Tracks(owner, query.get("q", "")[:200], query.get("before", ""))
        case "track":
            return Track(owner, track_of(request), job_of(request))
        case _:
            raise Missing
