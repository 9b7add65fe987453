"""GET /: is it healthy, what is it doing, what needs me."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.models import choices, preset
from sfa.web.pages.home import Home
from sfa.web.services import html, services, user


async def home(request: Request) -> Response:
    """The home page."""
    at = services(request)
    async with at.database.session() as session:
        values = await Home(user(request).id).load(session)
        offered = await choices(session, at.config)
    return html(
        request,
        "home.html",
        stream="/events?page=home",
        offered=offered,
        preset=preset(offered, at.config),
        wanted=at.config.model,
        limit_mb=at.config.upload_limit_mb,
        **values,
    )
