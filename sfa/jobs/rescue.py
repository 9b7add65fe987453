"""Give back, every five minutes, jobs that no lease tells of and whose worker is gone: those of Procrastinate's own worker.

Jobs whose lease has ended are not its business: every worker gives those back within seconds (`sfa.queue.schedule`).
"""

from __future__ import annotations

import logging

import procrastinate

from sfa.jobs import standalone
from sfa.queue.app import app

log = logging.getLogger(__name__)


@app.task(name="rescue", queue="default", pass_context=True)
async def rescue(context: procrastinate.JobContext) -> None:
    """Run the statement."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        row = await session.one("queue_rescue")
    if row and row["rescued"]:
        log.warning("%d jobs without a lease run again", row["rescued"])
