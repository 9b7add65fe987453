"""Covers by the API: ask for those of many tracks, one job for all."""

from __future__ import annotations

from uuid import UUID

from sfa.web.api.answer import Answer
from sfa.web.api.jobs import detail
from sfa.web.api.operation import Call
from sfa.web.api.waiting import waiting
from sfa.web.failures import Missing, Unusable

SIZE = 640


async def covers_ask(call: Call) -> Answer:
    """Enqueue it; for an import that is at it already the answer is that job."""
    said = call.body
    if ("track_ids" in said) == ("import_id" in said):
        raise Unusable("Say whose covers: track_ids, or an import_id; one of the two.")
    values = {"user_id": call.user.id, "size": int(said.get("size", SIZE)), **await waiting(call)}
    if "import_id" in said:
        job = await call.session.one("covers_of_import", id=UUID(said["import_id"]), **values)
        missing = "There is no such import, or it belongs to somebody else."
    else:
        ids = list(dict.fromkeys(UUID(text) for text in said["track_ids"]))
        job = await call.session.one("covers_of_tracks", ids=ids, **values)
        missing = "One of the tracks does not exist, or belongs to somebody else."
    if job is None:
        raise Missing(missing)
    return Answer(await detail(call, job["id"]), 201, f"/api/v1/jobs/{job['id']}")
