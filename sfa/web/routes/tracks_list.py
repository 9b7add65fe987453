"""GET /tracks: every track, newest first, narrowed by ?q=, continued by ?before=."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.pages.page import stream_address
from sfa.web.pages.tracks import Tracks
from sfa.web.services import html, services, user

LONGEST_SEARCH = 200


async def tracks_list(request: Request) -> Response:
    """The list of tracks."""
    q = request.query_params.get("q", "").strip()[:LONGEST_SEARCH]
    page = Tracks(user(request).id, q, request.query_params.get("before", ""))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "tracks.html", stream=stream_address(page), **values)
