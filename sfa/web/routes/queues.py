"""GET /queues: what waits and runs where. POST /queues/{name}: pause, resume, limit (administrators)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.answers import done
from sfa.web.failures import Forbidden, Missing, Unusable
from sfa.web.pages.page import stream_address
from sfa.web.pages.queues import Queues
from sfa.web.services import html, is_admin, services


async def queues(request: Request) -> Response:
    """The page of the queues."""
    page = Queues(is_admin(request))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "queues.html", stream=stream_address(page), **values)


async def queue_steer(request: Request) -> Response:
    """Pause with a reason, resume, or set how many jobs a worker runs at a time."""
    if not is_admin(request):
        raise Forbidden
    name = request.path_params["name"]
    async with request.form(max_files=0, max_fields=4) as form:
        verb, reason = str(form.get("verb") or ""), str(form.get("reason") or "").strip()[:200]
        limit = str(form.get("concurrency") or "")
    async with services(request).database.session() as session:
        if verb == "pause":
            row = await session.one("queue_pause", name=name, reason=reason or None)
        elif verb == "resume":
            row = await session.one("queue_resume", name=name)
        elif verb == "limit" and limit.isascii() and limit.isdigit() and 1 <= int(limit) <= 1000:
            row = await session.one("queue_limit", name=name, concurrency=int(limit))
        else:
            raise Unusable("A limit is a whole number from 1 to 1000.", 422)
    if row is None:
        raise Missing
    return done(request, "/queues")
