"""Write the progress of all attempts together, twice a second a job in the long run, latest value only.

A job that was quiet is written at once. One that says more waits: a quarter of a second for as long as it has not used
up a small allowance (a short job moves fast, and is soon over), then half a second; a step below one per cent of the same
stage two seconds. Nothing is lost, only overtaken. What is due goes into one statement, with ``GAP`` seconds between two.
Limit: a job makes at most ``ALLOWANCE`` + 2 writes a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sfa.db import Database
from sfa.errors import SfaError

log = logging.getLogger(__name__)

SOON, LATER, LITTLE = 0.25, 0.5, 2.0
"""Seconds between two writes of a job: within its allowance, beyond it, and where hardly anything has changed."""
STEP = 0.95
"""Per cent that are something: a little less than a child's least step, which is rounded on its way."""
ALLOWANCE = 10.0
"""Writes ahead of two a second."""
GAP = 0.1
"""Seconds between two statements."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was written of a job last, when, and how much of its allowance was left."""

    percent: float
    stage: str
    at: float
    left: float


class ProgressWriter:
    """A mailbox that holds one value a job: a flood of progress costs nothing but its last word.

    Options:
        clock: seconds that only rise (time.monotonic).
    """

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._pending: dict[int, tuple[UUID, float, str]] = {}
        self._shown: dict[int, Shown] = {}
        self._ready = asyncio.Event()

    def put(self, job: int, token: UUID, percent: float, stage: str) -> None:
        """Note where an attempt is."""
        shown = self._shown.get(job)
        if shown and (shown.percent, shown.stage) == (percent, stage):
            # The newest word is what is shown already: what waited in between is overtaken.
            self._pending.pop(job, None)
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
            self._ready.clear()
            if not self._pending:
                continue
            if (wait := min(map(self._due, self._pending)) - self._clock()) > 0:
                # Another job may speak meanwhile, which is due sooner.
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._ready.wait()
                self._ready.set()
                continue
            await self.flush()
            await asyncio.sleep(GAP)

    def _due(self, job: int) -> float:
        """When a job's pending word may be written."""
        shown = self._shown.get(job)
        if shown is None:
            return 0.0
        _, percent, stage = self._pending[job]
        if stage == shown.stage and percent - shown.percent < STEP:
            return shown.at + LITTLE
        return shown.at + (SOON if shown.left >= 1 else LATER)

    async def flush(self) -> None:
        """Write what is due now."""
        now = self._clock()
        batch = {job: told for job, told in self._pending.items() if self._due(job) <= now}
        for job, (_, percent, stage) in batch.items():
            del self._pending[job]
            last = self._shown.get(job)
            left = min(ALLOWANCE, last.left + (now - last.at) / LATER) if last else ALLOWANCE
            self._shown[job] = Shown(percent, stage, now, left - 1)
        if self._pending:
            self._ready.set()
        if not batch:
            return
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
