"""Keep where running jobs could be taken up again: the latest checkpoint of each, all of them in one statement.

A flood of checkpoints costs its last word, twice a second; but none is lost when an attempt ends: `settle` writes
what is still pending before the attempt's lease is given up, and waits for a database that is away as the attempt's
end does. A worker that is killed outright loses half a second of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sfa.db import Database
from sfa.errors import DatabaseUnavailable, SfaError

log = logging.getLogger(__name__)

INTERVAL = 0.5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One attempt's latest checkpoint; ``data`` is JSON already."""

    token: UUID
    port: str
    op: str
    data: str


class Checkpoints:
    """The mailbox, and the statements behind it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pending: dict[int, Checkpoint] = {}
        self._ready = asyncio.Event()
        self._writing = asyncio.Lock()

    def put(self, job: int, token: UUID, port: str, op: str, data: Mapping[str, Any]) -> None:
        """Note where an attempt could be taken up again; what PostgreSQL would refuse is dropped here."""
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        try:
            text.encode()
        except UnicodeEncodeError:
            text = "\\u0000"
        if "\\u0000" in text:
            log.warning("job %s: a checkpoint holds a text that is no Unicode; dropped", job)
            return
        self._pending[job] = Checkpoint(token, port, op, text)
        self._ready.set()

    async def resume(self, job: int, token: UUID, port: str, op: str) -> Mapping[str, Any] | None:
        """What an earlier attempt left for this port and operation."""
        try:
            async with self._db.session() as session:
                row = await session.one("checkpoint_resume", job=job, token=token, port=port, op=op)
        except DatabaseUnavailable:
            log.warning("job %s starts from the beginning: the database is away", job)
            return None
        return row["data"] if row else None

    async def run(self) -> None:
        """The writing service."""
        while True:
            await self._ready.wait()
            try:
                await self.flush()
            except DatabaseUnavailable:
                log.debug("no checkpoints written: the database is away")
            await asyncio.sleep(INTERVAL)

    async def settle(self, job: int) -> None:
        """Write what is pending for a job whose attempt is about to end."""
        pause = 0.1
        # A flush that is under way may hold it: then there is nothing pending, and the lock tells when it is done.
        while job in self._pending or self._writing.locked():
            try:
                await self.flush()
            except DatabaseUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    def forget(self, job: int) -> None:
        """The job needs none any more."""
        self._pending.pop(job, None)

    async def flush(self) -> None:
        """Write what is pending now; what could not be written stays."""
        async with self._writing:
            self._ready.clear()
            batch, self._pending = self._pending, {}
            if not batch:
                return
            try:
                async with self._db.session() as session:
                    await session.run(
                        "checkpoint_save",
                        jobs=list(batch),
                        tokens=[entry.token for entry in batch.values()],
                        ports=[entry.port for entry in batch.values()],
                        ops=[entry.op for entry in batch.values()],
                        datas=[entry.data for entry in batch.values()],
                    )
            except (DatabaseUnavailable, asyncio.CancelledError):
                self._pending = batch | self._pending
                self._ready.set()
                raise
            except SfaError as error:
                log.error("checkpoints refused: %s", error)  # noqa: TRY400 - a refusal, not a traceback
