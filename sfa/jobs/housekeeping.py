"""Throw away, by its row in ``schedules``, what nobody needs any more: old queue rows, children's diaries, ended sessions.

Tracks, stems and the domain rows of jobs are not its business. It works in batches of 1,000 rows, so that it never
holds the tables for long; a job that is stopped in between goes on with the next one. Queue rows are walked by their ids,
from the oldest to the first that is too young: what is kept that long (failed jobs, those scheduled far ahead) is what a
run costs, not the table. Beside that it folds the changes of what users hold, and looks for the tracks' files.
"""

from __future__ import annotations

import logging

import procrastinate

from sfa import files
from sfa.db import Session
from sfa.jobs import standalone
from sfa.objects import sweep
from sfa.queue.app import app

log = logging.getLogger(__name__)

STATEMENTS = (
    "queue_prune_events",
    "queue_prune_statistics",
    "incident_prune",
    "program_prune",
    "queue_prune_tokens",
    "queue_prune_audit",
    "queue_prune_logs",
    "piece_prune",
    "queue_prune_mails",
    "queue_prune_requests",
)

BATCHES = 10
"""How many batches of files are looked for in one run."""


@app.task(name="housekeeping", queue="default", queueing_lock="housekeeping", pass_context=True)
async def housekeeping(context: procrastinate.JobContext) -> None:
    """Run the pruning statements until each finds nothing."""
    resources = await standalone.shared(context)
    async with resources.db.session() as session:
        # What is forgotten next has been counted.
        await session.one("metrics_roll")
        await _queue_rows(session)
        while (row := await session.one("user_storage_fold")) and row["folded"]:
            pass
        for name in STATEMENTS:
            total = 0
            while pruned := await session.run(name):
                total += pruned
            if total:
                log.info("%s: %d rows", name, total)
    if removed := await sweep(resources.db, resources.store):
        log.info("%d objects that nobody needed", removed)
    gone = sum([await files.look(resources.db, resources.store) for _ in range(BATCHES)])
    if gone:
        log.warning("%d tracks whose audio has gone from the store", gone)


async def _queue_rows(session: Session) -> None:
    last, total = 0, 0
    while (row := await session.one("queue_prune", after=last)) and row["last"] is not None:
        last = row["last"]
        total += row["pruned"]
    if total:
        log.info("queue_prune: %d rows", total)
