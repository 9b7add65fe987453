"""Claim jobs and run them: as many as there are free slots in one statement, woken by NOTIFY, with a poll behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from sfa.db import Database
from sfa.errors import DatabaseUnavailable, Refused
from sfa.queue.attempt import Attempt, Claimed, Stop
from sfa.queue.lease import LeaseKeeper

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Consumer:
    """Run the jobs of one queue.

    Options:
        lease: seconds a lease lasts.
        execute: does the work of an attempt and finishes it.
        give_back: seconds that a stopping worker takes to give its jobs back (15).
        poll: seconds after which it looks without having been woken (1).
    """

    def __init__(
        self, db: Database, keeper: LeaseKeeper, *, worker: int, queue: str, lease: float,
        execute: Callable[[Attempt], Coroutine[Any, Any, None]], give_back: float = 15.0,
        poll: float = POLL_SECONDS,
    ) -> None:  # fmt: skip
        self._db = db
        self._keeper = keeper
        self._worker = worker
        self._queue = queue
        self._lease = lease
        self._execute = execute
        self._poll = poll
        self._give_back = give_back
        self._wake = asyncio.Event()
        self._draining = False
        self.running: dict[int, tuple[Attempt, asyncio.Task[None]]] = {}

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop_job(self, job: int, reason: Stop) -> None:
        """Stop one attempt, if it runs and is not being stopped already."""
        if (found := self.running.get(job)) and found[0].stop_reason is None:
            found[0].stop_reason = reason
            found[1].cancel()

    async def run(self) -> None:
        """Claim and run for ever."""
        while True:
            self._wake.clear()
            try:
                await self.run_once()
            except DatabaseUnavailable:
                log.warning("no jobs can be claimed: the database is away")
            except Refused as refused:
                # Two jobs of one lock, claimed by two workers in the same instant: the loser looks again.
                log.info("claim refused: %s", refused)
            try:
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def run_once(self) -> None:
        """Fill the free slots."""
        if self._draining:
            return
        async with self._db.session() as session:
            settings = await session.one("queue_get", queue=self._queue)
            free = (settings["concurrency"] if settings else 1) - len(self.running)
            if free <= 0 or (settings and settings["paused"]):
                return
            rows = await session.all(
                "queue_claim", worker=self._worker, queue=self._queue, slots=free, lease=self._lease
            )
        for row in rows:
            self._begin(Claimed(**row))

    def _begin(self, claimed: Claimed) -> None:
        attempt = Attempt(claimed, self._db, self._keeper.release)
        self._keeper.hold(claimed.job_id)
        task = asyncio.create_task(self._execute(attempt), name=f"job-{claimed.job_id}")
        self.running[claimed.job_id] = (attempt, task)
        task.add_done_callback(lambda done: self._ended(claimed.job_id, done))

    def _ended(self, job: int, task: asyncio.Task[None]) -> None:
        self.running.pop(job, None)
        self._keeper.release(job)
        if not task.cancelled() and (error := task.exception()):
            log.error("job %s ended outside of its verdicts: %s", job, error, exc_info=error)
        self._wake.set()

    async def drain(self, seconds: float) -> None:
        """Claim no more, let what runs finish for ``seconds``, then give the rest back.

        What cannot even be given back within ``give_back`` seconds (the database is away, say) is abandoned: its
        lease ends by itself.
        """
        self._draining = True
        tasks = {task for _, task in self.running.values()}
        if tasks:
            log.info("stopping: %d jobs may finish within %g s", len(tasks), seconds)
            await asyncio.wait(tasks, timeout=seconds)
        for job in list(self.running):
            self.stop_job(job, Stop.SHUTDOWN)
        rest = {task for _, task in self.running.values()}
        if rest:
            _, stuck = await asyncio.wait(rest, timeout=self._give_back)
            for task in stuck:
                task.cancel()
            if stuck:
                log.error("%d jobs could not be given back; their leases will end", len(stuck))
                await asyncio.wait(stuck, timeout=self._give_back)
