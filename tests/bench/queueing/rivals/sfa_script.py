"""SFA: an INSERT into the domain table, and SFA's own worker with one more task. Domain row, lease, events and all."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from contract import CHUNK, QUEUE, Contestant, Starts, main

from sfa import worker
from sfa.config import Config
from sfa.migrations import migrate
from sfa.queue.app import app

SETUP = """
INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts)
VALUES ('noop', 'noop', 'analysis_jobs', '{track_id}', 2), ('parked', 'parked', 'analysis_jobs', '{track_id}', 2);
INSERT INTO queues (name, concurrency) VALUES ('noop', 10), ('parked', 10);
"""
# What the jobs are about; those of single jobs have negative numbers, since no track is analysed twice at a time.
TRACKS = """
INSERT INTO tracks (title) SELECT 'x' FROM generate_series(-5000, {count});
CREATE TABLE bench_tracks AS SELECT row_number() OVER () - 5001 AS number, id FROM tracks;
CREATE INDEX ON bench_tracks (number);
ANALYZE tracks, bench_tracks;
"""


class Sfa(Contestant):
    """One INSERT is one job."""

    connection: psycopg.AsyncConnection[Any]

    async def prepare(self, count: int) -> None:
        migrate(self.dsn)
        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            await connection.execute(SETUP)
            await connection.execute(TRACKS.format(count=count).encode())

    async def __aenter__(self) -> Contestant:
        self.connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def bulk(self, count: int, *, queue: str = QUEUE, later: bool = False) -> None:
        for start in range(0, count, CHUNK):
            await self.connection.execute(
                "INSERT INTO analysis_jobs (track_id, task_name, scheduled_at)"
                " SELECT id, %s, CASE WHEN %s THEN now() + interval '1 day' END"
                " FROM bench_tracks WHERE number > %s AND number <= %s",
                [queue, later, start, min(start + CHUNK, count)],
            )

    async def one(self, number: int) -> object:
        rows = await self.connection.execute(
            "INSERT INTO analysis_jobs (track_id, task_name)"
            " SELECT id, 'noop' FROM bench_tracks WHERE number = %s RETURNING id",
            [-1 - number],
        )
        (made,) = await rows.fetchone() or (None,)
        return made

    async def work(self, slots: int, starts: Starts) -> None:
        @app.task(name="noop", queue="noop")
        async def noop(job_id: str) -> None:
            starts.note(job_id)

        async with await psycopg.AsyncConnection.connect(self.dsn) as connection:
            await connection.execute("UPDATE queues SET concurrency = %s", [slots])
        with tempfile.TemporaryDirectory() as place:
            config = replace(Config.load(), var=Path(place), database_url=self.dsn)
            serving = worker.Worker(config, "noop", address=self.dsn)
            running = asyncio.ensure_future(serving.run())
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError:
                serving.stop()
                await running


if __name__ == "__main__":
    os.environ.pop("DATABASE_URL", None)
    main(Sfa)
