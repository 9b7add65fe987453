"""awa through its Python binding (the engine is Rust), on the storage that its client's own migration makes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import awa
from contract import CHUNK, QUEUE, Contestant, Starts, main


@dataclass
class Noop:
    """The job's arguments."""

    n: int


class Awa(Contestant):
    """Its public API."""

    client: Any

    async def prepare(self, count: int) -> None:
        async with self:
            await self.client.migrate()

    async def __aenter__(self) -> Contestant:
        self.client = awa.AsyncClient(self.dsn)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def bulk(self, count: int, *, queue: str = QUEUE, later: bool = False) -> None:
        at = datetime.now(UTC) + timedelta(days=1) if later else None
        for start in range(0, count, CHUNK):
            batch = [Noop(n) for n in range(start, min(start + CHUNK, count))]
            await self.client.insert_many_copy(batch, queue=queue, run_at=at)

    async def one(self, number: int) -> object:
        await self.client.insert(Noop(number), queue=QUEUE)
        return None

    async def work(self, slots: int, starts: Starts) -> None:
        async with self:

            @self.client.task(Noop, queue=QUEUE)
            async def noop(job: Any) -> None:
                starts.note(job.args.n)

            await self.client.start([(QUEUE, slots)])
            try:
                await asyncio.Event().wait()
            finally:
                await self.client.shutdown()


if __name__ == "__main__":
    main(Awa)
