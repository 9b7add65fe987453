"""Procrastinate as it comes: its own worker, defer and batch_defer, history kept."""

from __future__ import annotations

import logging

import procrastinate
from contract import CHUNK, QUEUE, Contestant, Starts, main
from procrastinate.types import JSONDict


class Procrastinate(Contestant):
    """The App's own ways."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
        self.task = self.app.task(name="noop", queue=QUEUE)(self._noop)
        self.starts: Starts | None = None

    async def _noop(self, n: int) -> None:
        if self.starts is not None:
            self.starts.note(n)

    async def prepare(self, count: int) -> None:
        async with self.app.open_async():
            await self.app.schema_manager.apply_schema_async()

    async def __aenter__(self) -> Contestant:
        await self.app.open_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.close_async()

    async def bulk(self, count: int, *, queue: str = QUEUE, later: bool = False) -> None:
        deferrer = self.task.configure(queue=queue, schedule_in={"days": 1} if later else None)
        for start in range(0, count, CHUNK):
            batch: list[JSONDict] = [{"n": n} for n in range(start, min(start + CHUNK, count))]
            await deferrer.batch_defer_async(*batch)

    async def one(self, number: int) -> object:
        await self.task.defer_async(n=number)
        return None

    async def work(self, slots: int, starts: Starts) -> None:
        self.starts = starts
        async with self.app.open_async():
            await self.app.run_worker_async(
                queues=[QUEUE], concurrency=slots, install_signal_handlers=False
            )


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(Procrastinate)
