"""Chancy with its async executor, eager polling and a one-second poll; its log is off."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from chancy import Chancy, Job, Queue, Worker
from contract import CHUNK, PARKED, QUEUE, Contestant, Starts, main

starts_now: list[Starts] = []


async def noop(*, n: int) -> None:
    """The job; found by its name."""
    if starts_now:
        starts_now[0].note(n)


class ChancyContestant(Contestant):
    """Its public API."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        log = logging.getLogger("chancy")
        log.addHandler(logging.NullHandler())
        log.setLevel(logging.CRITICAL)
        self.chancy = Chancy(dsn, log=log)

    async def prepare(self, count: int) -> None:
        async with self.chancy as chancy:
            await chancy.migrate()

    async def __aenter__(self) -> Contestant:
        await self.chancy.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.chancy.__aexit__(None, None, None)

    def _job(self, n: int, queue: str, at: datetime) -> Job:
        return Job(func=f"{__name__}.noop", queue=queue, kwargs={"n": n}, scheduled_at=at)

    async def bulk(self, count: int, *, queue: str = QUEUE, later: bool = False) -> None:
        at = datetime.now(UTC) + (timedelta(days=1) if later else timedelta())
        for start in range(0, count, CHUNK):
            batch = [self._job(n, queue, at) for n in range(start, min(start + CHUNK, count))]
            async for _ in self.chancy.push_many(batch):
                pass

    async def one(self, number: int) -> object:
        await self.chancy.push(self._job(number, QUEUE, datetime.now(UTC)))
        return None

    async def work(self, slots: int, starts: Starts) -> None:
        starts_now.append(starts)
        async with self.chancy as chancy:
            for name, tags in ((QUEUE, {".*"}), (PARKED, set[str]())):
                await chancy.declare(
                    Queue(name, concurrency=slots, executor=Chancy.Executor.Async, polling_interval=1, eager_polling=True, tags=tags),
                    upsert=True,
                )  # fmt: skip
            async with Worker(chancy, register_signal_handlers=False) as worker:
                await worker.wait_for_shutdown()


if __name__ == "__main__":
    main(ChancyContestant)
