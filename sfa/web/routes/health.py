"""GET /health: is the database there, are the queues served; no secrets, so no session is needed. For a signed-in person
with a browser it is the Health page. GET /health/live: the process answers, whatever it needs."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.errors import DatabaseUnavailable, SfaError
from sfa.web.gate import signed_in
from sfa.web.pages.health import Health
from sfa.web.pages.page import stream_address
from sfa.web.services import html, is_admin, services

PATIENCE = 3.0


async def live(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
    """200 as long as the process answers at all: what a supervisor restarts by."""
    return JSONResponse({"status": "ok"})


async def health(request: Request) -> Response:
    """200 with the queues and the workers seen; 503 as long as the database is away."""
    if "text/html" in request.headers.get("accept", "") and (page := await _page(request)):
        return page
    try:
        async with asyncio.timeout(PATIENCE), services(request).database.session() as session:
            rows = await session.all("page_health")
    except (DatabaseUnavailable, TimeoutError):
        return JSONResponse({"status": "unavailable", "database": "away"}, 503)
    queues = {
        row["name"]: {name: row[name] for name in ("workers", "ready", "running", "paused")}
        for row in rows
    }
    served = all(queue["workers"] or queue["paused"] for queue in queues.values())
    return JSONResponse(
        {"status": "ok" if served else "degraded", "database": "ok", "queues": queues}
    )


async def _page(request: Request) -> Response | None:
    """The page; None for strangers, and while the database is away."""
    try:
        found = await signed_in(request)
        if found is None:
            return None
        request.scope["sfa.user"] = found
        page = Health(is_admin(request), services(request).config)
        async with services(request).database.session() as session:
            values = await page.load(session)
    except SfaError:
        return None
    return html(request, "health.html", stream=stream_address(page), **values)
