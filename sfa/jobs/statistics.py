"""Reckon, every five minutes, what was done in each minute: rows of ``queue_statistics``, kept for a month."""

from __future__ import annotations

import procrastinate

from sfa.jobs import standalone
from sfa.queue.app import app


@app.task(name="statistics", queue="default", pass_context=True)
async def statistics(context: procrastinate.JobContext) -> None:
    """Run the statement."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        await session.one("queue_statistics")
