"""PgQueuer on asyncpg or psycopg (BENCH_DRIVER): a batch as large as the slots.

Its dispatcher wants room for two batches at least, so it has twice the slots. It deletes what is done and logs it.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any

from contract import CHUNK, QUEUE, Contestant, Starts, main
from pgqueuer import AsyncpgDriver, Job, PgQueuer, PsycopgDriver
from pgqueuer.queries import Queries


class Pgqueuer(Contestant):
    """One connection, as in its README."""

    connection: Any

    async def _driver(self) -> Any:
        if os.environ["BENCH_DRIVER"] == "asyncpg":
            import asyncpg

            # It takes the URL's host for a name on the network.
            folder = self.dsn.partition("?host=")[2]
            self.connection = await asyncpg.connect(self.dsn, host=folder)
            return AsyncpgDriver(self.connection)
        import psycopg

        self.connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
        return PsycopgDriver(self.connection)

    async def prepare(self, count: int) -> None:
        async with self:
            await self.queries.install()

    async def __aenter__(self) -> Contestant:
        self.queries = Queries(await self._driver())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def bulk(self, count: int, *, queue: str = QUEUE, later: bool = False) -> None:
        delay = timedelta(days=1) if later else timedelta()
        for start in range(0, count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            await self.queries.enqueue(
                [queue] * len(numbers),
                [str(n).encode() for n in numbers],
                [0] * len(numbers),
                [delay] * len(numbers),
            )

    async def one(self, number: int) -> object:
        await self.queries.enqueue(QUEUE, str(number).encode(), 0)
        return None

    async def work(self, slots: int, starts: Starts) -> None:
        pgq = PgQueuer(await self._driver())

        @pgq.entrypoint(QUEUE)
        async def noop(job: Job) -> None:
            starts.note((job.payload or b"").decode())

        running = asyncio.ensure_future(
            pgq.run(batch_size=slots, max_concurrent_tasks=2 * slots, dequeue_timeout=timedelta(seconds=1))
        )  # fmt: skip
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            pgq.shutdown.set()
            with suppress(Exception):
                async with asyncio.timeout(10):
                    await running


if __name__ == "__main__":
    main(Pgqueuer)
