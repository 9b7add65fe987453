"""GET /tracks/{id}: figures, jobs, stems to play, charts; ?job= chooses the separation."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web import cloud
from sfa.web.addresses import job_of, track_of
from sfa.web.models import choices, preset
from sfa.web.pages.page import stream_address
from sfa.web.pages.track import Track
from sfa.web.services import html, services, user


async def track(request: Request) -> Response:
    """A track's page."""
    at = services(request)
    page = Track(user(request).id, track_of(request), job_of(request))
    async with at.database.session() as session:
        values = await page.load(session)
        offered = await choices(session, at.config, page.track_id)
        clouded = await cloud.offered(session, at.config, page.user_id, page.track_id)
    return html(
        request,
        "track.html",
        stream=stream_address(page),
        offered=offered,
        preset=preset(offered, at.config),
        cloud=clouded,
        cloud_stems=cloud.STEMS,
        cloud_several=cloud.SEVERAL,
        **values,
    )
