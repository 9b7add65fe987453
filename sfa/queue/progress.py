"""Write the progress of all attempts in one statement, twice a second at most, latest value only."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from sfa.db import Database
from sfa.errors import SfaError

log = logging.getLogger(__name__)

INTERVAL = 0.5


class ProgressWriter:
    """A mailbox that holds one value a job: a flood of progress costs nothing but its last word."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pending: dict[int, tuple[UUID, float, str]] = {}
        self._shown: dict[int, tuple[float, str]] = {}
        self._ready = asyncio.Event()

    def put(self, job: int, token: UUID, percent: float, stage: str) -> None:
        """Note where an attempt is; steps below one per cent of the same stage are not worth a write."""
        shown = self._shown.get(job)
        if shown and shown[1] == stage and percent - shown[0] < 1:
            return
        self._pending[job] = (token, percent, stage)
        self._ready.set()

    def forget(self, job: int) -> None:
        """The attempt has ended."""
        self._pending.pop(job, None)
        self._shown.pop(job, None)

    async def run(self) -> None:
        """The writing service."""
        while True:
            await self._ready.wait()
            await self.flush()
            await asyncio.sleep(INTERVAL)

    async def flush(self) -> None:
        """Write what is pending now."""
        self._ready.clear()
        batch, self._pending = self._pending, {}
        if not batch:
            return
        self._shown.update({job: (percent, stage) for job, (_, percent, stage) in batch.items()})
        try:
            async with self._db.session() as session:
                await session.run(
                    "attempt_progress",
                    jobs=list(batch),
                    tokens=[token for token, _, _ in batch.values()],
                    percents=[percent for _, percent, _ in batch.values()],
                    stages=[stage for _, _, stage in batch.values()],
                )
        except SfaError as error:
            log.debug("progress not written: %s", error)
