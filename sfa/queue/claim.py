"""Claim jobs and run them: as many as there are free slots in one statement, woken by NOTIFY, with a poll behind it.

A slot is free again when its job's work is done, not only when that is written: the next claim goes out beside the
batch of completions. Four times as many may wait to be written as there are slots.

Where very short jobs go by many at a time, a batch of completions waits for the claim that is under way (10 ms at most):
the ends of what it brings are written with it, half as many statements for the same jobs.

Where the answer to a claim gets lost (a connection is cut, the service is started anew) nobody knows of its jobs: the next claim
gives back first what is leased to this worker and does not run here. It costs no crash and no lease's time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

from sfa.db import Database, Session
from sfa.errors import DatabaseUnavailable, Refused, StaleLease
from sfa.outcome import Cancelled, Released
from sfa.queue.attempt import Attempt, Claimed, Stop
from sfa.queue.completion import Completions
from sfa.queue.lease import LeaseKeeper

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
MOST = 1000
"""Jobs that a worker takes at a time at most, as the queues' limit on concurrency."""
MANY = 8
"""Jobs a claim from which on completions wait for the next claim's: with fewer there is nothing to be gained."""
GATHER_SECONDS = 0.01


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
        self._unsure = False
        self._claiming = asyncio.Lock()
        self._completions = Completions(db, gather=self._gather)
        self._claimed = 0
        self._answered = asyncio.Event()
        self._writing: set[UUID] = set()
        self.running: dict[UUID, tuple[Attempt, asyncio.Task[None]]] = {}

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop_attempt(self, token: UUID, reason: Stop) -> None:
        """Stop one attempt, if it runs, is not being stopped already, and its end is not being written."""
        if found := self.running.get(token):
            found[0].stop(reason, found[1])

    async def run(self) -> None:
        """Claim and run for ever."""
        while True:
            try:
                await self.run_once()
                # What was begun takes its first step before the slots are counted again: a short job has left by then.
                await asyncio.sleep(0)
            except DatabaseUnavailable:
                log.warning("no jobs can be claimed: the database is away")
            except Refused as refused:
                # Two jobs of one lock, claimed by two workers in the same instant: the loser looks again.
                harmless = refused.constraint == "procrastinate_jobs_lock_idx_v1"
                log.log(logging.INFO if harmless else logging.ERROR, "claim refused: %s", refused)
            try:
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def run_once(self) -> None:
        """Fill the free slots."""
        self._answered.clear()
        try:
            async with self._claiming, self._db.session() as session:
                await self._claim(session)
        finally:
            self._answered.set()

    async def _claim(self, session: Session) -> None:
        if self._draining:
            return
        if self._unsure:
            await self._disown(session)
        # From here on: whatever wakes it until now is in the numbers.
        self._wake.clear()
        writing = len(self._writing)
        began, pokes = time.monotonic(), self._keeper.pokes
        self._unsure = True
        rows = await session.all(
            "queue_claim",
            worker=self._worker,
            queue=self._queue,
            slots=MOST,
            lease=self._lease,
            running=len(self.running) - writing,
            writing=writing,
        )
        self._unsure = False
        self._claimed = len(rows)
        for row in rows:
            self._begin(Claimed(**row))
        self._too_late([row["token"] for row in rows])
        if rows and (self._keeper.pokes != pokes or time.monotonic() - began > self._lease / 10):
            # A cancel that was told while the answer was under way found nobody; leases that took long to come are old.
            self._keeper.poke()

    def _too_late(self, tokens: list[UUID]) -> None:
        """Give back what was brought by a claim that was under way when the worker began to stop."""
        if self._draining:
            for token in tokens:
                self.stop_attempt(token, Stop.SHUTDOWN)

    async def _disown(self, session: Session) -> None:
        """Give back what a claim has brought whose answer got lost."""
        row = await session.one("lease_disown", worker=self._worker, tokens=list(self.running))
        self._unsure = False
        if row and row["jobs"]:
            log.warning("%d jobs go back: the answer to their claim got lost", row["jobs"])

    async def _gather(self) -> None:
        """Let the ends of the next claim's jobs join those that wait, where the claims are large."""
        if self._claimed < MANY:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                # What ended now has freed slots: the claim for them begins with the loop's next turn.
                await asyncio.sleep(0)
                while self._completions.waiting < 2 * self._claimed and not self._answered.is_set():
                    await self._answered.wait()
                    # Its jobs take their first step, and a short one ends with it.
                    await asyncio.sleep(0)

    def _begin(self, claimed: Claimed) -> None:
        attempt = Attempt(claimed, self._db, self._written_soon, completions=self._completions)
        self._keeper.hold(claimed.token, claimed.job_id)
        task = asyncio.create_task(self._work(attempt), name=f"job-{claimed.job_id}")
        self.running[claimed.token] = (attempt, task)
        task.add_done_callback(lambda done: self._ended(claimed, done))

    async def _work(self, attempt: Attempt) -> None:
        if attempt.begin():
            await self._execute(attempt)
            return
        with suppress(StaleLease):
            cancelled = attempt.stop_reason is Stop.CANCEL
            await attempt.finish(Cancelled() if cancelled else Released())

    def _written_soon(self, token: UUID) -> None:
        """The work is done; its end is about to be written."""
        self._keeper.finishing(token)
        self._writing.add(token)
        self._wake.set()

    def _ended(self, claimed: Claimed, task: asyncio.Task[None]) -> None:
        self.running.pop(claimed.token, None)
        self._writing.discard(claimed.token)
        # Unfinished or not: nobody works on it here any more, so its lease may run out.
        self._keeper.release(claimed.token)
        if not task.cancelled() and (error := task.exception()):
            log.error("job %s ended without a verdict: %s", claimed.job_id, error, exc_info=error)
        self._wake.set()

    async def _idle(self) -> None:
        """Wait until no claim is under way."""
        async with self._claiming:
            pass

    async def drain(self, seconds: float, hurry: asyncio.Event | None = None) -> None:
        """Claim no more, let what runs finish for ``seconds`` or until ``hurry``, then give the rest back.

        What cannot even be given back within ``give_back`` seconds (the database is away, say) is abandoned: its
        lease ends by itself.
        """
        self._draining = True
        hurry = hurry or asyncio.Event()
        # A claim that is under way is part of what runs; what comes of it later is given back at once.
        answered = asyncio.create_task(self._idle())
        await _finish({answered}, self._give_back, hurry)
        answered.cancel()
        tasks = {task for _, task in self.running.values()}
        if tasks:
            log.info("stopping: %d jobs may finish within %g s", len(tasks), seconds)
            await _finish(tasks, seconds, hurry)
        for token in list(self.running):
            self.stop_attempt(token, Stop.SHUTDOWN)
        rest = {task for _, task in self.running.values()}
        if rest:
            _, stuck = await asyncio.wait(rest, timeout=self._give_back)
            for task in stuck:
                task.cancel()
            if stuck:
                log.error("%d jobs could not be given back; their leases will end", len(stuck))
                await asyncio.wait(stuck, timeout=self._give_back)


async def _finish(tasks: set[asyncio.Task[None]], seconds: float, hurry: asyncio.Event) -> None:
    """Wait for all of them, at most so long, or until somebody is in a hurry."""
    ends = (
        asyncio.ensure_future(asyncio.wait(tasks, timeout=seconds)),
        asyncio.ensure_future(hurry.wait()),
    )
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    await asyncio.gather(*ends, return_exceptions=True)
