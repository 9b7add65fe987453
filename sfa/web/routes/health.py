"""GET /health: is the database there, are the queues served; no secrets, so no session is needed."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfa.errors import DatabaseUnavailable
from sfa.web.services import services

PATIENCE = 3.0


async def health(request: Request) -> Response:
    """200 with the queues and the workers seen; 503 as long as the database is away."""
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
