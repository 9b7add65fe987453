"""Keep time for everybody: scheduled jobs become ready when due, schedules become jobs, jobs of dead workers run again.

Every worker does all three; row locks see to it that no two do the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sfa.db import Database
from sfa.errors import DatabaseUnavailable, SfaError

log = logging.getLogger(__name__)


class Scheduler:
    """Promote due jobs and tick schedules, at most a second late; reap ended leases every ``lease / 5`` seconds.

    Where the database's clock runs ahead of one's own between two looks (the machine slept with all that runs on it, or
    somebody has set its clock) everybody's leases have ended though nobody died: whoever lives has one lease's time to renew.

    Options:
        lease: seconds a lease lasts.
        worker: the worker it belongs to, which it does not prune.
        clock: seconds that only rise, and not while the machine sleeps (time.monotonic).
    """

    def __init__(
        self,
        db: Database,
        lease: float,
        worker: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._worker = worker
        self._lease = lease
        self._clock = clock
        self._looked: tuple[float, datetime] | None = None
        self._patient_until = clock()

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

    def _latest(self, began: float) -> datetime | None:
        """What the database's clock may say now; None: there is nothing to tell it by yet."""
        if self._looked is None:
            return None
        then, said = self._looked
        return said + timedelta(seconds=began - then + self._lease / 2)

    async def reap_once(self) -> int:
        """Give the jobs of ended leases back; how many."""
        async with self._db.session() as session:
            began = self._clock()
            row = await session.one(
                "lease_reap", lease=self._lease, latest=self._latest(began), reap=began >= self._patient_until
            )  # fmt: skip
            assert row is not None
            self._looked = began, row["now"]
            if row["jumped"]:
                log.warning(
                    "the database's clock has jumped: no lease is reaped for %g s", self._lease
                )
                self._patient_until = began + self._lease
            elif began >= self._patient_until:
                await session.run("worker_prune", worker=self._worker)
        lost = int(row["lost"] or 0)
        if lost:
            log.warning("%d jobs of silent workers run again", lost)
        return lost
