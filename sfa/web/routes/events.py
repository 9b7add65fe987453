"""GET /events: a page's pieces as they change, as htmx partials over server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sfa.errors import DatabaseUnavailable
from sfa.web.addresses import job_of, track_of
from sfa.web.failures import Missing
from sfa.web.gate import signed_in
from sfa.web.live import Pieces
from sfa.web.pages import Home, Track, Tracks, rendered
from sfa.web.services import services, user
from sfa.web.sse import COMMENT, event, partials

Watched = Home | Tracks | Track


async def events(request: Request) -> Response:
    """The stream of ?page=home, tracks (with its ?q= and ?before=) or track (with ?track= and ?job=)."""
    page, hub, seat = _page(request), services(request).hub, user(request).session
    if hub.full(seat):
        return PlainTextResponse("Too many pages are open: close some.\n", status_code=429)
    return StreamingResponse(
        _stream(request, page),
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


async def _stream(request: Request, page: Watched) -> AsyncIterator[str]:
    at = services(request)
    sent: Pieces = {}

    async def render() -> Pieces:
        async with at.database.session() as session:
            return rendered(at.render, page, await page.load(session))

    with at.hub.viewer(page, user(request).session) as viewer:
        async for changed in at.hub.wakes(viewer):
            try:
                if not changed and await signed_in(request) is None:
                    yield event("sfa-signed-out")
                    return
                now = await at.hub.pieces(page, render)
            except DatabaseUnavailable:
                # Everything is sent again afterwards, so that the page knows it is up to date.
                sent = {}
                viewer.dirty.set()
                yield event("sfa-away")
                continue
            except Missing:
                yield event("sfa-gone")
                return
            fresh = {name: body for name, body in now.items() if sent.get(name) != body}
            sent = now
            if text := (partials(fresh) if fresh else "") + ("" if changed else COMMENT):
                yield text
