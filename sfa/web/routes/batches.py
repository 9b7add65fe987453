"""GET /batches and /batches/{id}: many tracks, one operation. POST /batches/{id}: retry what failed, cancel the rest, or
``restart``: what failed and what was cancelled."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.pages.batches import Batch, Batches, Part
from sfa.web.pages.page import stream_address
from sfa.web.services import html, services, user


async def batches(request: Request) -> Response:
    """The list."""
    page = Batches(user(request).id, request.query_params.get("before", ""))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "batches.html", stream=stream_address(page), **values)


async def batch(request: Request) -> Response:
    """One batch, by the part that its address says."""
    which = identity(request.path_params["id"])
    page = Batch(user(request).id, which, Part.asked(request.query_params))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "batch.html", stream=stream_address(page), **values)


async def batch_steer(request: Request) -> Response:
    """``retry``, ``restart`` or ``cancel``."""
    which = identity(request.path_params["id"])
    async with request.form(max_files=0, max_fields=2) as form:
        verb = str(form.get("verb") or "")
    if verb not in ("retry", "restart", "cancel"):
        raise Unusable("Say whether to retry or to cancel.", 400)
    who = {"id": which, "user_id": user(request).id}
    async with services(request).database.session() as session:
        if verb == "cancel":
            row = await session.one("batch_cancel", **who)
        else:
            row = await session.one("batch_retry", cancelled=verb == "restart", **who)
    if row is None:
        raise Missing
    return done(request, f"/batches/{which}")
