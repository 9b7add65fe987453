"""Write completions together: whatever has ended by the time the last batch is written goes into the next one.

Each is guarded by its job and token, so one that is stale changes nothing and harms none of the others. While the
database is away the batch waits; where the answer to a commit got lost, the attempts' rows say what it did. A batch
that the database refuses is written one by one, so that the refusal meets only whom it concerns.

Limit: attempts with results of their own are not for here: their rows and their end are one transaction
(`sfa.queue.attempt.Attempt.finish`).

Options:
    most: completions a statement (500).
    gather: awaited before a batch is taken; more may be about to end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from sfa.db import Database
from sfa.errors import DatabaseUnavailable, SfaError, StaleLease

log = logging.getLogger(__name__)

MOST = 500


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A completion that is to be written, and who waits for that."""

    job: int
    token: UUID
    certificate: str | None
    written: asyncio.Future[None]

    def settle(self, error: Exception | None = None) -> None:
        if not self.written.done():
            if error is None:
                self.written.set_result(None)
            else:
                self.written.set_exception(error)


class Completions:
    """The completions of one worker; see the module."""

    def __init__(
        self, db: Database, *, most: int = MOST, gather: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._db = db
        self._most = most
        self._gather = gather
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many wait for the next batch."""
        return len(self._waiting)

    async def put(self, job: int, token: UUID, certificate: str | None) -> None:
        """Complete an attempt; returns when it is written. `StaleLease`: somebody else's by now."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(job, token, certificate, loop.create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = loop.create_task(self._write(), name="completions")
        await waiting.written

    async def _write(self) -> None:
        """Write until nothing waits; whatever goes wrong, nobody waits for ever."""
        batch: list[_Waiting] = []
        try:
            while self._waiting:
                if self._gather is not None:
                    await self._gather()
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._settle(batch)
        finally:
            self._writer = None
            for waiting in (*batch, *self._waiting):
                waiting.settle(SfaError("the completion was not written"))

    async def _settle(self, batch: list[_Waiting]) -> None:
        """Write one batch, for as long as it takes."""
        held: set[UUID] = set()
        unsure = False
        pause = 0.1
        while True:
            try:
                held = await self._ack(batch)
                if unsure and len(held) < len(batch):
                    held |= await self._written(batch)
                break
            except DatabaseUnavailable:
                unsure = True
                log.warning("%d jobs are done; waiting for the database to write it", len(batch))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            except SfaError as error:
                if len(batch) == 1:
                    batch[0].settle(error)
                    return
                for waiting in batch:
                    await self._settle([waiting])
                return
        for waiting in batch:
            waiting.settle(None if waiting.token in held else StaleLease())

    async def _ack(self, batch: list[_Waiting]) -> set[UUID]:
        # In the order in which the leases are renewed: the two don't deadlock.
        batch = sorted(batch, key=lambda waiting: waiting.job)
        async with self._db.session() as session:
            rows = await session.all(
                "attempt_ack",
                jobs=[waiting.job for waiting in batch],
                tokens=[waiting.token for waiting in batch],
                certificates=[waiting.certificate for waiting in batch],
            )
        return {row["token"] for row in rows}

    async def _written(self, batch: list[_Waiting]) -> set[UUID]:
        """Which of them an earlier try, whose answer got lost, has completed."""
        async with self._db.session() as session:
            rows = await session.all(
                "attempt_completed",
                jobs=[waiting.job for waiting in batch],
                tokens=[waiting.token for waiting in batch],
            )
        return {row["token"] for row in rows}
