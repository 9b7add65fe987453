"""Write what jobs say as they run, all of them in one statement, once a second at most.

A job's words are bounded twice: what waits here and what the table keeps, the newest 16,000 characters each. What can't be
written is dropped: it is news, not a result.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from sfa.db import Database
from sfa.errors import SfaError

log = logging.getLogger(__name__)

INTERVAL = 1.0
MOST = 16_000


class Words:
    """A mailbox of text a job."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pending: dict[tuple[int, UUID], str] = {}
        self._held: dict[tuple[int, UUID], str] = {}
        self._ready = asyncio.Event()
        self._writing = asyncio.Lock()

    def put(self, job: int, token: UUID, text: str) -> None:
        """Note what an attempt has said; PostgreSQL's text holds no NUL."""
        if text:
            said = self._pending.get((job, token), "") + text.replace("\0", "")
            self._pending[job, token] = said[-MOST:]
            self._ready.set()

    async def settle(self, job: int, token: UUID) -> None:
        """Write an attempt's last words while its lease is still held; costs nothing where it has none."""
        # A flush that is under way may hold them: afterwards its lease would be gone.
        if (job, token) in self._pending or (job, token) in self._held:
            await self.flush()

    async def run(self) -> None:
        """The writing service."""
        while True:
            await self._ready.wait()
            await self.flush()
            await asyncio.sleep(INTERVAL)

    async def flush(self) -> None:
        """Write what is pending now, and wait for what is being written."""
        async with self._writing:
            self._ready.clear()
            self._held, self._pending = self._pending, {}
            if not self._held:
                return
            try:
                async with self._db.session() as session:
                    await session.run(
                        "attempt_log",
                        jobs=[job for job, _ in self._held],
                        tokens=[token for _, token in self._held],
                        words=list(self._held.values()),
                    )
            except SfaError as error:
                log.debug("words not written: %s", error)
            finally:
                self._held = {}
