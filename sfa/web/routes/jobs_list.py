"""GET /jobs: every job of every kind, newest first; every filter is in the address."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.pages.jobs import Filter, Jobs
from sfa.web.pages.page import stream_address
from sfa.web.services import html, services, user


async def jobs_list(request: Request) -> Response:
    """The list of jobs."""
    page = Jobs(user(request).id, Filter.asked(request.query_params))
    async with services(request).database.session() as session:
        values = await page.load(session)
    done = request.query_params.get("said", "")[:200]
    return html(request, "jobs.html", stream=stream_address(page), said=done, **values)
