"""POST /jobs/{id}/cancel and /jobs/{id}/retry: steer a job of one's own."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sfa.web.addresses import identity
from sfa.web.answers import done
from sfa.web.failures import Missing, Unusable
from sfa.web.services import services, user


async def job_cancel(request: Request) -> Response:
    """Stop a job; one that runs ends within its grace period."""
    return await _steer(request, "job_cancel", "This job is over: there is nothing to cancel.")


async def job_retry(request: Request) -> Response:
    """Start a job afresh."""
    return await _steer(
        request, "job_retry", "This job is waiting, running or done: there is nothing to retry."
    )


async def _steer(request: Request, statement: str, otherwise: str) -> Response:
    job_id = identity(request.path_params["id"])
    async with services(request).database.session() as session:
        row = await session.one(statement, id=job_id, user_id=user(request).id)
    if row is None:
        raise Missing
    if not row["done"]:
        raise Unusable(otherwise, 409)
    return done(request, f"/jobs/{job_id}")
