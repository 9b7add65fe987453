"""GET /tracks: every track, in any order, narrowed by what the address says (see `sfa.web.pages.tracks`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.models import choices, preset
from sfa.web.pages.page import stream_address
from sfa.web.pages.tracks import CHOICES, Tracks, Wanted
from sfa.web.services import html, services, user


async def tracks_list(request: Request) -> Response:
    """The list of tracks."""
    at = services(request)
    page = Tracks(user(request).id, Wanted.asked(request.query_params))
    async with at.database.session() as session:
        values = await page.load(session)
        offered = await choices(session, at.config)
    return html(
        request,
        "tracks.html",
        stream=stream_address(page),
        choices=CHOICES,
        said=request.query_params.get("said", "")[:200],
        offered=offered,
        preset=preset(offered, at.config),
        wanted_model=at.config.model,
        limit_mb=at.config.upload_limit_mb,
        **values,
    )
