"""GET /metrics: for Prometheus, with an administrator's token of the scope “metrics”, or for a signed-in administrator."""

from __future__ import annotations

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from sfa.errors import DatabaseUnavailable
from sfa.web.failures import Forbidden
from sfa.web.metrics import Facts, exposition, gathered
from sfa.web.services import is_admin, services, user
from sfa.web.vitals import vitals

PATIENCE = 5.0


async def metrics(request: Request) -> Response:
    """The text; with the database away only what is known without it."""
    if not is_admin(request) or (user(request).scopes and "metrics" not in user(request).scopes):
        raise Forbidden
    at = services(request)
    found = None
    try:
        async with asyncio.timeout(PATIENCE), at.database.transaction() as session:
            found = await gathered(session)
    except (DatabaseUnavailable, TimeoutError):
        pass
    at.requests.streams.set(at.hub.open)
    text = exposition(at.requests, Facts(found, await vitals(at.config)))
    return Response(text, media_type=CONTENT_TYPE_LATEST)
