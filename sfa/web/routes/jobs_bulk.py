"""POST /jobs/bulk: cancel or retry many jobs at once. Asked without ``sure`` it answers with what it would touch."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sfa.db import Session
from sfa.errors import Refused
from sfa.web.addresses import identity
from sfa.web.failures import Unusable
from sfa.web.pages.jobs import Filter
from sfa.web.services import html, services, user

MOST = 500
OPEN = ("waiting", "running", "retrying")
VERBS = {"cancel": OPEN, "retry": ("failed", "cancelled", "retrying")}


async def jobs_bulk(request: Request) -> Response:
    """Cancel or retry the chosen jobs, or every one that the filters of the page match."""
    async with request.form(max_files=0, max_fields=MOST + 5) as form:
        verb, ids = str(form.get("verb") or ""), [identity(str(i)) for i in form.getlist("id")]
        sure, all_of = bool(form.get("sure")), bool(form.get("all"))
    if verb not in VERBS:
        raise Unusable("Say whether to cancel or to retry.", 400)
    narrowed = Filter.asked(request.query_params)
    back = "/jobs?" + urlencode(narrowed.query())
    owner = user(request).id
    async with services(request).database.session() as session:
        if all_of:
            jobs = await narrowed.rows(session, owner, MOST)
        else:
            jobs = await session.all("job_named", ids=ids, user_id=owner)
        jobs = [job for job in jobs if job["status"] in VERBS[verb]]
        if not sure:
            values: dict[str, Any] = {"jobs": jobs, "verb": verb, "back": back, "most": MOST}
            return html(request, "jobs_bulk.html", query=urlencode(narrowed.query()), **values)
        done = [await _steer(session, verb, job["id"], owner) for job in jobs]
    said = f"{sum(done)} of {len(done)} {'cancelled' if verb == 'cancel' else 'started again'}"
    return RedirectResponse("/jobs?" + urlencode(narrowed.query() | {"said": said}), 303)


async def _steer(session: Session, verb: str, job_id: object, owner: int) -> bool:
    try:
        row = await session.one(f"job_{verb}", id=job_id, user_id=owner)
    except Refused:  # the same work waits already
        return False
    return bool(row and row["done"])
