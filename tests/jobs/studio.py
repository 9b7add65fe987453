"""A studio for whole workers: configuration, database, store, and workers that run in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg

from sfa.config import Config
from sfa.worker import Worker

DEADLINE = 60


class Studio:
    """A configuration, a database to look into, and workers that run in this process."""

    def __init__(self, config: Config, db: psycopg.AsyncConnection[dict[str, Any]]) -> None:
        self.config = config
        self.db = db

    async def one(self, query: str, *parameters: object) -> dict[str, Any]:
        row = await (await self.db.execute(query.encode(), parameters)).fetchone()
        assert row is not None
        return row

    async def track(self, name: str, write: Callable[[Path], object]) -> str:
        path = Path(self.config.store_address) / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        row = await self.one(
            "INSERT INTO tracks (title, audio_key) VALUES (%s, %s) RETURNING id",
            name,
            f"audio/{name}",
        )
        return str(row["id"])

    @contextlib.asynccontextmanager
    async def worker(self, queue: str) -> AsyncIterator[Worker]:
        worker = Worker(self.config, queue)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            code = await asyncio.wait_for(task, DEADLINE)
        assert code == 0

    async def until(
        self, query: str, *parameters: object, expect: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """Look again each time the database says that something changed."""
        async with (
            asyncio.timeout(DEADLINE),
            await psycopg.AsyncConnection.connect(
                self.config.database_url, autocommit=True
            ) as bell,
        ):
            await bell.execute("LISTEN sfa_changed")
            while True:
                row = await self.one(query, *parameters)
                if expect(row):
                    return row
                async for _ in bell.notifies(timeout=1, stop_after=1):
                    pass

    async def ended(self, track: str, kind: str) -> dict[str, Any]:
        return await self.until(
            "SELECT * FROM sfa_jobs WHERE track_id = %s AND kind = %s ORDER BY inserted_at DESC LIMIT 1", track, kind,
            expect=lambda row: row["finished_at"] is not None,
        )  # fmt: skip
