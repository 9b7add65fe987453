"""Jobs by the API: list, show, enqueue one of any kind, cancel, start afresh, move."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sfa.db import Row
from sfa.web.addresses import identity
from sfa.web.api.answer import Answer
from sfa.web.api.operation import Call
from sfa.web.api.paging import size_of
from sfa.web.api.shapes import paged, shaped
from sfa.web.failures import Missing, Unusable
from sfa.web.pages.jobs import Filter


async def jobs_list(call: Call) -> Answer:
    """One page of the user's jobs; the filters are those of the page."""
    size = size_of(call.query)
    rows = await Filter.asked(call.request.query_params).rows(call.session, call.user.id, size + 1)
    return Answer(paged("Job", rows, size))


async def job_show(call: Call) -> Answer:
    """One job with its attempts."""
    return Answer(await detail(call, _id(call)))


async def job_kinds(call: Call) -> Answer:
    """What can be enqueued."""
    rows = await call.session.all("api_kinds")
    return Answer({"items": [shaped_kind(row) for row in rows]})


def shaped_kind(row: Row) -> dict[str, Any]:
    """A kind of job."""
    return {"kind": row["kind"], "arguments": row["arguments"]}


async def job_make(call: Call) -> Answer:
    """Enqueue a job: one INSERT, which the tables check."""
    kind, args = str(call.body["kind"]), dict(call.body["args"])
    for name in ("priority", "scheduled_at", "after", "needs"):
        if call.body.get(name) is not None:
            args[name] = call.body[name]
    if kind == "download" and "track_id" not in args and isinstance(args.get("address"), str):
        made = await call.session.one(
            "track_link", user_id=call.user.id, address=args["address"][:2000]
        )
        assert made is not None
        args["track_id"] = str(made["id"])
    if "user_id" in args or not isinstance(args.get("track_id"), str):
        raise Unusable("args name the track: {“track_id”: “…”}.", 422)
    if isinstance(args.get("after"), str):
        await detail(call, identity(args["after"]))  # somebody else's can't be followed
    job = await call.session.one(
        "api_enqueue", kind=kind, args=json.dumps(args), user_id=call.user.id,
        track_id=identity(args["track_id"]),
    )  # fmt: skip
    if job is None:
        known = [row["kind"] for row in await call.session.all("api_kinds")]
        if kind not in known:
            raise Unusable(f"There is no such kind of job. There are: {', '.join(known)}.", 422)
        raise Missing("There is no such track, or it belongs to somebody else.")
    return Answer(await detail(call, job["id"]), 201, f"/api/v1/jobs/{job['id']}")


async def job_cancel(call: Call) -> Answer:
    """Stop a job; one that runs ends within its grace period."""
    return await _steer(call, "job_cancel", "This job is over: there is nothing to cancel.")


async def job_retry(call: Call) -> Answer:
    """Start a job afresh."""
    said = "This job is waiting, running or done: there is nothing to retry."
    return await _steer(call, "job_retry", said)


async def job_move(call: Call) -> Answer:
    """Another time or priority, other needs, something to follow, for a job that waits."""
    at = call.body.get("scheduled_at")
    after, needs = call.body.get("after"), call.body.get("needs")
    job = await detail(call, _id(call))
    if after is not None:
        await detail(call, identity(after))
    if job["status"] not in ("waiting", "retrying"):
        raise Unusable("This job does not wait any more.", 409)
    row = await call.session.one(
        "job_steer", id=_id(call), user_id=call.user.id, at_given="scheduled_at" in call.body,
        at=datetime.fromisoformat(at) if at else None, priority=call.body.get("priority"),
        after_given="after" in call.body, after=after,
        needs_given="needs" in call.body, needs=None if needs is None else json.dumps(needs),
    )  # fmt: skip
    if row is None or False in (row["moved"], row["prioritised"], row["needed"]):
        raise Unusable("This job does not wait any more.", 409)
    return Answer(await detail(call, _id(call)))


async def _steer(call: Call, statement: str, otherwise: str) -> Answer:
    row = await call.session.one(statement, id=_id(call), user_id=call.user.id)
    if row is None:
        raise Missing
    if not row["done"]:
        raise Unusable(otherwise, 409)
    return Answer(await detail(call, _id(call)))


async def detail(call: Call, job_id: UUID) -> dict[str, Any]:
    """A job of the user's with its attempts; `Missing` where it is somebody else's."""
    row = await call.session.one("api_job", id=job_id, user_id=call.user.id)
    if row is None:
        raise Missing
    rows = await call.session.all("job_attempts", queue_job_id=row["queue_job_id"])
    names = ("number", "started_at", "ended_at", "verdict", "error", "error_kind")
    attempts = [{name: _plain(attempt[name]) for name in names} for attempt in rows]
    return shaped("JobDetail", row, queue=row["queue_name"], attempts=attempts)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _id(call: Call) -> UUID:
    return identity(call.request.path_params["id"])
