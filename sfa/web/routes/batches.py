"""GET /batches and /batches/{id}: many tracks, one operation. POST /batches/{id}: retry what failed, cancel the rest."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.pages.batches import Batch, Batches
from sfa.web.pages.page import stream_address
from sfa.web.services import html, services, user


async def batches(request: Request) -> Response:
    """The list."""
    page = Batches(user(request).id)
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "batches.html", stream=stream_address(page), **values)


async def batch(request: Request) -> Response:
    """One batch."""
    page = Batch(user(request).id, identity(request.path_params["id"]))
    async with services(request).database.session() as session:
        values = await page.load(session)
    return html(request, "batch.html", stream=stream_address(page), **values)


async def batch_steer(request: Request) -> Response:
    """``retry`` or ``cancel``."""
    which = identity(request.path_params["id"])
    async with request.form(max_files=0, max_fields=2) as form:
        verb = str(form.get("verb") or "")
    if verb not in ("retry", "cancel"):
        raise Unusable("Say whether to retry or to cancel.", 400)
    async with services(request).database.session() as session:
        row = await session.one(f"batch_{verb}", id=which, user_id=user(request).id)
    if row is None:
        raise Missing
    return done(request, f"/batches/{which}")
