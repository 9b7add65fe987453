"""Keep time for everybody: scheduled jobs become ready when due, schedules become jobs, jobs of dead workers run again.

Every worker does all three; row locks see to it that no two do the same.
"""

from __future__ import annotations

import asyncio
import logging

from sfa.db import Database
from sfa.errors import DatabaseUnavailable, SfaError

log = logging.getLogger(__name__)


class Scheduler:
    """Promote due jobs and tick schedules, at most a second late; reap ended leases every ``lease / 5`` seconds.

    Options:
        lease: seconds a lease lasts.
        worker: the worker it belongs to, which it does not prune.
    """

    def __init__(self, db: Database, lease: float, worker: int) -> None:
        self._db = db
        self._worker = worker
        self._lease = lease

    async def promote_forever(self) -> None:
        """The promoting service."""
        while True:
            try:
                pause = await self.promote_once()
            except SfaError as error:
                log.debug("nothing promoted: %s", error)
                pause = 1.0
            await asyncio.sleep(pause)

    async def promote_once(self) -> float:
        """Promote what is due; seconds until it is worth looking again."""
        async with self._db.session() as session:
            row = await session.one("queue_promote")
        next_in = row["next_in"] if row else None
        # Due and not promoted: somebody holds the row; no need to ask a hundred times a second.
        floor = 0.01 if row and (row["promoted"] or row["ticked"] or (next_in or 0) > 0) else 0.25
        return 1.0 if next_in is None else min(1.0, max(floor, next_in))

    async def reap_forever(self) -> None:
        """The reaping service."""
        while True:
            try:
                await self.reap_once()
            except DatabaseUnavailable:
                log.debug("no leases reaped: the database is away")
            except SfaError as error:
                log.error("no leases reaped: %s", error)  # noqa: TRY400 - a refusal, not a traceback
            await asyncio.sleep(self._lease / 5)

    async def reap_once(self) -> int:
        """Give the jobs of ended leases back; how many."""
        async with self._db.session() as session:
            row = await session.one("lease_reap", lease=self._lease)
            await session.run("worker_prune", worker=self._worker)
        lost = int(row["lost"] or 0) if row else 0
        if lost:
            log.warning("%d jobs of silent workers run again", lost)
        return lost
