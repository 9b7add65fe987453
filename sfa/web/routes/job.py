"""GET /jobs/{id}: one job, its attempts, what happened when."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity
from sfa.web.models import choices
from sfa.web.pages.job import Job
from sfa.web.pages.page import stream_address
from sfa.web.services import html, services, user


async def job(request: Request) -> Response:
    """A job's page."""
    at = services(request)
    page = Job(user(request).id, identity(request.path_params["id"]))
    async with at.database.session() as session:
        values = await page.load(session)
        offered = await choices(session, at.config)
    page = replace(page, track_id=values["job"]["track_id"])
    return html(request, "job.html", stream=stream_address(page), offered=offered, **values)
