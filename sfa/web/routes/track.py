"""GET /tracks/{id}: figures, jobs, stems to play, charts; ?job= chooses the separation."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import job_of, track_of
from sfa.web.models import choices, preset
from sfa.web.pages import Track
from sfa.web.services import html, services, user


async def track(request: Request) -> Response:
    """A track's page."""
    at = services(request)
    page = Track(user(request).id, track_of(request), job_of(request))
    async with at.database.session() as session:
        values = await page.load(session)
        offered = await choices(session, at.config)
    query = {"page": "track", "track": str(page.track_id)}
    if page.job_id:
        query["job"] = str(page.job_id)
    return html(
        request,
        "track.html",
        stream="/events?" + urlencode(query),
        offered=offered,
        preset=preset(offered, at.config),
        **values,
    )
