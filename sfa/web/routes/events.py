"""GET /events: a page's pieces as they change, as htmx partials over server-sent events."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sfa.web.pages.watched import watched
from sfa.web.services import services, user
from sfa.web.stream import stream


async def events(request: Request) -> Response:
    """The stream of ?page=NAME, with what that page's own address says (see `sfa.web.pages.watched`)."""
    page, hub, seat = watched(request), services(request).hub, user(request).session
    if hub.full(seat):
        return PlainTextResponse("Too many pages are open: close some.\n", status_code=429)
    return StreamingResponse(
        stream(request, page),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )
