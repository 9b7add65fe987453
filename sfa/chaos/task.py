"""Do a chaos job: the pipeline that every job takes, with a port of its own.

A lease, a child, a result row written in the one transaction that ends the attempt (`sfa.jobs.runner`). The job's
plan (see `sfa.chaos.child`) is the JSON in its track's title; the folder of the effects comes from SFA_CHAOS_PLACE.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import procrastinate

from sfa.catalog import Kind
from sfa.db import Session
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.queue.app import app
from sfa.queue.attempt import Record

QUEUE = "chaos"
BESIDE = "beside"
"""A queue and kind of the same sort, which a fault of the first must leave alone."""
# Its domain rows are those of an analysis; what it does with them is not.
CHAOS = Kind(
    name="analysis", port="chaos", stall=600, base=600, per_second=0,
)  # fmt: skip


@app.task(name=QUEUE, queue=QUEUE, pass_context=True, retry=Again())
async def chaos(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt."""
    await run(context, CHAOS, perform, job_id)


@app.task(name=BESIDE, queue=BESIDE, pass_context=True, retry=Again())
async def beside(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt."""
    await run(context, CHAOS, perform, job_id)


async def perform(work: Run) -> Record:
    """Have the child work as planned; one row of chaos_results."""
    place = Path(os.environ["SFA_CHAOS_PLACE"])
    plan = json.loads(work.row["title"])
    for name in plan.keys() & {"gate", "cure"}:
        plan[name] = str(place / plan[name])
    claimed = work.attempt.claimed
    answer = await work.call(
        "chaos", "work", effects=str(place / "effects"), job=claimed.job_id,
        token=str(claimed.token), **plan,
    )  # fmt: skip
    value = json.dumps(answer["value"])

    async def record(session: Session) -> None:
        await session.connection.execute(
            "INSERT INTO chaos_results (job, token, value) VALUES (%s, %s, %s::jsonb)",
            [claimed.job_id, claimed.token, value],
        )

    return record
